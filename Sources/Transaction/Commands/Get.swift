import Codec
package import Engine

/// Reads one key at a timestamp.
package struct Get: Sendable, Hashable {
  /// A user key.
  package var key: [UInt8]
  package var options: ReadOptions

  package init(_ key: [UInt8], _ options: ReadOptions) {
    self.key = key
    self.options = options
  }

  /// Comes before the snapshot is taken: later commits are above the read, and one in progress is an error.
  package func prepare(_ concurrency: ConcurrencyControl) throws(TransactionError) {
    guard try options.raisesMaxTS(of: concurrency) else { return }
    try concurrency.check(MemComparable.encode(key)) { (lock) throws(TransactionError) in
      try options.checkMemoryLock(lock, on: key)
    }
  }

  /// Nil if there is no value.
  package func execute(_ snapshot: any KVReader) throws(TransactionError) -> ReadValue? {
    let key = MVCCKey(key)
    return try MVCCReader(snapshot, keys: [key]).read(key, options)
  }
}

extension ReadOptions {
  /// Raises `max_ts` to the read's timestamp. False for a stale read, which needs neither that nor a look at the locks in
  /// memory: nothing commits any more at its timestamp.
  func raisesMaxTS(of concurrency: ConcurrencyControl) throws(TransactionError) -> Bool {
    guard !isStale else { return false }
    try concurrency.raiseMaxTS(toRequested: timestamp)
    return true
  }
}
