package import Codec
package import Engine

/// Deletes the versions of keys that no read at or after the safe point sees. All locks of transactions that began
/// before must have been resolved.
package struct CollectGarbage: Sendable, Hashable {
  /// User keys.
  package var keys: [[UInt8]]
  package var safePoint: Timestamp

  package init(keys: [[UInt8]], safePoint: Timestamp) {
    self.keys = keys
    self.safePoint = safePoint
  }

  /// About how many bytes are written with one command.
  package static let batchBytes = 32 << 10

  /// Returns the number of keys that are done: less than all if the changes have become large. The next command starts
  /// with the others, the first of which may be done in part.
  package func execute(
    _ snapshot: any KVReader
  ) throws(TransactionError) -> CommandOutput<Int> {
    let keys = keys.map { MVCCKey($0) }
    let reader = MVCCReader(snapshot, keys: keys)
    var transaction = MVCCTransaction()
    var done = 0
    for key in keys {
      guard try collect(key, &transaction, reader) else { break }
      done += 1
    }
    return CommandOutput(transaction.changes, done)
  }

  /// False if the key is not done.
  private func collect(
    _ key: MVCCKey, _ transaction: inout MVCCTransaction, _ reader: MVCCReader
  ) throws(TransactionError) -> Bool {
    /// Whether a newer put or delete hides what follows.
    var isHidden = false
    /// Deleted last: what it hides must be gone before.
    var deletion: Timestamp?
    var at = safePoint
    while let (commitTS, record) = try reader.record(key, at: at) {
      if transaction.changes.byteCount >= Self.batchBytes { return false }
      if isHidden {
        if record.kind == .put, record.shortValue == nil {
          transaction.deleteValue(key, startTS: record.startTS)
        }
        transaction.deleteRecord(key, at: commitTS)
      } else {
        switch record.kind {
        case .put: isHidden = true
        case .delete:
          isHidden = true
          deletion = commitTS
        case .lock, .rollback: transaction.deleteRecord(key, at: commitTS)
        }
      }
      guard commitTS > .zero else { break }
      at = Timestamp(commitTS.value - 1)
    }
    if let deletion { transaction.deleteRecord(key, at: deletion) }
    return true
  }
}
