package import Codec
package import Engine

/// Locks keys before the transaction knows what it will write.
///
/// A lock of another transaction fails it with `locked`; the caller lets the request wait if it may.
package struct PessimisticLock: Sendable, Hashable {
  /// A key to lock.
  package struct Key: Sendable, Hashable {
    /// The user key.
    package var key: [UInt8]
    /// Whether a value of the key is an error.
    package var mustNotExist: Bool

    package init(_ key: [UInt8], mustNotExist: Bool = false) {
      self.key = key
      self.mustNotExist = mustNotExist
    }
  }

  package var keys: [Key]
  /// The user key that decides over the transaction.
  package var primary: [UInt8]
  package var startTS: Timestamp
  /// What the statement sees: a newer version is a conflict.
  package var forUpdateTS: Timestamp
  /// Milliseconds.
  package var ttl: UInt64 = 0
  package var minCommitTS = Timestamp.zero
  package var returnsValues = false
  package var checksExistence = false
  /// Whether the key is locked although a newer version exists, which is then returned. For one key.
  package var forcesLock = false
  /// Whether keys without a value are not locked. Needs `returnsValues`.
  package var locksOnlyIfExists = false

  package init(
    _ keys: [Key], primary: [UInt8], startTS: Timestamp, forUpdateTS: Timestamp
  ) {
    self.keys = keys
    self.primary = primary
    self.startTS = startTS
    self.forUpdateTS = forUpdateTS
  }

  /// What locking a key returns.
  package enum Result: Sendable, Hashable {
    /// The key is locked.
    case empty
    case existence(Bool)
    /// Nil if there is no value.
    case value([UInt8]?)
    /// Locked although a version was committed at `conflictTS`; its value, nil if it is none.
    case lockedWithConflict(value: [UInt8]?, conflictTS: Timestamp)
  }

  /// Locks all keys or none. Results are in the order of the keys.
  package func execute(
    _ snapshot: any KVReader, _ concurrency: ConcurrencyControl
  ) throws(TransactionError) -> CommandOutput<[Result]> {
    guard !forcesLock || keys.count <= 1 else {
      throw .invalidRequest("several keys are locked despite conflicts")
    }
    let encoded = keys.map { MVCCKey($0.key) }
    for key in encoded where key.encoded.count > MVCCKey.maxEncodedCount {
      throw .keyTooLong(key.encoded.count)
    }
    let reader = MVCCReader(snapshot, keys: encoded)
    var transaction = MVCCTransaction()
    var results: [Result] = []
    results.reserveCapacity(keys.count)
    for (key, mvccKey) in zip(keys, encoded) {
      if locksOnlyIfExists, !returnsValues {
        throw .lockIfExistsFailed(key: key.key, startTS: startTS)
      }
      if key.mustNotExist || returnsValues || checksExistence {
        try concurrency.raiseMaxTS(toRequested: forUpdateTS)
      }
      if let lock = try reader.lock(mvccKey) {
        results.append(try relock(key, mvccKey, lock, &transaction, reader))
      } else {
        results.append(try acquire(key, mvccKey, &transaction, reader))
      }
    }
    return CommandOutput(transaction.changes, results)
  }

  private func result(_ value: [UInt8]?, conflictTS: Timestamp?) -> Result {
    if let conflictTS { return .lockedWithConflict(value: value, conflictTS: conflictTS) }
    if returnsValues { return .value(value) }
    return checksExistence ? .existence(value != nil) : .empty
  }

  private func makeLock(_ forUpdateTS: Timestamp, _ lastChange: LastChange) -> Lock {
    var lock = Lock(
      .pessimistic, primary: primary, startTS: startTS, ttl: ttl, forUpdateTS: forUpdateTS,
      minCommitTS: minCommitTS)
    lock.lastChange = lastChange
    return lock
  }

  // MARK: A key that the transaction has locked before

  private func relock(
    _ key: Key, _ mvccKey: MVCCKey, _ lock: Lock, _ transaction: inout MVCCTransaction,
    _ reader: MVCCReader
  ) throws(TransactionError) -> Result {
    guard lock.startTS == startTS else { throw .locked([LockInfo(key: key.key, lock: lock)]) }
    guard lock.kind == .pessimistic else {
      throw .lockKindMismatch(key: key.key, startTS: startTS, lock.kind)
    }
    // A delayed request of an earlier statement sees what the present one has locked.
    let isStale = forcesLock && forUpdateTS < lock.forUpdateTS
    let readTS = isStale ? lock.forUpdateTS : forUpdateTS
    var value: [UInt8]?
    if isStale || returnsValues || checksExistence || key.mustNotExist,
      let (commitTS, record) = try reader.put(mvccKey, at: readTS, fence: startTS)
    {
      if key.mustNotExist, !record.isFenced {
        if commitTS > forUpdateTS { throw conflict(key, record, commitTS) }
        throw .alreadyExists(key: key.key, existingStartTS: record.startTS)
      }
      let isNeeded = isStale || returnsValues
      if isNeeded {
        value = try reader.value(record, of: mvccKey)
      } else if checksExistence {
        value = []
      }
    }
    if readTS > lock.forUpdateTS {
      var renewed = makeLock(readTS, lock.lastChange)
      renewed.isLockedWithConflict = lock.isLockedWithConflict
      transaction.put(mvccKey, renewed)
    }
    return result(value, conflictTS: isStale ? readTS : nil)
  }

  private func conflict(
    _ key: Key, _ record: WriteRecord, _ commitTS: Timestamp
  ) -> TransactionError {
    .writeConflict(
      WriteConflict(
        startTS: startTS, conflictTS: record.startTS, conflictCommitTS: commitTS, key: key.key,
        primary: primary, reason: .pessimisticRetry))
  }

  // MARK: A key without a lock

  private func acquire(
    _ key: Key, _ mvccKey: MVCCKey, _ transaction: inout MVCCTransaction, _ reader: MVCCReader
  ) throws(TransactionError) -> Result {
    var lockTS = forUpdateTS
    var conflictTS: Timestamp?
    var conflictError: TransactionError?
    var value: [UInt8]?
    var lastChange = LastChange.none
    if let (commitTS, record) = try reader.record(mvccKey, at: .max) {
      if commitTS > forUpdateTS {
        let error = conflict(key, record, commitTS)
        guard forcesLock else { throw error }
        (lockTS, conflictTS, conflictError) = (commitTS, commitTS, error)
      }
      try checkNotRolledBack(key, mvccKey, record, commitTS, reader)
      if key.mustNotExist {
        do throws(TransactionError) {
          try reader.checkNotExists(mvccKey, record, at: commitTS, startTS: startTS)
        } catch {
          guard case .alreadyExists = error, let conflictError else { throw error }
          throw conflictError
        }
      }
      lastChange = try reader.lastChange(above: record, at: commitTS, of: mvccKey)
      if returnsValues || checksExistence || conflictTS != nil {
        value = try currentValue(
          mvccKey, record, commitTS, reader, loads: returnsValues || conflictTS != nil)
      }
    }
    if !locksOnlyIfExists || value != nil {
      var lock = makeLock(lockTS, lastChange)
      lock.isLockedWithConflict = conflictTS != nil
      transaction.put(mvccKey, lock, isNew: true)
    } else if let conflictError {
      throw conflictError
    }
    return result(value, conflictTS: conflictTS)
  }

  /// A transaction that was rolled back must not lock again: nobody would remove the lock.
  private func checkNotRolledBack(
    _ key: Key, _ mvccKey: MVCCKey, _ newest: WriteRecord, _ commitTS: Timestamp,
    _ reader: MVCCReader
  ) throws(TransactionError) {
    var isRolledBack = commitTS == startTS && newest.marksRollback
    if commitTS > startTS, let own = try reader.record(mvccKey, at: startTS) {
      isRolledBack = own.commitTS == startTS && own.record.marksRollback
    }
    if isRolledBack { throw .pessimisticLockRolledBack(key: key.key, startTS: startTS) }
  }

  /// The newest value of a key; empty if it exists and `loads` is false; nil if there is none.
  ///
  /// - Parameter record: the newest record of the key.
  private func currentValue(
    _ key: MVCCKey, _ record: WriteRecord, _ commitTS: Timestamp, _ reader: MVCCReader,
    loads: Bool
  ) throws(TransactionError) -> [UInt8]? {
    var found: WriteRecord?
    switch record.kind {
    case .put: found = record.isBelowFence(at: startTS) ? record : nil
    case .delete: break
    case .lock, .rollback:
      if commitTS > .zero {
        found = try reader.put(key, at: Timestamp(commitTS.value - 1), fence: startTS)?.record
      }
    }
    guard let found else { return nil }
    return loads ? try reader.value(found, of: key) : []
  }
}
