import Codec
import Engine

/// Hashes all pairs of a region in all data families, and what the region is, a part at a time.
struct RegionHasher {
  /// The size of a hash. It is the CRC-32 in TiKV's byte order.
  static let hashBytes = 4

  private let reader: any KVReader
  private let range: KeyRange
  private let expiry: (@Sendable (RawSpan) -> UInt64?)?
  private let context: ConsistencyContext
  private var crc = CRC32()
  private var families = ColumnFamily.data[...]
  private var cursor: (any KVCursor)?

  /// - Parameter expiry: reads the expiry of a stored value; 0 for never.
  init(_ request: HashRequest, _ reader: any KVReader, expiry: (@Sendable (RawSpan) -> UInt64?)?) {
    self.reader = reader
    self.expiry = expiry
    range = request.region.range
    context = request.context
    crc.update(request.region.encoded())
  }

  /// Hashes pairs of about `bytes`. Returns the hash once all were visited, nil before.
  mutating func hash(_ bytes: Int) throws(EngineError) -> [UInt8]? {
    var left = bytes
    while left > 0 {
      guard let cursor = try currentCursor() else { return result }
      left -= cursor.withKey { key in
        cursor.withValue { value in
          if !mayExpire(value) { add(key, value) }
          return key.byteCount + value.byteCount + 1
        }
      }
      cursor.next()
    }
    return nil
  }

  /// The cursor at the next pair; nil behind the last of all families.
  private mutating func currentCursor() throws(EngineError) -> (any KVCursor)? {
    while true {
      if let cursor {
        if cursor.isValid { return cursor }
        try cursor.finish()
        self.cursor = nil
      }
      guard let family = families.popFirst() else { return nil }
      let next = try reader.cursor(
        family, from: range.start, to: range.end.isEmpty ? nil : range.end, fillCache: false)
      next.seekToFirst()
      crc.update([family.rawValue])
      cursor = next
    }
  }

  /// Whether a compaction may have dropped the pair on another replica.
  private func mayExpire(_ value: RawSpan) -> Bool {
    guard let limit = context.expiresAfter, let expiry = expiry?(value) else { return false }
    return expiry != 0 && expiry <= limit
  }

  private mutating func add(_ key: RawSpan, _ value: RawSpan) {
    var sizes = (UInt64(key.byteCount).littleEndian, UInt64(value.byteCount).littleEndian)
    withUnsafeBytes(of: &sizes) { crc.update($0.bytes) }
    crc.update(key)
    crc.update(value)
  }

  private var result: [UInt8] {
    let value = crc.value
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}
