import Protobuf
package import Raft
import RocksDB
import Synchronization

extension OrderedKVLogStore {
  private func index(of region: UInt64) -> RegionIndex? {
    table.withLock { $0.regions[region]?.index }
  }

  package func firstIndex(_ region: UInt64) -> UInt64 { index(of: region)?.first ?? 1 }
  package func lastIndex(_ region: UInt64) -> UInt64 { index(of: region)?.last ?? 0 }

  package func term(_ region: UInt64, at index: UInt64) throws(LogStoreError) -> UInt64 {
    try (self.index(of: region) ?? RegionIndex()).term(at: index)
  }

  package func hardState(_ region: UInt64) -> HardState {
    index(of: region)?.hardState ?? HardState()
  }

  package func truncated(_ region: UInt64) -> (index: UInt64, term: UInt64) {
    index(of: region)?.dummy ?? (0, 0)
  }

  package func openedBytes(_ region: UInt64) -> UInt64 { index(of: region)?.openedBytes ?? 0 }

  package func regions() -> [UInt64] { table.withLock { $0.regions.keys.sorted() } }

  package func tombstones() -> [UInt64] { table.withLock { $0.tombstones.sorted() } }

  // MARK: Entries

  package func entries(
    _ region: UInt64, from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry] {
    let db = try database()
    if let entries = try read(db, region, from, to, maxBytes) { return entries }
    // The entries were deleted after the index was read, or are missing. While no write runs, index and database
    // must agree.
    return try writer.withLock { (_) throws(LogStoreError) in
      if let entries = try read(db, region, from, to, maxBytes) { return entries }
      throw .corrupted(
        location: "\(path), region \(region)",
        reason: "entries from \(from) to \(to) are missing; replicate the region again")
    }
  }

  /// Nil if entries are missing.
  private func read(
    _ db: DB, _ region: UInt64, _ from: UInt64, _ to: UInt64, _ maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry]? {
    let found = table.withLock { $0.regions[region] }
    let log = found?.index ?? RegionIndex()
    try log.checkRange(from: from, to: to)
    guard from < to, let group = found?.group else { return [] }
    let (low, high) = (try log.term(at: from), try log.term(at: to - 1))
    var entries: [Entry] = []
    var bytes: UInt64 = 0
    let iterator = db.iterator(
      db.families[0], from: RaftwalKeys.entry(raftID, group, low, from),
      to: RaftwalKeys.entry(raftID, group, high, to - 1) + [0])
    iterator.seekToFirst()
    while iterator.isValid {
      let index = from + UInt64(entries.count)
      let entry: Entry
      do throws(CodecError) {
        entry = try iterator.withValue { (value) throws(CodecError) in
          try Entry(decoding: value, strict: true)
        }
      } catch {
        throw .corrupted(location: "\(path), region \(region), entry \(index)", reason: "\(error)")
      }
      guard entry.index == index, index < to, try log.term(at: index) == entry.term else {
        return nil
      }
      bytes = bytes.addingReportingOverflow(entry.encodedSize).partialValue
      if !entries.isEmpty, bytes > maxBytes { return entries }
      entries.append(entry)
      iterator.next()
    }
    do throws(RocksDBError) {
      try iterator.finish()
    } catch {
      throw LogStoreError(error, path: path)
    }
    return UInt64(entries.count) == to - from ? entries : nil
  }

  // MARK: Values of the owner

  package func value(_ region: UInt64, key: [UInt8]) throws(LogStoreError) -> [UInt8]? {
    try get(OrderedKVKeys.owned(region) + key)
  }

  package func tombstone(_ region: UInt64) throws(LogStoreError) -> [UInt8]? {
    try get(OrderedKVKeys.tombstone(region))
  }

  package func scan(
    _ region: UInt64, from: [UInt8], to: [UInt8]?, _ body: ([UInt8], [UInt8]) -> Bool
  ) throws(LogStoreError) {
    let db = try database()
    let prefix = OrderedKVKeys.owned(region)
    let iterator = db.iterator(
      db.families[1], from: prefix + from,
      to: to.map { prefix + $0 } ?? OrderedKVKeys.pastOwned(region))
    iterator.seekToFirst()
    while iterator.isValid, body(Array(iterator.key.dropFirst(prefix.count)), iterator.value) {
      iterator.next()
    }
    do throws(RocksDBError) {
      try iterator.finish()
    } catch {
      throw LogStoreError(error, path: path)
    }
  }
}
