import Raft

/// The log of one region in memory: its index, where its entries lie, and the owner's values.
struct SegmentRegion: Sendable {
  /// A value of the owner.
  struct Pair: Sendable, Equatable {
    var key: [UInt8]
    var value: [UInt8]
  }

  /// Entries from `index.lowest` on have a location: those below the first index are held.
  var index = RegionIndex()
  var locations = EntryLocations()
  /// Sorted by key.
  var pairs: [Pair] = []
  /// Why the region is neither read nor written, except to be destroyed; nil: it is.
  var fence: String?

  func value(_ key: [UInt8]) -> [UInt8]? {
    let (at, found) = position(of: key)
    return found ? pairs[at].value : nil
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

  /// The position of the first key that is not below `key`.
  func position(of key: [UInt8]) -> (at: Int, found: Bool) {
    var low = 0
    var high = pairs.count
    while low < high {
      let middle = (low + high) / 2
      if pairs[middle].key.lexicographicallyPrecedes(key) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return (low, low < pairs.count && pairs[low].key == key)
  }

  /// The state as a snapshot of the state stores it, without the keys.
  func state(of region: UInt64) -> RegionState {
    var runs: [EntrySpan.Run] = []
    for (position, run) in index.runs.enumerated() {
      let end = position + 1 < index.runs.count ? index.runs[position + 1].first : index.last + 1
      runs.append(EntrySpan.Run(term: run.term, count: end - run.first))
    }
    return RegionState(
      region: region, dummyIndex: index.dummy.index, dummyTerm: index.dummy.term, runs: runs,
      hardState: index.hardState, fence: fence)
  }

  /// A region of a snapshot of the state, whose entries have no location yet.
  init(_ state: RegionState) {
    index = RegionIndex(startingAfter: state.dummyIndex, term: state.dummyTerm)
    index.hardState = state.hardState
    fence = state.fence
    locations = EntryLocations(first: index.first)
    for run in state.runs {
      index.append(index: index.last + 1, term: run.term)
      index.extend(to: index.last + (run.count - 1))
      for _ in 0..<run.count { locations.append(.missing) }
    }
  }

  init() {}

  /// Removes locations, and returns the bytes that this frees in each file: either all from an index on, or all below
  /// one (`from` is 0).
  mutating func removeLocations(from: UInt64, below end: UInt64) -> [UInt32: UInt64] {
    let low = max(from, locations.first)
    let high = min(end, locations.end)
    guard low < high else { return [:] }
    precondition(low == locations.first || end == .max, "a gap in a log")
    var freed: [UInt32: UInt64] = [:]
    for location in locations.slice(low..<high) where !location.isMissing {
      freed[location.file, default: 0] += UInt64(location.length)
    }
    if end == .max {
      locations.removeLast(from: low)
    } else {
      locations.removeFirst(below: high)
    }
    return freed
  }
}

extension RegionIndex {
  /// Whether the log has an entry of this term at `index`, or is truncated there with this term.
  func hasTerm(_ term: UInt64, at index: UInt64) -> Bool {
    do throws(LogStoreError) {
      return try self.term(at: index) == term
    } catch {
      return false
    }
  }
}
