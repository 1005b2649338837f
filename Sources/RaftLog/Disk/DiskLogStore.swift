package import Runtime
import Synchronization

/// Raft logs in a directory per region, each a `DiskStorage` of the strict format: `PATH/REGION/wal.meta` and
/// `PATH/REGION/NNNNN.wal`, the region in decimal. `PATH/store.meta` names the owner, and `PATH/LOCK` is locked.
///
/// A batch is atomic within each region, not across regions, and costs two barriers per region.
package final class DiskLogStore: RaftLogStore {
  struct Writer {
    var lsn: UInt64 = 0
    /// At most `lsn`.
    var durableLSN: UInt64 = 0
    var poison: String?
    var isClosed = false
    /// Regions with changes that are not durable yet.
    var unsynced: Set<UInt64> = []
    /// Regions that were destroyed and may still have files.
    var destroyed: Set<UInt64> = []
    var lock: (any FileLock)?
  }

  struct Shared {
    /// Those of destroyed regions are among them until their files are removed; with a tombstone, they stay.
    var storages: [UInt64: DiskStorage] = [:]
    var holds = LogHolds()
    var openedBytes: [UInt64: UInt64] = [:]
    var identity: LogStoreIdentity?
    var isClosed = false
  }

  package let path: String
  let files: any RandomAccessFileSystem
  let options: DiskStorageOptions
  /// Lock order: before `shared`.
  let writer: Mutex<Writer>
  /// Never locked during a call that may block.
  let shared: Mutex<Shared>
  /// Bytes of a `LogBatch` (`byteSize`) above which a write throws `batchTooLarge`.
  static let maxBatchBytes = 512 << 20

  /// Opens the store in the directory `path`, which is created if it is missing. What was written before is durable when
  /// it returns.
  ///
  /// Throws `locked`, `denied`, `noSpace`, `corrupted`, `newerFormat`, `wrongKey` or `io`.
  ///
  /// - Parameter options: of the storages; `format` and the ids do not count.
  package init(
    path: String, files: any RandomAccessFileSystem,
    options: DiskStorageOptions = DiskStorageOptions()
  ) throws(LogStoreError) {
    self.path = path
    self.files = files
    var options = options
    options.format = .strict
    options.locks = false
    self.options = options
    let lock = try performing { () throws(FileSystemError) in
      try files.createDirectory(path)
      return try files.lock(path + "/LOCK")
    }
    guard let lock else {
      throw .locked(path: path, reason: "another process or store holds its lock")
    }
    let names = try performing { () throws(FileSystemError) in try files.list(path) }
    let regions = names.compactMap { name in UInt64(name).flatMap { "\($0)" == name ? $0 : nil } }
    let file = StoreFile(path: path + "/store.meta")
    var shared = Shared()
    if names.contains("store.meta") {
      shared.identity = try file.read(files)
    } else {
      guard regions.isEmpty else {
        throw DiskDefect(0, "the file is missing, but there are regions").error(file.path)
      }
      try file.write(nil, path, files)
    }
    var destroyed: Set<UInt64> = []
    for region in regions {
      guard let storage = try Self.open(region, path, files, options) else { continue }
      shared.storages[region] = storage
      if storage.present.meta.isDestroyed { destroyed.insert(region) }
      shared.openedBytes[region] = try storage.contentBytes
    }
    writer = Mutex(Writer(destroyed: destroyed, lock: lock))
    self.shared = Mutex(shared)
    try writer.withLock { (writer) throws(LogStoreError) in try removeDestroyed(&writer) }
  }

  /// Nil for a directory that creating or removing a region has left.
  private static func open(
    _ region: UInt64, _ path: String, _ files: any RandomAccessFileSystem,
    _ options: DiskStorageOptions
  ) throws(LogStoreError) -> DiskStorage? {
    let directory = "\(path)/\(region)"
    var options = options
    options.createIfMissing = false
    let hasMeta = try performing { () throws(FileSystemError) in
      try files.exists(directory + "/wal.meta")
    }
    if hasMeta {
      let storage = try DiskStorage(directory: directory, files: files, options: options)
      guard storage.format == .strict, storage.uint(.groupID) == region else {
        throw DiskDefect(
          0, "it is the log of group \(storage.uint(.groupID)) in the format \(storage.format)"
        ).error(directory + "/wal.meta")
      }
      return storage
    }
    let names = try performing { () throws(FileSystemError) in try files.list(directory) }
    if let name = names.first(where: { OriginalFormat.file($0) != nil }) {
      throw DiskDefect(0, "the file is missing, but there is \(name)").error(
        directory + "/wal.meta")
    }
    return nil
  }

  package var capabilities: LogStoreCapabilities { [.onlineCheckpoint] }

  func storage(_ region: UInt64) -> DiskStorage? { shared.withLock { $0.storages[region] } }

  // MARK: Writing

  package func write(
    _ batch: LogBatch, _ durability: Durability
  ) throws(LogStoreError) -> LogReceipt {
    guard batch.byteSize <= Self.maxBatchBytes else {
      throw .batchTooLarge(limit: Self.maxBatchBytes)
    }
    return try changing { (writer) throws(LogStoreError) in
      let changes = try plan(batch)
      guard !changes.isEmpty else {
        return LogReceipt(lsn: writer.lsn, durableLSN: writer.durableLSN, bytes: 0)
      }
      for (position, (region, change)) in changes.enumerated() {
        do throws(LogStoreError) {
          try commit(region, change, durability, &writer)
        } catch {
          // The regions before have changed, or it is not known what of this one is stored.
          if position > 0 || storage(region)?.isPoisoned == true { writer.poison = "\(error)" }
          throw error
        }
      }
      writer.lsn += 1
      if durability == .synced { try barrier(&writer) }
      return LogReceipt(lsn: writer.lsn, durableLSN: writer.durableLSN, bytes: batch.byteSize)
    }
  }

  /// The effective changes of a batch, ascending by region. Throws if one breaks a rule.
  private func plan(_ batch: LogBatch) throws(LogStoreError) -> [(UInt64, DiskChange)] {
    var changes: [UInt64: DiskChange] = [:]
    for operation in batch.operations {
      let region = operation.region
      var change = changes[region] ?? storage(region)?.change() ?? newChange(region)
      try change.add(operation)
      changes[region] = change
    }
    for region in changes.keys.sorted() { try changes[region]?.finish(region) }
    return changes.filter { $0.value.isEffective }.sorted { $0.key < $1.key }
      .map { ($0.key, $0.value) }
  }

  /// The start of a change of a region that has no files.
  private func newChange(_ region: UInt64) -> DiskChange {
    var view = DiskView()
    view.meta.groupID = region
    view.meta.isDestroyed = true
    return DiskChange(view)
  }

  private func commit(
    _ region: UInt64, _ change: DiskChange, _ durability: Durability, _ writer: inout Writer
  ) throws(LogStoreError) {
    var storage = storage(region)
    if storage == nil {
      // Created and destroyed at once.
      if change.meta.isDestroyed, change.meta.tombstone == nil { return }
      var options = options
      options.groupID = region
      options.beginsDestroyed = true
      storage = try DiskStorage(directory: "\(path)/\(region)", files: files, options: options)
      try performing { () throws(FileSystemError) in try files.syncDirectory(path) }
    }
    guard let storage else { return }
    shared.withLock { $0.storages[region] = storage }
    let kept = shared.withLock {
      $0.holds.deletable(region, truncatedAt: change.index.dummy.index) + 1
    }
    try storage.commit(change, durability, keeping: kept)
    if durability == .buffered { writer.unsynced.insert(region) }
    if change.meta.isDestroyed { writer.destroyed.insert(region) }
  }

  func changing<R>(
    _ body: (inout Writer) throws(LogStoreError) -> R
  ) throws(LogStoreError) -> R {
    try writer.withLock { (writer) throws(LogStoreError) in
      if writer.isClosed { throw .closed }
      if let poison = writer.poison { throw .poisoned(poison) }
      return try body(&writer)
    }
  }

  @discardableResult
  package func sync() throws(LogStoreError) -> UInt64 {
    try changing { (writer) throws(LogStoreError) in
      try barrier(&writer)
      return writer.durableLSN
    }
  }

  func barrier(_ writer: inout Writer) throws(LogStoreError) {
    do throws(LogStoreError) {
      for region in writer.unsynced.sorted() { try storage(region)?.sync() }
      writer.unsynced = []
      writer.durableLSN = writer.lsn
      try removeDestroyed(&writer)
    } catch {
      writer.poison = "\(error)"
      throw error
    }
  }

  /// Removes the files of destroyed regions without a tombstone. That they are destroyed is durable.
  private func removeDestroyed(_ writer: inout Writer) throws(LogStoreError) {
    guard !writer.destroyed.isEmpty else { return }
    for region in writer.destroyed.sorted() {
      guard let storage = storage(region), storage.present.meta.isDestroyed,
        storage.present.meta.tombstone == nil
      else { continue }
      try storage.remove(files)
      shared.withLock { $0.storages[region] = nil }
    }
    try performing { () throws(FileSystemError) in try files.syncDirectory(path) }
    writer.destroyed = []
  }

  package func close() throws(LogStoreError) {
    try writer.withLock { (writer) throws(LogStoreError) in
      guard !writer.isClosed else { return }
      shared.withLock { $0.isClosed = true }
      defer {
        writer.isClosed = true
        writer.lock = nil
      }
      if let poison = writer.poison { throw .poisoned(poison) }
      try barrier(&writer)
      for storage in shared.withLock({ $0.storages }).values { try storage.close() }
    }
  }

  // MARK: Identity

  package func identity() throws(LogStoreError) -> LogStoreIdentity? {
    try reading { $0.identity }
  }

  package func bind(_ identity: LogStoreIdentity) throws(LogStoreError) {
    try changing { (writer) throws(LogStoreError) in
      if let found = shared.withLock({ $0.identity }) {
        guard found == identity else { throw .foreignStore(expected: identity, found: found) }
        return
      }
      try StoreFile(path: path + "/store.meta").write(identity, path, files)
      shared.withLock { $0.identity = identity }
    }
  }

  func reading<R: Sendable>(_ body: (Shared) -> R) throws(LogStoreError) -> R {
    try shared.withLock { (shared) throws(LogStoreError) in
      if shared.isClosed { throw .closed }
      return body(shared)
    }
  }
}

