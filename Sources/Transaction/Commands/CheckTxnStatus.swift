package import Codec
package import Engine

/// The state of a transaction by its primary key.
package enum TxnStatus: Sendable, Hashable {
  /// `isPushed`: the caller may read past the lock, since the transaction cannot commit below the caller's timestamp.
  case locked(Lock, isPushed: Bool)
  case committed(commitTS: Timestamp)
  /// It was rolled back before.
  case rolledBack
  /// The lock had expired and was rolled back.
  case expired
  /// The lock was an expired pessimistic one and was removed. That says nothing about other locks of the transaction.
  case pessimisticLockExpired
  /// Nothing was found, and a rollback was written.
  case missingRolledBack
  /// Nothing was found, and nothing was done. That says nothing about other locks of the transaction.
  case missingDoingNothing
}

/// What has become of a transaction, which a reader asks about whom it blocks. Expired locks are rolled back, others
/// get a larger smallest commit timestamp.
package struct CheckTxnStatus: Sendable, Hashable {
  /// The user key that the lock names as its primary.
  package var primary: [UInt8]
  package var lockTS: Timestamp
  /// The timestamp of the read that is blocked; `Timestamp.max` or zero for none.
  package var callerStartTS: Timestamp
  /// Zero: no lock has expired. `Timestamp.max`: any has.
  package var currentTS: Timestamp
  package var rollsBackIfMissing: Bool
  /// Whether an async commit lock is treated as any other one.
  package var forcesSyncCommit: Bool
  /// Whether the lock that blocks is a pessimistic one.
  package var resolvesPessimisticLock: Bool
  /// Whether a lock with another primary is refused.
  package var verifiesPrimary: Bool

  package init(
    primary: [UInt8], lockTS: Timestamp, callerStartTS: Timestamp, currentTS: Timestamp,
    rollsBackIfMissing: Bool = false, forcesSyncCommit: Bool = false,
    resolvesPessimisticLock: Bool = false, verifiesPrimary: Bool = true
  ) {
    self.primary = primary
    self.lockTS = lockTS
    self.callerStartTS = callerStartTS
    self.currentTS = currentTS
    self.rollsBackIfMissing = rollsBackIfMissing
    self.forcesSyncCommit = forcesSyncCommit
    self.resolvesPessimisticLock = resolvesPessimisticLock
    self.verifiesPrimary = verifiesPrimary
  }

  /// Raises `max_ts` to the timestamps of the request, also if it fails.
  package func execute(
    _ snapshot: any KVReader, _ concurrency: ConcurrencyControl
  ) throws(TransactionError) -> CommandOutput<TxnStatus> {
    for timestamp in [lockTS, currentTS, callerStartTS] {
      try concurrency.raiseMaxTS(toRequested: timestamp)
    }
    let key = MVCCKey(primary)
    let reader = MVCCReader(snapshot, keys: [key])
    var transaction = MVCCTransaction()
    let status: TxnStatus
    let lock = try reader.lock(key)
    if let lock, lock.startTS == lockTS {
      status = try check(lock, key, &transaction, reader)
    } else {
      status = try checkMissing(key, other: lock, &transaction, reader)
    }
    if case .committed(let commitTS) = status { transaction.recordCommit(lockTS, at: commitTS) }
    return CommandOutput(transaction.changes, status)
  }

  private func checkMissing(
    _ key: MVCCKey, other: Lock?, _ transaction: inout MVCCTransaction, _ reader: MVCCReader
  ) throws(TransactionError) -> TxnStatus {
    let action: MVCCTransaction.MissingLockAction =
      !rollsBackIfMissing ? .fail : resolvesPessimisticLock ? .nothing : .protectedRollback
    switch try transaction.checkMissingLock(lockTS, on: key, other: other, action, reader) {
    case .committed(let commitTS): return .committed(commitTS: commitTS)
    case .rolledBack: return .rolledBack
    case .nowRolledBack: return .missingRolledBack
    case .nothing: return .missingDoingNothing
    }
  }

  private func check(
    _ lock: Lock, _ key: MVCCKey, _ transaction: inout MVCCTransaction, _ reader: MVCCReader
  ) throws(TransactionError) -> TxnStatus {
    if verifiesPrimary, lock.primary != key.user {
      guard lock.kind == .pessimistic, !resolvesPessimisticLock else {
        throw .primaryMismatch(LockInfo(key: key.user, lock: lock))
      }
      // Left by a statement that was retried with another primary.
      let status = try checkMissing(key, other: nil, &transaction, reader)
      transaction.unlock(key, lock)
      return status
    }
    if lock.usesAsyncCommit, !forcesSyncCommit { return .locked(lock, isPushed: false) }
    if lock.kind == .pessimistic, lock.isLockedWithConflict {
      // Such a lock can be taken after the transaction has ended.
      switch try reader.fate(of: lockTS, on: key) {
      case .committed(let commitTS):
        transaction.unlock(key, lock)
        return .committed(commitTS: commitTS)
      case .rolledBack:
        transaction.unlock(key, lock)
        return .rolledBack
      case .unknown: break
      }
    }
    if lock.isExpired(at: currentTS) {
      if lock.kind == .pessimistic, resolvesPessimisticLock {
        transaction.unlock(key, lock)
        return .pessimisticLockExpired
      }
      try transaction.rollBack(lock, on: key, collapses: true, reader)
      return .expired
    }
    return push(lock, key, &transaction)
  }

  /// Raises the smallest commit timestamp of a living lock above the caller's. That of old locks is zero and stays.
  private func push(
    _ lock: Lock, _ key: MVCCKey, _ transaction: inout MVCCTransaction
  ) -> TxnStatus {
    var lock = lock
    if lock.minCommitTS != .zero, callerStartTS != .max, callerStartTS >= lock.minCommitTS {
      lock.minCommitTS = max(Timestamp(callerStartTS.value + 1), currentTS)
      transaction.put(key, lock)
    }
    let isAbove = callerStartTS != .zero && lock.minCommitTS > callerStartTS
    return .locked(lock, isPushed: isAbove || callerStartTS == .max)
  }
}
