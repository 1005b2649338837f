import Codec
import Engine
import Raft
import Raftstore
import Runtime
import Testing

/// What a fenced replica is to regions that hibernate, to stale reads and to merges.
@Suite struct FencingTests {
  private func cluster(_ configure: (inout RaftstoreConfig) -> Void = { _ in }) throws
    -> TestCluster
  {
    let cluster = try TestCluster(3) {
      $0.stalePeers.membershipCheckInterval = .seconds(1)
      $0.hibernation.idleTime = .milliseconds(500)
      configure(&$0)
    }
    for i in 0..<10 { #expect(cluster.put("k\(i)", "v\(i)")) }
    #expect(cluster.waitFor { cluster.nodes.allSatisfy { $0.value("k9") == "v9" } })
    return cluster
  }

  private func isFenced(_ node: TestNode, _ id: UInt64) -> Bool {
    node.status(id)?.peerState == .unavailable
  }

  private func find(_ node: TestNode, _ id: UInt64) {
    node.store?.router.reportDamage(
      EngineError(.corruption, operation: "get", message: "checksum"), regionID: id)
  }

  private func isReported(_ peer: PeerInfo, _ cluster: TestCluster) -> Bool {
    cluster.pd.heartbeat(of: cluster.regionID)?.downPeers.contains { $0.peer.id == peer.id } == true
  }

  // MARK: Hibernation

  /// Nothing wakes hibernated followers but the damaged leader itself. Its first words may be lost.
  @Test(arguments: [true, false], [true, false])
  func aHibernatedRegionHearsOfTheDamage(isLeader: Bool, isFirstWordLost: Bool) throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let node = try #require(isLeader ? cluster.leader : cluster.followers.first)
    let peer = try #require(cluster.region?.peer(onStore: node.id))
    if isFirstWordLost { cluster.network.add { $0.extra?.kind != .peerDamaged } }
    find(node, cluster.regionID)
    #expect(cluster.waitFor { isFenced(node, cluster.regionID) })
    cluster.run(.seconds(1))
    cluster.network.clearFilters()
    #expect(
      cluster.waitFor(.seconds(15)) {
        cluster.nodes.contains {
          $0 !== node && $0.status(cluster.regionID)?.role == .leader
        }
      })
    #expect(cluster.waitFor(.seconds(15)) { isReported(peer, cluster) })
    cluster.run(.seconds(5))
    // What it waits for is done by the placement driver: the leader keeps reporting.
    #expect(cluster.sleepers.isEmpty)
    #expect(cluster.get("k9") == "v9")
  }

  /// A check wakes the region, and it hibernates again when the check has ended.
  @Test func aHibernatedRegionIsChecked() throws {
    let cluster = try cluster { $0.reads.consistency.interval = .seconds(30) }
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let node = try #require(cluster.followers.first)
    var batch = WriteBatch()
    batch.put(.default, Array("k5".utf8), Array("other".utf8))
    try node.engine.write(batch, .synced)
    #expect(cluster.waitFor(.seconds(60)) { isFenced(node, cluster.regionID) })
    cluster.removePeer(on: node)
    #expect(cluster.waitFor(.seconds(60)) { cluster.isAllAsleep })
  }

  // MARK: Stale reads

  @Test func aFencedReplicaServesNoStaleRead() throws {
    let cluster = try cluster {
      $0.reads.safeTS.isEnabled = true
      $0.reads.safeTS.advanceInterval = .milliseconds(100)
    }
    defer { cluster.shutDown() }
    let node = try #require(cluster.nodes.last)
    let delegate = try #require(node.store?.meta.delegate(cluster.regionID))
    #expect(cluster.waitFor { delegate.staleReads.safeTS > 0 })
    let safeTS = delegate.staleReads.safeTS
    func read() throws -> Bool {
      let context = cluster.context(node) {
        $0.staleRead = true
        $0.readTS = safeTS
      }
      return try node.store?.reader.read(context) { (_, _) throws(EngineError) in () } != nil
    }
    #expect(try read())
    find(node, cluster.regionID)
    #expect(cluster.waitFor { isFenced(node, cluster.regionID) })
    #expect(delegate.staleReads.safeTS == 0)
    #expect(try !read())
    cluster.run(.seconds(2))
    #expect(delegate.staleReads.safeTS == 0)
    #expect(cluster.put("after", "1"))
  }

  // MARK: Merges

  /// The source of a merge is fenced on one store, which was out of reach: its target there gets the data of both by a
  /// snapshot, and nothing of the source is left.
  @Test(arguments: [true, false], [true, false])
  func aFencedSourceMakesWay(restarts: Bool, cutsLog: Bool) throws {
    let (cluster, source, target) = try TestCluster.divided {
      $0.stalePeers.membershipCheckInterval = .seconds(1)
    }
    defer { cluster.shutDown() }
    let keys = ["a", "c", "p", "z"]
    let leaders = [source, target].map { cluster.leader(of: $0.id) }
    let node = try #require(cluster.nodes.first { node in !leaders.contains { $0 === node } })
    #expect(cluster.waitFor { keys.allSatisfy { node.value($0) == "1" } })
    cluster.network.isolate(node.id)
    #expect(cluster.prepareMerge(source, into: target))
    let region = cluster.merged(source, into: target)
    #expect(
      cluster.waitFor {
        cluster.leader(of: target.id)?.store?.meta.held(target.id)?.region == region
      })
    for key in keys { #expect(cluster.putRouted(key, "2")) }
    if cutsLog {
      let leader = try #require(cluster.leader(of: target.id))
      let status = try #require(leader.status(target.id))
      let done = cluster.start(
        .compactLog(index: status.applied, term: status.term), of: status.region, on: leader)
      #expect(cluster.waitFor { done.withLock { $0 != nil } })
    }
    find(node, source.id)
    #expect(cluster.waitFor { isFenced(node, source.id) })
    if restarts {
      cluster.run(.seconds(1))
      node.crash()
      try node.start()
      #expect(isFenced(node, source.id))
    }
    cluster.network.clearFilters()
    #expect(cluster.waitFor(.seconds(60)) { cluster.hasMerged(source, into: target) })
    for key in keys { #expect(cluster.putRouted(key, "3")) }
    #expect(cluster.waitFor { keys.allSatisfy { node.value($0) == "3" } })
    #expect(node.fatalReasons.isEmpty)
    #expect(try node.engine.get(.raft, KeyLayout.damage(regionID: source.id)) == nil)
    #expect(cluster.waitFor { !node.logs.regions().contains(source.id) })
  }
}
