import Client
import Runtime
import Synchronization

/// Injects the process faults of a plan into a playground while clients run.
final class ProcessNemesis: Sendable {
  /// One action on a process, as `--json` prints it.
  struct Event: Sendable, Encodable {
    /// Seconds after the start of the run.
    var at: Double
    /// `kill`, `restart`, `pause` or `resume`.
    var action: String
    var process: String
    /// Whether the store led the region of the run's keys, according to the placement driver.
    var wasLeader: Bool

    enum CodingKeys: String, CodingKey {
      case at, action, process
      case wasLeader = "was_leader"
    }
  }

  private let plan: NemesisPlan
  private let playground: Playground
  private let control: RunControl
  /// Looks up the leader in the placement driver.
  private let client: ApusClient
  private let key: [UInt8]
  private let recorded = Mutex<[Event]>([])

  /// - Parameter key: a key of the region whose leader is the preferred target.
  init(
    plan: NemesisPlan, playground: Playground, control: RunControl, client: ApusClient, key: [UInt8]
  ) {
    self.plan = plan
    self.playground = playground
    self.control = control
    self.client = client
    self.key = key
  }

  /// Closes the client.
  func close() { client.close() }

  /// In the order of their times.
  var events: [Event] { recorded.withLock { $0.sorted { $0.at < $1.at } } }

  /// Injects the faults of the plan until it ends or the task is cancelled. All faults are over when it
  /// returns.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.run(self.plan.stores, of: nil) }
      group.addTask {
        await self.run(self.plan.pd, of: Playground.pdName)
      }
    }
    control.healed()
  }

  /// Injects one fault after the other. A restarted store counts as down until it serves: the next fault
  /// waits for it, and is skipped if its time has passed by then.
  ///
  /// - Parameter process: the target of all the faults; nil if each fault names its store.
  private func run(_ faults: [NemesisPlan.Fault], of process: String?) async {
    for fault in faults {
      do {
        try await sleep(until: fault.at)
        if now >= fault.at + fault.length { continue }
        let leader = fault.targetsLeader ? await leader() : nil
        let victim = process ?? leader ?? playground.storeNames[fault.store]
        try await inject(victim, fault, isLeader: victim == leader)
        if fault.kind == .kill { try await playground.waitUntilServing(victim) }
      } catch {
        // Cancelled: the run is over, and so is the fault.
        return
      }
    }
  }

  private func inject(
    _ victim: String, _ fault: NemesisPlan.Fault, isLeader: Bool
  ) async throws {
    defer { heal(victim, fault.kind) }
    switch fault.kind {
    case .kill: playground.kill(victim)
    case .pause: playground.pause(victim)
    }
    note(fault.kind == .kill ? "kill" : "pause", victim, wasLeader: isLeader)
    try await sleep(until: fault.at + fault.length)
  }

  private func heal(_ victim: String, _ kind: NemesisPlan.Kind) {
    switch kind {
    case .kill:
      do {
        try playground.restart(victim)
        note("restart", victim)
      } catch {
        control.fail("\(victim) could not be restarted: \(error)")
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

  /// The time since the start of the run.
  private var now: Duration { .nanoseconds(Int64(control.now)) }

  private func sleep(until time: Duration) async throws {
    let left = time - now
    if left > .zero { try await Task.sleep(for: left) }
    try Task.checkCancellation()
  }

  /// The name of the leader's store in the playground; nil if it cannot be looked up now.
  private func leader() async -> String? {
    do throws(ClientError) {
      guard let peer = try await client.cluster.region(holding: key)?.leader,
        let store = try await client.cluster.store(id: peer.storeID),
        let index = playground.ports.stores.firstIndex(where: { store.address.hasSuffix(":\($0)") })
      else { return nil }
      return playground.storeNames[index]
    } catch {
      // The placement driver is down or paused: the fault hits the store that it names.
      return nil
    }
  }
}
