import Codec
import Raftstore
import Synchronization

/// Delivers within the process, through filters. Every message goes through its encoding.
final class TestNetwork: Sendable {
  typealias Filter = @Sendable (RaftEnvelope) -> Bool

  private struct State {
    var inboxes: [UInt64: (router: Router, snapshots: SnapManager)] = [:]
    var filters: [Filter] = []
    var log: [RaftEnvelope] = []
    var isLogging = false
  }

  private let state = Mutex(State())

  func connect(_ storeID: UInt64, _ router: Router, _ snapshots: SnapManager) {
    state.withLock { $0.inboxes[storeID] = (router, snapshots) }
  }

  func disconnect(_ storeID: UInt64) {
    state.withLock { $0.inboxes[storeID] = nil }
  }

  /// A message passes if all filters say so.
  func add(_ filter: @escaping Filter) { state.withLock { $0.filters.append(filter) } }
  func clearFilters() { state.withLock { $0.filters = [] } }

  /// Cuts stores off from all others.
  func isolate(_ stores: UInt64...) {
    add { !(stores.contains($0.from.storeID) != stores.contains($0.to.storeID)) }
  }

  func startLogging() { state.withLock { $0.isLogging = true } }
  var logged: [RaftEnvelope] { state.withLock { $0.log } }

  fileprivate func inbox(
    for envelope: RaftEnvelope
  ) -> (router: Router, snapshots: SnapManager)? {
    let (filters, inbox) = state.withLock { state in
      if state.isLogging { state.log.append(envelope) }
      return (state.filters, state.inboxes[envelope.to.storeID])
    }
    guard filters.allSatisfy({ $0(envelope) }) else { return nil }
    return inbox
  }
}

/// One store's way into the network.
final class TestTransport: Transport {
  private let network: TestNetwork
  private let router: Router
  private let snapshots: SnapManager

  init(_ network: TestNetwork, _ router: Router, _ snapshots: SnapManager) {
    self.network = network
    self.router = router
    self.snapshots = snapshots
  }

  func send(_ envelopes: [RaftEnvelope]) {
    for envelope in envelopes {
      guard let inbox = network.inbox(for: envelope) else {
        router.post(
          .peerUnreachable(regionID: envelope.regionID, peerID: envelope.to.id),
          to: envelope.regionID)
        continue
      }
      guard let copy = try? RaftEnvelope(decoding: envelope.encoded()) else {
        preconditionFailure("an envelope that cannot be read back")
      }
      precondition(copy == envelope, "\(copy) is not \(envelope)")
      inbox.router.deliver([copy])
    }
  }

  func sendSnapshot(_ envelope: RaftEnvelope, key: SnapshotKey) {
    var succeeded = false
    if let inbox = network.inbox(for: envelope) {
      succeeded = stream(envelope, key, to: inbox.router, inbox.snapshots)
    }
    router.post(
      .snapshotSent(
        regionID: envelope.regionID, toPeerID: envelope.to.id, key: key, succeeded: succeeded),
      to: envelope.regionID)
  }

  private func stream(
    _ envelope: RaftEnvelope, _ key: SnapshotKey, to router: Router, _ receiver: SnapManager
  ) -> Bool {
    guard let source = try? snapshots.beginSending(key) else { return false }
    var writer = SnapshotStreamWriter(envelope, source)
    var reader = SnapshotStreamReader(storeID: envelope.to.storeID, snapshots: receiver)
    do throws(SnapshotError) {
      while let chunk = try writer.next() { try reader.receive(chunk) }
      let arrived = try reader.finish()
      source.finish(succeeded: true)
      router.deliver([arrived])
      return true
    } catch {
      source.finish(succeeded: false)
      return false
    }
  }
}
