package import Runtime
import Synchronization

/// An engine in memory, for tests and simulation. It can simulate a crash, which loses what was not synced, and
/// failures. SST files and checkpoints are written through the given file system.
package final class MemoryEngine: KVEngine {
  /// A failure to inject.
  package enum Fault: Sendable, Hashable {
    /// A write fails without effect.
    case write
    /// The sync of a write or of `sync` fails: the write is applied, but not durable.
    case sync
  }

  package let path: String
  private let files: any FileSystem
  private let shared: Mutex<MemoryEngineState>

  /// An engine with the checkpoint at `path`, or an empty one if there is none.
  package init(
    path: String = "memory", files: any FileSystem = MemoryFileSystem()
  ) throws(EngineError) {
    self.path = path
    self.files = files
    var state = MemoryTables()
    for family in ColumnFamily.allCases {
      let file = Self.checkpointFile(path, family)
      do throws(FileSystemError) {
        guard try files.exists(file) else { continue }
      } catch {
        throw EngineError(error)
      }
      let pairs = try Self.read(file, files)
      state.apply(.ingested(family, pairs))
    }
    shared = Mutex(MemoryEngineState(state))
  }

  private init(path: String, files: any FileSystem, state: MemoryTables) {
    self.path = path
    self.files = files
    shared = Mutex(MemoryEngineState(state))
  }

  // MARK: Fault injection

  /// The number of writes that a crash may lose.
  package var unsyncedWrites: Int {
    shared.withLock { $0.unsynced.count { !$0.isDurableImmediately } }
  }

  /// The numbers of writes and barriers so far.
  package var traffic: (writes: UInt64, barriers: UInt64) {
    shared.withLock { ($0.writes, $0.barriers) }
  }

  /// Makes one operation fail, after `successes` more of its kind have succeeded. Every later write fails too.
  package func inject(_ fault: Fault, after successes: Int = 0) {
    shared.withLock {
      switch fault {
      case .write: $0.writesBeforeFailure = successes
      case .sync: $0.syncsBeforeFailure = successes
      }
    }
  }

  /// Simulates a crash of the machine: closes this engine and returns the one that a restart opens. Of the writes
  /// that were not synced the first `kept` survive.
  package func crash(keeping kept: Int = 0) -> MemoryEngine {
    let state = shared.withLock { shared in
      shared.closed = true
      return shared.tablesAfterCrash(keeping: kept)
    }
    return MemoryEngine(path: path, files: files, state: state)
  }

  /// Closes this engine and returns the one that a restart of the process opens: nothing is lost.
  ///
  /// - Parameter files: the file system of the new engine; nil: the present one.
  package func reopen(files: (any FileSystem)? = nil) -> MemoryEngine {
    let state = shared.withLock { shared in
      shared.closed = true
      return shared.current
    }
    return MemoryEngine(path: path, files: files ?? self.files, state: state)
  }

  // MARK: Reading

  package func get(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]? {
    try state("get")[family][key]
  }

  package func multiGet(
    _ family: ColumnFamily, _ keys: [[UInt8]]
  ) throws(EngineError) -> [[UInt8]?] {
    let table = try state("get")[family]
    return keys.map { table[$0] }
  }

  package func cursor(
    _ family: ColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, fillCache: Bool
  ) throws(EngineError) -> any KVCursor {
    MemoryCursor(try state("iterate")[family], from: lower, to: upper)
  }

  package func snapshot() -> any KVSnapshot {
    let state = shared.withLock { $0.closed ? nil : $0.current }
    return MemorySnapshot(state)
  }

  private func state(_ operation: String) throws(EngineError) -> MemoryTables {
    let state = shared.withLock { $0.closed ? nil : $0.current }
    guard let state else { throw .closed(operation) }
    return state
  }

  // MARK: Writing

  package func write(_ batch: WriteBatch, _ durability: Durability) throws(EngineError) {
    try change("write") { (shared) throws(EngineError) in
      if !batch.isEmpty { try shared.write(batch) }
      if durability == .synced { try shared.barrier() }
    }
  }

  package func sync() throws(EngineError) {
    try change("sync") { (shared) throws(EngineError) in try shared.barrier() }
  }

  package func flush() throws(EngineError) {
    try change("flush") { (shared) throws(EngineError) in try shared.barrier() }
  }

  package func close() throws(EngineError) {
    try shared.withLock { (shared) throws(EngineError) in
      guard !shared.closed else { return }
      shared.closed = true
      if let failure = shared.failure { throw failure }
      try shared.barrier()
    }
  }

  private func change(
    _ operation: String, _ body: (inout MemoryEngineState) throws(EngineError) -> Void
  ) throws(EngineError) {
    try shared.withLock { (shared) throws(EngineError) in
      guard !shared.closed else { throw .closed(operation) }
      if let failure = shared.failure { throw failure }
      try body(&shared)
    }
  }

  // MARK: Files

  package func makeSSTWriter(
    _ path: String, for family: ColumnFamily
  ) throws(EngineError) -> any SSTWriter {
    MemorySSTWriter(path: path, files: files)
  }

  package func openSST(_ path: String) throws(EngineError) -> any KVCursor {
    var table = SortedTable()
    for pair in try Self.read(path, files) { table.set(pair.key, pair.value) }
    let cursor = MemoryCursor(table, from: nil, to: nil)
    cursor.seekToFirst()
    return cursor
  }

  package func ingest(_ ingested: [SSTFile], move: Bool) throws(EngineError) {
    var changes: [MemoryChange] = []
    for file in ingested {
      changes.append(.ingested(file.family, try Self.read(file.path, files)))
    }
    try change("ingest") { shared in
      for change in changes { shared.record(change) }
    }
    guard move else { return }
    do throws(FileSystemError) {
      for file in ingested { try files.remove(file.path) }
    } catch {
      throw EngineError(error)
    }
  }

  package func deleteFilesInRange(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(EngineError) {
    try change("delete files in range") { shared in
      shared.record(.filesDeleted(family, from: from, to: to))
    }
  }

  package func checkpoint(to path: String) throws(EngineError) {
    let state = try state("checkpoint")
    do throws(FileSystemError) {
      try files.createDirectory(path)
    } catch {
      throw EngineError(error)
    }
    for family in ColumnFamily.allCases {
      let cursor = MemoryCursor(state[family], from: nil, to: nil)
      cursor.seekToFirst()
      guard cursor.isValid else { continue }
      let writer = MemorySSTWriter(path: Self.checkpointFile(path, family), files: files)
      while cursor.isValid {
        try writer.put(cursor.key, cursor.value)
        cursor.next()
      }
      _ = try writer.finish()
    }
  }

  private static func checkpointFile(_ path: String, _ family: ColumnFamily) -> String {
    "\(path)/\(family.name).checkpoint"
  }

  private static func read(
    _ path: String, _ files: any FileSystem
  ) throws(EngineError) -> [KeyValue] {
    let content: [UInt8]
    do throws(FileSystemError) {
      content = try files.contents(of: path)
    } catch {
      throw EngineError(error)
    }
    return try MemorySST.parse(content, path: path)
  }

  // MARK: Sizes

  package func approximateSize(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(EngineError) -> UInt64 {
    let table = try state("approximate size")[family]
    var bytes = 0
    var position = table.position(atOrAfter: from)
    while let here = position, table.key(at: here).lexicographicallyPrecedes(to) {
      bytes += table.key(at: here).count + table.value(at: here).count
      position = table.position(after: here)
    }
    return UInt64(bytes)
  }

  package func compact(
    _ family: ColumnFamily, from: [UInt8]?, to: [UInt8]?
  ) throws(EngineError) {
    _ = try state("compact")
  }

  package func usedBytes() throws(EngineError) -> UInt64 {
    UInt64(try state("measure").bytes)
  }

  package func property(_ name: String, _ family: ColumnFamily) -> UInt64? {
    guard name == "rocksdb.estimate-num-keys" else { return nil }
    return shared.withLock { UInt64($0.current[family].count) }
  }
}
