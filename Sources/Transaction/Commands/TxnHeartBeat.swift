package import Codec
package import Engine

/// Extends the life of a transaction by that of its lock.
package struct TxnHeartBeat: Sendable, Hashable {
  /// A user key; that it is the transaction's primary is not checked.
  package var key: [UInt8]
  package var startTS: Timestamp
  /// Milliseconds. A smaller one than the lock has is without effect.
  package var ttl: UInt64
  /// Of pipelined transactions: raises the smallest commit timestamp, so that readers pass. Zero: not.
  package var minCommitTS: Timestamp

  package init(
    key: [UInt8], startTS: Timestamp, ttl: UInt64, minCommitTS: Timestamp = .zero
  ) {
    self.key = key
    self.startTS = startTS
    self.ttl = ttl
    self.minCommitTS = minCommitTS
  }

  /// Returns the lock as it is afterwards.
  package func execute(
    _ snapshot: any KVReader
  ) throws(TransactionError) -> CommandOutput<Lock> {
    let key = MVCCKey(key)
    var transaction = MVCCTransaction()
    guard var lock = try MVCCReader(snapshot, keys: [key]).lock(key), lock.startTS == startTS
    else { throw .transactionNotFound(key: key.user, startTS: startTS) }
    let old = lock
    lock.ttl = max(lock.ttl, ttl)
    if lock.generation > 0, !lock.usesAsyncCommit {
      lock.minCommitTS = max(lock.minCommitTS, minCommitTS)
    }
    if lock != old { transaction.put(key, lock) }
    return CommandOutput(transaction.changes, lock)
  }
}
