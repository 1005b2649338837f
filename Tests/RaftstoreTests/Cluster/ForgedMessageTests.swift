import Codec
import Raft
import Raftstore
import Runtime
import Testing

/// Messages that no member has sent: they cost no replica its data, and no store its place in a region.
@Suite struct ForgedMessageTests {
  /// One message by which a peer is not a member any more.
  enum Removal: CaseIterable {
    case tombstone, replacement

    func envelope(
      _ regionID: UInt64, from: PeerInfo, to: PeerInfo, _ region: Region
    ) -> RaftEnvelope {
      var epoch = region.epoch
      epoch.confVersion += 2
      guard self == .replacement else {
        return RaftEnvelope(
          regionID: regionID, from: from, to: to, epoch: epoch, isTombstone: true)
      }
      let newer = PeerInfo(id: to.id + 1000, storeID: to.storeID)
      return RaftEnvelope(
        regionID: regionID, from: from, to: newer,
        message: Message(.heartbeat, to: newer.id, from: from.id, term: 90), epoch: epoch)
    }
  }

  // MARK: Removals

  /// Found by attack: one such message to each of two stores, and the region had no quorum for ever.
  @Test(arguments: Removal.allCases)
  func aForgedRemovalDestroysNothing(_ removal: Removal) throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    let region = try #require(cluster.region)
    let from = try #require(region.peer(onStore: leader.id))
    let others = cluster.nodes.filter { $0 !== leader }
    for _ in 0..<100 {
      for node in others {
        let to = try #require(region.peer(onStore: node.id))
        node.store?.router.deliver([removal.envelope(cluster.regionID, from: from, to: to, region)])
      }
      cluster.run(.milliseconds(100))
    }
    for node in others {
      #expect(node.status(cluster.regionID)?.peer == region.peer(onStore: node.id))
      #expect(node.metrics.text().contains("apus_raft_removal_suspected_total 100"))
      // Ten seconds, one question in five.
      #expect(node.metrics.text().contains("apus_raft_removal_refuted_total 2"))
    }
    #expect(cluster.put("b", "2"))
  }

  /// While the placement driver does not respond nothing is given up, and the question is not forgotten.
  @Test(arguments: Removal.allCases)
  func aTrueRemovalWaitsForThePlacementDriver(_ removal: Removal) throws {
    let cluster = try TestCluster(3) {
      $0.regionHeartbeatInterval = .seconds(1)
      // A hibernated leader would report the change minutes later.
      $0.hibernation.isEnabled = false
    }
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let node = try #require(cluster.nodes.last { $0 !== cluster.leader })
    let leader = try #require(cluster.leader)
    let region = try #require(cluster.region)
    let from = try #require(region.peer(onStore: leader.id))
    let to = try #require(region.peer(onStore: node.id))
    cluster.network.isolate(node.id)
    cluster.pd.state.withLock { $0.isReachable = false }
    cluster.removePeer(on: node)
    node.store?.router.deliver([removal.envelope(cluster.regionID, from: from, to: to, region)])
    // Between two of its questions: the leader's next heartbeat arrives before the next one.
    cluster.run(.seconds(22))
    #expect(node.status(cluster.regionID)?.peer == to)
    cluster.pd.state.withLock { $0.isReachable = true }
    #expect(cluster.waitFor { node.status(cluster.regionID) == nil })
    #expect(node.engine.record(cluster.regionID)?.state == .tombstone)
  }

  // MARK: Peers that do not exist

  private func heartbeat(
    _ regionID: UInt64, to peer: UInt64, on node: TestNode,
    epoch: RegionEpoch = RegionEpoch(confVersion: 3, version: 3),
    from: PeerInfo = PeerInfo(id: 502, storeID: 99), keys: ClosedRange<UInt8> = 1...2
  ) -> RaftEnvelope {
    RaftEnvelope(
      regionID: regionID, from: from, to: PeerInfo(id: peer, storeID: node.id),
      message: Message(.heartbeat, to: peer, from: from.id, term: 6), epoch: epoch,
      startKey: [keys.lowerBound], endKey: [keys.upperBound])
  }

  private func impatient(_ config: inout RaftstoreConfig) {
    config.maxUninitializedPeers = 10
    config.stalePeers.checkInterval = .seconds(1)
    config.stalePeers.abnormalLeaderMissing = .seconds(2)
    config.stalePeers.maxLeaderMissing = .seconds(4)
  }

  /// Found by attack: heartbeats for regions that do not exist made as many peers, and none of them went.
  @Test(arguments: [true, false])
  func peersOfUnknownRegionsAreFewAndGo(hearAgain: Bool) throws {
    let cluster = try TestCluster(2, replicas: 1, impatient)
    defer { cluster.shutDown() }
    let node = cluster.nodes[1]
    let ids = 500..<550 as Range<UInt64>
    node.store?.router.deliver(ids.map { heartbeat($0, to: 9001, on: node) })
    cluster.run(.milliseconds(500))
    let meta = try #require(node.store).meta
    #expect(meta.uninitializedCount == 10)
    #expect(
      node.metrics.text().contains(
        #"tikv_raftstore_raft_dropped_message_total{type="too_many_uninitialized"} 40"#))
    // What is sent to them on and on does not keep them.
    for _ in 0..<50 {
      if hearAgain {
        let there = ids.filter { meta.held($0) != nil }
        if there.isEmpty { break }
        node.store?.router.deliver(there.map { heartbeat($0, to: 9001, on: node) })
      }
      cluster.run(.milliseconds(100))
    }
    #expect(meta.count == 0)
    for id in ids {
      #expect(node.engine.record(id) == nil)
      #expect(!node.logs.regions().contains(id))
    }
    #expect(cluster.addPeer(on: node).storeID == node.id)
  }

  /// A vote that was given is remembered: the peer may be made again.
  @Test func aPeerThatGoesKeepsItsVote() throws {
    let cluster = try TestCluster(2, replicas: 1, impatient)
    defer { cluster.shutDown() }
    let node = cluster.nodes[1]
    var vote = heartbeat(500, to: 501, on: node)
    vote.message = Message(.vote, to: 501, from: 502, term: 6)
    vote.message?.index = 7
    vote.message?.logTerm = 5
    cluster.run(.seconds(2))
    node.store?.router.deliver([vote])
    #expect(cluster.waitFor { node.status(500)?.vote == 502 })
    #expect(cluster.waitFor { node.status(500) == nil })
    #expect(node.logs.hardState(500) == HardState(term: 6, vote: 502, commit: 0))
  }

  /// A peer of an id that was invented is in the true one's way, and so would be its tombstone.
  @Test(arguments: [true, false])
  func anInventedPeerMakesWayForTheTrueOne(hasTombstone: Bool) throws {
    let cluster = try TestCluster(2, replicas: 1)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let node = cluster.nodes[1]
    let region = try #require(cluster.region)
    let invented = 1 << 61 as UInt64
    let from = region.peers[0]
    node.store?.router.deliver([
      heartbeat(cluster.regionID, to: invented, on: node, epoch: region.epoch, from: from)
    ])
    #expect(cluster.waitFor { node.status(cluster.regionID)?.peer.id == invented })
    if hasTombstone {
      var epoch = region.epoch
      epoch.confVersion += 1
      node.store?.router.deliver([
        RaftEnvelope(
          regionID: cluster.regionID, from: region.peers[0],
          to: PeerInfo(id: invented, storeID: node.id), epoch: epoch, isTombstone: true)
      ])
      #expect(cluster.waitFor { node.status(cluster.regionID) == nil })
    }
    let peer = cluster.addPeer(on: node)
    #expect(cluster.waitFor { node.value("a") == "1" })
    #expect(node.status(cluster.regionID)?.peer.id == peer.id)
  }
}
