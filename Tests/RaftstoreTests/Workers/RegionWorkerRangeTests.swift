import Codec
import Engine
import RaftLog
import Runtime
import Testing

@testable import Raftstore

/// Deleting what belongs to no one, and only that; and letting logs go.
struct RegionWorkerRangeTests {
  typealias Fixture = RegionWorkerFixture

  private func range(_ start: String, _ end: String) -> KeyRange {
    KeyRange(start: Array(start.utf8), end: Array(end.utf8))
  }

  private func region(_ id: UInt64, _ start: String, _ end: String) -> Region {
    Region(
      id: id, startKey: Array(start.utf8), endKey: Array(end.utf8),
      peers: [PeerInfo(id: id * 10, storeID: 1)])
  }

  @Test(arguments: SnapshotBackend.allCases)
  func aRangeGoesAndItsNeighboursStay(_ backend: SnapshotBackend) throws {
    let fixture = Fixture(try SnapshotFixture(backend))
    try fixture.put("a", "b", "c", "d", "m", "z")
    try fixture.store.engine.flush()
    try fixture.put("c1")
    fixture.run(.destroyRange(regionID: 7, range: range("b", "m")))
    #expect(try fixture.keys() == ["a", "m", "z"])
    fixture.run(.destroyRange(regionID: 7, range: range("n", "")))
    #expect(try fixture.keys() == ["a", "m"])
    fixture.run(.destroyRange(regionID: 7, range: .all))
    #expect(try fixture.keys() == [])
    fixture.run(.destroyRange(regionID: 7, range: range("b", "b")))
    #expect(fixture.fatal.all == [])
  }

  @Test(arguments: SnapshotBackend.allCases)
  func livingRegionsAreKept(_ backend: SnapshotBackend) throws {
    let fixture = Fixture(try SnapshotFixture(backend))
    try fixture.put("a", "b", "c", "d", "e", "f", "g")
    fixture.hold(region(2, "b", "c"))
    fixture.hold(region(3, "f", ""))
    #expect(fixture.meta.reserve(range("d", "e"), for: 4))
    fixture.run(.destroyRange(regionID: 7, range: .all))
    #expect(try fixture.keys() == ["b", "d", "f", "g"])
  }

  @Test func aRegionRecordedAsLivingKeepsItsOwn() throws {
    let fixture = Fixture(try SnapshotFixture(.memory))
    try fixture.put("a", "b", "c", "m", "n")
    try fixture.record(.normal)
    // It shrank to [b, m): what it had before may go.
    fixture.run(.destroyRange(regionID: 7, range: .all))
    #expect(try fixture.keys() == ["b", "c"])
    try fixture.record(.tombstone)
    fixture.run(.destroyRange(regionID: 7, range: .all))
    #expect(try fixture.keys() == [])
  }

  /// The log writer has made the tombstone durable before the range is passed: a second barrier for
  /// each destroyed peer would only be waited for.
  @Test func aDeletionNeedsNoBarrierOfItsOwn() throws {
    let fixture = Fixture(try SnapshotFixture(.memory))
    try fixture.put("b", "c", "d", "e")
    try fixture.record(.tombstone)
    let engine = try #require(fixture.store.engine as? MemoryEngine)
    let before = engine.traffic.barriers
    fixture.run(.destroyRange(regionID: 7, range: Fixture.region.range))
    #expect(engine.traffic.barriers == before)
    #expect(try fixture.keys() == [])
    try fixture.restart(losingPower: true)
    #expect(try fixture.state == .tombstone)
  }

  @Test func aFailedDeletionIsFatal() throws {
    let fixture = Fixture(try SnapshotFixture(.memory))
    try fixture.put("b")
    (fixture.store.engine as? MemoryEngine)?.inject(.write)
    fixture.run(.destroyRange(regionID: 7, range: .all))
    #expect(fixture.fatal.all.count == 1)
  }

  // MARK: Logs

