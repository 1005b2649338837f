import Codec
import Engine
import Raft
import RaftLog
import Raftstore
import Runtime
import Testing

@testable import Simulation
@testable import SimulationKit

/// The checkers of regions, data and what is left, each shown one thing that is wrong.
@Suite struct CheckerDataTests {
  private func changeRegion(
    _ stage: CheckerFixture, _ body: (inout RegionLocalState) -> Void
  ) throws {
    let store = try stage.follower()
    var local = try #require(try stage.replica(store).local)
    body(&local)
    try stage.write(store) { batch in
      batch.put(.raft, KeyLayout.regionState(regionID: try stage.regionID), local.encoded())
    }
  }

  private func regionFinding(_ body: (inout RegionLocalState) -> Void) throws -> String {
    let stage = try CheckerFixture(boundaries: [WorkloadKeys.key(10)])
    let checker = RegionChecker()
    #expect(checker.check(try stage.view()) == nil)
    try changeRegion(stage, body)
    return checker.check(try stage.view()) ?? "nothing"
  }

  @Test func anEpochWithTwoMeanings() throws {
    let found = try regionFinding { $0.region.peers.removeLast() }
    #expect(found.contains("is known as"))
  }

  @Test func regionsThatOverlap() throws {
    let found = try regionFinding {
      $0.region.epoch.version += 1
      ($0.region.startKey, $0.region.endKey) = ([], [])
    }
    #expect(found.contains("overlap"))
  }

  @Test func aGapBetweenRegions() throws {
    let found = try regionFinding {
      $0.region.epoch.version += 1
      if $0.region.endKey.isEmpty {
        $0.region.startKey.append(0)
      } else {
        $0.region.endKey.removeLast()
      }
    }
    #expect(found.contains("do not meet"))
  }

  @Test func twoPeersOnOneStore() throws {
    let found = try regionFinding {
      $0.region.epoch.confVersion += 1
      $0.region.peers[1].storeID = $0.region.peers[0].storeID
    }
    #expect(found.contains("has two peers on one store"))
  }

  @Test func aPeerIDUsedTwice() throws {
    let found = try regionFinding {
      $0.region.epoch.confVersion += 1
      $0.region.peers[0].storeID = 999
    }
    #expect(found.contains("which is one of region"))
  }

