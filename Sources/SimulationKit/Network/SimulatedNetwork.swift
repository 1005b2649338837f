import Runtime

/// Carries messages between machines, late, in order or not, or not at all.
///
/// A message is a closure that runs inside the process that is there when it arrives.
package final class SimulatedNetwork {
  /// How one direction between two machines behaves.
  package struct Conditions: Sendable, Hashable {
    /// Of a million messages, how many are lost, and how many come twice.
    package var lossPerMillion: UInt64 = 0
    package var duplicatesPerMillion: UInt64 = 0
    /// Whether messages may overtake each other.
    package var reorders = false
    /// Least time on the way, and how much more it may be.
    package var delay: Duration = .microseconds(50)
    package var jitter: Duration = .microseconds(250)

    package init() {}
  }

  /// What a message is part of: streams of raft messages may repeat, calls may not.
  package enum Traffic: UInt64, Sendable {
    case raft = 1
    case call
    case snapshot
  }

  private struct Link: Hashable {
    var from: Int
    var to: Int
  }

  private struct LinkState {
    var lastArrival: Instant
    /// Messages sent before a reset do not arrive after it.
    var epoch: UInt64 = 0
  }

  package let scheduler: SimulationScheduler
  /// Sees every raft message that is sent.
  package let observer = RaftMessageObserver()
  /// Holds for all links without conditions of their own.
  package var conditions = Conditions()
  private var special: [Link: Conditions] = [:]
  private var blocked: Set<Link> = []
  private var links: [Link: LinkState] = [:]
  /// Messages that faults have lost, repeated or held back.
  package private(set) var faultCount = 0

  package init(scheduler: SimulationScheduler) {
    self.scheduler = scheduler
  }

  // MARK: Conditions

  /// Sets how packets fare from one machine to another; nil restores a sound link.
  package func set(_ conditions: Conditions?, from: Int, to: Int) {
    special[Link(from: from, to: to)] = conditions
  }

  /// Drops all packets from one machine to another until `unblock`.
  package func block(from: Int, to: Int) { blocked.insert(Link(from: from, to: to)) }
  /// Ends `block`.
  package func unblock(from: Int, to: Int) { blocked.remove(Link(from: from, to: to)) }
  /// Whether `block` is in force.
  package func isBlocked(from: Int, to: Int) -> Bool {
    blocked.contains(Link(from: from, to: to))
  }

  /// Every connection between the two breaks: what is on its way is lost.
  package func reset(_ one: Int, _ other: Int) {
    for link in [Link(from: one, to: other), Link(from: other, to: one)] {
      links[link, default: LinkState(lastArrival: scheduler.now)].epoch += 1
    }
  }

  /// Ends every block and restores every link.
  package func healAll() {
    conditions = Conditions()
    special = [:]
    blocked = []
  }

  // MARK: Messages

  /// Sends a message. `lost` is called when the message reaches no process, at the time at which it would
  /// have arrived; it is not called for a message that a fault drops.
  package func send(
    _ traffic: Traffic, from: Int, to: SimulatedMachine,
    lost: @escaping () -> Void = {}, _ deliver: @escaping (SimulatedProcess) -> Void
  ) {
    let link = Link(from: from, to: to.number)
    let conditions = special[link] ?? conditions
    if blocked.contains(link) {
      faultCount += 1
      scheduler.note(.lose, UInt64(from), UInt64(to.number), 1, "\(from) → \(to.name): cut off")
      return
    }
    if chance(conditions.lossPerMillion) {
      faultCount += 1
      scheduler.note(.lose, UInt64(from), UInt64(to.number), 2, "\(from) → \(to.name): lost")
      return
    }
    carry(traffic, link, to, conditions, lost: lost, deliver)
    if traffic == .raft, chance(conditions.duplicatesPerMillion) {
      faultCount += 1
      scheduler.note(.duplicate, UInt64(from), UInt64(to.number), "\(from) → \(to.name): twice")
      carry(traffic, link, to, conditions, lost: {}, deliver)
    }
  }

  private func carry(
    _ traffic: Traffic, _ link: Link, _ to: SimulatedMachine, _ conditions: Conditions,
    lost: @escaping () -> Void, _ deliver: @escaping (SimulatedProcess) -> Void
  ) {
    var state = links[link] ?? LinkState(lastArrival: scheduler.now)
    let jitter = max(1, conditions.jitter.asNanoseconds)
    var arrival =
      scheduler.now + conditions.delay
      + .nanoseconds(Int64.random(in: 0..<jitter, using: &scheduler.random))
    if !conditions.reorders {
      arrival = max(arrival, state.lastArrival)
    }
    countIfHeldBack(arrival, &state)
    links[link] = state
    let epoch = state.epoch
    scheduler.after(arrival - scheduler.now) { [self] in
      guard let process = to.process, process.isAlive, links[link]?.epoch == epoch else {
        lost()
        return
      }
      scheduler.enter(process) { deliver(process) }
    }
  }

  /// Counts a message that comes later than a healthy network lets it, or before one that was sent
  /// earlier.
  private func countIfHeldBack(_ arrival: Instant, _ state: inout LinkState) {
    let isLate = arrival - scheduler.now > Self.healthy.delay + Self.healthy.jitter
    if isLate || arrival < state.lastArrival { faultCount += 1 }
    state.lastArrival = max(state.lastArrival, arrival)
  }

  private static let healthy = Conditions()

  private func chance(_ perMillion: UInt64) -> Bool {
    perMillion > 0 && scheduler.random.next() % 1_000_000 < perMillion
  }
}
