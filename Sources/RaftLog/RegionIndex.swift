import Raft

/// The in-memory index of one region's log: first and last index, terms, and hard state. Terms are kept as runs of
/// equal term, of which a log has few.
struct RegionIndex: Sendable, Equatable {
  /// Entries from `first` up to the next run have this term.
  struct Run: Sendable, Equatable {
    var first: UInt64
    var term: UInt64
  }

  /// The truncated index and its term.
  private(set) var dummy: (index: UInt64, term: UInt64) = (0, 0)
  /// The last index; the truncated one if the log is empty.
  private(set) var last: UInt64 = 0
  /// Ascending; the first starts one above the truncated index. Empty if the log is.
  private(set) var runs: [Run] = []
  var hardState = HardState()
  /// Entries below this are deleted from the disk. Those from here to the truncated index wait for `purge`.
  var lowest: UInt64 = 1

  /// Bytes of the entries found when the store was opened, with those that waited for `purge`.
  var openedBytes: UInt64 = 0

  static func == (a: RegionIndex, b: RegionIndex) -> Bool {
    a.dummy == b.dummy && a.last == b.last && a.runs == b.runs && a.hardState == b.hardState
  }

  init() {}

  /// An empty log truncated up to `index`.
  init(startingAfter index: UInt64, term: UInt64) {
    dummy = (index, term)
    last = index
    lowest = index + 1
  }

  var first: UInt64 { dummy.index + 1 }

  /// The term at an index from the truncated index to the last. Binary search over the runs.
  func term(at index: UInt64) throws(LogStoreError) -> UInt64 {
    guard index >= dummy.index else { throw .compacted(first: first) }
    guard index <= last else { throw .unavailable(last: last) }
    if index == dummy.index { return dummy.term }
    var low = 0
    var high = runs.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if runs[middle].first <= index { low = middle } else { high = middle }
    }
    return runs[low].term
  }

  /// Adds an entry at or below `last + 1` and drops everything from its index on. Traps otherwise.
  mutating func append(index: UInt64, term: UInt64) {
    precondition(index > dummy.index && index <= last + 1, "append out of order")
    while let run = runs.last, run.first >= index { runs.removeLast() }
    if runs.last?.term != term { runs.append(Run(first: index, term: term)) }
    last = index
  }

  /// Extends the last run to `index`.
  mutating func extend(to index: UInt64) {
    precondition(!runs.isEmpty && index >= last, "nothing to extend")
    last = index
  }

  /// Truncates the log up to `index`, which must be in it.
  mutating func compact(to index: UInt64, term: UInt64) {
    precondition(index > dummy.index && index <= last, "compaction outside of the log")
    dummy = (index, term)
    while runs.count > 1, runs[1].first <= first { runs.removeFirst() }
    if index == last {
      runs.removeAll()
    } else {
      runs[0].first = first
    }
  }
}
