import Codec
import Engine
import Raft
import Raftstore
import Runtime
import Testing

/// A snapshot that cannot be applied takes a peer's data, and its log before. The peer gets them anew under the
/// same id, and breaks no promise until then.
@Suite struct StartingOverTests {
  /// Lets a follower receive a snapshot whose files are gone when they are to be applied.
  private func breakSnapshot(of node: TestNode, in cluster: TestCluster) throws {
    node.stall("region")
    cluster.network.clearFilters()
    #expect(cluster.waitFor { node.engine.record(cluster.regionID)?.state == .applying })
    for name in try node.files.list("snap") { try node.files.remove("snap/\(name)") }
  }

  /// A cluster whose last node lacks what the others' logs do not hold any more.
  private func lagging(_ node: Int = 2) throws -> (TestCluster, TestNode) {
    let cluster = try TestCluster(3, ClusterSnapshotTests.eager)
    #expect(cluster.put("a", "1"))
    #expect(cluster.transferLeader(to: cluster.nodes[0]))
    let cut = cluster.nodes[node]
    #expect(cluster.waitFor { cut.value("a") == "1" })
    cluster.network.isolate(cut.id)
    for i in 0..<30 { #expect(cluster.put("k\(i)", "v\(i)")) }
    cluster.run(.seconds(3))
    return (cluster, cut)
  }

  @Test(arguments: [nil, false, true])
  func aReplicaWhoseSnapshotIsBrokenStartsOver(crash: Bool?) throws {
    let (cluster, cut) = try lagging()
    defer { cluster.shutDown() }
    let peer = try #require(cut.status(cluster.regionID)).peer
    try breakSnapshot(of: cut, in: cluster)
    cluster.network.add { $0.message?.type != .snapshot }
    cut.resume()
    #expect(cluster.waitFor { cut.engine.record(cluster.regionID)?.state == .unavailable })
    #expect(cluster.waitFor { cut.status(cluster.regionID)?.peerState == .unavailable })
    #expect(cut.value("a") == nil)
    if let crash {
      if crash { cut.crash() } else { cut.kill() }
      try cut.start()
      #expect(cut.status(cluster.regionID)?.peerState == .unavailable)
      #expect(cut.status(cluster.regionID)?.peer.id == peer.id)
    }
    cluster.network.clearFilters()
    #expect(cluster.waitFor { cut.value("k29") == "v29" })
    #expect(cut.status(cluster.regionID)?.peer == peer)
    #expect(cut.engine.record(cluster.regionID)?.state == .normal)
    #expect(cluster.put("b", "2"))
    #expect(cluster.waitFor { cut.value("b") == "2" })
    #expect(cluster.nodes.allSatisfy { $0.fatalReasons.isEmpty })
    // It can lead again.
    #expect(cluster.transferLeader(to: cut))
    #expect(cluster.get("b") == "2")
  }

  /// What it has acknowledged and lost may be committed by its word: it must not help anyone to lead who lacks
  /// it.
  @Test(arguments: [false, true])
  func itDoesNotVoteBeforeItHasWhatItAcknowledged(restart: Bool) throws {
    let (cluster, cut) = try lagging()
    defer { cluster.shutDown() }
    let (leader, behind) = (cluster.nodes[0], cluster.nodes[1])
    try breakSnapshot(of: cut, in: cluster)
    cluster.network.isolate(behind.id)
    #expect(cluster.put("x", "1"))
    cluster.network.add { $0.message?.type != .snapshot }
    cut.resume()
    #expect(cluster.waitFor { cut.status(cluster.regionID)?.peerState == .unavailable })
    let promised = try #require(cut.status(cluster.regionID))
    leader.kill()
    if restart {
      cut.crash()
      try cut.start()
    }
    cluster.network.clearFilters()
    cluster.run(.seconds(10))
    #expect(cluster.leader == nil)
    #expect(cut.status(cluster.regionID)?.vote == promised.vote)
    try leader.start()
    #expect(cluster.get("x") == "1")
    #expect(cluster.waitFor { cut.value("x") == "1" && behind.value("x") == "1" })
    #expect(cut.status(cluster.regionID)?.peer.id == promised.peer.id)
  }

  /// As a peer that has everything, it makes way only for who has taken its place.
  @Test func itIsRemovedAsAnyOther() throws {
    let (cluster, cut) = try lagging()
    defer { cluster.shutDown() }
    try breakSnapshot(of: cut, in: cluster)
    cluster.network.add { $0.message?.type != .snapshot }
    cut.resume()
    #expect(cluster.waitFor { cut.status(cluster.regionID)?.peerState == .unavailable })
    let old = try #require(cut.status(cluster.regionID)).peer
    cluster.removePeer(on: cut)
    cluster.network.clearFilters()
    let new = cluster.addPeer(on: cut)
    #expect(new.id != old.id)
    #expect(cluster.waitFor { cut.value("k29") == "v29" })
  }

  /// Whoever says so in a member's name costs its leader a snapshot in a while, and nothing else.
  @Test func aForgedLossChangesNothing() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    let status = try #require(leader.status(cluster.regionID))
    let other = try #require(status.region.peers.first { $0.id != status.peer.id })
    for _ in 0..<50 {
      leader.store?.router.deliver([
        RaftEnvelope(
          regionID: cluster.regionID, from: other, to: status.peer, epoch: status.region.epoch,
          extra: ExtraMessage(kind: .availabilityResponse, waitData: true))
      ])
      #expect(cluster.put("b", "2"))
    }
    #expect(cluster.leader === leader)
    let last = try #require(leader.status(cluster.regionID)).lastIndex
    #expect(
      cluster.waitFor {
        leader.status(cluster.regionID)?.progress.allSatisfy { $0.match >= last } == true
      })
    #expect(cluster.node(store: other.storeID)?.status(cluster.regionID)?.peer == other)
  }
}
