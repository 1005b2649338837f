import Protobuf
import Raft
import RocksDB

/// Reads the key space of an ordered key-value log store and builds the index of every region: from keys alone (`table`),
/// or with every entry (`verify`). Throws `corrupted` if what it reads is inconsistent.
struct OrderedKVScan {
  let db: DB
  let id: UInt64
  let raftwal: DBColumnFamily
  let own: DBColumnFamily

  /// A run of entries of one term with consecutive indexes.
  private struct Run {
    var term: UInt64
    var first: UInt64
    var last: UInt64
  }

  /// The table, by two seeks per region and term. No value of an entry is read; one that is missing between others is
  /// found by `verify` and by the read that needs it.
  func table() throws(LogStoreError) -> OrderedKVTable {
    var table = OrderedKVTable()
    for (region, group) in try regions() {
      table.use(group)
      table.regions[region] = OrderedKVTable.Region(
        group: group, index: try index(region, group, try runs(region, group)))
    }
    try each(own, from: OrderedKVKeys.pastRegions, to: OrderedKVKeys.pastTombstones) {
      (key, _) throws(LogStoreError) in
      guard key.count == 9 else { throw unknown(key) }
      table.tombstones.insert(UInt64(bigEndian: key[1...]))
    }
    return table
  }

  /// Reads every entry.
  func verify(deep: Bool) throws(LogStoreError) -> OrderedKVTable {
    var table = try self.table()
    let groups = Dictionary(uniqueKeysWithValues: table.regions.map { ($0.value.group, $0.key) })
    var runs: [UInt64: [Run]] = [:]
    func region(_ id: UInt64, _ group: UInt32) throws(LogStoreError) -> UInt64 {
      guard id == self.id, let region = groups[group] else {
        throw .corrupted(
          location: db.path, reason: "group \(group) of raft id \(id) belongs to no region")
      }
      return region
    }
    try each(raftwal, from: [], to: nil) { (key, value) throws(LogStoreError) in
      switch RaftwalKeys.parse(key) {
      case .raftID: return
      case .snapshot(let id, let group), .hardState(let id, let group):
        _ = try region(id, group)
      case .entry(let id, let group, let term, let index):
        let region = try region(id, group)
        try check(key, value, term, index, deep: deep)
        try add(term, index, to: &runs[region, default: []], region)
      case nil: throw unknown(key)
      }
    }
    for (region, found) in table.regions {
      table.regions[region]?.index = try index(region, found.group, runs[region] ?? [])
    }
    return table
  }

  private func add(
    _ term: UInt64, _ index: UInt64, to runs: inout [Run], _ region: UInt64
  ) throws(LogStoreError) {
    if let last = runs.last {
      guard index > 0, index - 1 == last.last else {
        throw broken(region, "entry \(index) of term \(term) follows entry \(last.last)")
      }
      if last.term == term {
        runs[runs.count - 1].last = index
        return
      }
    }
    runs.append(Run(term: term, first: index, last: index))
  }

  private func check(
    _ key: [UInt8], _ value: [UInt8], _ term: UInt64, _ index: UInt64, deep: Bool
  ) throws(LogStoreError) {
    let stored: StoredEntryID
    do throws(CodecError) {
      stored =
        deep
        ? StoredEntryID(of: try Entry(decoding: value, strict: true))
        : try value.span.bytes.withUnsafeBytes { (bytes) throws(CodecError) in
          try StoredEntryID(decoding: bytes)
        }
    } catch {
      throw .corrupted(location: "\(db.path), key \(key)", reason: "\(error)")
    }
    guard stored.term == term, stored.index == index else {
      throw .corrupted(
        location: "\(db.path), key \(key)",
        reason: "found entry \(stored.index) of term \(stored.term)")
    }
  }

  private func regions() throws(LogStoreError) -> [(region: UInt64, group: UInt32)] {
    var regions: [(region: UInt64, group: UInt32)] = []
    var groups: Set<UInt32> = []
    try each(own, from: OrderedKVKeys.firstRegion, to: OrderedKVKeys.pastRegions) {
      (key, value) throws(LogStoreError) in
      guard key.count == 9, value.count == 4 else { throw unknown(key) }
      let (region, group) = (UInt64(bigEndian: key[1...]), UInt32(bigEndian: value[...]))
      let isDirect = region < OrderedKVTable.firstIndirect
      guard isDirect ? UInt64(group) == region : group >= OrderedKVTable.firstAllocated,
        groups.insert(group).inserted
      else { throw broken(region, "its group is \(group), which belongs to another region") }
      regions.append((region, group))
    }
    return regions
  }

