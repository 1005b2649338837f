import Codec
import Engine
import Raft
import RaftLog
import Runtime
import Testing

@testable import Raftstore

/// Stores that were out of reach while two regions were merged.
@Suite struct MergeIsolationTests {
  private static let keys = ["a", "c", "p", "z"]

  private func cluster(
    seed: UInt64 = 1
  ) throws -> (cluster: TestCluster, left: Region, right: Region, isolated: TestNode) {
    let (cluster, left, right) = try TestCluster.divided(seed: seed) {
      $0.stalePeers.membershipCheckInterval = .seconds(1)
    }
    let leaders = [left, right].map { cluster.leader(of: $0.id) }
    let node = try #require(cluster.nodes.first { node in !leaders.contains { $0 === node } })
    #expect(cluster.waitFor { Self.keys.allSatisfy { node.value($0) == "1" } })
    cluster.network.isolate(node.id)
    return (cluster, left, right, node)
  }

  private func merge(_ cluster: TestCluster, _ source: Region, _ target: Region) {
    #expect(cluster.prepareMerge(source, into: target))
    let region = cluster.merged(source, into: target)
    #expect(
      cluster.waitFor {
        cluster.leader(of: target.id)?.store?.meta.held(target.id)?.region == region
      })
    for key in Self.keys { #expect(cluster.putRouted(key, "2")) }
  }

  /// Cuts the log of a region as far as it is applied, whoever lacks it.
  private func compact(_ cluster: TestCluster, _ regionID: UInt64) throws {
    let node = try #require(cluster.leader(of: regionID))
    let status = try #require(node.status(regionID))
    let done = cluster.start(
      .compactLog(index: status.applied, term: status.term), of: status.region, on: node)
    #expect(cluster.waitFor { done.withLock { $0 != nil } })
  }