  @Test func theEngineIsDurableBeforeTheLogGoes() throws {
    let fixture = Fixture(try SnapshotFixture(.memory))
    let engine = try #require(fixture.store.engine as? MemoryEngine)
    fixture.hold(Fixture.region)
    var batch = WriteBatch()
    batch.put(.default, [1], [2])
    try engine.write(batch, .buffered)
    let barriers = engine.traffic.barriers
    fixture.run(
      .gcRaftLog(regionID: 7, peerID: 71, index: 30, term: 5),
      .gcRaftLog(regionID: 7, peerID: 71, index: 40, term: 6))
    #expect(engine.unsyncedWrites == 0)
    #expect(engine.traffic.barriers == barriers + 1)
    let tasks = fixture.logTasks()
    #expect(tasks.map(\.regionID) == [7, 7])
    #expect(tasks.allSatisfy { $0.data == nil && $0.messages.isEmpty && !$0.needsAck })
    let compactions = tasks.flatMap(\.log.operations).map { operation in
      if case .compact(let region, let index, let term) = operation {
        [region, index, term]
      } else {
        [UInt64]()
      }
    }
    #expect(compactions == [[7, 30, 5], [7, 40, 6]])
  }

  /// TiKV's raft-log-compact-sync-interval: logs of many regions share one barrier.
  @Test func compactedLogsWaitForEachOther() throws {
    let fixture = Fixture(try SnapshotFixture(.memory))
    fixture.logSyncInterval = .seconds(2)
    fixture.hold(Fixture.region)
    let engine = try #require(fixture.store.engine as? MemoryEngine)
    let barriers = engine.traffic.barriers
    for index in [30, 40, 50] as [UInt64] {
      fixture.run(.gcRaftLog(regionID: 7, peerID: 71, index: index, term: 5))
    }
    #expect(fixture.logTasks().isEmpty)
    #expect(engine.traffic.barriers == barriers)
    fixture.run(.syncLogs)
    #expect(fixture.logTasks().count == 3)
    #expect(engine.traffic.barriers == barriers + 1)
    fixture.run(.syncLogs)
    #expect(engine.traffic.barriers == barriers + 1)
    // So many are worth a barrier at once.
    for index in 0..<512 as Range<UInt64> {
      fixture.run(.gcRaftLog(regionID: 7, peerID: 71, index: 60 + index, term: 5))
    }
    #expect(engine.traffic.barriers == barriers + 2)
  }

  @Test func aFailedBarrierKeepsTheLog() throws {
    let fixture = Fixture(try SnapshotFixture(.memory))
    fixture.hold(Fixture.region)
    (fixture.store.engine as? MemoryEngine)?.inject(.sync)
    fixture.run(.gcRaftLog(regionID: 7, peerID: 71, index: 30, term: 5))
    #expect(fixture.logTasks().isEmpty)
    #expect(fixture.fatal.all.count == 1)
  }

  @Test func theLogOfAPeerThatGoesIsLeftAlone() throws {
    let fixture = Fixture(try SnapshotFixture(.memory))
    let task = RegionTask.gcRaftLog(regionID: 7, peerID: 71, index: 30, term: 5)
    fixture.run(task)
    #expect(fixture.logTasks().isEmpty)  // unknown
    fixture.hold(Fixture.region)
    fixture.run(.gcRaftLog(regionID: 7, peerID: 99, index: 30, term: 5))
    #expect(fixture.logTasks().isEmpty)  // an earlier peer of the region
    fixture.meta.retire(7, delegate: try #require(fixture.meta.delegate(7)))
    fixture.run(task)
    #expect(fixture.logTasks().isEmpty)
    fixture.hold(Fixture.region)
    fixture.run(task)
    #expect(fixture.logTasks().count == 1)
  }

  // MARK: Ranges

  @Test func subtracting() {
    let whole = range("b", "m")
    #expect(whole.subtracting([]) == [whole])
    #expect(whole.subtracting([.all]) == [])
    #expect(whole.subtracting([range("a", "b"), range("m", "")]) == [whole])
    #expect(whole.subtracting([range("a", "c")]) == [range("c", "m")])
    #expect(whole.subtracting([range("l", "")]) == [range("b", "l")])
    #expect(
      whole.subtracting([range("k", "l"), range("c", "d")])
        == [range("b", "c"), range("d", "k"), range("l", "m")])
    #expect(KeyRange.all.subtracting([range("c", "d")]) == [range("", "c"), range("d", "")])
    #expect(whole.subtracting([range("c", "c"), range("d", "c")]) == [whole])
    #expect(range("c", "c").subtracting([]) == [])
  }
}