  /// The runs of a group's entries, from their keys.
  private func runs(_ region: UInt64, _ group: UInt32) throws(LogStoreError) -> [Run] {
    var runs: [Run] = []
    let iterator = db.iterator(
      raftwal, from: RaftwalKeys.entry(id, group, 0, 0),
      to: RaftwalKeys.pastEntries(id, group), fillCache: false)
    iterator.seekToFirst()
    while iterator.isValid {
      let (term, first) = try entry(iterator.key)
      // Indexes begin with 1, and runs follow each other.
      if first == 0 || runs.last.map({ $0.last != first - 1 }) == true {
        let last = runs.last?.last ?? 0
        throw broken(region, "entry \(first) of term \(term) follows entry \(last)")
      }
      iterator.seekForPrev(RaftwalKeys.entry(id, group, term, .max))
      if !iterator.isValid { try finish(iterator) }
      let (sameTerm, last) = try entry(iterator.key)
      guard sameTerm == term, last >= first, last < .max else {
        throw broken(region, "entries of term \(term) end at \(last) of term \(sameTerm)")
      }
      runs.append(Run(term: term, first: first, last: last))
      guard term < .max else { break }
      iterator.seek(RaftwalKeys.entry(id, group, term + 1, 0))
    }
    try finish(iterator)
    return runs
  }

  private func entry(_ key: [UInt8]) throws(LogStoreError) -> (term: UInt64, index: UInt64) {
    guard case .entry(_, _, let term, let index)? = RaftwalKeys.parse(key) else {
      throw unknown(key)
    }
    return (term, index)
  }

  private func index(
    _ region: UInt64, _ group: UInt32, _ runs: [Run]
  ) throws(LogStoreError) -> RegionIndex {
    let dummy = try record(Snapshot.self, RaftwalKeys.snapshot(id, group))?.metadata
    let state = try record(HardState.self, RaftwalKeys.hardState(id, group))
    var index = RegionIndex(startingAfter: dummy?.index ?? 0, term: dummy?.term ?? 0)
    guard index.dummy.index < .max else { throw broken(region, "its snapshot has no next index") }
    for run in runs where run.last > index.dummy.index {
      guard max(run.first, index.first) == index.last + 1 else {
        throw broken(region, "entries from \(index.last + 1) to \(run.first) are missing")
      }
      index.append(index: index.last + 1, term: run.term)
      index.extend(to: run.last)
    }
    if let first = runs.first?.first { index.lowest = min(first, index.first) }
    index.hardState = state ?? HardState()
    guard index.hardState.commit <= index.last else {
      throw broken(
        region, "commit \(index.hardState.commit) is beyond the last index \(index.last)")
    }
    guard index.lowest <= index.last else { return index }
    do throws(RocksDBError) {
      let size = try db.approximateSize(
        raftwal, from: RaftwalKeys.entry(id, group, 0, 0), to: RaftwalKeys.pastEntries(id, group))
      // RocksDB counts whole blocks: of a short log possibly none.
      index.openedBytes = max(size, (index.last - index.lowest) &* 32)
    } catch {
      throw LogStoreError(error, path: db.path)
    }
    return index
  }

  func record<Record: ProtoRecord>(
    _ type: Record.Type, _ key: [UInt8]
  ) throws(LogStoreError) -> Record? {
    let value: [UInt8]?
    do throws(RocksDBError) {
      value = try db.get(raftwal, key)
    } catch {
      throw LogStoreError(error, path: db.path)
    }
    guard let value else { return nil }
    do throws(CodecError) {
      return try Record(decoding: value, strict: true)
    } catch {
      throw .corrupted(location: "\(db.path), key \(key)", reason: "\(error)")
    }
  }

  private func each(
    _ family: DBColumnFamily, from: [UInt8], to: [UInt8]?,
    _ body: ([UInt8], [UInt8]) throws(LogStoreError) -> Void
  ) throws(LogStoreError) {
    let iterator = db.iterator(family, from: from, to: to, fillCache: false, readahead: 2 << 20)
    iterator.seekToFirst()
    while iterator.isValid {
      try body(iterator.key, iterator.value)
      iterator.next()
    }
    try finish(iterator)
  }

  private func finish(_ iterator: borrowing DBIterator) throws(LogStoreError) {
    do throws(RocksDBError) {
      try iterator.finish()
    } catch {
      throw LogStoreError(error, path: db.path)
    }
  }

  private func unknown(_ key: [UInt8]) -> LogStoreError {
    .corrupted(location: db.path, reason: "unknown key \(key)")
  }

  private func broken(_ region: UInt64, _ reason: String) -> LogStoreError {
    .corrupted(
      location: "\(db.path), region \(region)",
      reason: "\(reason); replicate the region to this store again")
  }
}
