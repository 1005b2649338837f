package import Codec
package import Engine

/// The state of an async commit transaction by its secondary keys.
package enum SecondaryLocksStatus: Sendable, Hashable {
  /// All keys are prewritten; the locks in the order of the keys. One without async commit means that the transaction
  /// fell back.
  case locked([LockInfo])
  case committed(commitTS: Timestamp)
  /// A key was not prewritten. It never will be.
  case rolledBack
}

/// Looks whether an async commit transaction has prewritten all of its secondary keys, which commits it. A key that it
/// has not is rolled back, so that the transaction cannot commit any more.
package struct CheckSecondaryLocks: Sendable, Hashable {
  /// User keys.
  package var keys: [[UInt8]]
  package var startTS: Timestamp

  package init(keys: [[UInt8]], startTS: Timestamp) {
    self.keys = keys
    self.startTS = startTS
  }

  /// Stops at the first key that decides.
  package func execute(
    _ snapshot: any KVReader, _ concurrency: ConcurrencyControl
  ) throws(TransactionError) -> CommandOutput<SecondaryLocksStatus> {
    try concurrency.raiseMaxTS(toRequested: startTS)
    let keys = keys.map { MVCCKey($0) }
    let reader = MVCCReader(snapshot, keys: keys)
    var transaction = MVCCTransaction()
    var locks: [LockInfo] = []
    for key in keys {
      let lock = try reader.lock(key)
      if let lock, lock.startTS == startTS, lock.kind != .pessimistic {
        locks.append(LockInfo(key: key.user, lock: lock))
        continue
      }
      let status = try decide(key, lock, &transaction, reader)
      if case .committed(let commitTS) = status {
        transaction.recordCommit(startTS, at: commitTS)
      }
      return CommandOutput(transaction.changes, status)
    }
    return CommandOutput(transaction.changes, .locked(locks))
  }

  private func decide(
    _ key: MVCCKey, _ lock: Lock?, _ transaction: inout MVCCTransaction, _ reader: MVCCReader
  ) throws(TransactionError) -> SecondaryLocksStatus {
    let fate = try reader.fate(of: startTS, on: key)
    let own = lock.flatMap { $0.startTS == startTS ? $0 : nil }
    if let own { transaction.unlock(key, own) }
    let overlapped: MVCCReader.OverlappedRecord?
    switch fate {
    case .committed(let commitTS):
      // A pessimistic lock can outlive the commit only if it was taken with a conflict.
      if let own, !own.isLockedWithConflict {
        throw .inconsistent(key: key.user, startTS: startTS)
      }
      return .committed(commitTS: commitTS)
    case .rolledBack: return .rolledBack
    case .unknown(let record): overlapped = record
    }
    if own == nil, let lock, overlapped == nil {
      transaction.markRollback(startTS, in: lock, on: key)
    }
    transaction.writeRollback(startTS, on: key, isProtected: true, overlapped)
    try transaction.collapseRollback(before: startTS, on: key, reader)
    return .rolledBack
  }
}
