import Codec

/// The prewrite of one key: TiKV's decision table (`src/storage/txn/actions/prewrite.rs`).
extension PrewriteExecution {
  private typealias Found = (commitTS: Timestamp, record: WriteRecord)

  /// What of the transaction is on the key already.
  private enum OwnLock {
    case none
    /// A lock of an earlier flush, which this one replaces.
    case flushed(Lock)
    case pessimistic(Lock)
  }

  mutating func prewriteKey(
    _ mutation: PrewriteMutation, _ key: MVCCKey
  ) throws(TransactionError) -> KeyResult {
    if request.isPessimistic, mutation.operation == .checkNotExists {
      throw .invalidRequest("a pessimistic transaction checks that a key does not exist")
    }
    if mutation.mustNotExist { try concurrency.raiseMaxTS(toRequested: request.startTS) }
    var own = OwnLock.none
    var lastChange = LastChange.unknown
    var isAmended = false
    if let lock = try reader.lock(key) {
      if lock.startTS == request.startTS, lock.kind != .pessimistic {
        if request.generation > 0, lock.generation >= request.generation { return .skipped }
        if lock.generation > 0, lock.kind == .put, mutation.mustNotExist {
          throw .alreadyExists(key: key.user, existingStartTS: lock.startTS)
        }
        guard request.generation > 0 else {
          return .done(minCommitTS: lock.usesAsyncCommit ? lock.minCommitTS : .zero)
        }
      }
      own = try ownLock(lock, mutation, key)
      lastChange = lock.lastChange
    } else if mutation.action == .mustBeLocked, request.isPessimistic {
      lastChange = try amend(mutation, key)
      isAmended = true
    }
    var newest: Found?
    let isChecked = !skipsCheck(mutation)
    if isChecked { newest = try checkForNewer(mutation, key, &lastChange) }
    if case .flushed = own {
      // The first flush of the key has checked its assertion.
    } else if !isAmended {
      try checkAssertion(mutation, key, newest, isLoaded: isChecked)
    }
    guard let kind = mutation.lockKind else {
      try concurrency.raiseMaxTS(toRequested: request.startTS)
      guard mode != .twoPhase else { return .done(minCommitTS: .zero) }
      let next = request.startTS == .max ? .max : Timestamp(request.startTS.value + 1)
      return .done(minCommitTS: max(request.minCommitTS, next))
    }
    return write(makeLock(kind, own, lastChange), mutation.value, key, own)
  }

  // MARK: Locks that are there

  private func ownLock(
    _ lock: Lock, _ mutation: PrewriteMutation, _ key: MVCCKey
  ) throws(TransactionError) -> OwnLock {
    guard lock.startTS == request.startTS else {
      if request.isPessimistic, mutation.action == .mustBeLocked {
        throw lockNotFound(key, .lockTSMismatch)
      }
      var lock = lock
      // The client resolves it whatever its time to live is: its own transaction cannot wait.
      if request.isPessimistic { lock.ttl = 0 }
      throw .locked([LockInfo(key: key.user, lock: lock)])
    }
    guard lock.kind == .pessimistic else { return .flushed(lock) }
    guard request.isPessimistic else {
      throw .lockKindMismatch(key: key.user, startTS: request.startTS, lock.kind)
    }
    if let expected = mutation.expectedForUpdateTS, expected != lock.forUpdateTS {
      throw lockNotFound(key, .lockForUpdateTSMismatch)
    }
    return .pessimistic(lock)
  }

  private func lockNotFound(_ key: MVCCKey, _ reason: MissingLockReason) -> TransactionError {
    .pessimisticLockNotFound(key: key.user, startTS: request.startTS, reason)
  }

  /// A pessimistic lock can be lost before it is replicated. Without one the key may be written if nobody has since the
  /// transaction began. Returns the last change of the new lock.
  private func amend(
    _ mutation: PrewriteMutation, _ key: MVCCKey
  ) throws(TransactionError) -> LastChange {
    let newest = try reader.record(key, at: .max)
    var lastChange = LastChange.none
    if let (commitTS, record) = newest {
      guard commitTS < request.startTS else { throw lockNotFound(key, .lockMissingAmendFail) }
      lastChange = try reader.lastChange(above: record, at: commitTS, of: key)
    }
    try checkAssertion(mutation, key, newest, isLoaded: true)
    return lastChange
  }

  // MARK: Records that are there

  private func skipsCheck(_ mutation: PrewriteMutation) -> Bool {
    guard request.isPessimistic else { return request.skipsConstraintCheck }
    switch mutation.action {
    case .mustBeLocked: return true
    case .skipCheck: return !request.isRetry
    case .constraintCheck: return false
    }
  }

