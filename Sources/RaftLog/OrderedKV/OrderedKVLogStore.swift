import Protobuf
import RocksDB
package import Runtime
import Synchronization

/// Options of an ordered key-value log store.
package struct OrderedKVLogStoreOptions: Sendable {
  /// The id of the node in every key. Nil: the stored one; 1 in a new store.
  package var raftID: UInt64?
  /// Options of the database.
  package var database = RocksDBLogStoreOptions()

  package init() {}
}

/// Raft logs in the key space of dgraph's raftwal: all groups share one ordered key-value store, here RocksDB.
/// `RaftwalKeys` describes the layout; `OrderedKVKeys` what raftwal does not have, in a column family of its own.
///
/// One batch of RocksDB covers all regions of a `LogBatch` and both families. The index is in memory. Opening reads keys
/// of entries, never their values.
package final class OrderedKVLogStore: RaftLogStore {
  /// The version of `OrderedKVKeys`. A store of a newer version is refused.
  static let format: UInt8 = 1

  /// The state of writing. Locked for the duration of a write with its barrier.
  struct Writer {
    var lsn: UInt64 = 0
    /// At most `lsn`.
    var durableLSN: UInt64 = 0
    /// The message of the failure that has poisoned the store; nil if there was none. Never reset.
    var poison: String?
  }

  package let path: String
  /// The id of the node in every key.
  package let raftID: UInt64
  let options: OrderedKVLogStoreOptions
  /// Nil once closed.
  private let opened: Mutex<DB?>
  /// Lock order: before `table`.
  let writer = Mutex(Writer())
  /// Never locked during a call that may block. Changed only with `writer` locked, after the write it reflects.
  let table: Mutex<OrderedKVTable>

  /// Opens the store in the directory `path`, whose parent must exist.
  ///
  /// Throws `locked`, `denied`, `noSpace`, `corrupted`, `newerFormat` or `io`; also `corrupted` for a key space that
  /// raftwal has written, which `RaftwalReader` reads, and for another raft id than the stored one.
  package init(
    path: String, options: OrderedKVLogStoreOptions = OrderedKVLogStoreOptions()
  ) throws(LogStoreError) {
    self.path = path
    self.options = options
    let db: DB
    do throws(RocksDBError) {
      db = try DB(
        path: path, options: options.database.database,
        families: [
          ("default", options.database.family), (OrderedKVKeys.family, options.database.family),
        ], readOnly: options.database.readOnly)
    } catch {
      throw LogStoreError(error, path: path)
    }
    let raftID = try Self.prepare(db, options)
    table = Mutex(try Self.scan(db, raftID).table())
    opened = Mutex(db)
    self.raftID = raftID
  }

  package var capabilities: LogStoreCapabilities {
    [.crossRegionAtomic, .sharedBarrier, .onlineCheckpoint]
  }

  static func scan(_ db: DB, _ raftID: UInt64) -> OrderedKVScan {
    OrderedKVScan(db: db, id: raftID, raftwal: db.families[0], own: db.families[1])
  }

  /// Checks format and raft id of a store, or writes them to a new one. Returns the raft id.
  private static func prepare(
    _ db: DB, _ options: OrderedKVLogStoreOptions
  ) throws(LogStoreError) -> UInt64 {
    let (format, stored, isEmpty) = try performing(db.path) { () throws(RocksDBError) in
      let iterator = db.iterator(db.families[0])
      iterator.seekToFirst()
      try iterator.finish()
      return (
        try db.get(db.families[1], OrderedKVKeys.format),
        try db.get(db.families[0], RaftwalKeys.raftID), !iterator.isValid
      )
    }
    guard let format else {
      guard isEmpty else {
        throw .corrupted(
          location: db.path, reason: "the key space was written by raftwal; import it")
      }
      return try create(db, options)
    }
    guard format.count == 1, let stored, stored.count == 8 else {
      throw .corrupted(location: db.path, reason: "format \(format), raft id \(stored ?? [])")
    }
    guard format[0] <= Self.format else { throw .newerFormat(UInt64(format[0])) }
    let id = UInt64(bigEndian: stored[...])
    guard options.raftID == nil || options.raftID == id else {
      throw .corrupted(
        location: db.path,
        reason: "the logs are those of raft id \(id), not \(options.raftID ?? 0); use that id")
    }
    return id
  }

  private static func create(
    _ db: DB, _ options: OrderedKVLogStoreOptions
  ) throws(LogStoreError) -> UInt64 {
    let id = options.raftID ?? 1
    guard !options.database.readOnly else { return id }
    var value: [UInt8] = []
    value.appendBigEndian(id)
    var batch = DBWriteBatch()
    batch.put(db.families[0], RaftwalKeys.raftID, value)
    batch.put(db.families[1], OrderedKVKeys.format, [Self.format])
    do throws(RocksDBError) {
      try db.write(batch, sync: true)
    } catch {
      throw LogStoreError(error, path: db.path)
    }
    return id
  }

  static func performing<R>(
    _ path: String, _ body: () throws(RocksDBError) -> R
  ) throws(LogStoreError) -> R {
    do throws(RocksDBError) {
      return try body()
    } catch {
      throw LogStoreError(error, path: path)
    }
  }

  func database() throws(LogStoreError) -> DB {
    guard let db = opened.withLock({ $0 }) else { throw .closed }
    return db
  }

  // MARK: Writing

  package func write(
    _ batch: LogBatch, _ durability: Durability
  ) throws(LogStoreError) -> LogReceipt {
    guard batch.byteSize <= options.database.maxBatchBytes else {
      throw .batchTooLarge(limit: options.database.maxBatchBytes)
    }
    let regions = batch.operations.lazy.map(\.region)
    return try write(regions, durability, bytes: batch.byteSize) { (plan) throws(LogStoreError) in
      for operation in batch.operations { try plan.add(operation) }
    }
  }

  /// Writes what `fill` adds to a plan for these regions.
  func write(
    _ regions: some Sequence<UInt64>, _ durability: Durability, bytes: Int,
    _ fill: (inout OrderedKVPlan) throws(LogStoreError) -> Void
  ) throws(LogStoreError) -> LogReceipt {
    let db = try database()
    return try writer.withLock { (writer) throws(LogStoreError) in
      if let poison = writer.poison { throw .poisoned(poison) }
      var plan = OrderedKVPlan(
        raftID, raftwal: db.families[0], own: db.families[1],
        before: table.withLock { $0.excerpt(regions) })
      try fill(&plan)
      try plan.finish()
      guard !plan.isEmpty else {
        return LogReceipt(lsn: writer.lsn, durableLSN: writer.durableLSN, bytes: 0)
      }
      try write(plan.native, durability, db, &writer)
      publish(plan.table, plan.touched)
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

  private func publish(_ part: OrderedKVTable, _ touched: Set<UInt64>) {
    table.withLock { table in
      for region in touched {
        table.regions[region] = part.regions[region]
        if part.tombstones.contains(region) {
          table.tombstones.insert(region)
        } else {
          table.tombstones.remove(region)
        }
      }
      table.nextGroup = part.nextGroup
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
      guard let db = opened.withLock({ $0.take() }), !options.database.readOnly else { return }
      try barrier(db, &writer)
    }
  }

  // MARK: Identity

  package func identity() throws(LogStoreError) -> LogStoreIdentity? {
    guard let stored = try get(OrderedKVKeys.identity) else { return nil }
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
      native.put(db.families[1], OrderedKVKeys.identity, identity.encoded())
      try write(native, .synced, db, &writer)
    }
  }

  /// A record of the store's own family.
  func get(_ key: [UInt8]) throws(LogStoreError) -> [UInt8]? {
    let db = try database()
    do throws(RocksDBError) {
      return try db.get(db.families[1], key)
    } catch {
      throw LogStoreError(error, path: path)
    }
  }
}
