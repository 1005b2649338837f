import FoundationEssentials
import Raft
import RaftLog
import Runtime
import TestSupport
import Testing

@testable import Server

/// `apus ctl log` on data directories, and the engine that a directory is bound to.
struct RaftLogToolTests {
  private let scratch: TemporaryDirectory

  init() throws {
    scratch = try TemporaryDirectory("server")
  }

  private func open(_ engine: LogEngine, readOnly: Bool = false) throws -> any RaftLogStore {
    var options = LogEngineOptions(files: SystemFileSystem())
    options.access = readOnly ? .readOnly : .strict
    return try engine.open(scratch.path + "/" + engine.directoryName, options).store
  }

  private func identify(_ engine: LogEngine) throws {
    let identity = DataIdentity(role: .store, clusterID: 7, storeID: 4, logEngine: engine)
    try Data(identity.text.utf8).write(to: URL(filePath: scratch.path + "/APUS"))
  }

  private func fill(_ store: any RaftLogStore) throws {
    try store.bind(LogStoreIdentity(clusterID: 7, storeID: 4))
    for region: UInt64 in [1, 2, 9] {
      var batch = LogBatch()
      batch.reset(region, index: 5, term: 5, hardState: HardState(term: 5, commit: 5))
      batch.append(
        region,
        (6...40).map { Entry(term: 5 + $0 / 20, index: $0, data: [UInt8](repeating: 7, count: 90)) }
      )
      batch.setHardState(region, HardState(term: 8, vote: 3, commit: 30))
      batch.put(region, key: [1, 2], value: [UInt8(region)])
      _ = try store.write(batch, .buffered)
    }
    var batch = LogBatch()
    batch.compact(2, to: 12, term: 5)
    batch.setHardState(3, HardState(term: 2, vote: 1))
    batch.destroy(9, tombstone: [4])
    _ = try store.write(batch, .synced)
  }