/// `store.meta`: `DSKSTORE`, format version 4, flags 4 (1: it has an owner), cluster id 8, store id 8, CRC-32C of the
/// bytes before 4; little-endian.
private struct StoreFile {
  private static let magic = Array("DSKSTORE".utf8)

  let path: String

  func read(_ files: any RandomAccessFileSystem) throws(LogStoreError) -> LogStoreIdentity? {
    let bytes = try performing { () throws(FileSystemError) in
      try files.open(path).read(at: 0, upTo: 36)
    }
    do throws(SegmentDefect) {
      guard bytes.count == 36, bytes.starts(with: Self.magic) else {
        throw SegmentDefect("the file is not that of a store of logs")
      }
      var check = ByteReader(bytes, 32..<36)
      guard try check.number(UInt32.self) == CRC32C.of(Array(bytes[..<32])) else {
        throw SegmentDefect("the file does not match its checksum")
      }
      var reader = ByteReader(bytes, 8..<32)
      guard try reader.number(UInt32.self) <= 1 else {
        throw SegmentDefect("a newer format", isNewer: true)
      }
      let flags = try reader.number(UInt32.self)
      let (cluster, store) = (try reader.number(UInt64.self), try reader.number(UInt64.self))
      return flags & 1 == 0 ? nil : LogStoreIdentity(clusterID: cluster, storeID: store)
    } catch {
      if error.isNewer { throw .newerFormat(2) }
      throw DiskDefect(0, error.reason).error(path)
    }
  }

  func write(
    _ identity: LogStoreIdentity?, _ directory: String, _ files: any RandomAccessFileSystem
  ) throws(LogStoreError) {
    var bytes = Self.magic
    bytes.appendLittleEndian(UInt32(1))
    bytes.appendLittleEndian(UInt32(identity == nil ? 0 : 1))
    bytes.appendLittleEndian(identity?.clusterID ?? 0)
    bytes.appendLittleEndian(identity?.storeID ?? 0)
    bytes.appendLittleEndian(CRC32C.of(bytes))
    let content = bytes
    try performing { () throws(FileSystemError) in
      try files.remove(path + ".tmp")
      let file = try files.openRandomAccess(path + ".tmp", create: true, readOnly: false)
      try file.write(content, at: 0)
      try file.sync()
      try files.rename(path + ".tmp", to: path)
      try files.syncDirectory(directory)
    }
  }
}
