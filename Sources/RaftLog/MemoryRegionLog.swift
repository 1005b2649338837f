import Raft

/// The log of one region in memory: the simplest implementation of the contract, against which other stores are
/// compared.
struct MemoryRegionLog: Sendable, Equatable {
  /// The truncated index: the last one that is no longer in the log, or 0, and its term.
  var dummyIndex: UInt64 = 0
  var dummyTerm: UInt64 = 0
  /// Consecutive from `dummyIndex + 1`.
  var entries: [Entry] = []
  var hardState = HardState()
  /// Values of the owner, sorted by key.
  var pairs: [Pair] = []

  struct Pair: Sendable, Equatable {
    var key: [UInt8]
    var value: [UInt8]
  }

  var first: UInt64 { dummyIndex + 1 }
  var last: UInt64 { dummyIndex + UInt64(entries.count) }

  func term(at index: UInt64) throws(LogStoreError) -> UInt64 {
    guard index >= dummyIndex else { throw .compacted(first: first) }
    guard index <= last else { throw .unavailable(last: last) }
    return index == dummyIndex ? dummyTerm : entries[Int(index - first)].term
  }

  func entries(
    from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry] {
    guard from >= first else { throw .compacted(first: first) }
    guard from <= last + 1, to <= last + 1 else { throw .unavailable(last: last) }
    guard from < to else { return [] }
    let slice = entries[Int(from - first)..<Int(to - first)]
    return Array(slice.prefix(EntryLimits.prefixCount(of: slice, maxSize: maxBytes)))
  }

  mutating func append(_ region: UInt64, _ added: [Entry]) throws(LogStoreError) {
    try LogRules.checkRun(region, added)
    let kept = added.drop { $0.index <= dummyIndex }
    guard let head = kept.first else { return }
    guard head.index <= last + 1 else {
      throw .gap(region: region, expected: last + 1, got: head.index)
    }
    entries.removeSubrange(Int(head.index - first)...)
    entries.append(contentsOf: kept)
  }

  mutating func compact(
    _ region: UInt64, to index: UInt64, term: UInt64
  ) throws(LogStoreError) {
    guard index > dummyIndex else { return }
    guard index <= last else {
      throw .invalidBatch(
        region: region, reason: "compaction to \(index) beyond the last index \(last)")
    }
    guard try self.term(at: index) == term else {
      throw .invalidBatch(
        region: region, reason: "compaction to \(index) with a wrong term \(term)")
    }
    entries.removeFirst(Int(index - dummyIndex))
    dummyIndex = index
    dummyTerm = term
  }

  mutating func reset(
    _ region: UInt64, to index: UInt64, term: UInt64, _ state: HardState
  ) throws(LogStoreError) {
    guard index < .max else {
      throw .invalidBatch(region: region, reason: "reset to index \(index)")
    }
    guard index > dummyIndex else {
      throw .snapshotOutOfDate(currentIndex: dummyIndex, currentTerm: dummyTerm)
    }
    try LogRules.checkStep(region, from: hardState, to: state)
    entries = []
    dummyIndex = index
    dummyTerm = term
    hardState = state
    hardState.commit = max(state.commit, index)
  }

  mutating func put(_ key: [UInt8], _ value: [UInt8]) {
    let (at, found) = position(of: key)
    if found {
      pairs[at].value = value
    } else {
      pairs.insert(Pair(key: key, value: value), at: at)
    }
  }

  mutating func delete(_ key: [UInt8]) {
    let (at, found) = position(of: key)
    if found { pairs.remove(at: at) }
  }

  func value(_ key: [UInt8]) -> [UInt8]? {
    let (at, found) = position(of: key)
    return found ? pairs[at].value : nil
  }

  private func position(of key: [UInt8]) -> (at: Int, found: Bool) {
    let at = pairs.firstIndex { !$0.key.lexicographicallyPrecedes(key) } ?? pairs.count
    return (at, at < pairs.count && pairs[at].key == key)
  }
}
