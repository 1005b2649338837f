package import Codec
package import Engine

/// Removes pessimistic locks of a transaction, without a record: it may still lock the keys again and commit.
package struct PessimisticRollback: Sendable, Hashable {
  /// User keys.
  package var keys: [[UInt8]]
  package var startTS: Timestamp
  /// Locks of later statements stay.
  package var forUpdateTS: Timestamp

  package init(keys: [[UInt8]], startTS: Timestamp, forUpdateTS: Timestamp) {
    self.keys = keys
    self.startTS = startTS
    self.forUpdateTS = forUpdateTS
  }

  /// How many locks of a range are removed with one command.
  package static let batchSize = 256

  /// The user keys to remove of a range, for a request that names none. They are looked for without latches, so the
  /// command looks again.
  ///
  /// - Parameter range: encoded keys.
  /// - Returns: at most `batchSize` keys. If they are so many, the next batch starts after the last one.
  package static func findKeys(
    _ snapshot: any KVReader, in range: KeyRange, startTS: Timestamp, forUpdateTS: Timestamp
  ) throws(TransactionError) -> [MVCCKey] {
    try MVCCReader(snapshot, fillCache: false).locks(in: range, limit: batchSize) {
      matches($0, startTS, forUpdateTS)
    }.map(\.key)
  }

  private static func matches(_ lock: Lock, _ startTS: Timestamp, _ forUpdateTS: Timestamp) -> Bool
  {
    lock.kind == .pessimistic && lock.startTS == startTS && lock.forUpdateTS <= forUpdateTS
  }

  /// Keys without such a lock are left as they are.
  package func execute(
    _ snapshot: any KVReader
  ) throws(TransactionError) -> CommandOutput<Void> {
    let keys = keys.map { MVCCKey($0) }
    let reader = MVCCReader(snapshot, keys: keys)
    var transaction = MVCCTransaction()
    for key in keys {
      guard let lock = try reader.lock(key), Self.matches(lock, startTS, forUpdateTS) else {
        continue
      }
      transaction.unlock(key, lock)
    }
    return CommandOutput(transaction.changes, ())
  }
}
