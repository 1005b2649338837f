import CRocksDB

/// An open RocksDB database. Any thread may call. It closes when it and all its snapshots, iterators and column
/// families are released.
///
/// After a write or sync has failed at the disk, every later write throws the same error: what is durable is unknown.
package final class DB: Sendable {
  let dbHandle: DBHandle
  /// The column families, in the order in which they were passed to `init`.
  package let families: [DBColumnFamily]

  package var path: String { dbHandle.path }

  /// Opens the database in the directory `path`. Throws `locked`, `denied`, `noSpace`, `corruption`, `notFound`,
  /// `invalid` or `io`.
  ///
  /// - Parameters:
  ///   - named: all column families of the database, one of which must be `default`. Missing ones are created with
  ///     `DBOptions.createIfMissing`.
  ///   - readOnly: opens without the lock, beside a process that writes. Writes throw.
  ///   - temporary: whether the files are removed when the database closes.
  package init(
    path: String, options: DBOptions, families named: [(name: String, options: FamilyOptions)],
    readOnly: Bool = false, temporary: Bool = false
  ) throws(RocksDBError) {
    if !readOnly {
      try DiskSpace.check(path)
      if options.syncedWrites != .some {
        try WALCheck.run(
          path, allSynced: options.syncedWrites == .all, mustExist: !options.createIfMissing)
      }
    }
    let database = OptionsHandle(options, named.first?.options ?? FamilyOptions())
    // OptionsHandle cannot live in an array; these are freed below.
    let familyOptions = named.map { Optional(OptionsHandle.copied(options, $0.options)) }
    defer { familyOptions.forEach { rocksdb_options_destroy($0) } }
    let names = CStrings(named.map(\.name))
    var handles = [OpaquePointer?](repeating: nil, count: named.count)

    let operation = "open database \(path)"
    let handle = try check(operation) { error in
      let count = Int32(named.count)
      return readOnly
        ? rocksdb_open_for_read_only_column_families(
          database.handle, path, count, names.pointers, familyOptions, &handles, 0, error)
        : rocksdb_open_column_families(
          database.handle, path, count, names.pointers, familyOptions, &handles, error)
    }
    guard let handle else {
      throw RocksDBError(operation: operation, message: "no database and no error")
    }
    let dbHandle = DBHandle(
      path: path, pointer: handle, families: handles.compactMap { $0 }, temporary: temporary)
    self.dbHandle = dbHandle
    families = named.indices.map {
      DBColumnFamily(name: named[$0].name, dbHandle: dbHandle, position: $0)
    }
  }

  /// The names of the column families of a database, which may be open elsewhere.
  package static func familyNames(path: String) throws(RocksDBError) -> [String] {
    let options = OptionsHandle(DBOptions(), FamilyOptions())
    var count = 0
    let list = try check("list column families of \(path)") {
      rocksdb_list_column_families(options.handle, path, &count, $0)
    }
    guard let list else { return [] }
    defer { rocksdb_list_column_families_destroy(list, count) }
    return (0..<count).compactMap { position in list[position].map { String(cString: $0) } }
  }

  /// Removes the files of the database at `path`, which must not be open. A missing one is no error.
  package static func destroy(path: String) throws(RocksDBError) {
    let options = OptionsHandle(DBOptions(), FamilyOptions())
    try check("destroy database \(path)") { rocksdb_destroy_db(options.handle, path, $0) }
  }

  /// The column family of that name; nil if it was not opened.
  package func family(_ name: String) -> DBColumnFamily? {
    families.first { $0.name == name }
  }

  func handle(of family: DBColumnFamily) -> OpaquePointer {
    precondition(family.dbHandle === dbHandle, "a column family of another database")
    return family.handle
  }
}

// MARK: Reading and writing

extension DB {
  /// A copy of the value under `key`; nil if there is none.
  package func get(_ family: DBColumnFamily, _ key: [UInt8]) throws(RocksDBError) -> [UInt8]? {
    try get(family, key, dbHandle.readOptions)
  }

  /// A copy of the value under `key` in a snapshot; nil if there is none.
  package func get(
    _ family: DBColumnFamily, _ key: [UInt8], at snapshot: DBSnapshot
  ) throws(RocksDBError) -> [UInt8]? {
    try get(family, key, snapshot.readOptions)
  }

