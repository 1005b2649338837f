import Codec
import Engine
import Logging
import Raft
import RaftLog
import Runtime
import TestSupport
import Testing

@testable import Raftstore

/// A region worker whose mailboxes are read by the test.
final class RegionWorkerFixture {
  static let region = SnapshotFixture.region
  static let key = SnapshotFixture.key

  let store: SnapshotFixture
  let meta = StoreMeta()
  let fatal = FatalReasons()
  private let router = Router()
  private let raft = Mailbox<RaftWorkerMessage>(capacity: 100, wake: {})
  private let logs = Mailbox<LogWriteTask>(capacity: 100, wake: {})
  /// How often the worker asked to be called again for snapshots that wait.
  let retries = Shared<UInt64>()
  private lazy var worker = makeWorker()

  /// Set before the first task.
  var logSyncInterval = Duration.zero
  /// Between the worker and the store's engine.
  private let wrap: (any KVEngine) -> any KVEngine

  init(_ store: SnapshotFixture, engine wrap: @escaping (any KVEngine) -> any KVEngine = { $0 }) {
    self.store = store
    self.wrap = wrap
    router.attach(raft: [raft], store: Mailbox<StoreMessage>(capacity: 1, wake: {}))
  }

  private func makeWorker() -> RegionWorker {
    RegionWorker(
      engine: wrap(store.engine), logs: MemoryLogStore(), snapshots: store.manager, meta: meta,
      router: router,
      logWriter: logs, clock: store.clock, metrics: Metrics(), logger: Logger(label: "test"),
      logSyncInterval: logSyncInterval,
      later: { [retries] task, _ in
        if case .retryApplying = task { retries.withLock { $0 += 1 } }
      },
      onFatal: { [fatal] reason in fatal.add(reason) })
  }

  /// After the store's engine and manager were replaced.
  func restart(losingPower power: Bool) throws {
    try store.restart(losingPower: power)
    worker = makeWorker()
  }

  // MARK: Work

  func run(_ tasks: RegionTask...) {
    worker.handle(tasks)
    worker.flush()
  }

  /// Generates the snapshots that were asked for, as one thread of the pool.
  func generate(_ requests: SnapshotRequest...) {
    let generations = SnapshotGenerations()
    for request in requests { generations.submit(request) }
    var worker = SnapshotGenerationWorker(
      generations: generations, snapshots: store.manager, meta: meta, router: router,
      logger: Logger(label: "test"))
    worker.handle([SnapshotWakeUp()])
  }

  /// What reached the raft worker since the last look.
  func messages() -> [RaftWorkerMessage] {
    var batch: [RaftWorkerMessage] = []
    _ = raft.drain(into: &batch, limit: .max)
    return batch
  }

  func logTasks() -> [LogWriteTask] {
    var batch: [LogWriteTask] = []
    _ = logs.drain(into: &batch, limit: .max)
    return batch
  }

  /// Begins to apply a snapshot; whether it is completed is up to the disk.
  func startApplyingSnapshot() {
    run(.applySnapshot(peerID: 72, region: Self.region, key: Self.key))
  }

  /// Installs on a disk that fails: the worker ends the process and notifies the peer nothing.
  func applySnapshotFatally() {
    startApplyingSnapshot()
    #expect(fatal.all.count == 1)
    #expect(messages().isEmpty)
  }

  /// Installs and tells the response.
  func applySnapshot(_ region: Region = region) throws -> SnapshotError? {
    run(.applySnapshot(peerID: 72, region: region, key: Self.key))
    let messages = messages()
    #expect(messages.count == 1)
    guard case .snapshotApplied(7, 72, Self.key, let error) = try #require(messages.first)
    else {
      Issue.record("not an answer to an installation: \(messages)")
      return nil
    }
    return error
  }

  // MARK: Records

  func hold(_ region: Region, _ delegatePeer: PeerInfo? = nil) {
    let peer = delegatePeer ?? region.peers.first ?? PeerInfo(id: 1)
    meta.set(region, delegate: ReadDelegate(region: region, peer: peer))
  }

  func record(_ state: PeerState, _ region: Region = region) throws {
    var batch = WriteBatch()
    batch.put(
      .raft, KeyLayout.regionState(regionID: region.id),
      RegionLocalState(state: state, region: region).encoded())
    if state == .applying {
      batch.put(
        .raft, KeyLayout.snapshotRaftState(regionID: region.id),
        RaftLocalState(lastIndex: Self.key.index).encoded())
    }
    try store.engine.write(batch, .synced)
  }

  var state: PeerState? {
    get throws {
      let key = KeyLayout.regionState(regionID: 7)
      return try store.engine.get(.raft, key).map { try RegionLocalState(decoding: $0).state }
    }
  }

  func put(_ keys: String..., value: String = "old") throws {
    var batch = WriteBatch()
    for key in keys {
      for family in ColumnFamily.data { batch.put(family, Array(key.utf8), Array(value.utf8)) }
    }
    try store.engine.write(batch, .synced)
  }

  /// The keys of one family, all three having the same.
  func keys() throws -> [String] {
    let families = try SnapshotFixture.data(store.engine, .all).map { pairs in
      pairs.map { String(decoding: $0.key, as: UTF8.self) }
    }
    #expect(Set(families).count == 1)
    return families[0]
  }

  /// A store that has received a snapshot and recorded that it applies it, with other data in the
  /// range and around it; and what the range should hold.
  static func receiving(
    _ backend: SnapshotBackend,
    over keys: [String] = ["a", "b", "c1000003", "c9", "lzz", "m", "x"]
  ) throws -> (fixture: RegionWorkerFixture, expected: [[KeyValue]]) {
    let (sender, receiver, snapshot) = try SnapshotFixture.pair(backend)
    try receiver.receive(try sender.chunks(snapshot))
    let fixture = RegionWorkerFixture(receiver)
    for key in keys { try fixture.put(key) }
    try fixture.record(.applying)
    return (fixture, try SnapshotFixture.data(sender.engine, region.range))
  }
}
