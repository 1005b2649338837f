package import Codec

/// The lock of a transaction on a key: the value under the memory-comparable key in the family `lock`, in TiKV's format.
package struct Lock: Sendable, Hashable {
  /// What the transaction does with the key. Raw values are the first byte of the record.
  package enum Kind: UInt8, Sendable, Hashable, CaseIterable {
    case put = 0x50
    case delete = 0x44
    /// The key is only locked; its commit writes a record without effect on reads.
    case lock = 0x4C
    /// Taken before the prewrite; commits nothing.
    case pessimistic = 0x53
  }

  package var kind: Kind
  /// The user key of the lock that decides over the transaction.
  package var primary: [UInt8]
  package var startTS: Timestamp
  /// Milliseconds after the physical part of `startTS`.
  package var ttl: UInt64
  /// Nil for a put: the value is longer than `ShortValue.maxCount` and in the family `default`.
  package var shortValue: [UInt8]?
  /// Zero: the transaction is optimistic.
  package var forUpdateTS: Timestamp
  /// The number of keys of the transaction, as its client says; 0: unknown.
  package var txnSize: UInt64
  /// The transaction cannot commit below. Zero: no bound, and readers cannot push it.
  package var minCommitTS: Timestamp
  package var usesAsyncCommit = false
  /// The other user keys of an async commit transaction, in the lock of its primary only.
  package var secondaries: [[UInt8]] = []
  /// Start timestamps of transactions with a protected rollback of this key: a commit at one of them must carry the
  /// overlapped rollback.
  package var rollbackTS: [Timestamp] = []
  package var lastChange = LastChange.unknown
  /// Who wrote it, for change capture; 0: a user.
  package var txnSource: UInt64 = 0
  /// Whether the pessimistic lock was taken although a newer version than its `forUpdateTS` existed.
  package var isLockedWithConflict = false
  /// The number of the flush of a pipelined transaction; 0: another transaction.
  package var generation: UInt64 = 0
  /// Whether it belongs to a one-phase commit. Only locks in memory do; it is not stored.
  package var usesOnePhaseCommit = false

  package init(
    _ kind: Kind, primary: [UInt8], startTS: Timestamp, ttl: UInt64 = 0,
    shortValue: [UInt8]? = nil, forUpdateTS: Timestamp = .zero, txnSize: UInt64 = 0,
    minCommitTS: Timestamp = .zero
  ) {
    self.kind = kind
    self.primary = primary
    self.startTS = startTS
    self.ttl = ttl
    self.shortValue = shortValue
    self.forUpdateTS = forUpdateTS
    self.txnSize = txnSize
    self.minCommitTS = minCommitTS
  }

  /// Whether the time to live ended before `now`. At timestamp zero no lock has expired.
  package func isExpired(at now: Timestamp) -> Bool {
    let (end, overflow) = startTS.physical.addingReportingOverflow(ttl)
    return !overflow && end < now.physical
  }
}

/// A lock as errors and responses describe it.
package struct LockInfo: Sendable, Hashable {
  /// The user key.
  package var key: [UInt8]
  package var lock: Lock

  package init(key: [UInt8], lock: Lock) {
    self.key = key
    self.lock = lock
  }
}
