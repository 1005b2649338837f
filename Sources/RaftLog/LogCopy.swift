import Raft

/// Copies logs between stores of any kinds, and compares them.
package enum LogCopy {
  /// About the bytes of one batch.
  private static let batchBytes: UInt64 = 4 << 20

  /// Copies all logs, keys and tombstones of `source` into `target`, which must be empty, and makes them durable. The
  /// identity is copied as well.
  ///
  /// A commit index below the truncated index becomes the truncated index: what is compacted was committed. Throws
  /// `corrupted` for a region that is damaged in `source`.
  ///
  /// - Parameter progress: called with the number of each region before it is copied.
  package static func copy(
    _ source: any RaftLogStore, to target: any RaftLogStore, progress: (UInt64) -> Void = { _ in }
  ) throws(LogStoreError) {
    if let identity = try source.identity() { try target.bind(identity) }
    for region in source.regions() {
      progress(region)
      if let reason = source.damage(of: region) {
        throw .corrupted(location: "region \(region)", reason: reason)
      }
      try copy(region, source, target)
    }
    for region in source.tombstones() {
      var batch = LogBatch()
      batch.destroy(region, tombstone: try source.tombstone(region))
      _ = try target.write(batch, .buffered)
    }
    try target.sync()
  }

  private static func copy(
    _ region: UInt64, _ source: any RaftLogStore, _ target: any RaftLogStore
  ) throws(LogStoreError) {
    let (index, term) = source.truncated(region)
    var state = source.hardState(region)
    state.commit = max(state.commit, index)
    var batch = LogBatch()
    if index > 0 {
      var start = state
      start.commit = index
      batch.reset(region, index: index, term: term, hardState: start)
    }
    try source.scan(region, from: [], to: nil) { key, value in
      batch.put(region, key: key, value: value)
      return true
    }
    let last = source.lastIndex(region)
    var next = index + 1
    while next <= last {
      let entries = try source.entries(region, from: next, to: last + 1, maxBytes: batchBytes)
      batch.append(region, entries)
      next += UInt64(entries.count)
      guard next <= last else { break }
      _ = try target.write(batch, .buffered)
      batch.removeAll()
    }
    if !state.isEmpty { batch.setHardState(region, state) }
    if batch.isEmpty, index == 0, last == 0 {
      // A region that has nothing but its existence.
      batch.put(region, key: [0], value: [])
      batch.delete(region, key: [0])
    }
    _ = try target.write(batch, .buffered)
  }

  /// The first difference between two stores in words; nil if a copy could not be told from its source.
  ///
  /// - Parameter isIgnored: regions that are not compared.
  package static func difference(
    _ a: any RaftLogStore, _ b: any RaftLogStore,
    ignoring isIgnored: (UInt64) -> Bool = { _ in false }
  ) throws(LogStoreError) -> String? {
    if let one = try a.identity(), let other = try b.identity(), one != other {
      return "one is of \(one), the other of \(other)"
    }
    let regions = (a.regions(), b.regions())
    for region in Set(regions.0 + regions.1).sorted() where !isIgnored(region) {
      guard regions.0.contains(region), regions.1.contains(region) else {
        return "region \(region) is only in one"
      }
      if let difference = try difference(region, a, b) { return "region \(region): \(difference)" }
    }
    for region in Set(a.tombstones() + b.tombstones()).sorted() where !isIgnored(region) {
      guard try a.tombstone(region) == b.tombstone(region) else {
        return "region \(region): the tombstones differ"
      }
    }
    return nil
  }

  private static func difference(
    _ region: UInt64, _ a: any RaftLogStore, _ b: any RaftLogStore
  ) throws(LogStoreError) -> String? {
    let truncated = (a.truncated(region), b.truncated(region))
    guard truncated.0 == truncated.1 else {
      return "truncated at \(truncated.0) and \(truncated.1)"
    }
    let last = (a.lastIndex(region), b.lastIndex(region))
    guard last.0 == last.1 else { return "the last index is \(last.0) and \(last.1)" }
    func state(_ store: any RaftLogStore) -> HardState {
      var state = store.hardState(region)
      state.commit = max(state.commit, truncated.0.index)
      return state
    }
    guard state(a) == state(b) else { return "the hard state is \(state(a)) and \(state(b))" }
    var next = truncated.0.index + 1
    while next <= last.0 {
      let entries = try a.entries(region, from: next, to: last.0 + 1, maxBytes: batchBytes)
      let end = next + UInt64(entries.count)
      let others = try b.entries(region, from: next, to: end, maxBytes: .max)
      if let pair = zip(entries, others).first(where: { $0 != $1 }) {
        return "entry \(pair.0.index) differs"
      }
      guard entries.count == others.count else { return "entries from \(next) are missing" }
      next = end
    }
    guard try pairs(region, a) == pairs(region, b) else { return "the owner's keys differ" }
    return nil
  }

  private static func pairs(
    _ region: UInt64, _ store: any RaftLogStore
  ) throws(LogStoreError) -> [[[UInt8]]] {
    var pairs: [[[UInt8]]] = []
    try store.scan(region, from: [], to: nil) { key, value in
      pairs.append([key, value])
      return true
    }
    return pairs
  }
}
