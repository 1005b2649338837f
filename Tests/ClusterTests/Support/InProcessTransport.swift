import Codec
import Dispatch
import Raftstore
import Runtime

/// The transport of one store to the others of its process: by calls, over a faulty network. Every message is encoded
/// and decoded, and snapshots are streamed in chunks from one snapshot manager to the other.
final class InProcessTransport: Transport {
  /// Small, so that streams break in the middle.
  private static let chunkSize = 1 << 10

  private let network: FaultyNetwork
  private let storeID: UInt64
  private let router: Router
  private let snapshots: SnapManager
  private let streams = DispatchGroup()

  init(_ network: FaultyNetwork, storeID: UInt64, router: Router, snapshots: SnapManager) {
    self.network = network
    self.storeID = storeID
    self.router = router
    self.snapshots = snapshots
  }

  /// Waits for the streams that this store sends.
  func close() { streams.wait() }

  func send(_ envelopes: [RaftEnvelope]) {
    for envelope in envelopes {
      let target = envelope.to.storeID
      guard case .arrives(let delay) = network.verdict(from: storeID, to: target) else { continue }
      guard let copy = try? RaftEnvelope(decoding: envelope.encoded()), copy == envelope else {
        network.noteDamage("\(envelope)")
        continue
      }
      if delay == .zero {
        deliver(copy)
      } else {
        DispatchQueue.global().asyncAfter(
          deadline: .now() + .nanoseconds(Int(delay.asNanoseconds))
        ) { [self] in deliver(copy) }
      }
    }
  }

  private func deliver(_ envelope: RaftEnvelope) {
    guard let inbox = network.inbox(envelope.to.storeID) else {
      return router.broadcast(.storeUnreachable(storeID: envelope.to.storeID))
    }
    inbox.router.deliver([envelope])
  }

  func check(
    _ leaders: LeaderCheck, onStore target: UInt64,
    _ completion: @escaping @Sendable (LeaderCheckResponse) -> Void
  ) {
    guard case .arrives = network.verdict(from: storeID, to: target) else { return }
    network.inbox(target)?.router.check(leaders.leaders) {
      completion(LeaderCheckResponse(regionIDs: $0))
    }
  }

  // MARK: Snapshots

  func sendSnapshot(_ envelope: RaftEnvelope, key: SnapshotKey) {
    streams.enter()
    DispatchQueue.global().async { [self] in
      let succeeded = stream(envelope, key)
      router.post(
        .snapshotSent(
          regionID: envelope.regionID, toPeerID: envelope.to.id, key: key, succeeded: succeeded),
        to: envelope.regionID)
      streams.leave()
    }
  }

  /// Whether the whole snapshot has arrived.
  private func stream(_ envelope: RaftEnvelope, _ key: SnapshotKey) -> Bool {
    guard let inbox = network.beginStream(to: envelope.to.storeID) else { return false }
    defer { inbox.streams.leave() }
    var reader = SnapshotStreamReader(
      storeID: inbox.storeID, fromStoreID: storeID, snapshots: inbox.snapshots)
    do throws(SnapshotError) {
      let source = try snapshots.beginSending(key)
      var hasArrived = false
      defer { source.finish(succeeded: hasArrived) }
      var writer = SnapshotStreamWriter(envelope, source, chunkSize: Self.chunkSize)
      while !reader.isSatisfied, let chunk = try writer.next() {
        guard case .arrives = network.verdict(from: storeID, to: inbox.storeID),
          network.inbox(inbox.storeID) === inbox
        else {
          reader.abandon()
          return false
        }
        try reader.receive(chunk)
      }
      let arrived = try reader.finish()
      hasArrived = true
      inbox.router.deliver([arrived])
      return true
    } catch {
      reader.abandon()
      return false
    }
  }
}