  private func check(_ cluster: TestCluster, _ source: Region, _ target: Region) {
    #expect(cluster.waitFor(.seconds(40)) { cluster.hasMerged(source, into: target) })
    for key in Self.keys { #expect(cluster.getRouted(key) == "2") }
    for key in Self.keys { #expect(cluster.putRouted(key, "3")) }
    for node in cluster.nodes {
      #expect(cluster.waitFor { Self.keys.allSatisfy { node.value($0) == "3" } })
      #expect(node.fatalReasons.isEmpty)
      #expect(cluster.waitFor { !node.logs.regions().contains(source.id) })
    }
  }

  /// The target's log has what the source lacks.
  @Test(arguments: [true, false])
  func itCatchesUpByTheLog(toTheRight: Bool) throws {
    let (cluster, left, right, _) = try cluster()
    defer { cluster.shutDown() }
    let (source, target) = toTheRight ? (left, right) : (right, left)
    merge(cluster, source, target)
    cluster.network.clearFilters()
    check(cluster, source, target)
  }

  /// A snapshot of the target covers the range of the source, which is there still.
  @Test(arguments: [true, false], 1...3 as ClosedRange<UInt64>)
  func itCatchesUpByASnapshot(restarts: Bool, seed: UInt64) throws {
    let (cluster, left, right, node) = try cluster(seed: seed)
    defer { cluster.shutDown() }
    merge(cluster, left, right)
    try compact(cluster, right.id)
    cluster.network.clearFilters()
    if restarts {
      cluster.run(.milliseconds(Int64(seed) * 900))
      node.crash()
      try node.start()
    }
    check(cluster, left, right)
  }

  /// The merged region has been split again: what covers the source are two regions.
  @Test func itsRangeHasTwoOwners() throws {
    let (cluster, left, right, node) = try cluster()
    defer { cluster.shutDown() }
    merge(cluster, left, right)
    let regions = try #require(try cluster.split(["b"])?.get())
    for key in Self.keys { #expect(cluster.putRouted(key, "2")) }
    for region in regions { try compact(cluster, region.id) }
    cluster.network.clearFilters()
    #expect(cluster.waitFor(.seconds(40)) { node.store?.meta.regions == regions })
    for key in Self.keys { #expect(cluster.putRouted(key, "3")) }
    #expect(cluster.waitFor { Self.keys.allSatisfy { node.value($0) == "3" } })
    #expect(node.fatalReasons.isEmpty)
    #expect(node.engine.record(left.id)?.state == .tombstone)
  }

  /// The store is no member of the merged region any more: nothing is left of the source.
  @Test func itIsNoMemberAnyMore() throws {
    let (cluster, left, right, node) = try cluster()
    defer { cluster.shutDown() }
    merge(cluster, left, right)
    let peer = try #require(right.peer(onStore: node.id))
    let leader = try #require(cluster.leader(of: right.id))
    let region = try #require(leader.status(right.id)?.region)
    let done = cluster.start(
      .changePeer(.init(type: .removeNode, peer: peer)), of: region, on: leader)
    #expect(cluster.waitFor { done.withLock { $0 != nil } })
    cluster.network.clearFilters()
    #expect(cluster.waitFor(.seconds(40)) { node.store?.meta.count == 0 })
    #expect(cluster.waitFor { node.value("a") == nil && node.value("z") == nil })
    #expect(node.engine.record(left.id)?.state == .tombstone)
    #expect(node.fatalReasons.isEmpty)
  }

  /// What a store says is not enough: as long as the placement driver knows the region, nothing is given up.
  @Test func aForgedEndChangesNothing() throws {
    let (cluster, left, right) = try TestCluster.divided {
      $0.stalePeers.membershipCheckInterval = .milliseconds(100)
    }
    defer { cluster.shutDown() }
    let node = try #require(cluster.nodes.first { $0 !== cluster.leader(of: left.id) })
    let mine = try #require(left.peer(onStore: node.id))
    let other = try #require(left.peers.first { $0.storeID != node.id })
    var end = RaftEnvelope(
      regionID: left.id, from: other, to: mine, epoch: left.epoch, isTombstone: true,
      mergeTarget: right)
    end.epoch.version += 5
    for _ in 0..<10 {
      node.store?.router.deliver([end])
      cluster.run(.milliseconds(200))
    }
    #expect(node.status(left.id)?.peerState == .normal)
    for key in Self.keys { #expect(cluster.putRouted(key, "2")) }
    #expect(cluster.waitFor { node.value("a") == "2" })
  }

  /// The source's peer has lost its data: the target cannot apply the merge, and gets everything anew.
  @Test func theSourceHasNoData() throws {
    let (cluster, left, right, node) = try cluster()
    defer { cluster.shutDown() }
    merge(cluster, left, right)
    node.stop()
    var batch = WriteBatch()
    batch.put(
      .raft, KeyLayout.regionState(regionID: left.id),
      RegionLocalState(state: .unavailable, region: left).encoded())
    var state = node.logs.hardState(left.id)
    state.commit = 0
    batch.put(
      .raft, KeyLayout.snapshotRaftState(regionID: left.id),
      RaftLocalState(hardState: state, lastIndex: node.logs.lastIndex(left.id)).encoded())
    batch.delete(.raft, KeyLayout.applyState(regionID: left.id))
    try node.engine.write(batch, .synced)
    cluster.network.clearFilters()
    try node.start()
    #expect(
      cluster.waitFor(.seconds(40)) {
        node.store?.meta.held(right.id)?.region == cluster.merged(left, into: right)
      })
    for key in Self.keys { #expect(cluster.putRouted(key, "3")) }
    #expect(cluster.waitFor { Self.keys.allSatisfy { node.value($0) == "3" } })
    #expect(node.engine.record(left.id)?.state == .tombstone)
    #expect(node.fatalReasons.isEmpty)
  }

  /// Found by the simulation: a source that makes way for a snapshot before it has applied the log up to the merge passed
  /// for one that has caught up.
  @Test func aSourceThatMakesWayHasNotCaughtUp() throws {
    let (cluster, left, right) = try TestCluster.divided()
    defer { cluster.shutDown() }
    let leaders = [left, right].map { cluster.leader(of: $0.id) }
    let slow = try #require(cluster.nodes.first { node in !leaders.contains { $0 === node } })
    let source = try #require(left.peer(onStore: slow.id))
    let target = try #require(right.peer(onStore: slow.id))
    slow.stall("raft-\(left.id % 4)")
    merge(cluster, left, right)
    cluster.run(.seconds(1))
    #expect(slow.store?.meta.held(right.id)?.region == right)
    // In one batch, before an entry is durable: the request to catch up, which waits already, and a snapshot's.
    let router = try #require(slow.store?.router)
    router.post(
      .mergeConfirmed(regionID: left.id, peerID: source.id, isMember: true), to: left.id)
    router.post(
      .releaseSource(
        SourceRelease(
          sourceRegionID: left.id, targetRegionID: right.id, targetPeerID: target.id)),
      to: left.id)
    slow.resume()
    check(cluster, left, right)
  }

  /// A peer of the source that has no data promises nothing: it goes when a store says that the region was merged.
  @Test func aPeerWithoutDataGoesAtAWord() throws {
    let cluster = try TestCluster(2, replicas: 1)
    defer { cluster.shutDown() }
    let node = cluster.nodes[1]
    let region = try #require(cluster.region)
    let (source, other) = (500 as UInt64, PeerInfo(id: 502, storeID: cluster.nodes[0].id))
    let mine = PeerInfo(id: 501, storeID: node.id)
    let epoch = RegionEpoch(confVersion: 3, version: 7)
    node.store?.router.deliver([
      RaftEnvelope(
        regionID: source, from: other, to: mine,
        message: Message(.heartbeat, to: mine.id, from: other.id, term: 6), epoch: epoch,
        startKey: [1], endKey: [2])
    ])
    #expect(cluster.waitFor { node.status(source)?.peer == mine })
    node.store?.router.deliver([
      RaftEnvelope(
        regionID: source, from: other, to: mine, epoch: epoch, isTombstone: true,
        mergeTarget: region)
    ])
    #expect(cluster.waitFor(.seconds(1)) { node.status(source) == nil })
    #expect(node.fatalReasons.isEmpty)
  }
}
