import Codec
import Raftstore
import SimulationKit
import Synchronization

/// Which messages of a test cluster pass.
final class TestNetwork: Sendable {
  typealias Filter = @Sendable (RaftEnvelope) -> Bool

  private let filters = Mutex<[Filter]>([])

  /// A message passes if all filters say so.
  func add(_ filter: @escaping Filter) { filters.withLock { $0.append(filter) } }
  func clearFilters() { filters.withLock { $0 = [] } }

  /// Cuts stores off from all others.
  func isolate(_ stores: UInt64...) {
    add { !(stores.contains($0.from.storeID) != stores.contains($0.to.storeID)) }
  }

  fileprivate func passes(_ envelope: RaftEnvelope) -> Bool {
    filters.withLock { $0 }.allSatisfy { $0(envelope) }
  }
}

/// A transport that drops what the cluster's filters refuse, and reports the loss. Every message goes
/// through its encoding.
final class FilteredTransport: Transport {
  private let base: any Transport
  private let network: TestNetwork
  /// The sending store's; nil before it has started.
  private let inbox: ThreadBound<() -> StoreDirectory.StoreMailboxes?>

  init(
    _ base: any Transport, _ network: TestNetwork,
    inbox: @escaping () -> StoreDirectory.StoreMailboxes?
  ) {
    self.base = base
    self.network = network
    self.inbox = ThreadBound(inbox)
  }

  func send(_ envelopes: [RaftEnvelope]) {
    var passing: [RaftEnvelope] = []
    for envelope in envelopes {
      guard network.passes(envelope) else {
        inbox.value()?.router.post(
          .peerUnreachable(regionID: envelope.regionID, peerID: envelope.to.id),
          to: envelope.regionID)
        continue
      }
      guard let copy = try? RaftEnvelope(decoding: envelope.encoded()) else {
        preconditionFailure("an envelope that cannot be read back")
      }
      precondition(copy == envelope, "\(copy) is not \(envelope)")
      passing.append(copy)
    }
    if !passing.isEmpty { base.send(passing) }
  }

  func check(
    _ leaders: LeaderCheck, onStore storeID: UInt64,
    _ completion: @escaping @Sendable (LeaderCheckResponse) -> Void
  ) {
    // A question is lost where a message of the leader would be.
    let own = inbox.value()?.storeID ?? 0
    let passing = leaders.leaders.filter { leader in
      network.passes(
        RaftEnvelope(
          regionID: leader.regionID, from: PeerInfo(id: leader.peerID, storeID: own),
          to: PeerInfo(id: 0, storeID: storeID)))
    }
    if passing.isEmpty { return }
    base.check(LeaderCheck(leaders: passing), onStore: storeID, completion)
  }

  func sendSnapshot(_ envelope: RaftEnvelope, key: SnapshotKey) {
    if network.passes(envelope) { return base.sendSnapshot(envelope, key: key) }
    inbox.value()?.router.post(
      .snapshotSent(
        regionID: envelope.regionID, toPeerID: envelope.to.id, key: key, succeeded: false),
      to: envelope.regionID)
  }
}
