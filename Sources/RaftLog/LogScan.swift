import Protobuf
import Raft
import RocksDB

/// Reads a log database, builds the index of every region, and throws `corrupted` if what it reads is inconsistent:
/// the whole of it (`table`), or what opening needs (`indexTable`).
struct LogScan {
  let db: DB

  init(_ db: DB) {
    self.db = db
  }

  /// What was read of one region. Its keys are in this order: entries, state, truncated state, keys, tombstone.
  struct Region {
    var id: UInt64
    var first: UInt64?
    var last: UInt64 = 0
    var terms: [(index: UInt64, term: UInt64)] = []
    var bytes: UInt64 = 0
    var state: LogState?
    var start: LogStart?
    var hasKeys = false
    var hasTombstone = false
  }

  /// Reads every entry.
  ///
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
      do throws(CodecError) {
        try iterator.withValue { (value) throws(CodecError) in
          try region?.add(parsed.suffix, parsed.rest, value, deep: deep)
        }
      } catch {
        throw .corrupted(location: "\(db.path), key \(key)", reason: "\(error)")
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

  func add(_ region: Region, to table: inout LogTable) throws(LogStoreError) {
    func broken(_ reason: String) -> LogStoreError {
      .corrupted(location: "\(db.path), region \(region.id)", reason: reason)
    }
    if region.hasTombstone { table.tombstones.insert(region.id) }
    guard let state = region.state else {
      guard region.first == nil, region.start == nil, !region.hasKeys else {
        throw broken("log without state")
      }
      return
    }
    let dummy = region.start ?? LogStart()
    guard state.last >= dummy.index, region.first == nil || region.last <= state.last else {
      throw broken("last index \(state.last) does not fit entries up to \(region.last)")
    }
    // The index after the last must not overflow.
    guard state.last < .max else { throw broken("last index \(state.last)") }
    guard state.hardState.commit <= state.last else {
      throw broken("commit \(state.hardState.commit) is beyond the last index \(state.last)")
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
    index.hardState = state.hardState
    index.openedBytes = region.bytes
    table.regions[region.id] = index
  }
}

extension LogScan.Region {
  mutating func add(
    _ suffix: LogKeys.Suffix, _ rest: ArraySlice<UInt8>, _ value: RawSpan, deep: Bool
  ) throws(CodecError) {
    switch suffix {
    case .entry:
      guard rest.count == 8 else { throw CodecError(.malformed, "length of an entry's key") }
      try addEntry(LogKeys.number(rest), value, deep: deep)
    case .state: state = try LogState(decoding: value, strict: true)
    case .truncated: start = try LogStart(decoding: value, strict: true)
    case .owned: hasKeys = true
    case .tombstone: hasTombstone = true
    }
  }

  private mutating func addEntry(
    _ index: UInt64, _ value: RawSpan, deep: Bool
  ) throws(CodecError) {
    let stored =
      deep
      ? StoredEntryID(of: try Entry(decoding: value, strict: true))
      : try value.withUnsafeBytes { (bytes) throws(CodecError) in
        try StoredEntryID(decoding: bytes)
      }
    guard stored.index == index else {
      throw CodecError(.malformed, "found entry \(stored.index), expected \(index)")
    }
    guard first == nil || index == last + 1 else {
      throw CodecError(.malformed, "entry \(index) follows entry \(last)")
    }
    if first == nil { first = index }
    bytes += UInt64(value.byteCount)
    last = index
    if terms.last?.term != stored.term { terms.append((index, stored.term)) }
  }
}
