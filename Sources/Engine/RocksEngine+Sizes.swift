import RocksDB
import Synchronization

extension RocksEngine {
  /// Counts files only: RocksDB's C interface does not report the size of a range in memtables. RocksDB estimates
  /// the compressed size; it is raised by what compression saves in all files of the family together.
  package func approximateSize(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(EngineError) -> UInt64 {
    let handle = try handle("approximate size")
    let size = try translating { () throws(RocksDBError) in
      try handle.db.approximateSize(handle[family], from: from, to: to)
    }
    guard size > 0 else { return 0 }
    let files = handle.db.property("rocksdb.total-sst-files-size", handle[family]) ?? 0
    let compression = compressions.withLock { measured in
      if let known = measured[family], known.isCurrent(files) { return known }
      let new = MeasuredCompression(files: files, found: handle.db.compression(handle[family]))
      measured[family] = new
      return new
    }
    return compression.expand(size)
  }

  package func unflushedSize(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8], limit: UInt64
  ) throws(EngineError) -> RangeSize {
    let handle = try handle("measure memtables")
    var size = RangeSize()
    let iterator = handle.db.iterator(handle[family], from: from, to: to, memtablesOnly: true)
    iterator.seekToFirst()
    while iterator.isValid, size.bytes < limit {
      size.bytes += UInt64(iterator.withKey { $0.byteCount } + iterator.withValue { $0.byteCount })
      size.keys += 1
      iterator.next()
    }
    try translating { () throws(RocksDBError) in try iterator.finish() }
    return size
  }

  package func files() throws(EngineError) -> [EngineFile] {
    let handle = try handle("list files")
    let families = Dictionary(uniqueKeysWithValues: ColumnFamily.allCases.map { ($0.name, $0) })
    return handle.db.liveFiles().compactMap { file in
      families[file.family].map {
        EngineFile(
          family: $0, smallest: file.smallest, largest: file.largest, entries: file.entries,
          deletions: file.deletions)
      }
    }
  }

  package func usedBytes() throws(EngineError) -> UInt64 {
    let handle = try handle("measure")
    return handle.families.reduce(into: 0) { sum, family in
      sum += handle.db.property("rocksdb.total-sst-files-size", family) ?? 0
      sum += handle.db.property("rocksdb.cur-size-all-mem-tables", family) ?? 0
    }
  }
}

/// What compression did to the files of a family when they were measured.
struct MeasuredCompression: Sendable {
  /// Bytes of all files then.
  private let files: UInt64
  /// Bytes of pairs for each byte of data blocks; at least 1.
  private let ratio: Double

  init(files: UInt64, found: DBCompression?) {
    self.files = files
    ratio = found.map { max(1, Double($0.rawBytes) / Double($0.blockBytes)) } ?? 1
  }

  /// Whether the files have changed by less than an eighth. Measuring reads the properties of every table.
  func isCurrent(_ now: UInt64) -> Bool {
    let change = now > files ? now - files : files - now
    return change <= files / 8
  }

  /// The bytes of the pairs in so many bytes of files.
  func expand(_ bytes: UInt64) -> UInt64 {
    UInt64(exactly: (Double(bytes) * ratio).rounded()) ?? bytes
  }
}
