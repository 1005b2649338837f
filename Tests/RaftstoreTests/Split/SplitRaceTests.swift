import Codec
import Engine
import Raft
import Raftstore
import Runtime
import SimulationKit
import Synchronization
import Testing

/// Messages, snapshots and removals that meet a split on its way.
@Suite struct SplitRaceTests {
  private static func config(_ config: inout RaftstoreConfig) { config.shards = 4 }

  private func shard(_ id: UInt64) -> String { "\(id % 4)" }

  /// A split whose child lives on another shard than its parent.
  private func split(
    _ key: String, _ region: Region, _ cluster: TestCluster
  ) -> AdminCommand.BatchSplit {
    var split = cluster.makeSplit([key], of: region)
    while shard(split.splits[0].newRegionID) == shard(region.id) {
      split.splits[0].newRegionID = cluster.pd.nextID
    }
    return split
  }

  /// A follower that applies the split late keeps the vote request until it has: one round of the election is
  /// enough.
  @Test func aVoteThatArrivesEarlyIsKept() throws {
    let cluster = try TestCluster(3, Self.config)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    // A process that has just started grants no votes.
    cluster.run(.seconds(1))
    let (leader, region) = try #require(cluster.leader(forKey: "a"))
    let followers = cluster.nodes.filter { $0 !== leader }
    for node in followers {
      node.stall("apply-\(shard(region.id))")
    }
    let split = split("f", region, cluster)
    let child = split.splits[0].newRegionID
    let preVotes = Mutex(0)
    cluster.network.add { envelope in
      if envelope.regionID == child, envelope.message?.type == .preVote {
        preVotes.withLock { $0 += 1 }
      }
      return true
    }
    let done = cluster.start(.batchSplit(split), of: region, on: leader)
    #expect(cluster.waitFor { done.withLock { $0 != nil } })
    cluster.run(.milliseconds(100))
    #expect(leader.status(child)?.role != .leader)
    for node in followers { node.resume() }
    #expect(cluster.waitFor { leader.status(child)?.role == .leader })
    #expect(preVotes.withLock { $0 } == 2)
    #expect(leader.status(child)?.term == 6)
  }

  /// A store on which a message has created the child's peer before the snapshot of the parent, from before the
  /// split, arrives: the parent's shard stands still.
  private struct Late {
    let cluster: TestCluster
    let node: TestNode
    let leader: TestNode
    let parent: Region
    let child: Region
    /// The child's peer on the late store.
    let info: PeerInfo

    var parentShard: String { "raft-\(parent.id % 4)" }
    var childShard: String { "raft-\(child.id % 4)" }

    /// The parent's shard goes on: it takes the snapshot, then the split.
    func resume() { node.resume() }

    var status: RegionStatus? { node.status(child.id) }

    var isParentSplit: Bool {
      node.store?.meta.held(parent.id)?.region.epoch.version == parent.epoch.version
    }
  }

