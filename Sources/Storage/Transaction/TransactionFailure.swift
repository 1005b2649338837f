import Codec
package import Transaction

/// Why a command failed.
package enum TransactionFailure: Error, Sendable, Hashable {
  /// The client should retry as the region error says, the request is refused, or the engine failed.
  case storage(StorageError)
  /// The command was executed, and did nothing.
  case transaction(TransactionError)
  /// A pessimistic lock request has waited as long as it may. `sinceUpdateMs` is the time since another transaction
  /// has taken the lock while the request waited, at least 1; 0 if none has.
  case lockWaitTimeout(LockInfo, sinceUpdateMs: UInt64)
}

/// What is stored of a key that was looked for by a transaction.
package struct KeyMVCCInfo: Sendable, Hashable {
  /// The user key.
  package var key: [UInt8]
  package var info: MVCCInfo
}

/// Limits of commands. Names in comments are TiKV's settings.
package struct TransactionLimits: Sendable {
  /// Bytes of write commands in progress above which more are refused: `storage.scheduler-pending-write-threshold`.
  package var pendingWriteBytes = 100 << 20
  /// The most write commands in progress.
  package var pendingWrites = 65_536
  /// How long a pessimistic lock request waits at most: `pessimistic-txn.wait-for-lock-timeout`.
  package var lockWaitTimeout = Duration.seconds(1)
  /// After a waiting request was woken to retry, how long the others wait for its client:
  /// `pessimistic-txn.wake-up-delay-duration`.
  package var wakeUpDelay = Duration.milliseconds(20)
  /// The most requests that wait for locks. Others fail at once.
  package var waitingRequests = 65_536
  /// Bytes of keys and values in one response. A read that would return more is refused. It must not be cut: a client
  /// takes a response with fewer pairs than requested as the end of the region.
  package var maxReplyBytes = 64 << 20

  package init() {}
}
