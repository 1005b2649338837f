import CLZ4
import Raft
import Runtime

/// A batch whose entries are encoded, compressed and checksummed. This needs no state of the log, so that many
/// threads do it at once.
struct PreparedBatch: Sendable {
  /// The entries of one append operation.
  struct Append: Sendable {
    /// Where the first entry starts in the payload.
    var offset: UInt32
    /// Bytes of each entry.
    var lengths: [UInt32]
  }

  let operations: [LogBatch.Operation]
  /// One per append operation, in order.
  private(set) var appends: [Append] = []
  /// The encoded entries, one behind the other.
  let payload: [UInt8]
  /// The payload as it is stored.
  let stored: [UInt8]
  /// Of `stored`.
  let payloadCRC: UInt32
  /// Of `stored`: 0 none, 1 LZ4.
  let codec: UInt8

  /// - Parameter compressionThreshold: bytes of payload from which on it is compressed.
  init(_ batch: LogBatch, compressionThreshold: Int) {
    operations = batch.operations
    var payload: [UInt8] = []
    for case .append(_, let entries) in batch.operations {
      let offset = UInt32(payload.count)
      var lengths: [UInt32] = []
      lengths.reserveCapacity(entries.count)
      for entry in entries {
        let before = payload.count
        entry.encode(into: &payload)
        lengths.append(UInt32(payload.count - before))
      }
      appends.append(Append(offset: offset, lengths: lengths))
    }
    let compressed =
      payload.count >= compressionThreshold ? PayloadCodec.compress(payload) : nil
    self.payload = payload
    stored = compressed ?? payload
    codec = compressed == nil ? PayloadCodec.none : PayloadCodec.lz4
    payloadCRC = CRC32C.of(stored)
  }
}

/// Compression of payloads: LZ4 blocks.
enum PayloadCodec {
  static let none: UInt8 = 0
  static let lz4: UInt8 = 1

  /// The LZ4 block of `bytes`; nil if it is not at least an eighth smaller.
  static func compress(_ bytes: [UInt8]) -> [UInt8]? {
    let limit = bytes.count - bytes.count / 8
    guard limit > 0, let size = Int32(exactly: bytes.count) else { return nil }
    let packed = [UInt8](unsafeUninitializedCapacity: limit) { target, count in
      count = bytes.withUnsafeBytes { source in
        let written = LZ4_compress_default(
          source.baseAddress?.assumingMemoryBound(to: CChar.self),
          UnsafeMutableRawPointer(target.baseAddress)?.assumingMemoryBound(to: CChar.self),
          size, Int32(limit))
        return max(0, Int(written))
      }
    }
    return packed.isEmpty ? nil : packed
  }

  /// The payload of `rawLength` bytes; nil if `stored` is no such.
  static func decompress(_ stored: [UInt8], codec: UInt8, rawLength: Int) -> [UInt8]? {
    if codec == none { return stored.count == rawLength ? stored : nil }
    // LZ4 expands at most 255 times: a larger length is invalid, and must not cost its memory.
    guard codec == lz4, let size = Int32(exactly: stored.count), rawLength / 255 <= stored.count,
      let raw = Int32(exactly: rawLength)
    else { return nil }
    var isValid = false
    let plain = [UInt8](unsafeUninitializedCapacity: rawLength) { target, count in
      let written = stored.withUnsafeBytes { source in
        LZ4_decompress_safe(
          source.baseAddress?.assumingMemoryBound(to: CChar.self),
          UnsafeMutableRawPointer(target.baseAddress)?.assumingMemoryBound(to: CChar.self), size,
          raw)
      }
      isValid = written == raw
      count = max(0, Int(written))
    }
    return isValid ? plain : nil
  }
}
