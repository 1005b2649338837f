import Codec
package import Engine

/// Reads several keys at one timestamp.
package struct BatchGet: Sendable, Hashable {
  /// User keys.
  package var keys: [[UInt8]]
  package var options: ReadOptions

  package init(_ keys: [[UInt8]], _ options: ReadOptions) {
    self.keys = keys
    self.options = options
  }

  /// Comes before the snapshot is taken. A lock in memory on any key fails the whole read.
  package func prepare(_ concurrency: ConcurrencyControl) throws(TransactionError) {
    guard try options.raisesMaxTS(of: concurrency) else { return }
    for key in keys {
      try concurrency.check(MemComparable.encode(key)) { (lock) throws(TransactionError) in
        try options.checkMemoryLock(lock, on: key)
      }
    }
  }

  /// The keys that have a value or are locked, in the order of the request.
  package func execute(_ snapshot: any KVReader) throws(TransactionError) -> [ScanEntry] {
    let keys = keys.map { MVCCKey($0) }
    let reader = MVCCReader(snapshot, keys: keys)
    var entries: [ScanEntry] = []
    entries.reserveCapacity(keys.count)
    for key in keys {
      do throws(TransactionError) {
        if let value = try reader.read(key, options) { entries.append(.pair(key: key.user, value)) }
      } catch {
        guard case .locked(let infos) = error, let info = infos.first else { throw error }
        entries.append(.locked(info))
      }
    }
    return entries
  }
}
