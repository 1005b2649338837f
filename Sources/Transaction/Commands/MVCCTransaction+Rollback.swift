import Codec

/// How a rollback of a transaction is recorded on a key. The rules are those of TiKV
/// (`src/storage/txn/actions/check_txn_status.rs`, `cleanup.rs`).
extension MVCCTransaction {
  /// What a command does about a transaction that has left nothing on a key.
  enum MissingLockAction {
    /// An unprotected rollback.
    case rollback
    /// A rollback that is never removed to save space, since the transaction's prewrite may still come.
    case protectedRollback
    case fail
    /// Nothing, since the lock in question was a pessimistic one.
    case nothing
  }

  /// What was found about a transaction without a lock on a key.
  enum MissingLockStatus {
    case committed(Timestamp)
    case rolledBack
    /// Nothing was found, and a rollback was written.
    case nowRolledBack
    /// Nothing was found, and nothing was done.
    case nothing
  }

  /// Rolls back the transaction of a lock on its key.
  ///
  /// - Parameter collapses: whether an older unprotected rollback is removed, so that retries do not fill the key.
  mutating func rollBack(
    _ lock: Lock, on key: MVCCKey, collapses: Bool, _ reader: MVCCReader
  ) throws(TransactionError) {
    switch try reader.fate(of: lock.startTS, on: key) {
    case .committed: throw .inconsistent(key: key.user, startTS: lock.startTS)
    case .rolledBack: break
    case .unknown(let overlapped):
      if lock.kind == .put, lock.shortValue == nil { deleteValue(key, startTS: lock.startTS) }
      writeRollback(
        lock.startTS, on: key, isProtected: key.user == lock.primary || lock.generation > 0,
        overlapped)
      if collapses { try collapseRollback(before: lock.startTS, on: key, reader) }
    }
    unlock(key, lock)
  }

  /// Looks for a transaction that has no lock on `key`, and does `action` if there is nothing.
  ///
  /// - Parameter other: the lock of another transaction on the key.
  mutating func checkMissingLock(
    _ startTS: Timestamp, on key: MVCCKey, other: Lock?, _ action: MissingLockAction,
    _ reader: MVCCReader
  ) throws(TransactionError) -> MissingLockStatus {
    let overlapped: MVCCReader.OverlappedRecord?
    switch try reader.fate(of: startTS, on: key) {
    case .committed(let commitTS): return .committed(commitTS)
    case .rolledBack: return .rolledBack
    case .unknown(let record): overlapped = record
    }
    switch action {
    case .fail: throw .transactionNotFound(key: key.user, startTS: startTS)
    case .nothing: return .nothing
    case .rollback:
      try collapseRollback(before: startTS, on: key, reader)
      writeRollback(startTS, on: key, isProtected: false, overlapped)
    case .protectedRollback:
      if let other, overlapped == nil { markRollback(startTS, in: other, on: key) }
      writeRollback(startTS, on: key, isProtected: true, overlapped)
    }
    return .nowRolledBack
  }

  /// Writes a rollback record. Where another transaction's record is in its place, that one is marked if the rollback
  /// has to be protected.
  mutating func writeRollback(
    _ startTS: Timestamp, on key: MVCCKey, isProtected: Bool,
    _ overlapped: MVCCReader.OverlappedRecord?
  ) {
    guard let overlapped else {
      return put(key, .rollback(startTS, isProtected: isProtected), at: startTS)
    }
    guard isProtected else { return }
    var record = overlapped.record
    record.hasOverlappedRollback = true
    record.gcFence = overlapped.fence
    put(key, record, at: startTS)
  }

  /// Removes the newest record at or before `startTS` if it is an unprotected rollback.
  mutating func collapseRollback(
    before startTS: Timestamp, on key: MVCCKey, _ reader: MVCCReader
  ) throws(TransactionError) {
    guard let (commitTS, record) = try reader.record(key, at: startTS),
      record.kind == .rollback, !record.isProtectedRollback
    else { return }
    deleteRecord(key, at: commitTS)
  }

  /// Notes a protected rollback in the lock of an async commit transaction that may commit at its timestamp: its record
  /// would take the place of the rollback's.
  mutating func markRollback(_ startTS: Timestamp, in lock: Lock, on key: MVCCKey) {
    guard lock.usesAsyncCommit, startTS >= lock.minCommitTS else { return }
    var marked = lock
    marked.rollbackTS.append(startTS)
    put(key, marked)
  }

  /// Rolls back one key of a transaction, with or without a lock.
  ///
  /// - Parameters:
  ///   - now: a lock that has not expired then is an error; zero: it is not asked.
  ///   - isProtected: whether a rollback without a lock is protected, and older ones are kept.
  mutating func cleanUp(
    _ key: MVCCKey, _ startTS: Timestamp, now: Timestamp, isProtected: Bool, _ reader: MVCCReader
  ) throws(TransactionError) {
    let lock = try reader.lock(key)
    if let lock, lock.startTS == startTS {
      if now != .zero, !lock.isExpired(at: now) {
        throw .locked([LockInfo(key: key.user, lock: lock)])
      }
      return try rollBack(lock, on: key, collapses: !isProtected, reader)
    }
    let status = try checkMissingLock(
      startTS, on: key, other: lock, isProtected ? .protectedRollback : .rollback, reader)
    if case .committed(let commitTS) = status {
      throw .committed(key: key.user, startTS: startTS, commitTS: commitTS)
    }
  }
}
