import Runtime
import SimulationKit
import Testing

@Suite struct SimulatedNetworkTests {
  private let scheduler = SimulationScheduler(seed: 3)
  private let network: SimulatedNetwork
  private let one: SimulatedMachine
  private let two: SimulatedMachine

  init() {
    network = SimulatedNetwork(scheduler: scheduler)
    one = SimulatedMachine(number: 1, name: "one", scheduler: scheduler)
    two = SimulatedMachine(number: 2, name: "two", scheduler: scheduler)
    _ = one.startProcess()
    _ = two.startProcess()
  }

  private func deliveries(_ count: Int) -> [Int] {
    var seen: [Int] = []
    for number in 0..<count {
      network.send(.raft, from: 1, to: two) { _ in seen.append(number) }
    }
    scheduler.run(until: scheduler.now + .seconds(1))
    return seen
  }

  @Test func aHealthyLinkKeepsTheOrder() {
    #expect(deliveries(200) == Array(0..<200))
    #expect(network.faultCount == 0)
  }

  @Test func messagesMayOvertakeEachOther() {
    network.conditions.reorders = true
    let seen = deliveries(200)
    #expect(seen != Array(0..<200))
    #expect(seen.sorted() == Array(0..<200))
  }

  @Test func messagesAreLostAndRepeated() {
    network.conditions.lossPerMillion = 300_000
    network.conditions.duplicatesPerMillion = 300_000
    let seen = deliveries(500)
    #expect(Set(seen).count < 450)
    #expect(Set(seen).count > 250)
    #expect(seen.count > Set(seen).count)
    #expect(network.faultCount > 100)
  }

  @Test func oneDirectionCanBeCut() {
    network.block(from: 1, to: 2)
    #expect(deliveries(5).isEmpty)
    var arrived = false
    network.send(.raft, from: 2, to: one) { _ in arrived = true }
    scheduler.run(until: scheduler.now + .seconds(1))
    #expect(arrived)
    network.unblock(from: 1, to: 2)
    #expect(deliveries(5).count == 5)
  }

  @Test func aResetLosesWhatIsOnItsWay() {
    var isLost = false
    network.send(.raft, from: 1, to: two, lost: { isLost = true }) { _ in
      Issue.record("it arrived")
    }
    network.reset(1, 2)
    scheduler.run(until: scheduler.now + .seconds(1))
    #expect(isLost)
    #expect(deliveries(3).count == 3)
  }

  /// Calls the other machine and returns what its caller is told, and when, in milliseconds.
  private func call(
    _ serve: @escaping (SimulatedProcess, @escaping (Int) -> Void) -> Void,
    meanwhile: () -> Void = {}
  ) throws -> (result: Result<Int, CallFailure>?, after: Int64) {
    let start = scheduler.now
    var result: Result<Int, CallFailure>?
    var at = start
    let process = try #require(one.process)
    network.call(from: process, to: two, timeout: .seconds(2), serve: serve) {
      #expect(result == nil)
      result = $0
      at = scheduler.now
    }
    meanwhile()
    scheduler.run(until: start + .seconds(5))
    return (result, (at - start).asNanoseconds / 1_000_000)
  }

  @Test func aCallIsAnsweredRefusedOrLost() throws {
    let answered = try call { _, respond in respond(7) }
    #expect(answered.result == .success(7))
    let silent = try call { _, _ in }
    #expect(silent.result == .failure(.lost))
    #expect(silent.after == 2000)
    let dying = try call { process, respond in
      process.die()
      respond(7)
    }
    #expect(dying.result == .failure(.lost))
    let refused = try call { _, respond in respond(7) }
    #expect(refused.result == .failure(.refused))
    #expect(refused.after < 100)
  }

  @Test func aPausedProcessAnswersLater() throws {
    let process = try #require(two.process)
    process.isPaused = true
    scheduler.after(.seconds(1)) { [scheduler] in scheduler.resume(process) }
    let late = try call { _, respond in respond(7) }
    #expect(late.result == .success(7))
    #expect(late.after >= 1000)
  }
}
