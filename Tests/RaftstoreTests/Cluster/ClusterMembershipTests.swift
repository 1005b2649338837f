import Codec
import Raft
import Raftstore
import Runtime
import Testing

@Suite struct ClusterMembershipTests {
  /// TinyKV's TestBasicConfChange3B.
  @Test(arguments: [1, 2])
  func replicasComeAndGo(seed: UInt64) throws {
    let cluster = try TestCluster(5, seed: seed)
    defer { cluster.shutDown() }
    let nodes = cluster.nodes
    #expect(cluster.transferLeader(to: nodes[0]))
    for node in nodes[1...] { cluster.removePeer(on: node) }
    #expect(cluster.put("k1", "v1"))
    cluster.run(.seconds(1))
    #expect(nodes[1].value("k1") == nil)
    cluster.addPeer(on: nodes[1])
    #expect(cluster.put("k2", "v2"))
    #expect(cluster.waitFor { nodes[1].value("k2") == "v2" && nodes[1].value("k1") == "v1" })
    let epoch = try #require(cluster.region).epoch
    #expect(epoch.confVersion > 1)
    let stale = AdminCommand.changePeer(
      AdminCommand.PeerChange(
        type: .addNode, peer: PeerInfo(id: cluster.pd.nextID, storeID: nodes[4].id)))
    guard
      case .failure(.epochNotMatch(let regions)) = cluster.proposeAdmin(
        stale, epoch: RegionEpoch(confVersion: 1, version: 1))
    else {
      Issue.record("a stale membership change was taken")
      return
    }
    #expect(regions.first?.epoch == epoch)
    #expect(nodes[4].value("k1") == nil)
    cluster.addPeer(on: nodes[2])
    cluster.removePeer(on: nodes[1])
    #expect(cluster.put("k3", "v3"))
    #expect(cluster.waitFor { nodes[2].value("k3") == "v3" })
    #expect(cluster.waitFor { nodes[1].value("k1") == nil && nodes[1].value("k2") == nil })
    cluster.addPeer(on: nodes[1])
    #expect(cluster.waitFor { ["k1", "k2", "k3"].allSatisfy { nodes[1].value($0) != nil } })
    cluster.removePeer(on: nodes[1])
    cluster.addPeer(on: nodes[1])
    cluster.removePeer(on: nodes[2])
    #expect(cluster.put("k4", "v4"))
    #expect(cluster.waitFor { nodes[1].value("k4") == "v4" && nodes[1].value("k1") == "v1" })
    #expect(cluster.waitFor { nodes[2].value("k1") == nil && nodes[2].value("k4") == nil })
    #expect(nodes.allSatisfy { $0.fatalReasons.isEmpty })
  }

  @Test func aRemovedReplicaLeavesATombstoneOnly() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let node = try #require(cluster.nodes.last { $0 !== cluster.leader })
    #expect(cluster.waitFor { node.value("a") == "1" })
    cluster.removePeer(on: node)
    #expect(cluster.waitFor { node.status(cluster.regionID) == nil })
    #expect(cluster.waitFor { node.value("a") == nil })
    #expect(node.engine.record(cluster.regionID)?.state == .tombstone)
    #expect(node.logs.regions().isEmpty)
    #expect(try node.engine.get(.raft, KeyLayout.applyState(regionID: cluster.regionID)) == nil)
    node.stop()
    try node.start()
    #expect(node.engine.record(cluster.regionID)?.state == .tombstone)
    #expect(node.status(cluster.regionID) == nil)
  }

  @Test func aLeaderIsNotRemovedBeforeItHandsOver() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    let peer = try #require(cluster.peer(on: leader))
    let command = AdminCommand.changePeer(AdminCommand.PeerChange(type: .removeNode, peer: peer))
    guard case .failure(.other) = cluster.proposeAdmin(command) else {
      Issue.record("the leader removed itself")
      return
    }
    let other = try #require(cluster.nodes.first { $0 !== leader })
    #expect(cluster.transferLeader(to: other))
    cluster.removePeer(on: leader)
    #expect(cluster.waitFor { leader.status(cluster.regionID) == nil })
    #expect(cluster.put("a", "1"))
  }

  @Test func leadershipGoesWhereItIsSent() throws {
    let cluster = try TestCluster(5)
    defer { cluster.shutDown() }
    for node in cluster.nodes {
      #expect(cluster.transferLeader(to: node))
      #expect(cluster.put("a", "\(node.id)"))
    }
  }

  @Test func learnersAreFilledAndPromoted() throws {
    let cluster = try TestCluster(4, replicas: 3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let node = cluster.nodes[3]
    let learner = cluster.addPeer(on: node, as: .addLearnerNode)
    #expect(cluster.region?.peer(id: learner.id)?.role == .learner)
    #expect(cluster.waitFor { node.value("a") == "1" })
    #expect(node.status(cluster.regionID)?.peer.role == .learner)
    #expect(
      cluster.change(.addNode, learner) { $0.peer(id: learner.id)?.role == .voter })
    #expect(cluster.waitFor { node.status(cluster.regionID)?.peer.role == .voter })
    #expect(cluster.transferLeader(to: node))
  }

  @Test func aJointChangeSwapsAReplica() throws {
    let cluster = try TestCluster(4, replicas: 3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let learner = cluster.addPeer(on: cluster.nodes[3], as: .addLearnerNode)
    let leader = try #require(cluster.leader)
    let out = try #require(cluster.nodes[0..<3].last { $0 !== leader })
    let leaving = try #require(cluster.peer(on: out))
    guard
      case .success(let joint) = cluster.proposeAdmin(
        .changePeerV2([
          AdminCommand.PeerChange(type: .addNode, peer: learner),
          AdminCommand.PeerChange(
            type: .addLearnerNode, peer: PeerInfo(id: leaving.id, storeID: out.id, role: .learner)),
        ]))
    else {
      Issue.record("the joint change was refused")
      return
    }
    #expect(joint.isJoint)
    #expect(cluster.put("b", "2"))
    guard case .success(let left) = cluster.proposeAdmin(.changePeerV2([])) else {
      Issue.record("the joint configuration was not left")
      return
    }
    #expect(!left.isJoint)
    #expect(left.peer(id: leaving.id)?.role == .learner)
    #expect(left.peer(id: learner.id)?.role == .voter)
    cluster.removePeer(on: out)
    #expect(cluster.put("c", "3"))
    #expect(cluster.waitFor { cluster.nodes[3].value("c") == "3" && out.value("a") == nil })
  }

  @Test func operatorsAreCarriedOut() throws {
    let cluster = try TestCluster(3, replicas: 2)
    defer { cluster.shutDown() }
    let peer = PeerInfo(id: cluster.pd.nextID, storeID: cluster.nodes[2].id, role: .learner)
    cluster.pd.order(
      .changePeer(AdminCommand.PeerChange(type: .addLearnerNode, peer: peer)),
      regionID: cluster.regionID)
    #expect(
      cluster.waitFor {
        let known = cluster.pd.heartbeat(of: cluster.regionID)
        return known?.region.peer(id: peer.id) != nil && known?.pendingPeers.isEmpty == true
      })
    let other = try #require(cluster.nodes[0..<2].first { $0 !== cluster.leader })
    let target = try #require(cluster.peer(on: other))
    cluster.pd.order(
      .transferLeader(to: target, candidates: []), regionID: cluster.regionID)
    #expect(cluster.waitFor { cluster.leader === other })
    #expect(
      cluster.waitFor {
        cluster.pd.heartbeat(of: cluster.regionID)?.leader.id == target.id
      })
  }
}