  /// Checks that no record is newer than the transaction may overwrite. Returns the record that decided; nil if the key
  /// has none.
  private func checkForNewer(
    _ mutation: PrewriteMutation, _ key: MVCCKey, _ lastChange: inout LastChange
  ) throws(TransactionError) -> Found? {
    var at = Timestamp.max
    while let (commitTS, record) = try reader.record(key, at: at) {
      func conflict(_ reason: WriteConflict.Reason) -> TransactionError {
        .writeConflict(
          WriteConflict(
            startTS: request.startTS, conflictTS: record.startTS, conflictCommitTS: commitTS,
            key: key.user, primary: request.primary, reason: reason))
      }
      if commitTS == request.startTS, record.marksRollback { throw conflict(.selfRolledBack) }
      if at == .max {
        lastChange = try reader.lastChange(above: record, at: commitTS, of: key)
      }
      if !request.isPessimistic {
        if commitTS > request.startTS { throw conflict(.optimistic) }
      } else {
        if mutation.action == .constraintCheck, commitTS > request.startTS {
          throw conflict(.lazyUniquenessCheck)
        }
        if commitTS > request.forUpdateTS {
          // A rollback cannot be what the transaction has missed.
          guard record.kind == .rollback else { throw lockNotFound(key, .nonLockKeyConflict) }
          if commitTS == .zero { return nil }
          at = Timestamp(commitTS.value - 1)
          continue
        }
      }
      if mutation.mustNotExist {
        try reader.checkNotExists(key, record, at: commitTS, startTS: request.startTS)
      }
      return (commitTS, record)
    }
    if at == .max { lastChange = .none }
    return nil
  }

  /// - Parameter isLoaded: whether `newest` was looked for.
  private func checkAssertion(
    _ mutation: PrewriteMutation, _ key: MVCCKey, _ newest: Found?, isLoaded: Bool
  ) throws(TransactionError) {
    guard mutation.assertion != .none, request.assertionLevel != .off,
      request.assertionLevel == .strict || isLoaded
    else { return }
    var found = newest
    if isLoaded, let newest, newest.record.isFenced { found = nil }
    if !isLoaded || found.map({ !$0.record.kind.isData }) == true {
      found = try reader.put(key, at: found?.commitTS ?? .max, fence: request.startTS)
    }
    let isWrong: Bool
    switch mutation.assertion {
    case .none: return
    case .exist: isWrong = found.map { $0.record.kind == .delete } ?? true
    case .notExist: isWrong = found?.record.kind == .put
    }
    guard isWrong else { return }
    if skipsCheck(mutation) {
      // A conflict explains the assertion, and is what the client can retry.
      var lastChange = LastChange.unknown
      _ = try checkForNewer(mutation, key, &lastChange)
    }
    throw .assertionFailed(
      AssertionFailure(
        startTS: request.startTS, key: key.user, assertion: mutation.assertion,
        existingStartTS: found?.record.startTS ?? .zero,
        existingCommitTS: found?.commitTS ?? .zero))
  }

  // MARK: The lock to write

  private func makeLock(
    _ kind: Lock.Kind, _ own: OwnLock, _ lastChange: LastChange
  ) -> Lock {
    var lock = Lock(
      kind, primary: request.primary, startTS: request.startTS, ttl: request.ttl,
      forUpdateTS: request.forUpdateTS, txnSize: request.txnSize,
      minCommitTS: request.minCommitTS)
    if case .pessimistic(let old) = own {
      lock.ttl = max(lock.ttl, old.ttl)
      lock.forUpdateTS = max(lock.forUpdateTS, old.forUpdateTS)
      lock.minCommitTS = max(lock.minCommitTS, old.minCommitTS)
    }
    lock.generation = request.generation
    lock.txnSource = request.txnSource
    if kind == .lock { lock.lastChange = lastChange }
    return lock
  }

  private mutating func write(
    _ lock: Lock, _ value: [UInt8]?, _ key: MVCCKey, _ own: OwnLock
  ) -> KeyResult {
    var lock = lock
    if let value {
      if value.count <= ShortValue.maxCount {
        lock.shortValue = value
      } else {
        transaction.put(key, value: value, startTS: request.startTS)
      }
    }
    var replaced: Lock?
    switch own {
    case .none: break
    case .flushed(let old), .pessimistic(let old): replaced = old
    }
    guard mode != .twoPhase else {
      transaction.put(key, lock, isNew: replaced == nil)
      return .done(minCommitTS: .zero)
    }
    var published = lock
    if let secondaries {
      published.usesAsyncCommit = true
      published.secondaries = key.user == request.primary ? secondaries : []
    }
    published.usesOnePhaseCommit = mode == .onePhase
    guard publish(&published, key) else {
      transaction.put(key, lock, isNew: replaced == nil)
      return .commitTSTooLarge
    }
    if mode == .onePhase {
      onePhase.append(OnePhaseLock(key: key, lock: published, replaced: replaced))
    } else {
      transaction.put(key, published, isNew: replaced == nil)
    }
    return .done(minCommitTS: published.minCommitTS)
  }
}
