import Codec

/// The state of one prewrite while it goes through its keys.
struct PrewriteExecution {
  /// How the transaction is going to be committed.
  enum Mode {
    case twoPhase, async, onePhase
  }

  /// A lock that becomes a record at once if all keys can be committed in one phase.
  struct OnePhaseLock {
    var key: MVCCKey
    var lock: Lock
    /// The pessimistic lock that it replaces.
    var replaced: Lock?
  }

  let request: Prewrite
  let reader: MVCCReader
  let concurrency: ConcurrencyControl
  var transaction = MVCCTransaction()
  private(set) var mode: Mode
  /// Of the primary key; nil: no async commit, or not any more.
  private(set) var secondaries: [[UInt8]]?
  var onePhase: [OnePhaseLock] = []
  /// The largest commit timestamp computed so far.
  private var commitTS = Timestamp.zero
  private var locked: [LockInfo] = []
  private var failedAssertion: TransactionError?
  /// Set when the transaction turns out to be committed: nothing is left to do.
  private var committedAt: Timestamp?

  init(_ request: Prewrite, _ reader: MVCCReader, _ concurrency: ConcurrencyControl) {
    self.request = request
    self.reader = reader
    self.concurrency = concurrency
    secondaries = request.secondaries
    mode = request.triesOnePhase ? .onePhase : request.secondaries != nil ? .async : .twoPhase
  }

  /// What a key led to.
  enum KeyResult {
    /// Zero if the transaction cannot be committed with a computed timestamp.
    case done(minCommitTS: Timestamp)
    /// The computed timestamp is above the largest that the client allows.
    case commitTSTooLarge
    /// A later flush of the key was executed.
    case skipped
  }

  // MARK: Keys

  /// Prewrites one key. Errors that concern the key alone are kept until the end.
  mutating func prewrite(
    _ mutation: PrewriteMutation, _ key: MVCCKey
  ) throws(TransactionError) {
    guard committedAt == nil else { return }
    let needsCommitTS = mode != .twoPhase
    do throws(TransactionError) {
      switch try prewriteKey(mutation, key) {
      case .done(let minCommitTS):
        guard needsCommitTS else { return }
        if minCommitTS == .zero { fallBack() } else { commitTS = max(commitTS, minCommitTS) }
      case .commitTSTooLarge:
        if try !finishIfCommitted(key) { fallBack() }
      case .skipped: return
      }
    } catch {
      try handle(error, key)
    }
  }

  private mutating func handle(
    _ error: TransactionError, _ key: MVCCKey
  ) throws(TransactionError) {
    switch error {
    case .writeConflict(let conflict) where conflict.conflictCommitTS > conflict.startTS:
      if try !finishIfCommitted(key) { throw error }
    case .pessimisticLockNotFound:
      if try !finishIfCommitted(key) { throw error }
    case .locked(let infos):
      if try !finishIfCommitted(key) { locked += infos }
    case .assertionFailed:
      if failedAssertion == nil { failedAssertion = error }
    default: throw error
    }
  }

  /// Whether the transaction has committed the key, so that the request is a retry and has succeeded before.
  private mutating func finishIfCommitted(_ key: MVCCKey) throws(TransactionError) -> Bool {
    guard case .committed(let commitTS) = try reader.fate(of: request.startTS, on: key) else {
      return false
    }
    releaseMemoryLocks()
    transaction = MVCCTransaction()
    onePhase = []
    locked = []
    committedAt = commitTS
    return true
  }

  /// From here on the transaction is one with two phases. Locks with async commit stay as they are.
  private mutating func fallBack() {
    mode = .twoPhase
    secondaries = nil
    for var one in onePhase {
      one.lock.usesOnePhaseCommit = false
      transaction.put(one.key, one.lock, isNew: one.replaced == nil)
    }
    onePhase = []
    releaseMemoryLocks()
    commitTS = .zero
  }

  mutating func releaseMemoryLocks() {
    concurrency.release(transaction.changes.memoryLocks)
    transaction.forgetMemoryLocks()
  }

  /// Publishes a lock whose smallest commit timestamp is above those of all reads. False if that is more than the client
  /// allows.
  mutating func publish(_ lock: inout Lock, _ key: MVCCKey) -> Bool {
    var published = lock
    var isAllowed = true
    concurrency.publish(key.encoded) { maxTS in
      let base = max(maxTS, request.startTS, request.forUpdateTS)
      let computed = base == .max ? base : Timestamp(base.value + 1)
      published.minCommitTS = max(lock.minCommitTS, computed)
      isAllowed = request.maxCommitTS == .zero || published.minCommitTS <= request.maxCommitTS
      return isAllowed ? published : nil
    }
    guard isAllowed else { return false }
    transaction.recordMemoryLock(key)
    lock = published
    return true
  }

  // MARK: The end

  consuming func finish() throws(TransactionError) -> CommandOutput<Prewrite.Response> {
    if let committedAt {
      transaction.recordCommit(request.startTS, at: committedAt)
      return CommandOutput(transaction.changes, response(committedAt))
    }
    if let failedAssertion { throw failedAssertion }
    guard locked.isEmpty else { throw .locked(locked) }
    if mode == .onePhase {
      for one in onePhase { commit(one) }
      transaction.recordCommit(request.startTS, at: commitTS)
    }
    return CommandOutput(transaction.changes, response(commitTS))
  }

  private func response(_ commitTS: Timestamp) -> Prewrite.Response {
    Prewrite.Response(
      minCommitTS: secondaries == nil ? .zero : commitTS,
      onePhaseCommitTS: mode == .onePhase ? commitTS : .zero)
  }

  private mutating func commit(_ one: OnePhaseLock) {
    guard let record = WriteRecord(committing: one.lock) else { return }
    transaction.put(one.key, record, at: commitTS)
    if let replaced = one.replaced { transaction.unlock(one.key, replaced, commitTS: commitTS) }
  }
}
