import Engine

/// Limits of raw requests.
package struct RawLimits: Sendable {
  /// Bytes of a key in a write. TiKV's `storage.max-key-size`.
  package var maxKeySize = 8 << 10
  /// Bytes of keys and values in one response. A read that would return more is refused. It must not be cut: a client
  /// takes a response with fewer pairs than requested as the end of the region.
  package var maxReplyBytes = 64 << 20

  package init() {}
}

/// The pairs of a response. Their bytes are bounded while they are collected.
struct ReplyPairs: ScanReply {
  private(set) var value: [KeyValue] = []
  private let limit: Int
  /// Keys, values and overhead so far; at most `limit`.
  private(set) var bytes = 0
  var keysRead: Int { value.count }
  var bytesRead: Int { bytes }
  /// About the bytes of a pair in a message beside its key and value.
  private static let overhead = 16

  init(limit: Int) {
    self.limit = limit
  }

  mutating func append(_ pair: KeyValue) throws(StorageError) {
    bytes += pair.key.count + pair.value.count + Self.overhead
    guard bytes <= limit else {
      throw .refused("the reply would be larger than \(limit) bytes: ask for fewer keys at a time")
    }
    value.append(pair)
  }

  mutating func take(
    _ cursor: any KVCursor, _ key: [UInt8], _ values: RawValues, keyOnly: Bool
  ) throws(StorageError) -> Int? {
    if !keyOnly {
      guard let found = try values.live(cursor.value, of: key) else { return nil }
      try append(KeyValue(key: key, value: found))
      return key.count + found.count
    }
    if values.canExpire {
      let count = try cursor.withValue { stored throws(StorageError) in
        try values.liveCount(stored, of: key)
      }
      guard count != nil else { return nil }
    }
    try append(KeyValue(key: key, value: []))
    return key.count
  }
}
