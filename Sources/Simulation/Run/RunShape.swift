import Raftstore
import Runtime
import SimulationKit

/// How the cluster of a run is made: drawn, so that no two runs are much alike.
enum RunShape {
  static func draw(keyCount: Int, random: inout SplitMix64) -> SimulatedCluster.Shape {
    var shape = SimulatedCluster.Shape()
    shape.stores = [3, 3, 4, 5][Int(random.next() % 4)]
    let regions = [1, 2, 3, 4][Int(random.next() % 4)]
    shape.boundaries = WorkloadKeys.boundaries(keyCount, regions: min(regions, keyCount))
    var store = RaftstoreConfig()
    store.regionHeartbeatInterval = .seconds(2)
    store.storeHeartbeatInterval = .seconds(1)
    store.snapshotGC.interval = .milliseconds(
      Int64.random(in: 1_000...8_000, using: &random))
    // Received snapshots that are never applied stay until then.
    store.snapshotGC.timeout = .seconds(10)
    store.logPurgeInterval = .seconds(3)
    store.logCompaction.interval = .milliseconds(Int64.random(in: 300...4_000, using: &random))
    store.logCompaction.count = UInt64.random(in: 10...200, using: &random)
    // Sometimes logs are cut although a snapshot is under way.
    if random.next() % 4 == 0 { store.logCompaction.snapshotBytes = 1024 }
    store.logCompaction.syncInterval = .milliseconds([0, 0, 500, 2_000][Int(random.next() % 4)])
    store.logCompaction.threshold = UInt64.random(in: 2...50, using: &random)
    store.snapshotGC.timeout = .seconds(10)
    store.stalePeers.checkInterval = .seconds(4)
    // Often fewer than there are regions. Not drawn: a draw here would change every run.
    store.stalePeers.maxCampaigns = [2, 8, 64][Int(store.logCompaction.threshold % 3)]
    store.stalePeers.abnormalLeaderMissing = .seconds(5)
    store.stalePeers.maxLeaderMissing = .seconds(10)
    store.stalePeers.maxPeerDown = .seconds(8)
    store.shards = [1, 1, 2, 4][Int(random.next() % 4)]
    if random.next() % 4 == 0 { store.applyWorkers = Int(1 + random.next() % 4) }
    store.hibernation.idleTime = .milliseconds(Int64.random(in: 100...1_500, using: &random))
    if random.next() & 1 == 0 { store.memory.entryCacheBytes = 256 }
    store.reads.safeTS.advanceInterval = .milliseconds(
      Int64.random(in: 150...1_200, using: &random))
    store.reads.followerMaxLogGap = random.next() % 4 == 0 ? 1 : 100
    store.split.compaction.interval = .seconds(2)
    shape.raftstore = store
    shape.placement.maxStoreDownTime = .seconds(10)
    shape.placement.disconnectTime = .seconds(3)
    shape.placement.takeoverDelay = .seconds(3)
    shape.placement.regionClaimTimeout = .seconds(6)
    shape.placement.slowStepTimeout = .seconds(15)
    shape.placement.fastStepTimeout = .seconds(10)
    shape.placement.resendInterval = .seconds(1)
    shape.placement.warmUpTime = .seconds(3)
    shape.placement.leaderBalanceInterval = .seconds(2)
    if random.next() % 16 == 0 { makeManyRegions(&shape, keyCount, &random) }
    // All regions are small: the placement driver merges them as soon as it may.
    if random.next() & 1 == 0 {
      shape.placement.merging.splitMergeInterval = .milliseconds(
        Int64.random(in: 500...4_000, using: &random))
      shape.placement.merging.isOneWay = random.next() % 4 == 0
    }
    // Leaders report each two seconds, so the rate is that of one report.
    if random.next() & 1 == 0 {
      shape.placement.hotRegions.interval = .seconds(1)
      shape.placement.hotRegions.hits = 1
    }
    return shape
  }

  /// 50 to 60 regions of few keys or none, on as few stores as there can be. Those that are not used hibernate soon, so
  /// that a run costs little more than one of few regions.
  private static func makeManyRegions(
    _ shape: inout SimulatedCluster.Shape, _ keyCount: Int, _ random: inout SplitMix64
  ) {
    shape.stores = 3
    shape.boundaries = WorkloadKeys.boundaries(
      keyCount, regions: Int.random(in: 50...60, using: &random))
    shape.raftstore.hibernation.idleTime = .milliseconds(100)
  }
}
