import Codec
import Transaction
import Wire

/// `kvrpcpb.KeyError`. Clients react to the field that is set, and older ones to the text of `retryable`; errors without
/// a field of their own are `abort`, whose text begins with TiKV's name of the error, which clients search for.
extension TransactionError {
  /// One error, or one for each of several locks.
  var wires: [Kvrpcpb_KeyError] {
    if case .locked(let locks) = self, !locks.isEmpty {
      return locks.map { info in .with { $0.locked = info.wire } }
    }
    return [wire]
  }

  /// The error; of several locks the first.
  var wire: Kvrpcpb_KeyError {
    var wire = Kvrpcpb_KeyError()
    switch self {
    case .locked(let locks):
      if let first = locks.first { wire.locked = first.wire } else { wire.abort = description }
    case .writeConflict(let conflict):
      wire.conflict = conflict.wire
      wire.retryable = description
    case .alreadyExists(let key, _): wire.alreadyExist.key = key.data
    case .lockNotFound(let key, _, _):
      wire.txnLockNotFound.key = key.data
      wire.retryable = description
    case .commitTSExpired(let key, let startTS, let commitTS, let minCommitTS):
      wire.commitTsExpired.key = key.data
      wire.commitTsExpired.startTs = startTS.value
      wire.commitTsExpired.attemptedCommitTs = commitTS.value
      wire.commitTsExpired.minCommitTs = minCommitTS.value
    case .transactionNotFound(let key, let startTS):
      wire.txnNotFound.primaryKey = key.data
      wire.txnNotFound.startTs = startTS.value
    case .primaryMismatch(let info): wire.primaryMismatch.lockInfo = info.wire
    case .assertionFailed(let failure): wire.assertionFailed = failure.wire
    case .deadlock(let deadlock): wire.deadlock = deadlock.wire
    default: wire.abort = description
    }
    return wire
  }
}

extension WriteConflict {
  fileprivate var wire: Kvrpcpb_WriteConflict {
    .with {
      $0.startTs = startTS.value
      $0.conflictTs = conflictTS.value
      $0.conflictCommitTs = conflictCommitTS.value
      $0.key = key.data
      $0.primary = primary.data
      $0.reason = Kvrpcpb_WriteConflict.Reason(rawValue: reason.rawValue) ?? .unknown
    }
  }
}

extension AssertionFailure {
  fileprivate var wire: Kvrpcpb_AssertionFailed {
    .with {
      $0.startTs = startTS.value
      $0.key = key.data
      $0.assertion = Kvrpcpb_Assertion(rawValue: assertion.rawValue) ?? .none
      $0.existingStartTs = existingStartTS.value
      $0.existingCommitTs = existingCommitTS.value
    }
  }
}

extension Deadlock {
  fileprivate var wire: Kvrpcpb_Deadlock {
    .with {
      $0.lockTs = lockTS.value
      $0.lockKey = key.data
      $0.deadlockKeyHash = keyHash
      $0.waitChain = chain.map(\.wire)
    }
  }
}

extension WaitEdge {
  /// An edge of the wait-for graph.
  var wire: Deadlock_WaitForEntry {
    .with {
      $0.txn = transaction.value
      $0.waitForTxn = holder.value
      $0.keyHash = keyHash
      $0.key = key.data
    }
  }
}
