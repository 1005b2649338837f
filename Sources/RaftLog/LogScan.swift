import Raft
import RocksDB

/// Reads a whole log database, builds the index of every region, and throws `corrupted` if the stored data is
/// inconsistent.
struct LogScan {
  private let db: DB

  init(_ db: DB) {
    self.db = db
  }

  /// What was read of one region. Its keys are in this order: entries, state, truncated state, keys, tombstone.
  fileprivate struct Region {
    var id: UInt64
    var first: UInt64?
    var last: UInt64 = 0
    var terms: [(index: UInt64, term: UInt64)] = []
    var bytes: UInt64 = 0
    var state: (HardState, last: UInt64)?
    var truncated: (index: UInt64, term: UInt64)?
    var hasKeys = false
    var hasTombstone = false
  }

  /// - Parameter deep: whether entries are decoded completely, not only their term and index.
  func table(deep: Bool) throws(LogStoreError) -> LogTable {
    var table = LogTable()
    var region: Region?
    let iterator = db.iterator(
      db.families[0], from: LogKeys.firstRegion, to: LogKeys.pastRegions, fillCache: false,
      readahead: 2 << 20)
    iterator.seekToFirst()
    while iterator.isValid {
      let key = iterator.key
      guard let parsed = LogKeys.parse(key) else {
        throw .corrupted(location: db.path, reason: "unknown key \(key)")
      }
      if region?.id != parsed.region {
        if let region { try add(region, to: &table) }
        region = Region(id: parsed.region)
      }
      do throws(LogCodec.Malformed) {
        try iterator.withValue { (value) throws(LogCodec.Malformed) in
          try value.withUnsafeBytes { (bytes) throws(LogCodec.Malformed) in
            try region?.take(parsed.suffix, parsed.rest, bytes, deep: deep)
          }
        }
      } catch {
        throw .corrupted(location: "\(db.path), key \(key)", reason: error.reason)
      }
      iterator.next()
    }
    do throws(RocksDBError) {
      try iterator.finish()
    } catch {
      throw LogStoreError(error, path: db.path)
    }
    if let region { try add(region, to: &table) }
    return table
  }

  private func add(_ region: Region, to table: inout LogTable) throws(LogStoreError) {
    func broken(_ reason: String) -> LogStoreError {
      .corrupted(location: "\(db.path), region \(region.id)", reason: reason)
    }
    if region.hasTombstone { table.tombstones.insert(region.id) }
    guard let state = region.state else {
      guard region.first == nil, region.truncated == nil, !region.hasKeys else {
        throw broken("log without state")
      }
      return
    }
    let dummy = region.truncated ?? (0, 0)
    guard state.last >= dummy.index, region.first == nil || region.last <= state.last else {
      throw broken("last index \(state.last) does not fit entries up to \(region.last)")
    }
    // The index after the last must not overflow.
    guard state.last < .max else { throw broken("last index \(state.last)") }
    guard state.0.commit <= state.last else {
      throw broken("commit \(state.0.commit) is beyond the last index \(state.last)")
    }
    var index = RegionIndex(startingAfter: dummy.index, term: dummy.term)
    if state.last > dummy.index {
      guard let first = region.first, first <= dummy.index + 1, region.last == state.last else {
        throw broken("entries from \(dummy.index + 1) to \(state.last) are incomplete")
      }
    }
    for (position, run) in region.terms.enumerated() {
      let next =
        position + 1 < region.terms.count ? region.terms[position + 1].index : region.last + 1
      // Entries up to the truncated index are only waiting to be deleted.
      guard next > dummy.index + 1 else { continue }
      index.append(index: max(run.index, dummy.index + 1), term: run.term)
      index.extend(to: next - 1)
    }
    index.lowest = region.first ?? dummy.index + 1
    index.hardState = state.0
    index.openedBytes = region.bytes
    table.regions[region.id] = index
  }
}

extension LogScan.Region {
  fileprivate mutating func take(
    _ suffix: LogKeys.Suffix, _ rest: ArraySlice<UInt8>, _ bytes: UnsafeRawBufferPointer,
    deep: Bool
  ) throws(LogCodec.Malformed) {
    switch suffix {
    case .entry:
      guard rest.count == 8 else { throw .init(reason: "entry key of wrong length") }
      try takeEntry(LogKeys.number(rest), bytes, deep: deep)
    case .state: state = try LogCodec.decodeState(bytes)
    case .truncated:
      let numbers = try LogCodec.decodeNumbers(bytes, 1, 2)
      truncated = (numbers.0, numbers.1)
    case .owned: hasKeys = true
    case .tombstone: hasTombstone = true
    }
  }

  private mutating func takeEntry(
    _ index: UInt64, _ bytes: UnsafeRawBufferPointer, deep: Bool
  ) throws(LogCodec.Malformed) {
    let stored: (term: UInt64, index: UInt64)
    if deep {
      let entry = try LogCodec.decodeEntry(bytes)
      stored = (entry.term, entry.index)
    } else {
      stored = try LogCodec.decodeID(bytes)
    }
    guard stored.index == index else {
      throw .init(reason: "found entry \(stored.index), expected \(index)")
    }
    guard first == nil || index == last + 1 else {
      throw .init(reason: "entry \(index) follows entry \(last)")
    }
    if first == nil { first = index }
    self.bytes += UInt64(bytes.count)
    last = index
    if terms.last?.term != stored.term { terms.append((index, stored.term)) }
  }
}
