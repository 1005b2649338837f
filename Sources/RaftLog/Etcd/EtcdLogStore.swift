package import Runtime
import Synchronization

/// Options of an `EtcdLogStore`.
package struct EtcdLogStoreOptions: Sendable {
  /// Bytes of a segment; each region has at least one, of which unused space takes none on most file systems.
  package var segmentBytes: UInt64 = 64_000_000
  /// Bytes of a `LogBatch` (`byteSize`) above which a write throws `batchTooLarge`.
  package var maxBatchBytes = 512 << 20
  /// Segments that are open at a time. Others are closed after a barrier.
  package var maxOpenFiles = 256
  /// Bytes of entries in memory above which `purge()` returns advice.
  package var adviceThresholdBytes: UInt64 = 1 << 30
  /// Opens without the lock, beside a process that writes, and changes nothing. Every write throws.
  package var readOnly = false
  /// Whether a missing store is created. Otherwise it is an error.
  package var createIfMissing = true

  package init() {}
}

/// Raft logs as etcd keeps them: one WAL and one snapshot directory per region, and all entries in memory.
///
/// A region has the directory `<16 hexadecimal digits>/wal`, in etcd's format. What etcd has no record for is in
/// extensions of its hard state records (`EtcdExtension`), which etcd does not read. `store` has the identity.
///
/// A batch is atomic in each region, but not over several, and it costs a barrier per region.
package final class EtcdLogStore: RaftLogStore {
  /// The state of writing. Locked for the duration of a write with its barrier.
  struct Writer {
    /// Regions without a WAL are not in here.
    var wals: [UInt64: EtcdRegionWAL] = [:]
    /// Regions with writes since their last barrier.
    var dirty: Set<UInt64> = []
    /// Regions whose segment may be open, in the order of opening.
    var opened: [UInt64] = []
    var lsn: UInt64 = 0
    /// At most `lsn`.
    var durableLSN: UInt64 = 0
    var poison: String?
    var lock: (any FileLock)?
    var isClosed = false
  }

  /// What readers see.
  struct Table {
    var regions: [UInt64: EtcdRegion] = [:]
    /// Regions whose WAL cannot be read.
    var damaged: [UInt64: String] = [:]
    var identity: LogStoreIdentity?
    var holds = LogHolds()
    var isClosed = false
  }

  package let path: String
  let options: EtcdLogStoreOptions
  let system: any RandomAccessFileSystem
  /// Lock order: before `table`.
  let writer: Mutex<Writer>
  /// Never locked during a call that may block. Changed only with `writer` locked, except for holds.
  let table: Mutex<Table>

  /// Opens the store in the directory `path`, which is created with its parents if it is missing. What was written before
  /// is durable when it returns. A region whose WAL is damaged is left alone: see `damage(of:)`.
  ///
  /// Throws `locked`, `denied`, `noSpace`, `corrupted` (the identity) or `io`.
  package init(
    path: String, files: any RandomAccessFileSystem,
    options: EtcdLogStoreOptions = EtcdLogStoreOptions()
  ) throws(LogStoreError) {
    self.path = path
    self.options = options
    system = files
    do throws(EtcdWALError) {
      let directory = EtcdDirectory(path: path, system: files)
      var writer = Writer()
      writer.lock = try Self.prepare(directory, options)
      var table = Table()
      table.identity = try Self.readIdentity(directory)
      try Self.load(directory, options, &writer, &table)
      self.writer = Mutex(writer)
      self.table = Mutex(table)
    } catch {
      throw LogStoreError(error)
    }
  }

  package var capabilities: LogStoreCapabilities { [] }

  /// Creates and locks the directory.
  private static func prepare(
    _ directory: EtcdDirectory, _ options: EtcdLogStoreOptions
  ) throws(EtcdWALError) -> (any FileLock)? {
    let exists = try directory.performing { (files) throws(FileSystemError) in
      try files.exists(directory.child("LOCK"))
    }
    guard exists || options.createIfMissing && !options.readOnly else {
      throw .files(
        FileSystemError(
          operation: "open", path: directory.path, code: 2, reason: "there is no log store"))
    }
    if options.readOnly { return nil }
    try directory.performing { (files) throws(FileSystemError) in
      try files.createDirectory(directory.path)
    }
    let path = directory.child("LOCK")
    let lock = try directory.performing { (files) throws(FileSystemError) in try files.lock(path) }
    guard let lock else { throw .locked(path: directory.path) }
    if !exists {
      try directory.performing { (files) throws(FileSystemError) in
        try files.syncDirectory(directory.path)
        try files.syncDirectory(directory.parent)
      }
    }
    return lock
  }

  private static func load(
    _ directory: EtcdDirectory, _ options: EtcdLogStoreOptions, _ writer: inout Writer,
    _ table: inout Table
  ) throws(EtcdWALError) {
    for name in try directory.names() {
      if name.hasSuffix(".removed") || name.hasSuffix(".tmp"), !options.readOnly {
        try directory.performing { (files) throws(FileSystemError) in
          try files.removeTree(directory.child(name))
        }
      }
      guard let region = region(name) else { continue }
      let walDirectory = wal(of: region, in: directory)
      do throws(EtcdWALError) {
        guard let scan = try EtcdRegionWAL.scan(walDirectory) else { continue }
        table.regions[region] = scan.region.isEmpty ? nil : scan.region
        if options.readOnly { continue }
        writer.wals[region] = try EtcdRegionWAL(
          opening: scan, walDirectory, walOptions(options))
      } catch {
        if case .files = error { throw error }
        table.damaged[region] = "\(error)"
      }
    }
  }

  // MARK: Names

  static func name(_ region: UInt64) -> String { EtcdSegmentName.digits(region) }

  /// The region of a directory's name; nil for other names.
  static func region(_ name: String) -> UInt64? {
    guard let region = UInt64(name, radix: 16), Self.name(region) == name else { return nil }
    return region
  }

  static func wal(of region: UInt64, in directory: EtcdDirectory) -> EtcdDirectory {
    EtcdDirectory(path: directory.child(name(region)) + "/wal", system: directory.system)
  }

  /// The lock of the store covers all segments.
  static func walOptions(_ options: EtcdLogStoreOptions) -> EtcdWAL.Options {
    var result = EtcdWAL.Options()
    result.segmentBytes = options.segmentBytes
    result.locksSegments = false
    return result
  }

  var directory: EtcdDirectory { EtcdDirectory(path: path, system: system) }

  // MARK: Writing

  package func write(
    _ batch: LogBatch, _ durability: Durability
  ) throws(LogStoreError) -> LogReceipt {
    guard batch.byteSize <= options.maxBatchBytes else {
      throw .batchTooLarge(limit: options.maxBatchBytes)
    }
    return try writing { (writer) throws(LogStoreError) in
      let before = table.withLock { $0.excerpt(batch.operations) }
      var plan = EtcdPlan { before[$0] ?? EtcdPlan.Region() }
      try plan.add(batch)
      guard !plan.changes.isEmpty else {
        return LogReceipt(lsn: writer.lsn, durableLSN: writer.durableLSN, bytes: 0)
      }
      try write(plan, before, &writer)
      writer.lsn += 1
      table.withLock { $0.apply(plan) }
      if durability == .synced { try barrier(&writer) }
      return LogReceipt(lsn: writer.lsn, durableLSN: writer.durableLSN, bytes: batch.byteSize)
    }
  }

  /// Calls `body` with the writer of an open store, and notes whether it poisons the store.
  func writing<R>(
    _ body: (inout Writer) throws(LogStoreError) -> R
  ) throws(LogStoreError) -> R {
    try writer.withLock { (writer) throws(LogStoreError) in
      if writer.isClosed { throw .closed }
      if options.readOnly {
        throw .denied(path: path, reason: "the log was opened for reading only")
      }
      if let poison = writer.poison { throw .poisoned(poison) }
      return try body(&writer)
    }
  }

  @discardableResult
  package func sync() throws(LogStoreError) -> UInt64 {
    try writing { (writer) throws(LogStoreError) in
      try barrier(&writer)
      return writer.durableLSN
    }
  }

  package func close() throws(LogStoreError) {
    try writer.withLock { (writer) throws(LogStoreError) in
      guard !writer.isClosed else { return }
      writer.isClosed = true
      table.withLock { $0.isClosed = true }
      defer {
        writer.lock = nil
        writer.wals = [:]
      }
      if options.readOnly { return }
      if let poison = writer.poison { throw .poisoned(poison) }
      try barrier(&writer)
      try prove(&writer)
    }
  }

  // MARK: Identity

  package func identity() throws(LogStoreError) -> LogStoreIdentity? {
    try reading { $0.identity }
  }

  package func bind(_ identity: LogStoreIdentity) throws(LogStoreError) {
    if let found = try self.identity() {
      guard found == identity else { throw .foreignStore(expected: identity, found: found) }
      return
    }
    try writing { (_) throws(LogStoreError) in
      do throws(EtcdWALError) {
        try Self.write(identity, to: directory)
      } catch {
        throw LogStoreError(error)
      }
      table.withLock { $0.identity = identity }
    }
  }
}
