package import Codec

/// Which locks and versions a read sees. Raw values are `kvrpcpb.IsolationLevel`'s.
package enum IsolationLevel: Int, Sendable, Hashable {
  /// Snapshot isolation.
  case snapshot = 0
  /// Committed data, whatever is locked.
  case readCommitted = 1
  /// Committed data; fails where something newer exists.
  case readCommittedCheck = 2
}

/// How a read treats locks, and at which timestamp it reads.
package struct ReadOptions: Sendable, Hashable {
  /// `Timestamp.max`: the newest version.
  package var timestamp: Timestamp
  package var isolation: IsolationLevel
  /// Transactions whose locks do not matter to the read: `resolved_locks` of the context.
  package var resolved: Set<Timestamp>
  /// Transactions that have committed although their locks remain: their values are read from the locks.
  /// `committed_locks` of the context.
  package var committed: Set<Timestamp>
  /// Whether responses name the commit timestamps of values.
  package var needsCommitTS: Bool
  /// Whether the replica does not lead its region, so that a commit may have been acknowledged that it has not applied.
  package var isReplicaRead: Bool
  /// Whether the timestamp is below the resolved one of the replica. Such a read does not raise `max_ts`.
  package var isStale: Bool

  package init(
    at timestamp: Timestamp, isolation: IsolationLevel = .snapshot, resolved: Set<Timestamp> = [],
    committed: Set<Timestamp> = [], needsCommitTS: Bool = false, isReplicaRead: Bool = false,
    isStale: Bool = false
  ) {
    self.timestamp = timestamp
    self.isolation = isolation
    self.resolved = resolved
    self.committed = committed
    self.needsCommitTS = needsCommitTS
    self.isReplicaRead = isReplicaRead
    self.isStale = isStale
  }

  /// What a lock means to the read.
  enum LockEffect: Sendable, Hashable {
    case none
    /// The transaction has committed: its value is read from the lock.
    case readsLock
    case conflict
    case blocks
  }

  /// What `lock` on the key of `isPrimary` means. An ignorable lock is ignored even if its transaction is known to have
  /// committed.
  func effect(of lock: Lock, isPrimary: Bool) -> LockEffect {
    switch isolation {
    case .readCommitted: return .none
    case .readCommittedCheck:
      if lock.kind == .lock || lock.kind == .pessimistic || resolved.contains(lock.startTS) {
        return .none
      }
      return .conflict
    case .snapshot: break
    }
    if lock.startTS > timestamp || lock.kind == .lock || lock.kind == .pessimistic
      || lock.minCommitTS > timestamp || resolved.contains(lock.startTS)
    {
      return .none
    }
    if timestamp == .max, isPrimary, !isReplicaRead, !lock.usesAsyncCommit,
      !lock.usesOnePhaseCommit
    {
      return .none
    }
    return committed.contains(lock.startTS) && !needsCommitTS ? .readsLock : .blocks
  }

  /// Throws what a lock means to the read, unless it has no effect.
  ///
  /// - Returns: whether the value has to be read from the lock.
  func check(_ lock: Lock, on userKey: [UInt8]) throws(TransactionError) -> Bool {
    switch effect(of: lock, isPrimary: userKey == lock.primary) {
    case .none: return false
    case .readsLock: return true
    case .blocks: throw .locked([LockInfo(key: userKey, lock: lock)])
    case .conflict:
      throw .writeConflict(
        WriteConflict(
          startTS: timestamp, conflictTS: lock.startTS, conflictCommitTS: .zero, key: userKey,
          primary: lock.primary, reason: .readCommittedCheck))
    }
  }

  /// What a lock in memory means: as a stored one, but its value cannot be read.
  func checkMemoryLock(_ lock: Lock, on userKey: [UInt8]) throws(TransactionError) {
    if try check(lock, on: userKey) { throw .locked([LockInfo(key: userKey, lock: lock)]) }
  }
}
