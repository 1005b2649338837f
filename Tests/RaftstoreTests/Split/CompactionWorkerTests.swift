import Codec
import Engine
import Logging
import Runtime
import TestSupport
import Testing

@testable import Raftstore

/// On RocksDB: the sizes and the deletions of files are its own.
@Suite struct CompactionWorkerTests {
  /// Four regions, `k0` to `k3`, with 100 values of a kilobyte each in files.
  private final class Store {
    let directory: TemporaryDirectory
    let engine: RocksEngine
    let raft = Mailbox<RaftWorkerMessage>(capacity: 1000, wake: {})
    let mailbox = Mailbox<CompactionMessage>(capacity: 1000, wake: {})
    let meta = StoreMeta()
    var worker: CompactionWorker

    init(_ change: (inout SplitConfig) -> Void = { _ in }) throws {
      var config = SplitConfig()
      config.size = 160 << 10
      config.compaction.minTombstones = 50
      change(&config)
      directory = try TemporaryDirectory("compaction")
      engine = try RocksEngine(path: directory.child("kv"))
      let router = Router()
      router.attach(raft: [raft], store: Mailbox<StoreMessage>(capacity: 1, wake: {}))
      worker = CompactionWorker(
        engine: engine, config: config, meta: meta, router: router, mailbox: mailbox,
        metrics: Metrics(), logger: Logger(label: "test"))
      for number in 0..<4 {
        let region = Region(
          id: UInt64(number + 1), startKey: number == 0 ? [] : key(number),
          endKey: number == 3 ? [] : key(number + 1),
          epoch: RegionEpoch(confVersion: 1, version: 1), peers: [PeerInfo(id: 9, storeID: 1)])
        meta.set(region, delegate: ReadDelegate(region: region, peer: region.peers[0]))
      }
      try put(0..<4)
      try engine.flush()
    }

    func key(_ region: Int, _ number: Int? = nil) -> [UInt8] {
      Array("k\(region)\(number.map { "-\($0 + 100)" } ?? "")".utf8)
    }

    func put(_ regions: Range<Int>) throws {
      var random = SplitMix64(seed: 1)
      for region in regions {
        var batch = WriteBatch()
        for number in 0..<100 {
          // Not compressible.
          batch.put(
            .default, key(region, number), (0..<1000).map { _ in UInt8(random.next() & 0xFF) })
        }
        try engine.write(batch, .buffered)
      }
    }

    func delete(_ region: Int, _ count: Int = 100) throws {
      var batch = WriteBatch()
      for number in 0..<count { batch.delete(.default, key(region, number)) }
      try engine.write(batch, .buffered)
    }

    func deleteRange(_ range: KeyRange) throws {
      var batch = WriteBatch()
      let end = range.end.isEmpty ? DataKeySpace.end : range.end
      batch.deleteRange(.default, from: range.start, to: end)
      try engine.write(batch, .buffered)
      worker.handle([.rangeDeleted(range)])
    }

    /// One check and all that it finds. Returns the regions that are to be measured, each once.
    func check() -> [UInt64] {
      worker.handle([.check])
      var next: [CompactionMessage] = []
      while case .drained = mailbox.drain(into: &next, limit: .max) {
        worker.handle(next)
        next = []
      }
      var messages: [RaftWorkerMessage] = []
      _ = raft.drain(into: &messages, limit: .max)
      let ids = messages.compactMap { if case .rangeCompacted(let id) = $0 { id } else { nil } }
      return Set(ids).sorted()
    }

    func size(_ region: Int) throws -> UInt64 {
      try engine.approximateSize(.default, from: key(region), to: key(region + 1))
    }
  }

  /// Files without deletions stay as they are.
  @Test func aStoreWithoutDeletionsIsNotCompacted() throws {
    let store = try Store()
    #expect(store.check() == [])
    #expect(try store.size(1) > 90_000)
  }

  @Test func deletedKeysAreCompactedAndTheirRegionsMeasured() throws {
    let store = try Store()
    for region in 0..<4 { try store.delete(region) }
    #expect(try store.size(1) > 90_000)
    #expect(store.check() == [1, 2, 3, 4])
    for region in 0..<4 { #expect(try store.size(region) < 1000) }
    #expect(store.check() == [], "there is nothing left to compact")
  }

  /// Fewer than the least number, and more than that but a small part.
  @Test(arguments: [(1000, 30), (50, 90)] as [(UInt64, UInt64)])
  func fewDeletionsAreLeftAlone(minTombstones: UInt64, percent: UInt64) throws {
    let store = try Store {
      $0.compaction.minTombstones = minTombstones
      $0.compaction.tombstonesPercent = percent
    }
    for region in 0..<4 { try store.delete(region) }
    try store.put(0..<2)
    #expect(store.check() == [])
  }

  /// A check looks at some regions and the next one at those behind them.
  @Test func checksGoOnWhereTheLastOneHasEnded() throws {
    let store = try Store { $0.compaction.step = 3 }
    try store.engine.flush()
    for region in 0..<4 { try store.delete(region) }
    // Two files that do not overlap: one with the last region, one with the others.
    #expect(store.check() == [1, 2, 3])
    try store.put(3..<4)
    try store.engine.flush()
    try store.delete(3)
    #expect(store.check() == [4])
  }

  /// A range that was deleted at once is one entry in the files; its size tells.
  @Test func rangesDeletedAtOnceAreCompacted() throws {
    let store = try Store()
    try store.deleteRange(KeyRange(start: store.key(1), end: store.key(3)))
    #expect(try store.size(1) > 90_000)
    #expect(store.check() == [2, 3])
    #expect(try store.size(1) < 1000)
    #expect(try store.size(3) > 90_000)
    #expect(store.check() == [])
  }

  /// A small one is measured, and compacted when others beside it are deleted too.
  @Test func smallDeletedRangesAddUp() throws {
    let store = try Store { $0.checkDiff = 80_000 }
    try store.deleteRange(KeyRange(start: store.key(1), end: store.key(1, 50)))
    #expect(store.check() == [2], "what was deleted in memory shows without a compaction")
    #expect(try store.size(1) > 90_000)
    #expect(store.check() == [])
    try store.deleteRange(KeyRange(start: store.key(1, 50), end: store.key(2)))
    #expect(store.check() == [2])
    #expect(try store.size(1) < 1000)
  }

  @Test func rangesThatTouchAreOne() {
    var random = SplitMix64(seed: 3)
    for _ in 0..<200 {
      var subject = DeletedRanges()
      var covered = Set<UInt8>()
      for _ in 0..<Int.random(in: 1...12, using: &random) {
        let start = UInt8.random(in: 0..<40, using: &random)
        let end = UInt8.random(in: 0...42, using: &random)
        // No end above 40.
        subject.insert(KeyRange(start: [start], end: end > 40 ? [] : [end]))
        for key in start..<max(start, end > 40 ? 50 : end) { covered.insert(key) }
      }
      for key in UInt8(0)..<50 {
        #expect(subject.ranges.contains { $0.contains([key]) } == covered.contains(key))
      }
      for (left, right) in zip(subject.ranges, subject.ranges.dropFirst()) {
        #expect(precedes(left.end, right.start))
      }
    }
  }
}
