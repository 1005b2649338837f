package import Codec

/// The changes that a write command makes: applied atomically or not at all.
package struct TransactionChanges: Sendable, Hashable {
  /// In order. A later one of the same key takes effect.
  package var mutations: [Mutation] = []
  /// Bytes of the keys and values of `mutations`.
  package var byteCount = 0
  /// Locks that `mutations` remove, for requests that wait for them.
  package var released: [ReleasedLock] = []
  /// Locks that `mutations` set on keys which had none of the transaction.
  package var locked: [LockInfo] = []
  /// Transactions that `mutations` commit or that were found committed.
  package var committed: [CommittedTransaction] = []
  /// Encoded keys that the command has locked in memory. To be released when the changes are applied or given up.
  package var memoryLocks: [[UInt8]] = []

  package init() {}

  package var isEmpty: Bool { mutations.isEmpty }
}

/// A lock that a command removes.
package struct ReleasedLock: Sendable, Hashable {
  package var encodedKey: [UInt8]
  package var startTS: Timestamp
  /// Zero: the transaction did not commit the key.
  package var commitTS: Timestamp
  /// Whether it was a pessimistic lock, for which no reader waits.
  package var isPessimistic: Bool
}

/// The fate of a transaction, for `TransactionStatusCache`.
package struct CommittedTransaction: Sendable, Hashable {
  package var startTS: Timestamp
  package var commitTS: Timestamp
}

/// What a write command leads to.
package struct CommandOutput<Response> {
  /// May be empty.
  package var changes: TransactionChanges
  package var response: Response

  init(_ changes: TransactionChanges, _ response: Response) {
    self.changes = changes
    self.response = response
  }
}

extension CommandOutput: Sendable where Response: Sendable {}

/// Collects the writes of one command.
struct MVCCTransaction {
  private(set) var changes = TransactionChanges()

  // MARK: Locks

  mutating func put(_ key: MVCCKey, _ lock: Lock, isNew: Bool = false) {
    put(.lock, key.encoded, lock.encoded())
    if isNew { changes.locked.append(LockInfo(key: key.user, lock: lock)) }
  }

  /// Removes a lock.
  ///
  /// - Parameter commitTS: zero if the transaction does not commit the key.
  mutating func unlock(_ key: MVCCKey, _ lock: Lock, commitTS: Timestamp = .zero) {
    delete(.lock, key.encoded)
    changes.released.append(
      ReleasedLock(
        encodedKey: key.encoded, startTS: lock.startTS, commitTS: commitTS,
        isPessimistic: lock.kind == .pessimistic))
  }

  // MARK: Records and values

  mutating func put(_ key: MVCCKey, _ record: WriteRecord, at commitTS: Timestamp) {
    put(.write, key.version(commitTS), record.encoded())
  }

  mutating func deleteRecord(_ key: MVCCKey, at commitTS: Timestamp) {
    delete(.write, key.version(commitTS))
  }

  mutating func put(_ key: MVCCKey, value: [UInt8], startTS: Timestamp) {
    put(.default, key.version(startTS), value)
  }

  mutating func deleteValue(_ key: MVCCKey, startTS: Timestamp) {
    delete(.default, key.version(startTS))
  }

  mutating func deleteRange(_ cf: DataCF, _ range: KeyRange, notifyOnly: Bool) {
    changes.byteCount += range.start.count + range.end.count
    changes.mutations.append(
      .deleteRange(cf: cf, start: range.start, end: range.end, notifyOnly: notifyOnly))
  }

  private mutating func put(_ cf: DataCF, _ key: [UInt8], _ value: [UInt8]) {
    changes.byteCount += key.count + value.count
    changes.mutations.append(.put(cf: cf, key: key, value: value))
  }

  private mutating func delete(_ cf: DataCF, _ key: [UInt8]) {
    changes.byteCount += key.count
    changes.mutations.append(.delete(cf: cf, key: key))
  }

  // MARK: Around the writes

  mutating func recordCommit(_ startTS: Timestamp, at commitTS: Timestamp) {
    changes.committed.append(CommittedTransaction(startTS: startTS, commitTS: commitTS))
  }

  mutating func recordMemoryLock(_ key: MVCCKey) {
    changes.memoryLocks.append(key.encoded)
  }

  /// Forgets the locks in memory, which the caller has released.
  mutating func forgetMemoryLocks() {
    changes.memoryLocks = []
  }
}
