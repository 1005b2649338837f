package import Codec

/// What a sender puts on a snapshot stream: the message alone, then the files' bytes in pieces.
package struct SnapshotStreamWriter: Sendable {
  /// Bytes of data in one chunk.
  package static let chunkSize = 1 << 20

  private enum Phase {
    case message, data, ended
  }

  private let envelope: RaftEnvelope
  private let source: SnapshotSource
  private let chunkSize: Int
  private var phase = Phase.message

  package init(
    _ envelope: RaftEnvelope, _ source: SnapshotSource,
    chunkSize: Int = SnapshotStreamWriter.chunkSize
  ) {
    self.envelope = envelope
    self.source = source
    self.chunkSize = chunkSize
  }

  /// The next chunk to send; nil when the stream may be closed for writing. Reads a file.
  package mutating func next() throws(SnapshotError) -> SnapshotChunk? {
    switch phase {
    case .message:
      phase = .data
      return SnapshotChunk(message: envelope)
    case .data:
      let bytes = try source.read(upTo: chunkSize)
      if !bytes.isEmpty { return SnapshotChunk(data: bytes) }
      phase = .ended
      return nil
    case .ended:
      return nil
    }
  }
}
