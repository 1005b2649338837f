package import Codec
package import Engine

/// Commits keys of a transaction: the second phase.
package struct Commit: Sendable, Hashable {
  /// User keys.
  package var keys: [[UInt8]]
  package var startTS: Timestamp
  package var commitTS: Timestamp

  package init(keys: [[UInt8]], startTS: Timestamp, commitTS: Timestamp) {
    self.keys = keys
    self.startTS = startTS
    self.commitTS = commitTS
  }

  /// All keys or none. A key that is committed already is left as it is.
  package func execute(
    _ snapshot: any KVReader
  ) throws(TransactionError) -> CommandOutput<Void> {
    guard commitTS > startTS else {
      throw .invalidTimestampOrder(startTS: startTS, commitTS: commitTS)
    }
    let keys = keys.map { MVCCKey($0) }
    let reader = MVCCReader(snapshot, keys: keys)
    var transaction = MVCCTransaction()
    for key in keys { try transaction.commit(key, startTS, at: commitTS, reader) }
    transaction.recordCommit(startTS, at: commitTS)
    return CommandOutput(transaction.changes, ())
  }
}

extension MVCCTransaction {
  /// Commits one key. A pessimistic lock that was left by mistake is removed without a record.
  mutating func commit(
    _ key: MVCCKey, _ startTS: Timestamp, at commitTS: Timestamp, _ reader: MVCCReader
  ) throws(TransactionError) {
    guard let lock = try reader.lock(key), lock.startTS == startTS else {
      if case .committed = try reader.fate(of: startTS, on: key) { return }
      throw .lockNotFound(key: key.user, startTS: startTS, commitTS: commitTS)
    }
    guard commitTS > startTS else {
      throw .invalidTimestampOrder(startTS: startTS, commitTS: commitTS)
    }
    guard commitTS >= lock.minCommitTS else {
      throw .commitTSExpired(
        key: key.user, startTS: startTS, commitTS: commitTS, minCommitTS: lock.minCommitTS)
    }
    guard var record = WriteRecord(committing: lock) else { return unlock(key, lock) }
    record.hasOverlappedRollback = lock.rollbackTS.contains(commitTS)
    put(key, record, at: commitTS)
    unlock(key, lock, commitTS: commitTS)
  }
}

extension WriteRecord {
  /// The record of a lock's commit; nil for a pessimistic one.
  init?(committing lock: Lock) {
    let kind: Kind
    switch lock.kind {
    case .put: kind = .put
    case .delete: kind = .delete
    case .lock: kind = .lock
    case .pessimistic: return nil
    }
    self.init(
      kind, startTS: lock.startTS, shortValue: lock.shortValue, lastChange: lock.lastChange,
      txnSource: lock.txnSource)
  }
}
