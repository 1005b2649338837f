package import Codec
package import Engine

/// Reads a range of keys at one timestamp.
package struct Scan: Sendable, Hashable {
  /// Encoded keys. Forward and reverse scans return the same pairs.
  package var range: KeyRange
  package var options: ReadOptions
  /// The most pairs that are returned, locked keys included.
  package var limit: Int
  package var isReverse: Bool
  /// Whether values are returned empty.
  package var keyOnly: Bool
  /// Of so many keys one is returned: the first, and so on. 0 and 1: all.
  package var sampleStep: Int

  package init(
    range: KeyRange, _ options: ReadOptions, limit: Int, isReverse: Bool = false,
    keyOnly: Bool = false, sampleStep: Int = 0
  ) {
    self.range = range
    self.options = options
    self.limit = limit
    self.isReverse = isReverse
    self.keyOnly = keyOnly
    self.sampleStep = sampleStep
  }

  /// Comes before the snapshot is taken. A lock in memory anywhere in the range fails the whole scan.
  package func prepare(_ concurrency: ConcurrencyControl) throws(TransactionError) {
    guard options.raisesMaxTS(of: concurrency) else { return }
    try concurrency.check(in: range) { (encodedKey, lock) throws(TransactionError) in
      try options.checkMemoryLock(lock, on: try MVCCKey.userKey(encodedKey))
    }
  }

  /// In key order, or against it.
  package func execute(_ snapshot: any KVReader) throws(TransactionError) -> [ScanEntry] {
    guard limit > 0, !range.isEmpty else { return [] }
    let reader = MVCCReader(snapshot, range: range)
    var scanner = try MVCCScanner(
      reader, range: range, options, isReverse: isReverse, keyOnly: keyOnly)
    var entries: [ScanEntry] = []
    var skipped = 0
    while entries.count < limit, let entry = try scanner.next() {
      if skipped == 0 { entries.append(entry) }
      skipped = skipped + 1 >= sampleStep ? 0 : skipped + 1
    }
    return entries
  }
}
