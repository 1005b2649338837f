import Codec
import Engine
import Logging
import Raft
import RaftLog
import Runtime
import Testing

@testable import Raftstore

/// Crashes around a split. The records of the parent and its children are one synced batch of the engine; the
/// logs of the children are in another database and come later.
@Suite struct SplitCrashTests {
  private static let keys = ["a", "c", "f", "h", "m", "p", "z"]

  private func cluster(seed: UInt64 = 1, shards: Int = 4) throws -> TestCluster {
    let cluster = try TestCluster(3, seed: seed) { $0.shards = shards }
    for key in Self.keys { #expect(cluster.putRouted(key, "1")) }
    #expect(cluster.waitFor { cluster.nodes.allSatisfy { $0.value("z") == "1" } })
    return cluster
  }

  private func check(_ cluster: TestCluster, _ bounds: [[String]] = [["", "f"], ["f", ""]]) {
    for key in Self.keys { #expect(cluster.getRouted(key) == "1") }
    for key in Self.keys { #expect(cluster.putRouted(key, "2")) }
    for node in cluster.nodes {
      #expect(cluster.waitFor { Self.keys.allSatisfy { node.value($0) == "2" } })
      #expect(node.store?.meta.regions.map(\.bounds) == bounds)
      #expect(node.fatalReasons.isEmpty)
    }
  }

  /// Before the batch: the entry is applied after the restart.
  @Test(arguments: [true, false])
  func theSplitIsReplayed(machine: Bool) throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let (leader, region) = try #require(cluster.leader(forKey: "a"))
    let node = try #require(cluster.nodes.first { $0 !== leader })
    node.stall("apply-\(region.id % 4)")
    let regions = try #require(try cluster.split(["f"])?.get())
    cluster.run(.milliseconds(300))
    #expect(node.engine.record(regions[0].id) == nil)
    if machine { node.crash() } else { node.kill() }
    try node.start()
    #expect(cluster.waitFor { node.status(regions[0].id)?.region == regions[0] })
    check(cluster)
  }

  /// Between the batch and the children's logs, on a follower and on the leader.
  @Test(arguments: [true, false], [true, false])
  func theChildsLogBeginsAtTheNextStart(machine: Bool, onLeader: Bool) throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let (leader, region) = try #require(cluster.leader(forKey: "a"))
    let node =
      onLeader ? leader : try #require(cluster.nodes.first { $0 !== leader })
    var split = cluster.makeSplit(["f"], of: region)
    while split.splits[0].newRegionID % 4 == region.id % 4 {
      split.splits[0].newRegionID = cluster.pd.nextID
    }
    let child = split.splits[0].newRegionID
    node.stall("raft-\(child % 4)")
    let done = cluster.start(.batchSplit(split), of: region, on: leader)
    #expect(cluster.waitFor { done.withLock { $0 != nil } })
    #expect(cluster.waitFor { node.engine.record(child)?.state == .normal })
    #expect(node.logs.lastIndex(child) == 0)
    if machine { node.crash() } else { node.kill() }
    // Not written again by others: what the disk has is what the start goes on from.
    cluster.network.isolate(node.id)
    try node.start()
    let status = try #require(node.status(child))
    #expect(status.lastIndex == 5 && status.committed == 5 && status.applied == 5)
    #expect(status.firstIndex == 6 && status.term == 5)
    #expect(node.logs.truncated(child) == (5, 5))
    // A second crash, with the log begun.
    node.crash()
    try node.start()
    #expect(node.status(child)?.lastIndex == 5)
    cluster.network.clearFilters()
    check(cluster)
  }

  /// The engine loses everything that was not synced, also what was applied after the split.
  @Test(arguments: 1...5 as ClosedRange<UInt64>)
  func allMachinesCrashAtOnce(seed: UInt64) throws {
    let cluster = try cluster(seed: seed)
    defer { cluster.shutDown() }
    _ = try #require(try cluster.split(["f"])?.get())
    for key in Self.keys { #expect(cluster.putRouted(key, "1")) }
    cluster.run(.milliseconds(Int64(seed) * 3))
    for node in cluster.nodes { node.crash() }
    for node in cluster.nodes { try node.start() }
    check(cluster)
  }

  /// A child that did not begin has no log of its own, and its store starts without the log of any.
  @Test func theLoaderBeginsTheLogOfAChild() throws {
    let region = Region(
      id: 6, epoch: RegionEpoch(confVersion: 1, version: 2), peers: [PeerInfo(id: 7, storeID: 11)])
    let engine = try MemoryEngine()
    let logs = MemoryLogStore()
    var batch = WriteBatch()
    batch.put(
      .raft, KeyLayout.regionState(regionID: 6), RegionLocalState(region: region).encoded())
    batch.put(
      .raft, KeyLayout.applyState(regionID: 6),
      ApplyState(
        appliedIndex: 5, truncatedIndex: 5, truncatedTerm: 5, commitIndex: 5, commitTerm: 5
      ).encoded())
    try engine.write(batch, .synced)
    var vote = LogBatch()
    vote.setHardState(6, HardState(term: 9, vote: 14))
    _ = try logs.write(vote, .synced)
    let logger = Logger(label: "loader") { _ in SwiftLogNoOpLogHandler() }
    let loader = StoreLoader(storeID: 11, engine: engine, logs: logs, logger: logger)
    #expect(try loader.load().map(\.region) == [region])
    #expect(logs.hardState(6) == HardState(term: 9, vote: 14, commit: 5))
    #expect(logs.lastIndex(6) == 5)
    // Doing it again changes nothing.
    var entry = LogBatch()
    entry.append(6, [Entry(term: 9, index: 6)])
    _ = try logs.write(entry, .synced)
    #expect(try loader.load().count == 1)
    #expect(logs.lastIndex(6) == 6)
  }
}
