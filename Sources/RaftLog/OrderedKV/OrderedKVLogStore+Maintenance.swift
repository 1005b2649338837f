import RocksDB
import Runtime
import Synchronization

extension OrderedKVLogStore {
  package func hold(_ region: UInt64, from index: UInt64) -> LogHold {
    table.withLock { $0.holds.hold(region, from: index) }
  }

  package func release(_ hold: LogHold) {
    table.withLock { $0.holds.release(hold) }
  }

  @discardableResult
  package func purge() throws(LogStoreError) -> [LogPurgeAdvice] {
    let db = try database()
    let pending = table.withLock { table in
      table.regions.filter { $0.value.index.lowest <= $0.value.index.dummy.index }.keys.sorted()
    }
    if !pending.isEmpty {
      _ = try write(pending, .buffered, bytes: 0) { (plan) throws(LogStoreError) in
        for region in pending {
          guard let found = plan.table.regions[region] else { continue }
          let limit = plan.table.holds.deletable(
            region, truncatedAt: found.index.dummy.index)
          guard let last = try last(db, found.group, through: limit) else { continue }
          plan.purge(region, through: last.index, term: last.term)
        }
      }
    }
    return try advice()
  }

  /// The last entry of a group up to `limit`, which is at or below the truncated index. Reads keys up to there.
  private func last(
    _ db: DB, _ group: UInt32, through limit: UInt64
  ) throws(LogStoreError) -> (index: UInt64, term: UInt64)? {
    var found: (index: UInt64, term: UInt64)?
    let iterator = db.iterator(
      db.families[0], from: RaftwalKeys.entry(raftID, group, 0, 0),
      to: RaftwalKeys.pastEntries(raftID, group), fillCache: false)
    iterator.seekToFirst()
    while iterator.isValid,
      case .entry(_, _, let term, let index)? = RaftwalKeys.parse(iterator.key), index <= limit
    {
      found = (index, term)
      iterator.next()
    }
    do throws(RocksDBError) {
      try iterator.finish()
    } catch {
      throw LogStoreError(error, path: path)
    }
    return found
  }

  private func advice() throws(LogStoreError) -> [LogPurgeAdvice] {
    guard try usedBytes() >= options.database.adviceThresholdBytes else { return [] }
    let indexes = table.withLock { $0.regions.mapValues(\.index) }
    return LogPurgeAdvice.largest(of: indexes)
  }

  package func usedBytes() throws(LogStoreError) -> UInt64 {
    let db = try database()
    return db.families.reduce(0) { sum, family in
      sum + (db.property("rocksdb.total-sst-files-size", family) ?? 0)
        + (db.property("rocksdb.cur-size-all-mem-tables", family) ?? 0)
    }
  }

  @discardableResult
  package func checkpoint(to path: String) throws(LogStoreError) -> UInt64 {
    let db = try database()
    return try writer.withLock { (writer) throws(LogStoreError) in
      do throws(RocksDBError) {
        try Checkpoint.create(of: db, at: path)
      } catch {
        throw LogStoreError(error, path: path)
      }
      return writer.lsn
    }
  }

  package func verify(deep: Bool) throws(LogStoreError) {
    let db = try database()
    try writer.withLock { (_) throws(LogStoreError) in
      let stored = try Self.scan(db, raftID).verify(deep: deep)
      let known = table.withLock { $0 }
      guard stored.regions == known.regions, stored.tombstones == known.tombstones else {
        let region = Set(known.regions.keys).union(stored.regions.keys).sorted().first {
          known.regions[$0] != stored.regions[$0]
        }
        throw .corrupted(
          location: "\(path), region \(region ?? 0)",
          reason: "the stored log does not match the index")
      }
    }
  }
}
