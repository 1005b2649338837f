import Engine

/// What raw requests may ask for.
package struct RawLimits: Sendable {
  /// Longest key a write may have, bytes.
  package var maxKeySize = 8 << 10
  /// Keys and values in one reply, bytes. A read that would return more is refused: clients take a reply with
  /// fewer pairs than they asked for as the end of the region, so it must not be cut.
  package var maxReplyBytes = 64 << 20

  package init() {}
}

/// The pairs of a reply, bounded in bytes while they are gathered.
struct ReplyPairs {
  private(set) var pairs: [KeyValue] = []
  private let limit: Int
  private(set) var bytes = 0
  /// What a pair takes in a message beyond its key and value, about.
  private static let overhead = 16

  init(limit: Int) {
    self.limit = limit
  }

  mutating func append(_ pair: KeyValue) throws(StorageError) {
    bytes += pair.key.count + pair.value.count + Self.overhead
    guard bytes <= limit else {
      throw .refused("the reply would be larger than \(limit) bytes: ask for fewer keys at a time")
    }
    pairs.append(pair)
  }
}
