/// Something keys can be read from: an engine, or a snapshot of one.
package protocol KVReader: Sendable {
  /// The value stored under `key`; nil when there is none. An empty value is a value.
  func get(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]?

  /// The values under `keys`, in their order, all of one moment.
  func multiGet(_ family: ColumnFamily, _ keys: [[UInt8]]) throws(EngineError) -> [[UInt8]?]

  /// A cursor over the keys in `[lower, upper)`; nil leaves a side open. It sees one moment of the
  /// engine, and is nowhere until it is instructed to seek. `fillCache: false` keeps a long scan from
  /// driving hot blocks out of the cache.
  func cursor(
    _ family: ColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, fillCache: Bool
  ) throws(EngineError) -> any KVCursor
}

extension KVReader {
  /// A cursor that fills the cache.
  package func cursor(
    _ family: ColumnFamily, from lower: [UInt8]? = nil, to upper: [UInt8]? = nil
  ) throws(EngineError) -> any KVCursor {
    try cursor(family, from: lower, to: upper, fillCache: true)
  }

  /// The first `limit` pairs of `[lower, upper)`, ascending; for callers that want them as values.
  package func scan(
    _ family: ColumnFamily, from lower: [UInt8]? = nil, to upper: [UInt8]? = nil,
    limit: Int = .max
  ) throws(EngineError) -> [KeyValue] {
    var pairs: [KeyValue] = []
    let cursor = try cursor(family, from: lower, to: upper)
    cursor.seekToFirst()
    while cursor.isValid, pairs.count < limit {
      pairs.append(KeyValue(key: cursor.key, value: cursor.value))
      cursor.next()
    }
    try cursor.finish()
    return pairs
  }
}

/// The state of an engine at one moment, kept for as long as the object lives.
package protocol KVSnapshot: KVReader, AnyObject {}
