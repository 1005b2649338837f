import Codec
import Engine
import Raft
import Raftstore
import Runtime
import SimulationKit
import Testing

/// A replica whose log or data is damaged is fenced, reported and replaced by a new peer.
@Suite struct DamageTests {
  private func cluster(_ configure: (inout RaftstoreConfig) -> Void = { _ in }) throws
    -> TestCluster
  {
    let cluster = try TestCluster(3) {
      $0.stalePeers.membershipCheckInterval = .seconds(1)
      configure(&$0)
    }
    for i in 0..<10 { #expect(cluster.put("k\(i)", "v\(i)")) }
    #expect(cluster.transferLeader(to: cluster.nodes[0]))
    #expect(cluster.waitFor { cluster.nodes.allSatisfy { $0.value("k9") == "v9" } })
    return cluster
  }

  private func damagePair(_ key: String, on node: TestNode) throws {
    let value = try #require(node.value(key))
    node.damage.pair = DiskDamage.StoredPair(
      family: .default, key: Array(key.utf8), value: Array(value.utf8))
  }

  private func isFenced(_ node: TestNode, _ cluster: TestCluster) -> Bool {
    node.status(cluster.regionID)?.peerState == .unavailable
  }

  /// Reads of the data that find damage, as those of clients do.
  private func find(_ node: TestNode, _ cluster: TestCluster) {
    node.store?.router.reportDamage(
      EngineError(.corruption, operation: "get", message: "checksum"), regionID: cluster.regionID)
  }

  /// Has the placement driver do with the peer what it does with one that is down.
  private func replace(_ node: TestNode, _ cluster: TestCluster) throws {
    let old = try #require(cluster.region?.peer(onStore: node.id))
    #expect(
      cluster.waitFor {
        cluster.pd.heartbeat(of: cluster.regionID)?.downPeers.contains {
          $0.peer.id == old.id && $0.seconds >= 1 << 31
        } == true
      })
    #expect(
      cluster.waitFor {
        cluster.pd.state.withLock {
          $0.storeHeartbeats[node.id]?.damagedRegions == [cluster.regionID]
        }
      })
    cluster.removePeer(on: node)
    #expect(cluster.waitFor { node.status(cluster.regionID) == nil })
    let new = cluster.addPeer(on: node)
    #expect(new.id != old.id)
  }

  @Test(arguments: [0, 1])
  func aReplicaWithDamagedDataIsReplaced(position: Int) throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let node = cluster.nodes[position]
    find(node, cluster)
    #expect(cluster.waitFor { isFenced(node, cluster) })
    #expect(cluster.put("after", "1"))
    #expect(cluster.leader !== node)
    #expect(node.value("after") == nil)
    #expect(cluster.read("k1", from: node).map { (try? $0.get()) ?? nil } == .some(nil))
    try replace(node, cluster)
    #expect(cluster.waitFor { node.value("after") == "1" && node.value("k9") == "v9" })
    #expect(cluster.pd.state.withLock { $0.storeHeartbeats[node.id]?.damagedRegions } != nil)
    #expect(
      cluster.waitFor {
        cluster.pd.state.withLock { $0.storeHeartbeats[node.id]?.damagedRegions == [] }
      })
    #expect(cluster.nodes.allSatisfy { $0.fatalReasons.isEmpty })
    #expect(cluster.transferLeader(to: node))
    #expect(cluster.get("k1") == "v1")
  }

  /// Two of three would be a majority with its vote.
  @Test(arguments: [false, true])
  func aFencedReplicaDoesNotVote(restart: Bool) throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let node = cluster.nodes[1]
    find(node, cluster)
    #expect(cluster.waitFor { isFenced(node, cluster) })
    if restart {
      cluster.run(.seconds(1))
      node.crash()
      try node.start()
      #expect(isFenced(node, cluster))
    }
    cluster.nodes[0].kill()
    cluster.run(.seconds(10))
    #expect(cluster.leader == nil)
    try cluster.nodes[0].start()
    #expect(cluster.get("k1") == "v1")
  }

  /// The replica that has the most is not chosen, and what it has acknowledged is with the others.
  @Test func aLeaderWithADamagedLogIsReplaced() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    let other = cluster.nodes[2]
    cluster.network.isolate(other.id)
    for i in 0..<5 { #expect(cluster.put("x\(i)", "1")) }
    let status = try #require(leader.status(cluster.regionID))
    // What is in the cache is not read: a restart empties it.
    leader.damage.entry = DiskDamage.LoggedEntry(
      region: cluster.regionID, index: status.lastIndex - 2, term: status.term)
    leader.kill()
    try leader.start()
    cluster.network.clearFilters()
    #expect(cluster.waitFor { other.value("x4") == "1" })
    // Whoever leads has sent the damaged entry, or was fenced for it.
    if isFenced(leader, cluster) {
      try replace(leader, cluster)
      #expect(cluster.waitFor { leader.value("x4") == "1" })
    }
    #expect(cluster.nodes.allSatisfy { $0.fatalReasons.isEmpty })
  }

  @Test func aReplicaThatCannotApplyAnEntryIsFenced() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let node = cluster.nodes[2]
    node.kill()
    #expect(cluster.put("a", "1"))
    #expect(cluster.put("b", "1"))
    let first = try #require(node.logs.lastIndex(cluster.regionID) as UInt64?)
    try node.start()
    // Its applier reads committed entries from the log once they are not in the cache.
    node.stall("apply-0")
    #expect(cluster.waitFor { node.logs.lastIndex(cluster.regionID) > first })
    node.damage.entry = DiskDamage.LoggedEntry(
      region: cluster.regionID, index: first,
      term: try node.logs.term(cluster.regionID, at: first))
    node.kill()
    try node.start()
    cluster.run(.seconds(2))
    #expect(node.fatalReasons.isEmpty)
    #expect(cluster.get("b") == "1")
  }

  /// What is left of the only replica is all there is.
  @Test func theOnlyReplicaServesWhatCanBeRead() throws {
    let cluster = try TestCluster(1)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    find(cluster.nodes[0], cluster)
    cluster.run(.seconds(1))
    #expect(!isFenced(cluster.nodes[0], cluster))
    #expect(cluster.get("a") == "1")
  }

  /// A store with damaged records of one region starts, and the others of its regions are served.
  @Test func aDamagedApplyStateIsNoReasonNotToStart() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let node = cluster.nodes[1]
    node.kill()
    var batch = WriteBatch()
    batch.put(.raft, KeyLayout.applyState(regionID: cluster.regionID), [0xff])
    try node.engine.write(batch, .synced)
    try node.start()
    #expect(isFenced(node, cluster))
    try replace(node, cluster)
    #expect(cluster.waitFor { node.value("k9") == "v9" })
  }

  /// Whoever says so in a member's name has the placement driver replace that member, one at a time.
  @Test func aFencedPeerGoesOnlyAtTheWordOfThePlacementDriver() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let node = cluster.nodes[1]
    find(node, cluster)
    #expect(cluster.waitFor { isFenced(node, cluster) })
    let status = try #require(node.status(cluster.regionID))
    var newer = status.peer
    newer.id += 1000
    var epoch = status.region.epoch
    epoch.confVersion += 5
    node.store?.router.deliver([
      RaftEnvelope(
        regionID: cluster.regionID, from: status.region.peers[0], to: newer,
        message: Message(.heartbeat, to: newer.id, from: status.region.peers[0].id),
        epoch: epoch)
    ])
    cluster.run(.seconds(3))
    #expect(isFenced(node, cluster))
    #expect(node.value("k1") == "v1")
  }
}