  /// A status counts for the process that sent it, whichever runs when it is checked.
  @Test func anEpochThatGoesBack() throws {
    let stage = try CheckerFixture()
    let checker = RegionChecker()
    let store = try stage.follower()
    let process = store.machine.incarnation
    let status = try #require(
      try stage.view().replicas(of: stage.regionID).first { $0.store === store }
    ).status
    var newer = status
    newer.region.epoch.confVersion += 1
    func finding(_ status: RegionStatus, process: UInt64) -> String? {
      checker.check(
        ClusterView(
          cluster: stage.cluster, replicas: [store.number: [status]],
          incarnations: [store.number: process]))
    }
    #expect(finding(newer, process: process) == nil)
    // The next process may have to apply the change again.
    #expect(finding(status, process: process + 1) == nil)
    #expect(finding(status, process: process)?.contains("before") == true)
  }

  @Test func aViewKnowsTheProcessThatResponded() throws {
    let stage = try CheckerFixture()
    let store = try stage.follower()
    let process = store.machine.incarnation
    var seen: ClusterView?
    stage.cluster.inspect { seen = $0 }
    store.end(.killed)
    store.start()
    stage.pass(.milliseconds(10))
    #expect(store.machine.incarnation == process + 1)
    #expect(try #require(seen).incarnation(of: store) == process)
  }

  // MARK: Data

  @Test(arguments: ["changed", "added", "removed"])
  func aReplicaWithOtherData(how: String) throws {
    let stage = try CheckerFixture()
    let checker = StateMachineSafetyChecker()
    #expect(checker.check(try stage.view()) == nil)
    let store = try stage.follower()
    store.end(.killed)
    try stage.write(store) { batch in
      switch how {
      case "changed": batch.put(.default, WorkloadKeys.key(3), [1])
      case "added": batch.put(.write, WorkloadKeys.key(3), [1])
      default: batch.delete(.default, WorkloadKeys.key(3))
      }
    }
    store.start()
    #expect(checker.check(try stage.view())?.contains("has other data") == true)
    #expect(checker.checkQuiescent(try stage.view())?.contains("has other data") == true)
  }

  @Test func atRestEveryByteIsCompared() throws {
    let stage = try CheckerFixture()
    let value = [UInt8](repeating: 1, count: 100)
    for store in stage.cluster.stores {
      try stage.write(store) { $0.put(.default, WorkloadKeys.key(30), value) }
    }
    let checker = StateMachineSafetyChecker()
    #expect(checker.checkQuiescent(try stage.view()) == nil)
    try stage.write(try stage.follower()) {
      $0.put(.default, WorkloadKeys.key(30), Array(value.dropLast()) + [2])
    }
    #expect(checker.checkQuiescent(try stage.view())?.contains("has other data") == true)
  }

  /// A snapshot that is being applied may have any part of its data there.
  @Test func dataOfAnApplyingRegionIsNotCompared() throws {
    let stage = try CheckerFixture()
    try changeRegion(stage) { $0.state = .applying }
    try stage.write(try stage.follower()) { $0.delete(.default, WorkloadKeys.key(3)) }
    #expect(StateMachineSafetyChecker().checkQuiescent(try stage.view()) == nil)
  }

  // MARK: Snapshots

  @Test func aPeerThatLosesItsLogToASnapshot() throws {
    let stage = try CheckerFixture()
    let checker = SnapshotChecker()
    #expect(checker.check(try stage.view()) == nil)
    let store = try stage.follower()
    store.end(.killed)
    let id = try stage.regionID
    try changeRegion(stage) { $0.state = .unavailable }
    try stage.write(store) { batch in
      batch.put(
        .raft, KeyLayout.snapshotRaftState(regionID: id),
        RaftLocalState(hardState: HardState(term: 5), lastIndex: 9).encoded())
    }
    #expect(checker.check(try stage.view())?.contains("has lost its log up to 9") == true)
    store.disk.damagedSnapshots = 1
    #expect(checker.check(try stage.view()) == nil)
  }

  // MARK: Rest

  /// A cluster whose snapshots, made when it was bootstrapped, are gone.
  private func restingStage() throws -> CheckerFixture {
    let stage = try CheckerFixture()
    for store in stage.cluster.stores {
      for name in try store.disk.files.list("snap") { try store.disk.files.remove("snap/\(name)") }
      store.end(.killed)
      store.start()
    }
    stage.pass(.seconds(4))
    return stage
  }

  private func restFinding(_ tamper: (CheckerFixture) throws -> Void) throws -> String {
    let stage = try restingStage()
    let checker = QuiescenceChecker()
    #expect(checker.checkQuiescent(try stage.view()) == nil)
    try tamper(stage)
    return checker.checkQuiescent(try stage.view()) ?? "nothing"
  }

  @Test func aSnapshotFileThatIsLeft() throws {
    let found = try restFinding { stage in
      let file = try stage.follower().disk.files.create("snap/gen_1_6_9.meta", exclusive: true)
      try file.append([1])
    }
    #expect(found.contains("snapshot files are left: gen_1_6_9.meta"))
  }

  @Test func aReplicaNobodyKnows() throws {
    let found = try restFinding { stage in
      let local = try #require(try stage.replica(stage.follower()).local)
      var stranger = local
      stranger.region.id = 77
      try stage.write(stage.follower()) { batch in
        batch.put(.raft, KeyLayout.regionState(regionID: 77), stranger.encoded())
      }
    }
    #expect(found.contains("of which it is not a member"))
  }

  @Test func aLogThatIsLeft() throws {
    let found = try restFinding { stage in
      var batch = LogBatch()
      batch.reset(77, index: 5, term: 5, hardState: HardState(term: 5, commit: 5))
      _ = try stage.follower().disk.logs.write(batch, .synced)
    }
    #expect(found.contains("the log of region 77 is left"))
  }

  @Test func aFollowerThatLags() throws {
    let found = try restFinding { stage in
      let store = try stage.follower()
      var state = try #require(try stage.replica(store).apply)
      state.appliedIndex -= 1
      try stage.write(store) { batch in
        batch.put(.raft, KeyLayout.applyState(regionID: try stage.regionID), state.encoded())
      }
    }
    #expect(found.contains("has applied"))
  }

  @Test func dataOfNoRegion() throws {
    let found = try restFinding { stage in
      try stage.write(stage.follower()) { $0.put(.default, [0xFF], [1]) }
      try changeRegion(stage) { $0.region.endKey = [0xFE] }
    }
    // The region itself is another one now: both are told, one first.
    #expect(found.contains("instead of") || found.contains("data of no region"))
  }
}
