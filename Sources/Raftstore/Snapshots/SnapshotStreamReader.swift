package import Codec
import Raft

/// What a receiver makes of the chunks of one snapshot stream. The message may be stepped only after
/// `finish` has returned it: then the files are in place.
package struct SnapshotStreamReader: Sendable {
  private enum Phase {
    case message
    case data(SnapshotSink, RaftEnvelope)
    /// A complete copy is here: whatever else comes is not needed.
    case present(RaftEnvelope)
    case ended
  }

  private let storeID: UInt64
  private let fromStoreID: UInt64?
  private let snapshots: SnapManager
  private var phase = Phase.message

  /// - Parameters:
  ///   - storeID: ours; what is meant for another store is refused.
  ///   - fromStoreID: the store that opened the stream, where that is known: it sends its own snapshots only.
  package init(storeID: UInt64, fromStoreID: UInt64? = nil, snapshots: SnapManager) {
    self.storeID = storeID
    self.fromStoreID = fromStoreID
    self.snapshots = snapshots
  }

  /// Whether nothing more is needed from the sender: it may be completed at once.
  package var isSatisfied: Bool {
    if case .present = phase { true } else { false }
  }

  /// Takes the next chunk; writes a file. After an error the stream has failed and what it wrote
  /// is gone.
  package mutating func receive(_ chunk: SnapshotChunk) throws(SnapshotError) {
    do throws(SnapshotError) {
      switch phase {
      case .message: try begin(chunk)
      case .data(let sink, _):
        try check(chunk)
        try sink.write(chunk.data)
      case .present: try check(chunk)
      case .ended: throw .stale("the snapshot stream has ended")
      }
    } catch {
      abandon()
      throw error
    }
  }

  /// The sender closed its side: puts the files in place, durably.
  ///
  /// - Returns: the message, to be delivered to its peer now.
  package mutating func finish() throws(SnapshotError) -> RaftEnvelope {
    switch phase {
    case .message, .ended:
      throw .stale("the snapshot stream ended before its message")
    case .present(let envelope):
      phase = .ended
      return envelope
    case .data(let sink, let envelope):
      do throws(SnapshotError) {
        try sink.finish()
      } catch {
        abandon()
        throw error
      }
      phase = .ended
      return envelope
    }
  }

  /// The stream broke: removes what was written.
  package mutating func abandon() {
    if case .data(let sink, _) = phase { sink.abandon() }
    phase = .ended
  }

  /// What a snapshot message is about; nil for messages that announce no snapshot.
  package static func key(of envelope: RaftEnvelope) -> SnapshotKey? {
    guard let message = envelope.message, message.type == .snapshot,
      let snapshot = message.snapshot, !snapshot.isEmpty
    else { return nil }
    return SnapshotKey(
      regionID: envelope.regionID, term: snapshot.metadata.term, index: snapshot.metadata.index)
  }

  private mutating func begin(_ chunk: SnapshotChunk) throws(SnapshotError) {
    guard let envelope = chunk.message else {
      throw .stale("the snapshot stream begins without a message")
    }
    guard chunk.data.isEmpty else {
      throw .stale("the snapshot stream's message comes with data")
    }
    guard envelope.to.storeID == storeID else {
      throw .stale("the snapshot is for store \(envelope.to.storeID), this is \(storeID)")
    }
    if let fromStoreID, envelope.from.storeID != fromStoreID {
      throw .stale("a snapshot of store \(envelope.from.storeID) comes from store \(fromStoreID)")
    }
    guard let key = Self.key(of: envelope), let snapshot = envelope.message?.snapshot else {
      throw .stale("the snapshot stream's message announces no snapshot")
    }
    if let sink = try snapshots.beginReceiving(key, data: snapshot.data) {
      phase = .data(sink, envelope)
    } else {
      phase = .present(envelope)
    }
  }

  private func check(_ chunk: SnapshotChunk) throws(SnapshotError) {
    guard chunk.message == nil else { throw .stale("a second message in a snapshot stream") }
    guard !chunk.data.isEmpty else { throw .stale("an empty chunk in a snapshot stream") }
  }
}
