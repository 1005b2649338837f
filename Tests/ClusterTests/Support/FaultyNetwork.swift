import Dispatch
import Raftstore
import Runtime
import Synchronization

/// The network between the stores of a cluster: it knows which of them run, and loses and delays messages.
final class FaultyNetwork: Sendable {
  /// Where a running store takes messages.
  final class Inbox: Sendable {
    let storeID: UInt64
    let router: Router
    let snapshots: SnapManager
    /// Snapshot streams to the store: it is closed after they have ended.
    let streams = DispatchGroup()

    init(storeID: UInt64, router: Router, snapshots: SnapManager) {
      self.storeID = storeID
      self.router = router
      self.snapshots = snapshots
    }
  }

  enum Verdict: Sendable {
    case lost
    case arrives(after: Duration)
  }

  private struct State {
    var inboxes: [UInt64: Inbox] = [:]
    var random: SplitMix64
    /// Messages between a store of the one and a store of the other are lost.
    var sides: (Set<UInt64>, Set<UInt64>) = ([], [])
    var lossPerMille = 0
    var maxDelay: Duration = .zero
    /// Messages that could not be decoded as they were encoded.
    var damaged: [String] = []
  }

  private let state: Mutex<State>

  init(seed: UInt64) {
    state = Mutex(State(random: SplitMix64(seed: seed)))
  }

  // MARK: Stores

  func open(_ inbox: Inbox) { state.withLock { $0.inboxes[inbox.storeID] = inbox } }

  /// Ends the delivery to a store, and waits for the streams that it receives.
  func close(_ storeID: UInt64) {
    state.withLock { $0.inboxes.removeValue(forKey: storeID) }?.streams.wait()
  }

  /// Nil while the store does not run.
  func inbox(_ storeID: UInt64) -> Inbox? { state.withLock { $0.inboxes[storeID] } }

  /// The store's inbox with a stream begun, which the caller ends by `streams.leave()`.
  func beginStream(to storeID: UInt64) -> Inbox? {
    state.withLock { state in
      let inbox = state.inboxes[storeID]
      inbox?.streams.enter()
      return inbox
    }
  }

  // MARK: Faults

  /// Cuts the stores of one set off from those of the other.
  func partition(_ one: Set<UInt64>, _ other: Set<UInt64>) {
    state.withLock { $0.sides = (one, other) }
  }

  /// From now on that share of the messages is lost, and the others are late by up to `maxDelay`.
  func setUnreliable(lossPerMille: Int, maxDelay: Duration) {
    state.withLock {
      $0.lossPerMille = lossPerMille
      $0.maxDelay = maxDelay
    }
  }

  /// Ends all faults.
  func heal() {
    state.withLock {
      $0.sides = ([], [])
      $0.lossPerMille = 0
      $0.maxDelay = .zero
    }
  }

  /// What happens to one message.
  func verdict(from: UInt64, to: UInt64) -> Verdict {
    state.withLock { state in
      let (one, other) = state.sides
      if one.contains(from) && other.contains(to) || one.contains(to) && other.contains(from) {
        return .lost
      }
      if state.lossPerMille > 0,
        Int.random(in: 0..<1000, using: &state.random) < state.lossPerMille
      {
        return .lost
      }
      let most = state.maxDelay.asNanoseconds
      guard most > 0, state.random.next() & 1 == 0 else { return .arrives(after: .zero) }
      return .arrives(after: .nanoseconds(Int64.random(in: 0...most, using: &state.random)))
    }
  }

  var damaged: [String] { state.withLock { $0.damaged } }
  func noteDamage(_ text: String) { state.withLock { $0.damaged.append(text) } }
}
