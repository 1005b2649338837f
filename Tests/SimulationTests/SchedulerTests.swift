import Runtime
import SimulationKit
import Testing

@Suite struct SchedulerTests {
  @Test func eventsHappenInOrderOfTimeAndThenOfBeingAskedFor() {
    let scheduler = SimulationScheduler(seed: 1)
    let start = scheduler.now
    var seen: [Int] = []
    scheduler.after(.milliseconds(2)) { seen.append(3) }
    scheduler.after(.milliseconds(1)) { seen.append(1) }
    scheduler.after(.milliseconds(1)) { seen.append(2) }
    scheduler.after(.zero) {
      seen.append(0)
      scheduler.after(.seconds(9)) { seen.append(4) }
    }
    scheduler.run(until: start + .seconds(5))
    #expect(seen == [0, 1, 2, 3])
    #expect(scheduler.now == start + .seconds(5))
    scheduler.run(until: start + .seconds(10))
    #expect(seen == [0, 1, 2, 3, 4])
  }

  @Test func manyEventsComeOutSorted() {
    let scheduler = SimulationScheduler(seed: 1)
    var random = SplitMix64(seed: 7)
    var last = scheduler.now
    var count = 0
    for _ in 0..<5_000 {
      scheduler.after(.microseconds(Int64.random(in: 0...1_000, using: &random))) {
        #expect(scheduler.now >= last)
        last = scheduler.now
        count += 1
      }
    }
    scheduler.run(until: scheduler.now + .seconds(1))
    #expect(count == 5_000)
  }

  @Test func whatIsCalledOffDoesNotHappen() {
    let scheduler = SimulationScheduler(seed: 1)
    var happened = false
    let ticket = scheduler.after(.milliseconds(1)) { happened = true }
    ticket.cancel()
    scheduler.run(until: scheduler.now + .seconds(1))
    #expect(!happened)
  }

  @Test func aDeadProcessDoesNothingAndAPausedOneLater() {
    let scheduler = SimulationScheduler(seed: 1)
    let machine = SimulatedMachine(number: 1, name: "m", scheduler: scheduler)
    let first = machine.startProcess()
    var seen: [String] = []
    scheduler.after(.milliseconds(1), in: first) { seen.append("dead") }
    machine.endProcess()
    let second = machine.startProcess()
    second.isPaused = true
    for number in 0..<3 {
      scheduler.after(.milliseconds(1), in: second) { seen.append("late \(number)") }
    }
    scheduler.run(until: scheduler.now + .seconds(1))
    #expect(seen.isEmpty)
    scheduler.resume(second)
    scheduler.run(until: scheduler.now + .seconds(1))
    #expect(seen.sorted() == ["late 0", "late 1", "late 2"])
  }

  @Test func theTraceTellsRunsApart() {
    func hash(_ numbers: [UInt64]) -> UInt64 {
      let scheduler = SimulationScheduler(seed: 1)
      for number in numbers { scheduler.note(.note, number, "text") }
      return scheduler.trace.hash
    }
    #expect(hash([1, 2, 3]) == hash([1, 2, 3]))
    #expect(Set([[1, 2, 3], [1, 3, 2], [1, 2], [1, 2, 4], []].map(hash)).count == 5)
  }

  @Test func readingTheTraceDoesNotChangeIt() {
    func hash(_ trace: Trace) -> UInt64 {
      let scheduler = SimulationScheduler(seed: 1, trace: trace)
      scheduler.note(.note, 1, "a line")
      scheduler.annotate("for people")
      return scheduler.trace.hash
    }
    #expect(hash(Trace()) == hash(Trace(tailLength: 5)))
    var trace = Trace(tailLength: 2)
    for number in 0..<5 { trace.annotate(at: Instant(nanoseconds: 0), "line \(number)") }
    #expect(trace.lastLines.count == 2)
    #expect(trace.lastLines.last?.hasSuffix("line 4") == true)
  }
}
