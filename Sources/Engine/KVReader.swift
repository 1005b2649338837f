/// Reads of an engine or of a snapshot. Any thread may call; calls may wait for the disk.
package protocol KVReader: Sendable {
  /// The value under `key`; nil if there is none. An empty value is a value.
  func get(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]?

  /// The values under `keys`, in their order, all of one state; nil where there is none.
  func multiGet(_ family: ColumnFamily, _ keys: [[UInt8]]) throws(EngineError) -> [[UInt8]?]

  /// A cursor over the keys in `[lower, upper)`; nil: no bound. It reads the state at its creation and is not valid
  /// until a seek.
  ///
  /// - Parameter fillCache: whether blocks that are read go to the block cache. False for long scans, which would
  ///   evict hot blocks.
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

  /// The first `limit` pairs of `[lower, upper)`, ascending.
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

/// The state of an engine at one moment, readable until the object is released. It keeps deleted data on disk, so
/// release it soon.
package protocol KVSnapshot: KVReader, AnyObject {}
