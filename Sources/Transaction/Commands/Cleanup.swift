package import Codec
package import Engine

/// Rolls back one key of a transaction if its lock has expired. A transaction without a lock gets a protected rollback,
/// so that its prewrite is refused when it comes later.
package struct Cleanup: Sendable, Hashable {
  /// A user key.
  package var key: [UInt8]
  package var startTS: Timestamp
  /// Zero: the lock counts as expired.
  package var currentTS: Timestamp

  package init(key: [UInt8], startTS: Timestamp, currentTS: Timestamp = .zero) {
    self.key = key
    self.startTS = startTS
    self.currentTS = currentTS
  }

  /// Fails with `committed` if the transaction has committed the key.
  package func execute(
    _ snapshot: any KVReader, _ concurrency: ConcurrencyControl
  ) throws(TransactionError) -> CommandOutput<Void> {
    try concurrency.raiseMaxTS(toRequested: startTS)
    let key = MVCCKey(key)
    var transaction = MVCCTransaction()
    try transaction.cleanUp(
      key, startTS, now: currentTS, isProtected: true, MVCCReader(snapshot, keys: [key]))
    return CommandOutput(transaction.changes, ())
  }
}
