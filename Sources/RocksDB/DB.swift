import CRocksDB

/// An open database. It closes when it and everything made from it have been released.
package final class DB: Sendable {
  let connection: DBHandle
  /// The column families, in the order in which they were named.
  package let families: [DBColumnFamily]

  package var path: String { connection.path }

  /// Opens the database in that directory with those column families, one of which must be
  /// `default`; they are created where they are missing and the options allow it.
  /// A temporary one's files go when it closes.
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
    let connection = DBHandle(
      path: path, handle: handle, families: handles.compactMap { $0 }, temporary: temporary)
    self.connection = connection
    families = named.indices.map {
      DBColumnFamily(name: named[$0].name, connection: connection, position: $0)
    }
  }

  /// The names of the column families of a database that is not open for writing here.
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

  /// Removes the database's files from that directory.
  package static func destroy(path: String) throws(RocksDBError) {
    let options = OptionsHandle(DBOptions(), FamilyOptions())
    try check("destroy database \(path)") { rocksdb_destroy_db(options.handle, path, $0) }
  }

  /// The family of that name; nil when it was not opened.
  package func family(_ name: String) -> DBColumnFamily? {
    families.first { $0.name == name }
  }

  func handle(of family: DBColumnFamily) -> OpaquePointer {
    precondition(family.connection === connection, "a column family of another database")
    return family.handle
  }
}

// MARK: Reading and writing

extension DB {
  /// The value under `key`, copied once; nil when there is none.
  package func get(_ family: DBColumnFamily, _ key: [UInt8]) throws(RocksDBError) -> [UInt8]? {
    try get(family, key, connection.readOptions)
  }

  /// The value under `key` at the snapshot's moment.
  package func get(
    _ family: DBColumnFamily, _ key: [UInt8], at snapshot: DBSnapshot
  ) throws(RocksDBError) -> [UInt8]? {
    try get(family, key, snapshot.readOptions)
  }

  /// The value under `key` if memtables and block cache tell it; reads no file. Nil where a file would have
  /// to be read; nil inside when there is no value.
  package func getFromMemory(
    _ family: DBColumnFamily, _ key: [UInt8]
  ) throws(RocksDBError) -> [UInt8]?? {
    do throws(RocksDBError) {
      return .some(try get(family, key, connection.memoryReadOptions))
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
        rocksdb_get_pinned_cf(connection.handle, options, family, $0.chars, $0.count, error)
      }
    }
    guard let slice else { return nil }
    return Self.take(slice)
  }

  /// The values under `keys` in their order, all of one moment.
  package func multiGet(
    _ family: DBColumnFamily, _ keys: [[UInt8]], at snapshot: DBSnapshot? = nil
  ) throws(RocksDBError) -> [[UInt8]?] {
    guard !keys.isEmpty else { return [] }
    let options = snapshot?.readOptions ?? connection.readOptions
    let family = handle(of: family)
    // One block for all keys: C wants stable addresses.
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
        connection.handle, options, family, keys.count, starts, sizes, &values, &errors, false)
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

  /// Applies the batch as a whole; with `sync` it is durable on return, with all before it.
  package func write(_ batch: borrowing DBWriteBatch, sync: Bool) throws(RocksDBError) {
    let options = sync ? connection.syncedWrite : connection.bufferedWrite
    let handle = batch.handle
    try connection.writing { () throws(RocksDBError) in
      try check(sync ? "synced write" : "write") {
        rocksdb_write(connection.handle, options, handle, $0)
      }
    }
  }

  /// The state of this moment.
  package func snapshot() -> DBSnapshot { DBSnapshot(connection) }

  /// An iterator over `[lower, upper)`; nil leaves a side open.
  package func iterator(
    _ family: DBColumnFamily, from lower: [UInt8]? = nil, to upper: [UInt8]? = nil,
    at snapshot: DBSnapshot? = nil, fillCache: Bool = true, readahead: Int = 0
  ) -> DBIterator {
    precondition(family.connection === connection, "a column family of another database")
    return DBIterator(
      family, from: lower, to: upper, at: snapshot, fillCache: fillCache, readahead: readahead)
  }
}
