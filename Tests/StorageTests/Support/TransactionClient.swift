import Codec
import Runtime
import Storage
import Synchronization
import Testing
import Transaction

/// Issues timestamps: each is a millisecond later than the one before, so that locks expire.
final class CountingOracle: Sendable {
  private let last = Atomic<UInt64>(0)

  func next() -> Timestamp {
    Timestamp(physical: last.add(1, ordering: .sequentiallyConsistent).newValue, logical: 0)
  }
}

/// A client of one thread: reads, commits in all ways, and resolves the locks of others as TiKV's clients do.
struct TransactionClient {
  /// How a transaction is committed.
  enum Mode: CaseIterable {
    case twoPhase, async, onePhase, pessimistic
  }

  /// The transaction was not committed, or the read gave up.
  struct Aborted: Error {}

  let commands: TransactionCommands
  let context: RequestContext
  let oracle: CountingOracle
  private static let attempts = 10_000

  /// Waits for the response of a command.
  private func wait<T: Sendable>(
    _ body: (@escaping @Sendable (Result<T, TransactionFailure>) -> Void) -> Void
  ) throws -> T {
    let response = Response<T>()
    let semaphore = BinarySemaphore()
    body {
      response.fill($0)
      semaphore.signal()
    }
    semaphore.wait(atMost: .seconds(20))
    return try response.get()
  }

  // MARK: Reads

  /// The values of keys at a timestamp.
  func read(_ keys: [[UInt8]], at timestamp: Timestamp) throws -> [[UInt8]: [UInt8]] {
    var options = ReadOptions(at: timestamp)
    for _ in 0..<Self.attempts {
      do {
        let command = BatchGet(keys, options)
        let entries = try wait { commands.batchGet(context, command, on: { $0() }, $0) }
        var values: [[UInt8]: [UInt8]] = [:]
        var isLocked = false
        for entry in entries {
          switch entry {
          case .pair(let key, let value): values[key] = value.value
          case .locked(let info):
            isLocked = true
            if try resolve(info, for: timestamp) { options.resolved.insert(info.lock.startTS) }
          }
        }
        if !isLocked { return values }
      } catch TransactionFailure.transaction(.locked(let infos)) {
        for info in infos where try resolve(info, for: timestamp) {
          options.resolved.insert(info.lock.startTS)
        }
      }
    }
    throw Aborted()
  }

  // MARK: Writes

  /// Writes pairs in a transaction that has read at `startTS`. Returns its commit timestamp.
  ///
  /// - Parameter abandons: whether the client stops after the first phase.
  func write(
    _ pairs: [(key: [UInt8], value: [UInt8])], startTS: Timestamp, _ mode: Mode, ttl: UInt64,
    abandons: Bool
  ) throws -> Timestamp? {
    let keys = pairs.map(\.key)
    var command = Prewrite(
      pairs.map { PrewriteMutation(.put($0.value), key: $0.key) }, primary: keys[0],
      startTS: startTS)
    command.ttl = ttl
    if mode == .pessimistic { try lock(keys, startTS, ttl, &command) }
    command.minCommitTS = Timestamp(oracle.next().value + 1)
    command.secondaries = mode == .async ? Array(keys.dropFirst()) : nil
    command.triesOnePhase = mode == .onePhase
    let response: Prewrite.Response
    do {
      response = try prewrite(command)
    } catch {
      let rollback = BatchRollback(keys: keys, startTS: startTS)
      _ = try? wait { commands.batchRollback(context, rollback, on: { $0() }, $0) }
      throw Aborted()
    }
    if response.onePhaseCommitTS != .zero { return response.onePhaseCommitTS }
    if abandons { return nil }
    let isAsync = response.minCommitTS != .zero
    let commitTS = isAsync ? response.minCommitTS : oracle.next()
    return try commit(keys, startTS, commitTS, isCommitted: isAsync)
  }

  private func prewrite(_ command: Prewrite) throws -> Prewrite.Response {
    for _ in 0..<Self.attempts {
      do {
        return try wait { commands.prewrite(context, command, on: { $0() }, $0) }
      } catch TransactionFailure.transaction(.locked(let infos)) {
        for info in infos { _ = try resolve(info, for: .zero) }
      }
    }
    throw Aborted()
  }

