import Protobuf
package import Raft
import RocksDB
package import Runtime
import Synchronization

/// Raft logs in a RocksDB database of their own, apart from the data of the regions: a batch of many regions is one
/// RocksDB batch and one fsync. `LogKeys` describes the layout.
///
/// The index of every log is in memory, so that only reads of entries and values read the database.
package final class RocksDBLogStore: RaftLogStore {
  /// The version of the layout. A store of a newer version is refused.
  static let format: UInt64 = 1

  /// The state of writing. Locked for the duration of a write with its barrier.
  private struct Writer {
    var lsn: UInt64 = 0
    /// At most `lsn`.
    var durableLSN: UInt64 = 0
    /// The message of the failure that has poisoned the store; nil if there was none. Never reset.
    var poison: String?
  }

  package let path: String
  private let options: RocksDBLogStoreOptions
  /// Nil once closed.
  private let opened: Mutex<DB?>
  /// Lock order: before `table`.
  private let writer = Mutex(Writer())
  /// Never locked during a call that may block. Changed only with `writer` locked, after the write it reflects.
  private let table: Mutex<LogTable>

  /// Opens the store in the directory `path`, whose parent must exist, and builds the index by a few reads per region.
  /// Parts that cannot be read make their regions damaged: see `damage(of:)`.
  ///
  /// Throws `locked`, `denied`, `noSpace`, `corrupted`, `newerFormat` or `io`.
  package init(
    path: String, options: RocksDBLogStoreOptions = RocksDBLogStoreOptions()
  ) throws(LogStoreError) {
    self.path = path
    self.options = options
    let db: DB
    do throws(RocksDBError) {
      db = try options.open(path)
    } catch {
      throw LogStoreError(error, path: path)
    }
    try Self.checkFormat(of: db, readOnly: options.readOnly)
    table = Mutex(try LogScan(db).indexTable())
    opened = Mutex(db)
  }

  package var capabilities: LogStoreCapabilities {
    [.crossRegionAtomic, .sharedBarrier, .onlineCheckpoint]
  }

  private static func checkFormat(of db: DB, readOnly: Bool) throws(LogStoreError) {
    let stored: [UInt8]?
    do throws(RocksDBError) {
      stored = try db.get(db.families[0], LogKeys.format)
      if stored == nil, !readOnly {
        var batch = DBWriteBatch()
        batch.put(db.families[0], LogKeys.format, [UInt8(format)])
        try db.write(batch, sync: true)
      }
    } catch {
      throw LogStoreError(error, path: db.path)
    }
    guard let stored else { return }
    let version: UInt64
    do throws(CodecError) {
      version = try stored.span.bytes.withUnsafeBytes { (bytes) throws(CodecError) in
        var reader = ProtoReader(bytes)
        return try reader.varint()
      }
    } catch {
      throw .corrupted(location: "\(db.path), format", reason: "\(error)")
    }
    guard version <= format else { throw .newerFormat(version) }
  }

  func database() throws(LogStoreError) -> DB {
    guard let db = opened.withLock({ $0 }) else { throw .closed }
    return db
  }

  // MARK: Writing

  package func write(
    _ batch: LogBatch, _ durability: Durability
  ) throws(LogStoreError) -> LogReceipt {
    let db = try database()
    return try write(batch, durability, more: 0, db) { (_) throws(LogStoreError) in {} }
  }

  /// Writes a batch, and changes of other column families of the database with it.
  ///
  /// - Parameters:
  ///   - more: bytes of these changes.
  ///   - add: adds them, with no other write in between, and returns what is to be done once they are written.
  @discardableResult
  func write(
    _ batch: LogBatch, _ durability: Durability, more: Int,
    _ add: (DB, inout DBWriteBatch) throws(LogStoreError) -> () -> Void
  ) throws(LogStoreError) -> LogReceipt {
    let db = try database()
    return try write(batch, durability, more: more, db) { (native) throws(LogStoreError) in
      try add(db, &native)
    }
  }

  private func write(
    _ batch: LogBatch, _ durability: Durability, more: Int, _ db: DB,
    _ add: (inout DBWriteBatch) throws(LogStoreError) -> () -> Void
  ) throws(LogStoreError) -> LogReceipt {
    let bytes = batch.byteSize + more
    guard bytes <= options.maxBatchBytes else {
      throw .batchTooLarge(limit: options.maxBatchBytes)
    }
    return try writer.withLock { (writer) throws(LogStoreError) in
      if let poison = writer.poison { throw .poisoned(poison) }
      let excerpt = table.withLock { $0.excerpt(batch.operations.lazy.map(\.region)) }
      var plan = LogPlan(db.families[0], before: excerpt)
      for operation in batch.operations { try plan.add(operation) }
      try plan.finish()
      let publishMore = try plan.add(add)
      guard !plan.isEmpty else {
        return LogReceipt(lsn: writer.lsn, durableLSN: writer.durableLSN, bytes: 0)
      }
      try write(plan.native, durability, db, &writer)
      publish(plan.after, plan.tombstones)
      publishMore()
      return LogReceipt(lsn: writer.lsn, durableLSN: writer.durableLSN, bytes: bytes)
    }
  }

  private func write(
    _ native: borrowing DBWriteBatch, _ durability: Durability, _ db: DB,
    _ writer: inout Writer
  ) throws(LogStoreError) {
    do throws(RocksDBError) {
      try db.write(native, sync: durability == .synced)
    } catch {
      // RocksDB does not say whether the write or its sync has failed. It accepts no writes after either.
      if error.kind != .invalid { writer.poison = error.message }
      throw LogStoreError(error, path: path)
    }
    writer.lsn += 1
    if durability == .synced { writer.durableLSN = writer.lsn }
  }

  private func publish(
    _ regions: [(region: UInt64, index: RegionIndex?)],
    _ tombstones: [(region: UInt64, left: Bool)]
  ) {
    table.withLock { table in
      for (region, index) in regions {
        table.regions[region] = index
        if index == nil { table.damaged[region] = nil }
      }
      for (region, left) in tombstones {
        if left { table.tombstones.insert(region) } else { table.tombstones.remove(region) }
      }
    }
  }

  @discardableResult
  package func sync() throws(LogStoreError) -> UInt64 {
    let db = try database()
    return try writer.withLock { (writer) throws(LogStoreError) in
      try barrier(db, &writer)
      return writer.durableLSN
    }
  }

  private func barrier(_ db: DB, _ writer: inout Writer) throws(LogStoreError) {
    if let poison = writer.poison { throw .poisoned(poison) }
    guard writer.durableLSN < writer.lsn else { return }
    do throws(RocksDBError) {
      try db.syncWAL()
    } catch {
      writer.poison = error.message
      throw LogStoreError(error, path: path)
    }
    writer.durableLSN = writer.lsn
  }

  package func close() throws(LogStoreError) {
    try writer.withLock { (writer) throws(LogStoreError) in
      guard let db = opened.withLock({ $0.take() }), !options.readOnly else { return }
      try barrier(db, &writer)
    }
  }

  // MARK: Identity

  package func identity() throws(LogStoreError) -> LogStoreIdentity? {
    guard let stored = try get(LogKeys.identity) else { return nil }
    do throws(CodecError) {
      return try LogStoreIdentity(decoding: stored, strict: true)
    } catch {
      throw .corrupted(location: "\(path), store identity", reason: "\(error)")
    }
  }

  package func bind(_ identity: LogStoreIdentity) throws(LogStoreError) {
    if let found = try self.identity() {
      guard found == identity else { throw .foreignStore(expected: identity, found: found) }
      return
    }
    let db = try database()
    try writer.withLock { (writer) throws(LogStoreError) in
      if let poison = writer.poison { throw .poisoned(poison) }
      var native = DBWriteBatch()
      native.put(db.families[0], LogKeys.identity, identity.encoded())
      try write(native, .synced, db, &writer)
    }
  }

  // MARK: The index

  private func index(of region: UInt64) -> RegionIndex? {
    table.withLock { $0.regions[region] }
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

  package func damage(of region: UInt64) -> String? {
    table.withLock { table in
      table.damaged[region] ?? (table.regions[region] == nil ? table.unattributedDamage : nil)
    }
  }

  package func openedBytes(_ region: UInt64) -> UInt64 { index(of: region)?.openedBytes ?? 0 }

  package func regions() -> [UInt64] { table.withLock { $0.regions.keys.sorted() } }

  package func tombstones() -> [UInt64] { table.withLock { $0.tombstones.sorted() } }

  // MARK: Reading

  package func entries(
    _ region: UInt64, from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry] {
    try checkRange(region, from, to)
    if from >= to { return [] }
    let db = try database()
    if let entries = try read(db, region, from, to, maxBytes) { return entries }
    // The entries were deleted after the index was read, or are missing. While no write runs, index and database
    // must agree.
    return try writer.withLock { (_) throws(LogStoreError) in
      try checkRange(region, from, to)
      if let entries = try read(db, region, from, to, maxBytes) { return entries }
      throw .corrupted(
        location: "\(path), region \(region)", reason: "entries from \(from) to \(to) are missing")
    }
  }

  private func checkRange(
    _ region: UInt64, _ from: UInt64, _ to: UInt64
  ) throws(LogStoreError) {
    let index = index(of: region) ?? RegionIndex()
    guard from >= index.first else { throw .compacted(first: index.first) }
    guard from <= index.last + 1, to <= index.last + 1 else {
      throw .unavailable(last: index.last)
    }
  }

  /// Nil if entries are missing.
  private func read(
    _ db: DB, _ region: UInt64, _ from: UInt64, _ to: UInt64, _ maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry]? {
    var entries: [Entry] = []
    var bytes: UInt64 = 0
    let iterator = db.iterator(
      db.families[0], from: LogKeys.entry(region, from), to: LogKeys.entry(region, to))
    iterator.seekToFirst()
    while iterator.isValid {
      let index = from + UInt64(entries.count)
      let size = iterator.withValue { UInt64($0.byteCount) }
      if !entries.isEmpty, bytes.addingReportingOverflow(size).partialValue > maxBytes { break }
      bytes += size
      let entry: Entry
      do throws(CodecError) {
        entry = try iterator.withValue { (value) throws(CodecError) in
          try Entry(decoding: value, strict: true)
        }
      } catch {
        throw .corrupted(location: "\(path), region \(region), entry \(index)", reason: "\(error)")
      }
      guard entry.index == index else { return nil }
      entries.append(entry)
      iterator.next()
    }
    do throws(RocksDBError) {
      try iterator.finish()
    } catch {
      throw LogStoreError(error, path: path)
    }
    let complete = iterator.isValid || entries.count == Int(clamping: to - from)
    return complete && !entries.isEmpty ? entries : nil
  }

  package func value(_ region: UInt64, key: [UInt8]) throws(LogStoreError) -> [UInt8]? {
    try get(LogKeys.owned(region, key))
  }

  package func tombstone(_ region: UInt64) throws(LogStoreError) -> [UInt8]? {
    try get(LogKeys.of(region, .tombstone))
  }

  package func scan(
    _ region: UInt64, from: [UInt8], to: [UInt8]?, _ body: ([UInt8], [UInt8]) -> Bool
  ) throws(LogStoreError) {
    let db = try database()
    let prefix = LogKeys.of(region, .owned)
    let end = to.map { prefix + $0 } ?? LogKeys.of(region, .tombstone)
    let iterator = db.iterator(db.families[0], from: prefix + from, to: end)
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

  private func get(_ key: [UInt8]) throws(LogStoreError) -> [UInt8]? {
    let db = try database()
    do throws(RocksDBError) {
      return try db.get(db.families[0], key)
    } catch {
      throw LogStoreError(error, path: path)
    }
  }

  // MARK: Maintenance

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
      table.regions.filter { $0.value.lowest <= $0.value.dummy.index }.keys.sorted()
    }
    if !pending.isEmpty {
      try writer.withLock { (writer) throws(LogStoreError) in
        if let poison = writer.poison { throw .poisoned(poison) }
        let excerpt = table.withLock { $0.excerpt(pending) }
        var plan = LogPlan(db.families[0], before: excerpt)
        for region in pending {
          guard var index = excerpt.regions[region] else { continue }
          plan.removeCompacted(region, &index)
          plan.set(region, index)
        }
        guard !plan.isEmpty else { return }
        try write(plan.native, .buffered, db, &writer)
        publish(plan.after, plan.tombstones)
      }
    }
    return try advice()
  }

  private func advice() throws(LogStoreError) -> [LogPurgeAdvice] {
    guard try usedBytes() >= options.adviceThresholdBytes else { return [] }
    return LogPurgeAdvice.largest(of: table.withLock { $0.regions })
  }

  package func usedBytes() throws(LogStoreError) -> UInt64 {
    let db = try database()
    return (db.property("rocksdb.total-sst-files-size", db.families[0]) ?? 0)
      + (db.property("rocksdb.cur-size-all-mem-tables", db.families[0]) ?? 0)
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
      let stored = try LogScan(db).table(deep: deep)
      let known = table.withLock { $0 }
      for region in stored.regions.keys.sorted() where known.regions[region] == nil {
        throw .corrupted(location: path, reason: "region \(region) is stored but not in the index")
      }
      for region in known.regions.keys.sorted()
      where known.regions[region] != stored.regions[region] {
        throw .corrupted(
          location: "\(path), region \(region)", reason: "the stored log does not match the index")
      }
    }
  }
}

extension LogStoreError {
  init(_ error: RocksDBError, path: String) {
    switch error.kind {
    case .corruption: self = .corrupted(location: path, reason: error.message)
    case .noSpace: self = .noSpace(error.description)
    case .denied: self = .denied(path: path, reason: error.message)
    case .locked: self = .locked(path: path, reason: error.message)
    case .io, .invalid, .notFound, .incomplete, .other:
      self = .io(operation: error.operation, reason: error.message)
    }
  }
}
