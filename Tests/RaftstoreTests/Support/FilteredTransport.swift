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
  private let router: ThreadBound<() -> Router?>

  init(_ base: any Transport, _ network: TestNetwork, router: @escaping () -> Router?) {
    self.base = base
    self.network = network
    self.router = ThreadBound(router)
  }

  func send(_ envelopes: [RaftEnvelope]) {
    var passing: [RaftEnvelope] = []
    for envelope in envelopes {
      guard network.passes(envelope) else {
        router.value()?.post(
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

  func sendSnapshot(_ envelope: RaftEnvelope, key: SnapshotKey) {
    if network.passes(envelope) { return base.sendSnapshot(envelope, key: key) }
    router.value()?.post(
      .snapshotSent(
        regionID: envelope.regionID, toPeerID: envelope.to.id, key: key, succeeded: false),
      to: envelope.regionID)
  }
}
