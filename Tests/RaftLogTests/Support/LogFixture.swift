import Foundation
import Raft
import RaftLog
import Runtime
import TestSupport
import Testing

/// The log stores under test.
enum LogStoreKind: String, CaseIterable, CustomTestStringConvertible {
  case rocks, memory, segment
  case kv
  case disk
  case etcd

  var testDescription: String { rawValue }
}

/// A store with a directory of its own, and ways to open it again.
final class LogFixture {
  let kind: LogStoreKind
  private let temporary: TemporaryDirectory
  private(set) var store: any RaftLogStore
  /// The files of a store of kind `disk`.
  let files = FaultyFiles()
  /// How many copies `killed` has made.
  private var kills = 0

  var path: String { temporary.child("raft") }

  init(_ kind: LogStoreKind) throws {
    self.kind = kind
    temporary = try TemporaryDirectory("raftlog")
    store =
      switch kind {
      case .rocks: try RocksDBLogStore(path: temporary.child("raft"))
      case .memory: MemoryLogStore()
      case .segment: try SegmentLogStore.open(temporary.child("raft"))
      case .kv: try OrderedKVLogStore(path: temporary.child("raft"))
      case .disk: try DiskLogStore.open(temporary.child("raft"), files)
      case .etcd: try EtcdLogStore.open(temporary.child("raft"))
      }
  }

  var directory: String { temporary.path }

  func reopen() throws {
    try store.close()
    store =
      switch kind {
      case .rocks: try RocksDBLogStore(path: path)
      case .memory: try #require(store as? MemoryLogStore).reopen()
      case .segment: try SegmentLogStore.open(path)
      case .kv: try OrderedKVLogStore(path: path)
      case .disk: try DiskLogStore.open(path, files)
      case .etcd: try EtcdLogStore.open(path)
      }
  }

  /// Runs the check now and after opening the store again: on its state in memory and on the stored one. On some stores
  /// also on what a kill of the process would have left.
  func twice(_ check: (any RaftLogStore) throws -> Void) throws {
    try check(store)
    try store.verify(deep: true)
    try killed(check)
    try reopen()
    try check(store)
  }

  /// Runs the check on a copy of the files that was made while the store was open: what a kill of the process leaves.
  private func killed(_ check: (any RaftLogStore) throws -> Void) throws {
    guard [.kv, .disk, .etcd].contains(kind) else { return }
    if kind == .disk {
      let left = try DiskLogStore.open(path, files.copy())
      try check(left)
      return
    }
    kills += 1
    let left = try open(checkpoint: try copyFiles(temporary.child("killed-\(kills)")))
    try check(left)
    try left.close()
  }

  /// Copies the files of the open store. RocksDB removes old ones in the background: then the copy begins again.
  private func copyFiles(_ copy: String, attempts: Int = 20) throws -> String {
    do {
      try FileManager.default.copyItem(atPath: path, toPath: copy)
      return copy
    } catch {
      guard attempts > 1 else { throw error }
      return try copyFiles(copy + "+", attempts: attempts - 1)
    }
  }

  @discardableResult
  func write(
    _ durability: Durability = .buffered, _ fill: (inout LogBatch) -> Void
  ) throws -> LogReceipt {
    var batch = LogBatch()
    fill(&batch)
    return try store.write(batch, durability)
  }

  func append(_ region: UInt64, _ entries: [Entry]) throws {
    try write { $0.append(region, entries) }
  }

  func open(checkpoint path: String) throws -> any RaftLogStore {
    switch kind {
    case .rocks: try RocksDBLogStore(path: path)
    case .memory: try #require((store as? MemoryLogStore)?.open(checkpoint: path))
    case .segment: try SegmentLogStore.open(path)
    case .kv: try OrderedKVLogStore(path: path)
    case .disk: try DiskLogStore.open(path, files)
    case .etcd: try EtcdLogStore.open(path)
    }
  }
}

extension DiskLogStore {
  /// Logs with files of few entries, so that a test writes many.
  static func open(
    _ path: String, _ files: FaultyFiles, keys: (any SegmentKeys)? = nil
  ) throws(LogStoreError) -> DiskLogStore {
    var options = DiskStorageOptions()
    options.slotsPerFile = 64
    options.keys = keys
    return try DiskLogStore(path: path, files: files, options: options)
  }
}

extension SegmentLogStore {
  /// A log of small files on the disk.
  static func open(_ path: String) throws -> SegmentLogStore {
    try SegmentLogStore(path: path, files: SystemFileSystem(), options: .small)
  }
}

extension EtcdLogStore {
  /// WALs of small segments on the disk.
  static func open(_ path: String) throws -> EtcdLogStore {
    var options = EtcdLogStoreOptions()
    options.segmentBytes = 16 << 10
    options.maxOpenFiles = 16
    return try EtcdLogStore(path: path, files: SystemFileSystem(), options: options)
  }
}

extension SegmentLogOptions {
  /// Files of 64 KiB, so that a test writes many, and a cache that holds almost nothing.
  static var small: SegmentLogOptions {
    var options = SegmentLogOptions()
    options.segmentBytes = 64 << 10
    options.compressionThreshold = 1 << 10
    options.cacheBytes = 4 << 10
    options.softBudgetBytes = 1 << 20
    options.hardBudgetBytes = 1 << 20
    return options
  }
}

/// `(term, index)` with both as data.
func entry(_ term: UInt64, _ index: UInt64) -> Entry {
  Entry(term: term, index: index, data: Array("\(term)/\(index)".utf8))
}

/// Entries of one term.
func run(_ term: UInt64, _ indexes: ClosedRange<UInt64>) -> [Entry] {
  indexes.map { entry(term, $0) }
}

extension RaftLogStore {
  /// The whole log of a region.
  func all(_ region: UInt64) throws -> [Entry] {
    try entries(region, from: firstIndex(region), to: lastIndex(region) + 1, maxBytes: .max)
  }

  /// The owner's pairs of a region, all or in a range.
  func pairs(_ region: UInt64, from: [UInt8] = [], to: [UInt8]? = nil) throws -> [[UInt8]] {
    var found: [[UInt8]] = []
    try scan(region, from: from, to: to) { key, value in
      found.append(key + [0xee] + value)
      return true
    }
    return found
  }
}

/// Expects this very error.
func expect<R>(
  _ error: LogStoreError, sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws -> R
) {
  #expect(throws: error, sourceLocation: sourceLocation) { _ = try body() }
}

/// Expects a refusal of the batch, whatever its reason.
func expectInvalid<R>(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> R
) {
  let error = #expect(throws: LogStoreError.self, sourceLocation: sourceLocation) {
    _ = try body()
  }
  guard case .invalidBatch = error else {
    Issue.record("\(String(describing: error))", sourceLocation: sourceLocation)
    return
  }
}
