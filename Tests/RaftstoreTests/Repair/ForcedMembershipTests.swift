import Codec
import Engine
import Raft
import Raftstore
import Runtime
import Testing

/// What stores do to recover regions that have lost their quorums.
@Suite struct ForcedMembershipTests {
  private func order(_ cluster: TestCluster, _ node: TestNode, _ plan: RecoveryPlan?) {
    cluster.pd.state.withLock { $0.recoveryPlans[node.id] = plan }
  }

  /// A cluster of which the last node is left.
  private func lost() throws -> (cluster: TestCluster, left: TestNode) {
    let cluster = try TestCluster(3) { $0.storeHeartbeatInterval = .seconds(1) }
    for i in 0..<10 { #expect(cluster.put("k\(i)", "v\(i)")) }
    #expect(cluster.waitFor { cluster.nodes[2].value("k9") == "v9" })
    cluster.nodes[0].kill()
    cluster.nodes[1].kill()
    return (cluster, cluster.nodes[2])
  }

  private func demotion(_ cluster: TestCluster, _ left: TestNode) throws -> RecoveryPlan {
    let status = try #require(left.status(cluster.regionID))
    return RecoveryPlan(
      step: 2,
      demotes: [
        RecoveryPlan.Demotion(
          regionID: cluster.regionID,
          failedVoters: status.region.peers.filter { $0.id != status.peer.id })
      ])
  }

  @Test(arguments: [false, true])
  func theLastReplicaGoesOnAlone(restart: Bool) throws {
    let (cluster, left) = try lost()
    defer { cluster.shutDown() }
    cluster.run(.seconds(3))
    #expect(cluster.leader == nil)
    let before = try #require(left.status(cluster.regionID)).region.epoch
    order(cluster, left, try demotion(cluster, left))
    #expect(cluster.waitFor { cluster.leader === left })
    if restart {
      left.crash()
      try left.start()
      #expect(cluster.waitFor { cluster.leader === left })
    }
    let region = try #require(cluster.region)
    #expect(region.peers.count == 1)
    #expect(region.epoch.confVersion > before.confVersion)
    #expect(cluster.get("k9") == "v9")
    #expect(cluster.put("after", "1"))
    // The plan may come any number of times.
    cluster.run(.seconds(5))
    #expect(cluster.get("after") == "1")
    #expect(try #require(cluster.region).epoch == region.epoch)
    #expect(left.fatalReasons.isEmpty)
    let report = cluster.pd.state.withLock { $0.reports[left.id] }
    #expect(report?.step == 2)
    #expect(report?.peers.map(\.region.peers.count) == [1])
  }

  /// Entries that the others had not confirmed are committed; changes of members among them change nothing.
  @Test func whatItsLogHasIsCommitted() throws {
    let cluster = try TestCluster(3) { $0.storeHeartbeatInterval = .seconds(1) }
    defer { cluster.shutDown() }
    let left = cluster.nodes[2]
    #expect(cluster.put("a", "1"))
    #expect(cluster.transferLeader(to: left))
    #expect(cluster.waitFor { cluster.nodes.allSatisfy { $0.value("a") == "1" } })
    cluster.network.isolate(left.id)
    let status = try #require(left.status(cluster.regionID))
    _ = cluster.send(
      [.put(cf: .default, key: Array("b".utf8), value: Array("2".utf8))], to: left,
      cluster.context(left))
    left.store?.router.proposeAdmin(
      AdminRequest(
        regionID: cluster.regionID, epoch: status.region.epoch,
        command: .changePeer(
          AdminCommand.PeerChange(
            type: .addLearnerNode, peer: PeerInfo(id: 9999, storeID: 77, role: .learner))),
        completion: Completion(abandoned: .failure(.staleCommand)) { _ in }))
    cluster.run(.milliseconds(100))
    cluster.nodes[0].kill()
    cluster.nodes[1].kill()
    order(cluster, left, try demotion(cluster, left))
    #expect(cluster.waitFor { cluster.leader === left && cluster.region?.peers.count == 1 })
    #expect(cluster.get("b") == "2")
    #expect(cluster.get("a") == "1")
    #expect(left.fatalReasons.isEmpty)
  }

  /// A plan that leaves members in is none that this store carries out.
  @Test func aPlanThatKeepsOthersIsRefused() throws {
    let (cluster, left) = try lost()
    defer { cluster.shutDown() }
    var plan = try demotion(cluster, left)
    plan.demotes[0].failedVoters.removeLast()
    order(cluster, left, plan)
    cluster.run(.seconds(5))
    #expect(cluster.leader == nil)
    #expect(left.status(cluster.regionID)?.region.peers.count == 3)
  }

  @Test func aSupersededReplicaIsDestroyedAndItsRangeBeginsAnew() throws {
    let (cluster, left) = try lost()
    defer { cluster.shutDown() }
    let region = Region(
      id: 5000, epoch: RegionEpoch(confVersion: 1, version: 9),
      peers: [PeerInfo(id: 5001, storeID: left.id)])
    order(
      cluster, left, RecoveryPlan(step: 3, creates: [region], tombstones: [cluster.regionID]))
    #expect(
      cluster.waitFor { left.status(5000).map { $0.role == .leader } ?? false })
    #expect(left.status(cluster.regionID) == nil)
    #expect(left.value("k1") == nil)
    #expect(left.fatalReasons.isEmpty)
    left.crash()
    try left.start()
    #expect(left.status(5000)?.region == region)
  }
}