  /// The value under `key` if it is in a memtable or the block cache. Nil if a file would have to be read. The inner
  /// optional is nil if there is no value.
  package func getFromMemory(
    _ family: DBColumnFamily, _ key: [UInt8]
  ) throws(RocksDBError) -> [UInt8]?? {
    do throws(RocksDBError) {
      return .some(try get(family, key, dbHandle.memoryReadOptions))
    } catch {
      if error.kind == .incomplete { return .none }
      throw error
    }
  }

  private func get(
    _ family: DBColumnFamily, _ key: [UInt8], _ options: OpaquePointer
  ) throws(RocksDBError) -> [UInt8]? {
    let family = handle(of: family)
    let slice = try check("get") { error in
      key.withUnsafeBytes {
        rocksdb_get_pinned_cf(dbHandle.pointer, options, family, $0.chars, $0.count, error)
      }
    }
    guard let slice else { return nil }
    return Self.take(slice)
  }

  /// The values under `keys`, in their order, all of one state; nil where there is none.
  package func multiGet(
    _ family: DBColumnFamily, _ keys: [[UInt8]], at snapshot: DBSnapshot? = nil
  ) throws(RocksDBError) -> [[UInt8]?] {
    guard !keys.isEmpty else { return [] }
    let options = snapshot?.readOptions ?? dbHandle.readOptions
    let family = handle(of: family)
    // One array for all keys: their addresses must stay valid during the call.
    let block = keys.flatMap { $0 }
    let sizes = keys.map(\.count)
    var values = [OpaquePointer?](repeating: nil, count: keys.count)
    var errors = [UnsafeMutablePointer<CChar>?](repeating: nil, count: keys.count)
    block.withUnsafeBytes { block in
      var offset = 0
      var starts: [UnsafePointer<CChar>?] = []
      starts.reserveCapacity(keys.count)
      for size in sizes {
        starts.append(UnsafeRawBufferPointer(rebasing: block[offset..<offset + size]).chars)
        offset += size
      }
      rocksdb_batched_multi_get_cf(
        dbHandle.pointer, options, family, keys.count, starts, sizes, &values, &errors, false)
    }
    let found = values.map { $0.map(Self.take) }
    var failure: RocksDBError?
    for case .some(let error) in errors {
      failure = failure ?? RocksDBError(operation: "get", message: String(cString: error))
      rocksdb_free(error)
    }
    if let failure { throw failure }
    return found
  }

  /// Copies a pinned value and releases it.
  private static func take(_ slice: OpaquePointer) -> [UInt8] {
    defer { rocksdb_pinnableslice_destroy(slice) }
    var count = 0
    let start = rocksdb_pinnableslice_value(slice, &count)
    return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
  }

  /// Applies the batch atomically. With `sync` it is durable on return, with everything written before.
  package func write(_ batch: borrowing DBWriteBatch, sync: Bool) throws(RocksDBError) {
    let options = sync ? dbHandle.syncedWrite : dbHandle.bufferedWrite
    let handle = batch.handle
    try dbHandle.writing { () throws(RocksDBError) in
      try check(sync ? "synced write" : "write") {
        rocksdb_write(dbHandle.pointer, options, handle, $0)
      }
    }
  }

  /// The present state, readable until it is released.
  package func snapshot() -> DBSnapshot { DBSnapshot(dbHandle) }

  /// An iterator over `[lower, upper)`; nil: no bound. Not valid until a seek.
  ///
  /// - Parameters:
  ///   - snapshot: the state to read; nil: the present one.
  ///   - fillCache: whether blocks that are read go to the block cache.
  ///   - readahead: bytes that are read ahead; 0: RocksDB adapts it.
  ///   - memtablesOnly: whether pairs in files are left out.
  package func iterator(
    _ family: DBColumnFamily, from lower: [UInt8]? = nil, to upper: [UInt8]? = nil,
    at snapshot: DBSnapshot? = nil, fillCache: Bool = true, readahead: Int = 0,
    memtablesOnly: Bool = false
  ) -> DBIterator {
    precondition(family.dbHandle === dbHandle, "a column family of another database")
    return DBIterator(
      family, from: lower, to: upper, at: snapshot, fillCache: fillCache, readahead: readahead,
      memtablesOnly: memtablesOnly)
  }
}
