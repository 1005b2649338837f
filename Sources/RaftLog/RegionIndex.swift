import Raft

/// What is known of one region's log without reading it: where it starts and ends, and the terms in
/// between as runs.
struct RegionIndex: Sendable, Equatable {
  /// Entries from `first` up to the next run have this term.
  struct Run: Sendable, Equatable {
    var first: UInt64
    var term: UInt64
  }

  /// The last index that is not in the log any more, and its term.
  private(set) var dummy: (index: UInt64, term: UInt64) = (0, 0)
  private(set) var last: UInt64 = 0
  /// Ascending; the first starts right after the dummy unless the log is empty.
  private(set) var runs: [Run] = []
  var hardState = HardState()
  /// Entries below this are gone from the disk; those up to the dummy may await removal.
  var lowest: UInt64 = 1

  /// Bytes of the entries found when the store was opened, removed ones below the start included.
  var openedBytes: UInt64 = 0

  static func == (a: RegionIndex, b: RegionIndex) -> Bool {
    a.dummy == b.dummy && a.last == b.last && a.runs == b.runs && a.hardState == b.hardState
  }

  init() {}

  /// An empty log that starts after `index`.
  init(startingAfter index: UInt64, term: UInt64) {
    dummy = (index, term)
    last = index
    lowest = index + 1
  }

  var first: UInt64 { dummy.index + 1 }

  /// The term at an index from the dummy to the last.
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

  /// Takes an entry at or below `last + 1` in, with everything from its index on dropped first.
  mutating func append(index: UInt64, term: UInt64) {
    precondition(index > dummy.index && index <= last + 1, "append out of place")
    while let run = runs.last, run.first >= index { runs.removeLast() }
    if runs.last?.term != term { runs.append(Run(first: index, term: term)) }
    last = index
  }

  /// Lengthens the last run up to `index`.
  mutating func extend(to index: UInt64) {
    precondition(!runs.isEmpty && index >= last, "nothing to extend")
    last = index
  }

  /// The log starts after `index` from now on.
  mutating func compact(to index: UInt64, term: UInt64) {
    precondition(index > dummy.index && index <= last, "compaction out of place")
    dummy = (index, term)
    while runs.count > 1, runs[1].first <= first { runs.removeFirst() }
    if index == last {
      runs.removeAll()
    } else {
      runs[0].first = first
    }
  }
}
