package import Codec
package import Engine
package import Protobuf

/// Why a command did nothing. A client can read each field.
package enum TransactionError: Error, Sendable, Hashable {
  /// Locks of other transactions. Several only of a prewrite, which reports all of its keys.
  case locked([LockInfo])
  case writeConflict(WriteConflict)
  /// A key that should not exist has a value, which `existingStartTS` wrote.
  case alreadyExists(key: [UInt8], existingStartTS: Timestamp)
  /// A rollback of a transaction that has committed.
  case committed(key: [UInt8], startTS: Timestamp, commitTS: Timestamp)
  /// A commit without a lock: the transaction was rolled back, or never locked the key.
  case lockNotFound(key: [UInt8], startTS: Timestamp, commitTS: Timestamp)
  case commitTSExpired(
    key: [UInt8], startTS: Timestamp, commitTS: Timestamp, minCommitTS: Timestamp)
  /// The transaction of a status check or a heartbeat has left nothing.
  case transactionNotFound(key: [UInt8], startTS: Timestamp)
  /// The lock on the key of a status check has another primary key.
  case primaryMismatch(LockInfo)
  case pessimisticLockRolledBack(key: [UInt8], startTS: Timestamp)
  case pessimisticLockNotFound(key: [UInt8], startTS: Timestamp, MissingLockReason)
  /// The transaction's own lock is of a kind that the command cannot have left.
  case lockKindMismatch(key: [UInt8], startTS: Timestamp, Lock.Kind)
  case assertionFailed(AssertionFailure)
  case invalidTimestampOrder(startTS: Timestamp, commitTS: Timestamp)
  /// Locking only existing keys needs their values.
  case lockIfExistsFailed(key: [UInt8], startTS: Timestamp)
  case deadlock(Deadlock)
  /// The second phase of a flashback without its first.
  case flashbackNotPrepared(startTS: Timestamp)
  case keyTooLong(Int)
  /// A timestamp that the oracle has not issued and will not issue soon.
  case timestampTooLarge(Timestamp, bound: Timestamp)
  /// The request makes no sense. The text is for the client.
  case invalidRequest(String)
  /// A write record or lock whose value is missing in the family `default`.
  case valueMissing(key: [UInt8], startTS: Timestamp)
  /// A transaction with a commit record holds a lock that only an uncommitted one can have.
  case inconsistent(key: [UInt8], startTS: Timestamp)
  /// Stored bytes that are no record or no versioned key.
  case corrupted(CodecError)
  case engine(EngineError)
}

/// A committed version that is newer than the transaction may overwrite or ignore.
package struct WriteConflict: Sendable, Hashable {
  /// Which rule found it. Raw values are `kvrpcpb.WriteConflict.Reason`'s.
  package enum Reason: Int, Sendable, Hashable {
    case optimistic = 1
    case pessimisticRetry = 2
    case selfRolledBack = 3
    case readCommittedCheck = 4
    case lazyUniquenessCheck = 5
  }

  package var startTS: Timestamp
  /// The start timestamp of the other transaction.
  package var conflictTS: Timestamp
  /// Zero if the other transaction has not committed.
  package var conflictCommitTS: Timestamp
  package var key: [UInt8]
  package var primary: [UInt8]
  package var reason: Reason

  package init(
    startTS: Timestamp, conflictTS: Timestamp, conflictCommitTS: Timestamp, key: [UInt8],
    primary: [UInt8] = [], reason: Reason
  ) {
    self.startTS = startTS
    self.conflictTS = conflictTS
    self.conflictCommitTS = conflictCommitTS
    self.key = key
    self.primary = primary
    self.reason = reason
  }
}

/// Why a prewrite did not find the pessimistic lock that it needs.
package enum MissingLockReason: Sendable, Hashable {
  /// Another transaction holds the key.
  case lockTSMismatch
  /// The lock was lost, and the key was written since the transaction began.
  case lockMissingAmendFail
  /// The lock is not the one that the client means: it has another `forUpdateTS`.
  case lockForUpdateTSMismatch
  /// A key that was not locked was written after `forUpdateTS`.
  case nonLockKeyConflict
}

/// An assertion of a client about a key that does not hold.
package struct AssertionFailure: Sendable, Hashable {
  package var startTS: Timestamp
  package var key: [UInt8]
  package var assertion: Assertion
  /// The record that contradicts it; zero if there is none.
  package var existingStartTS: Timestamp
  package var existingCommitTS: Timestamp
}

/// What a client knows about a key before it writes it. Raw values are `kvrpcpb.Assertion`'s.
package enum Assertion: Int, Sendable, Hashable {
  case none = 0
  case exist = 1
  case notExist = 2
}

/// How much work a prewrite does to check assertions. Raw values are `kvrpcpb.AssertionLevel`'s.
package enum AssertionLevel: Int, Sendable, Hashable {
  case off = 0
  /// Only where the record is loaded anyway.
  case fast = 1
  case strict = 2
}

/// Runs an operation of the engine.
func engine<R>(_ body: () throws(EngineError) -> R) throws(TransactionError) -> R {
  do throws(EngineError) { return try body() } catch { throw .engine(error) }
}
