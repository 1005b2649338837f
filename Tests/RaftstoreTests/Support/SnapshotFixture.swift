import Codec
import Engine
import Foundation
import Raft
import Runtime
import TestSupport
import Testing

@testable import Raftstore
@testable import SimulationKit

/// What the snapshot manager stands on.
enum SnapshotBackend: String, CaseIterable, CustomTestStringConvertible {
  case memory, rocks

  var testDescription: String { rawValue }
}

/// A store's worth of snapshots: an engine with data, files, a clock and the manager.
final class SnapshotFixture {
  static let region = Region(
    id: 7, startKey: Array("b".utf8), endKey: Array("m".utf8),
    epoch: RegionEpoch(confVersion: 2, version: 3),
    peers: [PeerInfo(id: 71, storeID: 1), PeerInfo(id: 72, storeID: 2)])
  static let key = SnapshotKey(regionID: 7, term: 5, index: 42)

  let backend: SnapshotBackend
  let directory: String
  let clock = SnapshotClock()
  let memory: MemoryFileSystem?
  let files: any FileSystem
  /// The faults of `files`.
  private let faults: DiskFaults
  private(set) var engine: any KVEngine
  private(set) var manager: SnapManager
  private(set) var metrics = Metrics()
  private let limits: SnapshotLimits
  /// Nil in memory.
  private let scratch: TemporaryDirectory?

  /// - Parameter hasFaults: whether `files` can fail; they belong to one thread then.
  init(
    _ backend: SnapshotBackend, limits: SnapshotLimits = SnapshotLimits(), hasFaults: Bool = true
  ) throws {
    self.backend = backend
    self.limits = limits
    let machine = SimulatedMachine(
      number: 1, name: "store", scheduler: SimulationScheduler(seed: 1))
    faults = DiskFaults(machine)
    let process = machine.startProcess()
    switch backend {
    case .memory:
      let memory = MemoryFileSystem(clock: clock)
      self.memory = memory
      files = hasFaults ? FaultyFileSystem(memory, faults, process) : memory
      engine = try MemoryEngine(path: "/kv", files: files)
      directory = "/store/snap"
      scratch = nil
    case .rocks:
      memory = nil
      files =
        hasFaults ? FaultyFileSystem(SystemFileSystem(), faults, process) : SystemFileSystem()
      let scratch = try TemporaryDirectory("snapshots")
      self.scratch = scratch
      engine = try RocksEngine(path: scratch.child("kv"))
      directory = scratch.child("snap")
    }
    manager = SnapManager(
      directory: directory, fileSystem: files, engine: engine, clock: clock,
      metrics: metrics, limits: limits)
    try manager.open()
  }

  /// The process crashes and starts again; with `power` the machine does too, and what was not synced
  /// is lost. Only in memory.
  func restart(losingPower power: Bool) throws {
    failOperations(after: nil)
    if let memoryEngine = engine as? MemoryEngine {
      engine = power ? memoryEngine.crash() : memoryEngine.reopen()
      if power { memory?.crash() }
    }
    metrics = Metrics()
    manager = SnapManager(
      directory: directory, fileSystem: files, engine: engine, clock: clock,
      metrics: metrics, limits: limits)
    try manager.open()
  }

  // MARK: Faults

  private var failuresBefore = 0

  /// Lets so many more operations go well before all fail, as if the process died there; nil for all.
  func failOperations(after count: Int?) {
    faults.operationsLeft = count
    failuresBefore = faults.injected
  }

  /// Whether an operation has failed since.
  var hasFailed: Bool { faults.injected > failuresBefore }

  // MARK: Data

  /// Pairs inside and around the region: many in `default`, one in `write`, none in `lock`.
  func fill(_ count: Int = 300) throws {
    var batch = WriteBatch()
    for number in 0..<count {
      let key = Array("c\(1_000_000 + number)".utf8)
      batch.put(.default, key, Array("value \(number)".utf8))
    }
    batch.put(.write, Array("b".utf8), [])
    for outside in ["a", "m", "z"] {
      batch.put(.default, Array(outside.utf8), [1])
      batch.put(.lock, Array(outside.utf8), [1])
    }
    try engine.write(batch, .synced)
  }

  /// All user data of a range, for comparison.
  static func data(_ engine: any KVReader, _ range: KeyRange) throws -> [[KeyValue]] {
    try ColumnFamily.data.map {
      try engine.scan($0, from: range.start, to: range.end.isEmpty ? nil : range.end)
    }
  }

  func request(index: UInt64 = key.index, region: Region = region) -> SnapshotRequest {
    SnapshotRequest(
      region: region, peerID: 71, index: index, term: Self.key.term, snapshot: engine.snapshot())
  }

  // MARK: Files

  var names: [String] { get throws { try files.list(directory) } }

  func content(_ name: String) throws -> [UInt8] {
    try files.contents(of: directory + "/" + name)
  }

  /// Writes a file's content again, with the middle byte turned round.
  func corrupt(_ name: String) throws {
    var bytes = try content(name)
    bytes[bytes.count / 2] ^= 0xff
    try put(name, bytes)
  }

  func put(_ name: String, _ bytes: [UInt8]) throws {
    let file = try files.create(directory + "/" + name, exclusive: false)
    try file.append(bytes)
    try file.sync()
    try files.syncDirectory(directory)
  }

  // MARK: Streams

  static func envelope(_ snapshot: GeneratedSnapshot, toStore store: UInt64 = 2) -> RaftEnvelope {
    var message = Message(.snapshot, to: 72, from: 71, term: 5)
    message.snapshot = Snapshot(
      data: snapshot.data,
      metadata: SnapshotMetadata(
        confState: ConfState(voters: [71, 72]), index: snapshot.key.index,
        term: snapshot.key.term))
    return RaftEnvelope(
      regionID: snapshot.key.regionID, from: PeerInfo(id: 71, storeID: 1),
      to: PeerInfo(id: 72, storeID: store), message: message)
  }

  /// The chunks that a sender puts on the wire, encoded and decoded once.
  func chunks(_ snapshot: GeneratedSnapshot, size: Int = 1 << 20) throws -> [SnapshotChunk] {
    let source = try manager.beginSending(snapshot.key)
    defer { source.finish(succeeded: false) }
    var writer = SnapshotStreamWriter(Self.envelope(snapshot), source, chunkSize: size)
    var chunks: [SnapshotChunk] = []
    while let chunk = try writer.next() {
      chunks.append(try SnapshotChunk(decoding: chunk.encoded()))
    }
    return chunks
  }

  /// Receives all chunks here.
  @discardableResult
  func receive(_ chunks: [SnapshotChunk]) throws -> RaftEnvelope {
    var reader = SnapshotStreamReader(storeID: 2, snapshots: manager)
    for chunk in chunks { try reader.receive(chunk) }
    return try reader.finish()
  }

  /// A snapshot of a filled store, and another store of the same kind that may receive it.
  static func pair(
    _ backend: SnapshotBackend, limits: SnapshotLimits = SnapshotLimits()
  ) throws -> (sender: SnapshotFixture, receiver: SnapshotFixture, snapshot: GeneratedSnapshot) {
    let sender = try SnapshotFixture(backend)
    try sender.fill()
    let snapshot = try sender.manager.generate(sender.request())
    return (sender, try SnapshotFixture(backend, limits: limits), snapshot)
  }
}
