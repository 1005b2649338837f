import Protobuf
import Raft
import RocksDB

// Opening a database: a few seeks per region instead of a read of every entry with its data.
extension LogScan {
  /// The index of every region, from its records and the terms of a few entries: the first, the last, and those that
  /// a binary search for the changes of term needs.
  ///
  /// Entries between those are not read. One that is missing or damaged is found by `table(deep:)`, and by the read
  /// that needs it. A region of which something is found damaged here is noted as damaged, and has no index.
  func indexTable() throws(LogStoreError) -> LogTable {
    var table = LogTable()
    // The last region that was looked at; 0 before the first.
    var last: UInt64 = 0
    let iterator = db.iterator(
      db.families[0], from: LogKeys.firstRegion, to: LogKeys.pastRegions, fillCache: false)
    iterator.seekToFirst()
    while true {
      if !iterator.isValid {
        guard try passDamage(iterator, after: last, &table) else { return table }
      }
      let key = iterator.key
      guard let parsed = LogKeys.parse(key) else { throw unknown(key) }
      last = parsed.region
      var region = Region(id: last)
      do throws(LogStoreError) {
        if parsed.suffix == .entry { try readLog(of: &region, iterator) }
        try readRecords(of: &region, iterator)
        try add(region, to: &table)
      } catch {
        guard case .corrupted = error else { throw error }
        table.regions[last] = nil
        table.damaged[last] = "\(error)"
      }
      iterator.seek(LogKeys.past(last))
    }
  }

  /// Moves an iterator that a damaged block has stopped to the next region that can be read. Regions in between are
  /// not seen at all: their damage belongs to no known region.
  ///
  /// - Returns: false if the iterator has come to the end of the data.
  private func passDamage(
    _ iterator: borrowing DBIterator, after last: UInt64, _ table: inout LogTable
  ) throws(LogStoreError) -> Bool {
    guard let error = failure(iterator) else { return false }
    guard case .corrupted = error else { throw error }
    table.unattributedDamage = "\(error)"
    guard last < .max else { return false }
    // The block ends somewhere behind `last + low` and not behind `last + high`.
    var low: UInt64 = 0
    var high: UInt64 = 1
    while failure(iterator, at: last + high) != nil {
      low = high
      guard high <= (.max - last) / 2 else { return false }
      high *= 2
    }
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if failure(iterator, at: last + middle) == nil { high = middle } else { low = middle }
    }
    return failure(iterator, at: last + high) == nil && iterator.isValid
  }

  private func failure(_ iterator: borrowing DBIterator, at region: UInt64) -> LogStoreError? {
    iterator.seek(LogKeys.region(region))
    return iterator.isValid ? nil : failure(iterator)
  }

  private func failure(_ iterator: borrowing DBIterator) -> LogStoreError? {
    do throws(LogStoreError) {
      try finish(iterator)
      return nil
    } catch {
      return error
    }
  }

  /// The bounds of the region's entries and the runs of equal term. The iterator is at the first entry.
  private func readLog(
    of region: inout Region, _ iterator: borrowing DBIterator
  ) throws(LogStoreError) {
    let first = try entry(of: region.id, iterator)
    iterator.seekForPrev(LogKeys.entry(region.id, .max))
    let last = try entry(of: region.id, iterator)
    region.first = first.index
    region.last = last.index
    region.terms = [(first.index, first.term)]
    var known = first
    while known.term != last.term {
      known = try firstEntry(of: region.id, after: known, upTo: last, iterator)
      region.terms.append((known.index, known.term))
    }
    do throws(RocksDBError) {
      let size = try db.approximateSize(
        db.families[0], from: LogKeys.entry(region.id, first.index),
        to: LogKeys.entry(region.id, last.index) + [0])
      // RocksDB counts whole blocks: of a short log possibly none.
      region.bytes = max(size, (last.index - first.index).multipliedReportingOverflow(by: 32).0)
    } catch {
      throw LogStoreError(error, path: db.path)
    }
  }

  /// The first entry whose term is not that of `start`. Terms do not decrease, and `end` has another one.
  private func firstEntry(
    of region: UInt64, after start: StoredEntryID, upTo end: StoredEntryID,
    _ iterator: borrowing DBIterator
  ) throws(LogStoreError) -> StoredEntryID {
    var low = start.index
    var high = end
    while high.index - low > 1 {
      let middle = low + (high.index - low) / 2
      iterator.seek(LogKeys.entry(region, middle))
      let found = try entry(of: region, iterator)
      guard found.index == middle else {
        throw broken(region, "entries from \(middle) to \(found.index) are missing")
      }
      if found.term == start.term { low = middle } else { high = found }
    }
    guard high.term > start.term else {
      throw broken(region, "entry \(high.index) has term \(high.term) after \(start.term)")
    }
    return high
  }

  /// Term and index of the entry at which the iterator is.
  private func entry(
    of region: UInt64, _ iterator: borrowing DBIterator
  ) throws(LogStoreError) -> StoredEntryID {
    if !iterator.isValid { try finish(iterator) }
    let key = iterator.key
    guard let parsed = LogKeys.parse(key), parsed.region == region, parsed.suffix == .entry,
      parsed.rest.count == 8
    else { throw broken(region, "an entry is expected at key \(key)") }
    let stored: StoredEntryID
    do throws(CodecError) {
      stored = try iterator.withValue { (value) throws(CodecError) in
        try value.withUnsafeBytes { (bytes) throws(CodecError) in
          try StoredEntryID(decoding: bytes)
        }
      }
    } catch {
      throw .corrupted(location: "\(db.path), key \(key)", reason: "\(error)")
    }
    let index = LogKeys.number(parsed.rest)
    guard stored.index == index else {
      throw broken(region, "found entry \(stored.index), expected \(index)")
    }
    return stored
  }

  /// What the region has beside entries.
  private func readRecords(
    of region: inout Region, _ iterator: borrowing DBIterator
  ) throws(LogStoreError) {
    iterator.seek(LogKeys.of(region.id, .state))
    while iterator.isValid {
      let key = iterator.key
      guard let parsed = LogKeys.parse(key) else { throw unknown(key) }
      guard parsed.region == region.id else { return }
      do throws(CodecError) {
        try iterator.withValue { (value) throws(CodecError) in
          try region.add(parsed.suffix, parsed.rest, value, deep: false)
        }
      } catch {
        throw .corrupted(location: "\(db.path), key \(key)", reason: "\(error)")
      }
      if parsed.suffix == .owned {
        // One says that there are keys.
        iterator.seek(LogKeys.of(region.id, .tombstone))
      } else {
        iterator.next()
      }
    }
    try finish(iterator)
  }

  private func unknown(_ key: [UInt8]) -> LogStoreError {
    .corrupted(location: db.path, reason: "unknown key \(key)")
  }

  private func broken(_ region: UInt64, _ reason: String) -> LogStoreError {
    .corrupted(location: "\(db.path), region \(region)", reason: reason)
  }

  private func finish(_ iterator: borrowing DBIterator) throws(LogStoreError) {
    do throws(RocksDBError) {
      try iterator.finish()
    } catch {
      throw LogStoreError(error, path: db.path)
    }
  }
}
