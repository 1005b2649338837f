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
    guard try options.raisesMaxTS(of: concurrency) else { return }
    try concurrency.check(in: range) { (encodedKey, lock) throws(TransactionError) in
      try options.checkMemoryLock(lock, on: try MVCCKey.userKey(encodedKey))
    }
  }

  /// In key order, or against it.
  package func execute(_ snapshot: any KVReader) throws(TransactionError) -> [ScanEntry] {
    var execution = ScanExecution(self, snapshot)
    var entries: [ScanEntry] = []
    while true {
      switch try execution.step() {
      case .entry(let entry): entries.append(entry)
      case .nothing: continue
      case .end: return entries
      }
    }
  }
}

/// A scan that is done step by step, on one thread at a time.
package struct ScanExecution {
  /// What the visit of a key led to.
  package enum Step: Sendable, Hashable {
    case entry(ScanEntry)
    /// The read sees nothing of the key, or the key is left out of the sample.
    case nothing
    case end
  }

  private let scan: Scan
  private let snapshot: any KVReader
  /// Nil before the first step.
  private var scanner: MVCCScanner?
  /// The entries that may still be returned.
  private var left: Int
  /// The keys of the present step of the sample so far.
  private var sampled = 0

  package init(_ scan: Scan, _ snapshot: any KVReader) {
    self.scan = scan
    self.snapshot = snapshot
    left = scan.limit
  }

  /// Visits the next key. Not after the end or an error.
  package mutating func step() throws(TransactionError) -> Step {
    guard left > 0, !scan.range.isEmpty else { return .end }
    var scanner: MVCCScanner
    if let begun = self.scanner {
      scanner = begun
    } else {
      scanner = try MVCCScanner(
        MVCCReader(snapshot, range: scan.range), range: scan.range, scan.options,
        isReverse: scan.isReverse, keyOnly: scan.keyOnly)
    }
    let step = try scanner.step()
    self.scanner = scanner
    guard case .entry = step else { return step }
    let isReturned = sampled == 0
    sampled = sampled + 1 >= scan.sampleStep ? 0 : sampled + 1
    guard isReturned else { return .nothing }
    left -= 1
    return step
  }
}
