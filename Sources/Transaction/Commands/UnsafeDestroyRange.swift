package import Codec
package import Engine

/// Destroys a range on one store, regions and raft aside, for data that nobody reads or writes any more.
package struct UnsafeDestroyRange: Sendable, Hashable {
  /// Encoded keys, with both bounds.
  package let range: KeyRange

  /// - Parameters:
  ///   - start: a user key; empty is refused, as is an empty end: the whole store cannot be meant.
  ///   - end: a user key.
  package init(start: [UInt8], end: [UInt8]) throws(TransactionError) {
    guard !start.isEmpty, !end.isEmpty else {
      throw .invalidRequest("a range to destroy needs a start and an end")
    }
    range = KeyRange(encodingUserKeys: start, end)
  }

  /// Whole files are dropped first, which frees their space at once, then what is left is deleted. Files with locks are
  /// not dropped: an older lock of a key can be in another file and would appear again.
  package func execute(_ engine: any KVEngine) throws(EngineError) {
    guard !range.isEmpty else { return }
    for family in [ColumnFamily.default, .write] {
      try engine.deleteFilesInRange(family, from: range.start, to: range.end)
    }
    var batch = WriteBatch()
    for family in [ColumnFamily.lock, .default, .write] {
      batch.deleteRange(family, from: range.start, to: range.end)
    }
    try engine.write(batch, .synced)
  }
}