  private func lock(
    _ keys: [[UInt8]], _ startTS: Timestamp, _ ttl: UInt64, _ prewrite: inout Prewrite
  ) throws {
    var command = PessimisticLock(
      keys.map { PessimisticLock.Key($0) }, primary: keys[0], startTS: startTS,
      forUpdateTS: startTS)
    command.ttl = ttl
    do {
      _ = try wait {
        commands.pessimisticLock(
          context, command, waitTimeoutMs: -1, isFirstLock: true, on: { $0() }, $0)
      }
    } catch TransactionFailure.transaction(.locked(let infos)) {
      for info in infos { _ = try resolve(info, for: .zero) }
      throw Aborted()
    } catch TransactionFailure.transaction {
      throw Aborted()
    }
    prewrite.isPessimistic = true
    prewrite.forUpdateTS = startTS
    for index in prewrite.mutations.indices { prewrite.mutations[index].action = .mustBeLocked }
  }

  /// Commits the primary key, and then the others.
  ///
  /// - Parameter isCommitted: whether nobody can roll it back any more.
  private func commit(
    _ keys: [[UInt8]], _ startTS: Timestamp, _ commitTS: Timestamp, isCommitted: Bool
  ) throws -> Timestamp {
    var commitTS = commitTS
    while true {
      let primary = Commit(keys: [keys[0]], startTS: startTS, commitTS: commitTS)
      do {
        try wait { commands.commit(context, primary, on: { $0() }, $0) }
        break
      } catch TransactionFailure.transaction(.commitTSExpired) where !isCommitted {
        commitTS = oracle.next()
      } catch TransactionFailure.transaction(.lockNotFound) where !isCommitted {
        throw Aborted()
      }
    }
    let others = Commit(keys: Array(keys.dropFirst()), startTS: startTS, commitTS: commitTS)
    try wait { commands.commit(context, others, on: { $0() }, $0) }
    return commitTS
  }

  // MARK: Locks of others

  /// Whether a read at `callerTS` may pass the lock, or a retry may find it gone.
  private func resolve(_ info: LockInfo, for callerTS: Timestamp) throws -> Bool {
    let lock = info.lock
    let now = oracle.next()
    var check = CheckTxnStatus(
      primary: lock.primary, lockTS: lock.startTS, callerStartTS: callerTS, currentTS: now)
    check.rollsBackIfMissing = lock.isExpired(at: now)
    check.resolvesPessimisticLock = lock.kind == .pessimistic
    for _ in 0..<2 {
      let status: TxnStatus
      do {
        let command = check
        status = try wait { commands.checkTxnStatus(context, command, on: { $0() }, $0) }
      } catch TransactionFailure.transaction(.transactionNotFound) {
        return false
      }
      switch status {
      case .committed(let commitTS):
        try end(info, commitTS)
        return false
      case .rolledBack, .expired, .missingRolledBack:
        try end(info, .zero)
        return false
      case .pessimisticLockExpired, .missingDoingNothing:
        try end(info, .zero)
        return false
      case .locked(let primary, let isPushed):
        guard primary.usesAsyncCommit, primary.isExpired(at: now), !check.forcesSyncCommit else {
          return isPushed && callerTS != .zero
        }
        if let fate = try asyncFate(primary) {
          try end(LockInfo(key: primary.primary, lock: primary), fate)
          try end(info, fate)
          return false
        }
        check.forcesSyncCommit = true
      }
    }
    return false
  }

  /// The commit timestamp of an async commit transaction, zero if it is rolled back; nil if it has fallen back to two
  /// phases.
  private func asyncFate(_ primary: Lock) throws -> Timestamp? {
    let check = CheckSecondaryLocks(keys: primary.secondaries, startTS: primary.startTS)
    switch try wait({ commands.checkSecondaryLocks(context, check, on: { $0() }, $0) }) {
    case .committed(let commitTS): return commitTS
    case .rolledBack: return .zero
    case .locked(let locks):
      guard locks.allSatisfy(\.lock.usesAsyncCommit) else { return nil }
      return locks.reduce(primary.minCommitTS) { max($0, $1.lock.minCommitTS) }
    }
  }

  /// Commits or rolls back a lock.
  private func end(_ info: LockInfo, _ commitTS: Timestamp) throws {
    if info.lock.kind == .pessimistic {
      let rollback = PessimisticRollback(
        keys: [info.key], startTS: info.lock.startTS, forUpdateTS: info.lock.forUpdateTS)
      try wait { commands.pessimisticRollback(context, rollback, on: { $0() }, $0) }
    } else {
      let command = ResolveLockLite(
        keys: [info.key], startTS: info.lock.startTS, commitTS: commitTS)
      try wait { commands.resolveLockLite(context, command, on: { $0() }, $0) }
    }
  }
}
