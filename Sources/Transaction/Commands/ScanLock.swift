package import Codec
package import Engine

/// The locks of old transactions in a range, for those that resolve them.
package struct ScanLock: Sendable, Hashable {
  /// Encoded keys.
  package var range: KeyRange
  /// Locks of later transactions are left out.
  package var maxTS: Timestamp
  /// The most locks that are returned; 0: no bound.
  package var limit: Int

  package init(range: KeyRange, maxTS: Timestamp, limit: Int = 0) {
    self.range = range
    self.maxTS = maxTS
    self.limit = limit
  }

  /// Comes before the snapshot is taken. Afterwards no lock of a transaction up to `maxTS` with a computed commit
  /// timestamp below is unknown; one that is still in memory is an error.
  package func prepare(_ concurrency: ConcurrencyControl) throws(TransactionError) {
    try concurrency.raiseMaxTS(toRequested: maxTS)
    try concurrency.check(in: range) { (encodedKey, lock) throws(TransactionError) in
      guard lock.startTS <= maxTS else { return }
      throw .locked([LockInfo(key: try MVCCKey.userKey(encodedKey), lock: lock)])
    }
  }

  /// In key order.
  package func execute(_ snapshot: any KVReader) throws(TransactionError) -> [LockInfo] {
    try MVCCReader(snapshot, fillCache: false)
      .locks(in: range, limit: limit == 0 ? .max : limit) { $0.startTS <= maxTS }
      .map { LockInfo(key: $0.key.user, lock: $0.lock) }
  }
}
