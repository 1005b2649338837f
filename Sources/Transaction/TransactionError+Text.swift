import Codec

extension TransactionError: CustomStringConvertible {
  /// One line, with TiKV's name of the error first. Keys are hexadecimal.
  package var description: String {
    switch self {
    case .locked(let locks): "KeyIsLocked { keys: \(locks.map(\.key.hex)) }"
    case .writeConflict(let conflict):
      "WriteConflict { start_ts: \(conflict.startTS), conflict_start_ts: \(conflict.conflictTS), "
        + "conflict_commit_ts: \(conflict.conflictCommitTS), key: \(conflict.key.hex), "
        + "reason: \(conflict.reason) }"
    case .alreadyExists(let key, let startTS):
      "AlreadyExist { key: \(key.hex), existing_start_ts: \(startTS) }"
    case .committed(let key, let startTS, let commitTS):
      "Committed { start_ts: \(startTS), commit_ts: \(commitTS), key: \(key.hex) }"
    case .lockNotFound(let key, let startTS, let commitTS):
      "TxnLockNotFound { start_ts: \(startTS), commit_ts: \(commitTS), key: \(key.hex) }"
    case .commitTSExpired(let key, let startTS, let commitTS, let minCommitTS):
      "CommitTsExpired { start_ts: \(startTS), commit_ts: \(commitTS), key: \(key.hex), "
        + "min_commit_ts: \(minCommitTS) }"
    case .transactionNotFound(let key, let startTS):
      "TxnNotFound { start_ts: \(startTS), key: \(key.hex) }"
    case .primaryMismatch(let info): "PrimaryMismatch { lock on key: \(info.key.hex) }"
    case .assertionFailed(let failure):
      "AssertionFailed { start_ts: \(failure.startTS), key: \(failure.key.hex), "
        + "assertion: \(failure.assertion) }"
    case .deadlock(let deadlock):
      "Deadlock { lock_ts: \(deadlock.lockTS), lock_key: \(deadlock.key.hex) }"
    default: abortText
    }
  }

  private var abortText: String {
    switch self {
    case .pessimisticLockRolledBack(let key, let startTS):
      "PessimisticLockRolledBack { start_ts: \(startTS), key: \(key.hex) }"
    case .pessimisticLockNotFound(let key, let startTS, let reason):
      "PessimisticLockNotFound { start_ts: \(startTS), key: \(key.hex), reason: \(reason) }"
    case .lockKindMismatch(let key, let startTS, let kind):
      "LockTypeNotMatch { start_ts: \(startTS), key: \(key.hex), pessimistic: "
        + "\(kind == .pessimistic) }"
    case .invalidTimestampOrder(let startTS, let commitTS):
      "InvalidTxnTso { start_ts: \(startTS), commit_ts: \(commitTS) }"
    case .lockIfExistsFailed(let key, let startTS):
      "LockIfExistsFailed { start_ts: \(startTS), key: \(key.hex) }"
    case .flashbackNotPrepared(let startTS): "FlashbackNotPrepared { start_ts: \(startTS) }"
    case .keyTooLong(let count):
      "KeyTooLarge { an encoded key has \(count) bytes, more than \(MVCCKey.maxEncodedCount) }"
    case .timestampTooLarge(let timestamp, let bound):
      "InvalidMaxTsUpdate { attempted_ts: \(timestamp), limit: \(bound) }"
    case .invalidRequest(let text): "InvalidRequest { \(text) }"
    case .valueMissing(let key, let startTS):
      "DefaultNotFound { key: \(key.hex), start_ts: \(startTS) }"
    case .inconsistent(let key, let startTS):
      "Inconsistent { a committed transaction holds a lock, start_ts: \(startTS), "
        + "key: \(key.hex) }"
    case .corrupted(let error): "Codec { \(error) }"
    case .engine(let error): "Engine { \(error) }"
    default: "Unknown"
    }
  }
}
