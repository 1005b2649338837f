import Client
import Runtime
import Synchronization

/// Injects process faults into a playground by a plan while clients run.
final class ProcessNemesis: Sendable {
  /// Something that was done.
  struct Event: Sendable, Encodable {
    /// Seconds after the start of the run.
    var at: Double
    var action: String
    var process: String
    /// The process led the region that holds the run's keys, as the placement driver believed.
    var wasLeader: Bool

    enum CodingKeys: String, CodingKey {
      case at, action, process
      case wasLeader = "was_leader"
    }
  }

  private let plan: NemesisPlan
  private let playground: Playground
  private let control: RunControl
  /// Asks the placement driver who leads.
  private let client: ApusClient
  private let key: [UInt8]
  private let recorded = Mutex<[Event]>([])

  /// - Parameter key: leads to the region whose leader is aimed at.
  init(
    plan: NemesisPlan, playground: Playground, control: RunControl, client: ApusClient, key: [UInt8]
  ) {
    self.plan = plan
    self.playground = playground
    self.control = control
    self.client = client
    self.key = key
  }

  func close() { client.close() }

  /// In the order of their times.
  var events: [Event] { recorded.withLock { $0.sorted { $0.at < $1.at } } }

  /// Carries out the plan, or as much of it as there is time for until the task is cancelled. All is
  /// healed when it returns.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.runLane(self.plan.stores, of: nil) }
      group.addTask {
        await self.runLane(self.plan.placementDriver, of: Playground.placementDriver)
      }
    }
    control.healed()
  }

  /// One fault after the other. A store that was started again counts as down until it serves, so the
  /// next fault waits for it, and is left out if it would be over by then.
  ///
  /// - Parameter process: whom the faults are for; nil for a store of each fault's own.
  private func runLane(_ faults: [NemesisPlan.Fault], of process: String?) async {
    for fault in faults {
      do {
        try await sleep(until: fault.at)
        if now >= fault.at + fault.length { continue }
        let leader = fault.targetsLeader ? await leader() : nil
        let victim = process ?? leader ?? playground.storeNames[fault.store]
        try await inject(victim, fault, isLeader: victim == leader)
        if fault.inject == .kill { try await playground.waitUntilServing(victim) }
      } catch {
        // Cancelled: the run is over, and the fault is healed.
        return
      }
    }
  }

  private func inject(
    _ victim: String, _ fault: NemesisPlan.Fault, isLeader: Bool
  ) async throws {
    defer { heal(victim, fault.inject) }
    switch fault.inject {
    case .kill: playground.kill(victim)
    case .pause: playground.pause(victim)
    }
    note(fault.inject == .kill ? "kill" : "pause", victim, wasLeader: isLeader)
    try await sleep(until: fault.at + fault.length)
  }

  private func heal(_ victim: String, _ inject: NemesisPlan.ProcessFault) {
    switch inject {
    case .kill:
      do {
        try playground.restart(victim)
        note("restart", victim)
      } catch {
        control.fail("\(victim) could not be started again: \(error)")
      }
    case .pause:
      playground.resume(victim)
      note("resume", victim)
    }
  }

  private func note(_ action: String, _ process: String, wasLeader: Bool = false) {
    let event = Event(
      at: Double(control.now) / 1e9, action: action, process: process, wasLeader: wasLeader)
    recorded.withLock { $0.append(event) }
  }

  /// Since the start of the run.
  private var now: Duration { .nanoseconds(Int64(control.now)) }

  private func sleep(until time: Duration) async throws {
    let left = time - now
    if left > .zero { try await Task.sleep(for: left) }
    try Task.checkCancellation()
  }

  /// The store that leads, by its name in the playground; nil if that cannot be learned now.
  private func leader() async -> String? {
    do throws(ClientError) {
      guard let peer = try await client.cluster.region(holding: key)?.leader,
        let store = try await client.cluster.store(id: peer.storeID),
        let index = playground.ports.stores.firstIndex(where: { store.address.hasSuffix(":\($0)") })
      else { return nil }
      return playground.storeNames[index]
    } catch {
      // The placement driver is down or paused: another victim will do.
      return nil
    }
  }
}
