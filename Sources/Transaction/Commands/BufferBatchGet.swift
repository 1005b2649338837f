package import Codec
package import Engine

/// Reads what a pipelined transaction has flushed, from its own locks.
package struct BufferBatchGet: Sendable, Hashable {
  /// User keys.
  package var keys: [[UInt8]]
  package var startTS: Timestamp

  package init(_ keys: [[UInt8]], startTS: Timestamp) {
    self.keys = keys
    self.startTS = startTS
  }

  /// The values in the order of the request; an empty one for a delete. Keys that the transaction has not flushed, or
  /// has only locked, are left out.
  package func execute(_ snapshot: any KVReader) throws(TransactionError) -> [ScanEntry] {
    let keys = keys.map { MVCCKey($0) }
    let reader = MVCCReader(snapshot, keys: keys)
    var entries: [ScanEntry] = []
    for key in keys {
      guard let lock = try reader.lock(key), lock.startTS == startTS, lock.generation > 0,
        lock.kind == .put || lock.kind == .delete
      else { continue }
      let value = try reader.value(of: lock, encodedKey: key.encoded)
      entries.append(.pair(key: key.user, value ?? ReadValue([], commitTS: nil)))
    }
    return entries
  }
}
