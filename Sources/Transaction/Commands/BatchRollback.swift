package import Codec
package import Engine

/// Rolls back keys of a transaction at its client's wish. All keys or none; one that is committed is an error.
package struct BatchRollback: Sendable, Hashable {
  /// User keys.
  package var keys: [[UInt8]]
  package var startTS: Timestamp

  package init(keys: [[UInt8]], startTS: Timestamp) {
    self.keys = keys
    self.startTS = startTS
  }

  /// A key without a lock gets an unprotected rollback.
  package func execute(
    _ snapshot: any KVReader
  ) throws(TransactionError) -> CommandOutput<Void> {
    let keys = keys.map { MVCCKey($0) }
    let reader = MVCCReader(snapshot, keys: keys)
    var transaction = MVCCTransaction()
    for key in keys {
      try transaction.cleanUp(key, startTS, now: .zero, isProtected: false, reader)
    }
    return CommandOutput(transaction.changes, ())
  }
}
