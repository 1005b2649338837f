import Runtime
import SimulationKit
import Testing

@Suite struct SimulatedClockTests {
  @Test func driftChangesTheRateAndNothingElse() {
    let scheduler = SimulationScheduler(seed: 1)
    let machine = SimulatedMachine(number: 1, name: "m", scheduler: scheduler)
    let clock = machine.clock
    scheduler.run(until: scheduler.now + .seconds(10))
    let before = clock.now
    clock.drift(to: 1_100_000)
    #expect(clock.now == before)
    scheduler.run(until: scheduler.now + .seconds(10))
    #expect(clock.now - before == .seconds(11))
    clock.drift(to: 500_000)
    #expect(clock.now - before == .seconds(11))
    scheduler.run(until: scheduler.now + .seconds(10))
    #expect(clock.now - before == .seconds(16))
  }

  @Test func timersFollowTheClockOfTheirMachine() {
    let scheduler = SimulationScheduler(seed: 1)
    let machine = SimulatedMachine(number: 1, name: "m", scheduler: scheduler)
    machine.clock.drift(to: 2_000_000)
    let host = SimulatedHost(machine.startProcess())
    let start = scheduler.now
    let fired = ThreadBound<[Instant]>([])
    _ = host.after(.seconds(1)) { fired.value.append(scheduler.now) }
    let timer = host.every(.milliseconds(200)) { fired.value.append(scheduler.now) }
    scheduler.run(until: start + .milliseconds(501))
    timer.cancel()
    scheduler.run(until: start + .seconds(5))
    #expect(
      fired.value.map { ($0 - start).asNanoseconds / 1_000_000 } == [100, 200, 300, 400, 500, 500])
  }
}