  @Test("A converted log equals its source, there and back")
  func converts() throws {
    let source = try open(.rocksdb)
    try fill(source)
    try identify(.rocksdb)
    let original = MemoryLogStore()
    try LogCopy.copy(source, to: original)
    try source.close()
    for engine in [LogEngine.segment, .rocksdb] {
      let tool = try RaftLogTool(dataDirectory: scratch.path)
      try tool.convert(to: engine) { _ in }
      #expect(tool.engine == engine)
      try tool.verify()
      let store = try open(engine, readOnly: true)
      #expect(try LogCopy.difference(original, store) == nil)
      #expect(try store.tombstone(9) == [4])
      try store.close()
      let names = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
      #expect(names.filter { $0.hasPrefix("raft") } == [engine.directoryName])
      let error = #expect(throws: RaftLogTool.Failure.self) {
        try tool.convert(to: engine) { _ in }
      }
      #expect(error?.description.contains("already") == true)
    }
  }

  /// A crash before the identity file is replaced leaves the old log in use; what it has left of the copy is removed by
  /// the next conversion.
  @Test("What an interrupted conversion has left is not used")
  func interrupted() throws {
    let stale = try open(.segment)
    try fill(stale)
    var batch = LogBatch()
    batch.destroy(1)
    _ = try stale.write(batch, .synced)
    try stale.close()
    let source = try open(.rocksdb)
    try fill(source)
    try source.close()
    try identify(.rocksdb)
    try FileManager.default.createDirectory(
      atPath: scratch.path + "/raft-segment.new/x", withIntermediateDirectories: true)
    let tool = try RaftLogTool(dataDirectory: scratch.path)
    #expect(tool.engine == .rocksdb)
    try tool.convert(to: .segment) { _ in }
    #expect(try tool.statistics().regions.map(\.region) == [1, 2, 3])
  }

  @Test("Shows figures and entries")
  func shows() throws {
    let source = try open(.segment)
    try fill(source)
    try source.close()
    try identify(.segment)
    let tool = try RaftLogTool(dataDirectory: scratch.path)
    let found = try tool.statistics()
    #expect(found.engine == "segment" && found.clusterID == 7 && found.storeID == 4)
    #expect(found.entries == 35 + 28 && found.bytes > 0)
    var lines: [String] = []
    try tool.dump(region: 2, indexes: 13...14, showsData: false) { lines.append($0) }
    #expect(lines.count == 4)
    #expect(lines.first?.hasPrefix("region 2 first 13 last 40 truncated 12 of term 5") == true)
    #expect(lines.last == "  entry 14 term 5 normal bytes 90")
  }

  @Test("Damage is found, and repaired as far as it can be")
  func repairs() throws {
    let source = try open(.segment)
    try fill(source)
    try source.close()
    try identify(.segment)
    let directory = scratch.path + "/raft-segment"
    let name = try #require(
      try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".seg") }
        .min())
    let url = URL(filePath: directory + "/" + name)
    var bytes = try Data(contentsOf: url)
    // In the entries of the first batch, of region 1.
    let at = try #require(bytes.range(of: Data([UInt8](repeating: 7, count: 90)))).lowerBound
    bytes[at + 10] ^= 0x20
    try bytes.write(to: url)
    do {
      let tool = try RaftLogTool(dataDirectory: scratch.path)
      let error = #expect(throws: RaftLogTool.Failure.self) { try tool.verify() }
      #expect(error?.description.contains(name) == true)
      let found = try tool.repair()
      #expect(found.damaged.map(\.region) == [1])
      #expect(throws: RaftLogTool.Failure.self) { try tool.convert(to: .rocksdb) { _ in } }
      #expect(tool.engine == .segment)
    }
    let store = try open(.segment)
    #expect(store.damage(of: 1) != nil && store.damage(of: 2) == nil)
    var batch = LogBatch()
    batch.destroy(1)
    _ = try store.write(batch, .synced)
    #expect(store.damage(of: 1) == nil)
    try store.verify(deep: true)
    try store.close()
    try RaftLogTool(dataDirectory: scratch.path).verify()
  }

  @Test("Directories without a raft log are refused")
  func refusals() throws {
    #expect(throws: RaftLogTool.Failure.self) {
      try RaftLogTool(dataDirectory: scratch.path + "/none")
    }
    #expect(throws: RaftLogTool.Failure.self) { try RaftLogTool(dataDirectory: scratch.path) }
    let store = try open(.rocksdb)
    try fill(store)
    try store.close()
    try identify(.rocksdb)
    let tool = try RaftLogTool(dataDirectory: scratch.path)
    #expect(throws: RaftLogTool.Failure.self) { try RaftLogTool(dataDirectory: scratch.path) }
    #expect(throws: RaftLogTool.Failure.self) { try tool.convert(toEngine: "paper") { _ in } }
  }

  @Test("A store does not start on the log of another engine", arguments: LogEngine.allCases)
  func otherEngine(engine: LogEngine) async throws {
    let store = try open(engine)
    try fill(store)
    try store.close()
    try identify(engine)
    var configuration = NodeConfiguration.test(scratch.path)
    configuration.pdEndpoints = [HostPort(host: "127.0.0.1", port: 1)]
    configuration.logEngine = engine == .segment ? .rocksdb : .segment
    let other = configuration
    let error = await #expect(throws: StartError.self) {
      try await StoreServer.start(other, logger: quiet) { _ in }
    }
    #expect(
      error?.description.contains(
        "apus ctl log convert --data-dir \(scratch.path) --to \(other.logEngine.rawValue)") == true)
  }

  @Test("A directory without data takes the engine that is asked for")
  func newDirectory() throws {
    let directory = try DataDirectory(scratch.path, files: SystemFileSystem())
    var file = try DataIdentityFile(directory, role: .store, files: SystemFileSystem())
    try file.settle(logEngine: .segment)
    try file.record()
    try file.settle(logEngine: .rocksdb)
    try file.settle(logEngine: .segment)
    try file.record()
    let again = try DataIdentityFile(directory, role: .store, files: SystemFileSystem())
    #expect(again.identity.logEngine == .segment)
  }
}
