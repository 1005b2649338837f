package import Codec
package import Engine

/// Commits or rolls back the locks of transactions whose fate is known.
package struct ResolveLock: Sendable, Hashable {
  /// The commit timestamp of each transaction; zero: it is rolled back.
  package var transactions: [Timestamp: Timestamp]

  package init(_ transactions: [Timestamp: Timestamp]) {
    self.transactions = transactions
  }

  /// How many locks are looked for, and about how many bytes are written, with one command.
  package static let batchSize = 256
  package static let batchBytes = 32 << 10

  /// A lock to resolve.
  package struct Target: Sendable, Hashable {
    package var key: MVCCKey
    package var startTS: Timestamp
    /// Whether it is a pessimistic lock, which may be gone without a trace.
    package var isPessimistic: Bool
  }

  /// The locks of the transactions in a range. They are looked for without latches, so `execute` looks again.
  ///
  /// - Parameter range: encoded keys.
  /// - Returns: at most `batchSize` locks in key order. If they are so many, there may be more.
  package func findLocks(
    _ snapshot: any KVReader, in range: KeyRange
  ) throws(TransactionError) -> [Target] {
    try MVCCReader(snapshot, fillCache: false).locks(in: range, limit: Self.batchSize) {
      transactions[$0.startTS] != nil
    }.map { key, lock in
      Target(key: key, startTS: lock.startTS, isPessimistic: lock.kind == .pessimistic)
    }
  }

  /// Resolves locks that `findLocks` has found.
  ///
  /// - Returns: in the response the number of targets that were resolved: less than all if the changes have become
  ///   large. The next command starts with the others.
  package func execute(
    _ snapshot: any KVReader, _ targets: [Target]
  ) throws(TransactionError) -> CommandOutput<Int> {
    let reader = MVCCReader(snapshot, keys: targets.map(\.key))
    var transaction = MVCCTransaction()
    var resolved = 0
    for target in targets {
      if resolved > 0, transaction.changes.byteCount >= Self.batchBytes { break }
      resolved += 1
      let commitTS = transactions[target.startTS] ?? .zero
      do throws(TransactionError) {
        try transaction.resolve(target.key, target.startTS, commitTS, reader)
      } catch {
        guard case .lockNotFound = error, target.isPessimistic else { throw error }
      }
    }
    for (startTS, commitTS) in transactions where commitTS != .zero {
      transaction.recordCommit(startTS, at: commitTS)
    }
    return CommandOutput(transaction.changes, resolved)
  }
}

/// Commits or rolls back keys of one transaction: `ResolveLock` for a client that knows the keys.
package struct ResolveLockLite: Sendable, Hashable {
  /// User keys.
  package var keys: [[UInt8]]
  package var startTS: Timestamp
  /// Zero: the transaction is rolled back.
  package var commitTS: Timestamp

  package init(keys: [[UInt8]], startTS: Timestamp, commitTS: Timestamp) {
    self.keys = keys
    self.startTS = startTS
    self.commitTS = commitTS
  }

  /// All keys or none.
  package func execute(
    _ snapshot: any KVReader
  ) throws(TransactionError) -> CommandOutput<Void> {
    let keys = keys.map { MVCCKey($0) }
    let reader = MVCCReader(snapshot, keys: keys)
    var transaction = MVCCTransaction()
    for key in keys { try transaction.resolve(key, startTS, commitTS, reader) }
    if commitTS != .zero { transaction.recordCommit(startTS, at: commitTS) }
    return CommandOutput(transaction.changes, ())
  }
}

extension MVCCTransaction {
  fileprivate mutating func resolve(
    _ key: MVCCKey, _ startTS: Timestamp, _ commitTS: Timestamp, _ reader: MVCCReader
  ) throws(TransactionError) {
    if commitTS == .zero {
      try cleanUp(key, startTS, now: .zero, isProtected: false, reader)
    } else {
      try commit(key, startTS, at: commitTS, reader)
    }
  }
}