  /// - Parameter hearsOfChild: messages for the child reach the store, except snapshots.
  private func late(hearsOfChild: Bool = true) throws -> Late {
    let cluster = try TestCluster(3, replicas: 2, Self.config)
    for key in ["a", "c", "p"] { #expect(cluster.put(key, "1")) }
    let (late, parentID) = (cluster.nodes[2], cluster.regionID)
    let (lateID, shard) = (late.id, shard(cluster.regionID))
    let node = ThreadBound(late)
    cluster.network.add { envelope in
      guard envelope.to.storeID == lateID else { return true }
      guard envelope.regionID == parentID else {
        return hearsOfChild && envelope.message?.type != .snapshot
      }
      // It is received, and its message waits.
      if envelope.message?.type == .snapshot {
        node.value.stall("raft-\(shard)")
      }
      return true
    }
    let peer = PeerInfo(id: cluster.pd.nextID, storeID: late.id)
    #expect(cluster.change(.addNode, peer) { $0.peer(id: peer.id) != nil })
    cluster.run(.milliseconds(500))
    #expect(late.status(parentID) == nil)
    let (leader, region) = try #require(cluster.leader(forKey: "a"))
    let done = cluster.start(.batchSplit(split("f", region, cluster)), of: region, on: leader)
    #expect(cluster.waitFor { done.withLock { $0 != nil } })
    let regions = try #require(try done.withLock { $0 }?.get())
    let info = try #require(regions[0].peer(onStore: late.id))
    let result = Late(
      cluster: cluster, node: late, leader: leader, parent: regions[1], child: regions[0],
      info: info)
    if hearsOfChild {
      #expect(cluster.waitFor { result.status?.vote ?? 0 != 0 })
      #expect(result.status?.region.isInitialized == false)
      #expect(result.status?.peer.id == info.id)
    }
    return result
  }

  /// What the store has of the regions afterwards, and that they work.
  private func check(_ late: Late, by fatal: Bool = false) {
    late.cluster.network.clearFilters()
    #expect(late.cluster.putRouted("b", "2") && late.cluster.putRouted("q", "2"))
    for (key, value) in [("a", "1"), ("b", "2"), ("c", "1"), ("p", "1"), ("q", "2")] {
      #expect(late.cluster.waitFor { late.node.value(key) == value }, "\(key)")
    }
    #expect(late.node.store?.meta.regions.map(\.bounds) == [["", "f"], ["f", ""]])
    #expect(late.node.fatalReasons.isEmpty)
  }

  /// The split replaces the peer that a message has created. Its vote stays.
  @Test func aPeerCreatedByAMessageIsReplaced() throws {
    let late = try late()
    defer { late.cluster.shutDown() }
    let before = try #require(late.status)
    late.resume()
    #expect(late.cluster.waitFor { late.status?.region.isInitialized == true })
    #expect(late.status?.peer == late.info)
    #expect(late.status?.vote == before.vote && late.status?.term == before.term)
    #expect(late.node.logs.lastIndex(late.child.id) == 5)
    check(late)
  }

  /// The store crashes when the split is applied and the child has not begun: its vote is in the log, its records
  /// are in the engine, and the start puts them together.
  @Test func aVoteFromBeforeTheSplitOutlivesACrash() throws {
    let late = try late()
    defer { late.cluster.shutDown() }
    let before = try #require(late.status)
    late.resume()
    late.node.stall(late.childShard)
    #expect(late.cluster.waitFor { late.node.engine.record(late.child.id)?.state == .normal })
    #expect(late.node.logs.lastIndex(late.child.id) == 0)
    late.cluster.network.isolate(late.node.id)
    late.node.crash()
    try late.node.start()
    #expect(late.status?.region == late.child)
    #expect(late.status?.vote == before.vote && late.status?.term == before.term)
    #expect(late.node.logs.lastIndex(late.child.id) == 5)
    #expect(late.node.logs.hardState(late.child.id).vote == before.vote)
    check(late)
  }

  /// It is being destroyed when the split arrives: the child begins when it is gone.
  @Test func aPeerThatIsBeingDestroyedIsWaitedFor() throws {
    let late = try late()
    defer { late.cluster.shutDown() }
    let before = try #require(late.status)
    let stalled = "apply-\(shard(late.child.id))"
    late.node.stall(stalled)
    var epoch = late.child.epoch
    epoch.confVersion += 5
    let sender = try #require(late.child.peer(onStore: late.leader.id))
    late.node.store?.router.deliver([
      RaftEnvelope(
        regionID: late.child.id, from: sender, to: late.info, epoch: epoch, isTombstone: true)
    ])
    #expect(late.cluster.waitFor { late.status?.peerState == .tombstone })
    late.resume()
    late.node.stall(stalled)
    #expect(late.cluster.waitFor { late.isParentSplit })
    late.cluster.run(.milliseconds(200))
    #expect(late.status?.peerState == .tombstone)
    late.resume()
    #expect(late.cluster.waitFor { late.status?.peerState == .normal })
    #expect(late.status?.vote == before.vote && late.status?.peer == late.info)
    #expect(late.node.engine.record(late.child.id)?.state == .normal)
    check(late)
  }

  /// A message has created a peer of another id: the child's first peer here is history. The data of its range
  /// goes, and the other peer gets its own by a snapshot.
  @Test func aNewerPeerExcludesTheChild() throws {
    let late = try late()
    defer { late.cluster.shutDown() }
    let cluster = late.cluster
    let newer = PeerInfo(id: cluster.pd.nextID, storeID: late.node.id)
    for change in [
      AdminCommand.PeerChange(type: .removeNode, peer: late.info),
      AdminCommand.PeerChange(type: .addNode, peer: newer),
    ] {
      let (leader, region) = try #require(cluster.leader(forKey: "a"))
      let done = cluster.start(.changePeer(change), of: region, on: leader)
      #expect(cluster.waitFor { done.withLock { $0 != nil } })
      #expect(throws: Never.self) { try done.withLock { $0 }?.get() }
    }
    #expect(cluster.waitFor { late.status?.peer.id == newer.id })
    late.resume()
    #expect(cluster.waitFor { late.isParentSplit })
    #expect(cluster.waitFor { late.node.value("a") == nil && late.node.value("p") == "1" })
    #expect(late.status?.peer.id == newer.id && late.status?.region.isInitialized == false)
    check(late)
    #expect(late.status?.peer.id == newer.id)
  }

  /// The child's peer was removed from this store before the split arrives here. It is not revived.
  @Test func aTombstoneExcludesTheChild() throws {
    let late = try late(hearsOfChild: false)
    defer { late.cluster.shutDown() }
    let cluster = late.cluster
    var removed = late.child
    removed.epoch.confVersion += 1
    var batch = WriteBatch()
    batch.put(
      .raft, KeyLayout.regionState(regionID: late.child.id),
      RegionLocalState(state: .tombstone, region: removed).encoded())
    try late.node.engine.write(batch, .synced)
    late.resume()
    #expect(cluster.waitFor { late.isParentSplit })
    #expect(cluster.waitFor { late.node.value("a") == nil && late.node.value("p") == "1" })
    cluster.network.clearFilters()
    cluster.run(.seconds(1))
    #expect(late.status == nil)
    #expect(late.node.engine.record(late.child.id)?.state == .tombstone)
    #expect(late.node.store?.meta.regions.map(\.id) == [late.parent.id])
    // A new peer of the region may come.
    let newer = PeerInfo(id: cluster.pd.nextID, storeID: late.node.id)
    for change in [
      AdminCommand.PeerChange(type: .removeNode, peer: late.info),
      AdminCommand.PeerChange(type: .addNode, peer: newer),
    ] {
      let (leader, region) = try #require(cluster.leader(forKey: "a"))
      let done = cluster.start(.changePeer(change), of: region, on: leader)
      #expect(cluster.waitFor { done.withLock { $0 != nil } })
    }
    check(late)
  }

  /// The parent's peer is being destroyed when it applies its split: the child lives on, with its data.
  @Test func aDyingParentStillHasChildren() throws {
    let cluster = try TestCluster(3, Self.config)
    defer { cluster.shutDown() }
    for key in ["a", "p"] { #expect(cluster.put(key, "1")) }
    let (leader, region) = try #require(cluster.leader(forKey: "a"))
    let node = try #require(cluster.nodes.first { $0 !== leader })
    let raft = "raft-\(shard(region.id))"
    #expect(cluster.waitFor { node.value("p") == "1" })
    let done = cluster.start(.batchSplit(split("f", region, cluster)), of: region, on: leader)
    #expect(cluster.waitFor { done.withLock { $0 != nil } })
    let regions = try #require(try done.withLock { $0 }?.get())
    #expect(cluster.waitFor { node.status(regions[0].id) != nil })
    // Both are applied before the raft worker of the parent hears of either.
    let next = cluster.makeSplit(["t"], of: regions[1])
    let (first, parent) = try #require(cluster.leader(forKey: "p"))
    node.stall("apply-\(shard(region.id))")
    let split = cluster.start(.batchSplit(next), of: parent, on: first)
    #expect(cluster.waitFor { split.withLock { $0 != nil } })
    let removal = AdminCommand.PeerChange(
      type: .removeNode, peer: try #require(parent.peer(onStore: node.id)))
    let (second, after) = try #require(cluster.leader(forKey: "z"))
    let removed = cluster.start(.changePeer(removal), of: after, on: second)
    #expect(cluster.waitFor { removed.withLock { $0 != nil } })
    cluster.run(.milliseconds(300))
    node.stall(raft)
    node.resume()
    #expect(cluster.waitFor { node.engine.record(region.id)?.state == .tombstone })
    #expect(cluster.putRouted("q", "2"))
    #expect(cluster.waitFor { node.value("q") == "2" })
    #expect(node.status(region.id) == nil)
    #expect(node.store?.meta.regions.map(\.bounds) == [["", "f"], ["f", "t"]])
  }

  /// It is told to go while its split waits for the apply worker: the raft worker hears of the split afterwards.
  @Test func aParentThatIsGoneBeforeItsSplitHasChildren() throws {
    let cluster = try TestCluster(3, Self.config)
    defer { cluster.shutDown() }
    for key in ["a", "p"] { #expect(cluster.put(key, "1")) }
    let (leader, region) = try #require(cluster.leader(forKey: "a"))
    let node = try #require(cluster.nodes.first { $0 !== leader })
    #expect(cluster.waitFor { node.value("p") == "1" })
    let (own, sender) = try #require(
      region.peer(onStore: node.id).flatMap { own in
        region.peer(onStore: leader.id).map { (own, $0) }
      })
    node.stall("apply-\(shard(region.id))")
    let done = cluster.start(.batchSplit(split("f", region, cluster)), of: region, on: leader)
    #expect(cluster.waitFor { done.withLock { $0 != nil } })
    let regions = try #require(try done.withLock { $0 }?.get())
    cluster.run(.milliseconds(300))
    var epoch = region.epoch
    epoch.confVersion += 5
    node.store?.router.deliver([
      RaftEnvelope(regionID: region.id, from: sender, to: own, epoch: epoch, isTombstone: true)
    ])
    node.store?.router.post(
      .membershipChecked(regionID: region.id, peerID: own.id, .removed), to: region.id)
    #expect(cluster.waitFor { node.status(region.id)?.peerState == .tombstone })
    node.resume()
    #expect(cluster.waitFor { node.status(regions[0].id)?.region == regions[0] })
    #expect(cluster.waitFor { node.value("p") == nil })
    #expect(node.value("a") == "1")
    #expect(node.engine.record(region.id)?.state == .tombstone)
    #expect(node.engine.record(region.id)?.region.bounds == ["f", ""])
    #expect(cluster.putRouted("b", "2"))
    #expect(cluster.waitFor { node.value("b") == "2" })
  }

  /// A store that missed the split and whose log was cut off gets two snapshots, in either order.
  @Test(arguments: [true, false])
  func snapshotsOfParentAndChildComeInEitherOrder(parentFirst: Bool) throws {
    let cluster = try TestCluster(3) { config in
      ClusterSnapshotTests.eager(&config)
      config.shards = 4
    }
    defer { cluster.shutDown() }
    for key in ["a", "p"] { #expect(cluster.put(key, "1")) }
    #expect(cluster.transferLeader(to: cluster.nodes[0]))
    let cut = cluster.nodes[2]
    #expect(cluster.waitFor { cut.value("p") == "1" })
    cluster.network.isolate(cut.id)
    let regions = try #require(try cluster.split(["f"])?.get())
    for i in 0..<30 { #expect(cluster.putRouted("b\(i)", "2") && cluster.putRouted("q\(i)", "2")) }
    cluster.run(.seconds(3))
    let held = parentFirst ? regions[0].id : regions[1].id
    cluster.network.clearFilters()
    cluster.network.add { !($0.message?.type == .snapshot && $0.regionID == held) }
    if parentFirst {
      #expect(cluster.waitFor { cut.value("q29") == "2" })
      #expect(cut.value("b29") == nil)
    } else {
      cluster.run(.seconds(3))
      // The parent's range still covers the child's.
      #expect(cut.value("b29") == nil && cut.value("a") == "1")
    }
    cluster.network.clearFilters()
    #expect(cluster.waitFor { cut.value("q29") == "2" && cut.value("b29") == "2" })
    #expect(cut.value("a") == "1" && cut.value("p") == "1")
    #expect(cut.store?.meta.regions.map(\.bounds) == [["", "f"], ["f", ""]])
    #expect(cut.fatalReasons.isEmpty)
  }

  /// A follower that has applied a split becomes the leader of the parent before it hears of one: it has the
  /// child campaign, which the former leader may not have done.
  @Test func aNewLeaderOfTheParentHasTheChildCampaign() throws {
    let cluster = try TestCluster(3, Self.config)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    // A process that has just started grants no votes.
    cluster.run(.seconds(1))
    let (leader, region) = try #require(cluster.leader(forKey: "a"))
    let next = try #require(cluster.nodes.first { $0 !== leader })
    let split = split("f", region, cluster)
    let child = split.splits[0].newRegionID
    let (leaderID, parentID) = (leader.id, region.id)
    cluster.network.add { !($0.regionID == child && $0.from.storeID == leaderID) }
    let done = cluster.start(.batchSplit(split), of: region, on: leader)
    #expect(cluster.waitFor { done.withLock { $0 != nil } })
    let at = cluster.now
    // What the former leader says of the parent after the split is lost, but for the transfer.
    cluster.network.add { envelope in
      !(envelope.regionID == parentID && envelope.from.storeID == leaderID)
        || envelope.message?.type == .timeoutNow
    }
    #expect(next.status(child) != nil)
    let after = try #require(leader.status(region.id)).region
    _ = cluster.start(
      .transferLeader(peer: try #require(after.peer(onStore: next.id)), candidates: []), of: after,
      on: leader)
    #expect(cluster.waitFor { next.status(child)?.role == .leader })
    #expect(cluster.now - at < .milliseconds(200))
  }
}
