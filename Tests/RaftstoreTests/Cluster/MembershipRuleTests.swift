import Codec
import Raft
import Raftstore
import Runtime
import Testing

/// What a leader refuses to propose, and that a joint configuration needs both majorities.
@Suite struct MembershipRuleTests {
  private func cluster(_ nodes: Int = 4, replicas: Int = 3) throws -> TestCluster {
    let cluster = try TestCluster(nodes, replicas: replicas)
    #expect(cluster.put("a", "1"))
    return cluster
  }

  private func change(
    _ type: AdminCommand.ChangeType, _ peer: PeerInfo, as role: PeerRole? = nil
  ) -> AdminCommand.PeerChange {
    var peer = peer
    peer.role = role ?? (type == .addLearnerNode ? .learner : .voter)
    return AdminCommand.PeerChange(type: type, peer: peer)
  }

  /// The reason for which the leader refuses; nil when it does not.
  private func refusal(
    _ cluster: TestCluster, _ changes: [AdminCommand.PeerChange]
  ) throws -> String? {
    switch try #require(cluster.proposeAdmin(.changePeerV2(changes))) {
    case .failure(.other(let message)): return message
    case .failure(let error): return "\(error)"
    case .success: return nil
    }
  }

  private func followers(_ cluster: TestCluster) throws -> [TestNode] {
    let leader = try #require(cluster.leader)
    return cluster.nodes.filter { $0 !== leader && cluster.peer(on: $0) != nil }
  }

  @Test func changesOfTheWrongShapeAreRefused() throws {
    let cluster = try cluster(5)
    defer { cluster.shutDown() }
    let follower = try #require(try followers(cluster).first)
    let voter = try #require(cluster.peer(on: follower))
    let before = try #require(cluster.region)
    func new(_ node: Int) -> PeerInfo {
      PeerInfo(id: cluster.pd.nextID, storeID: cluster.nodes[node].id)
    }
    let learnersOnly = [change(.addLearnerNode, new(3)), change(.addLearnerNode, new(4))]
    #expect(try refusal(cluster, learnersOnly)?.contains("must involve a voter") == true)
    let wrongRole = [change(.addLearnerNode, new(3), as: .voter)]
    #expect(try refusal(cluster, wrongRole)?.contains("does not fit the role") == true)
    let removal = [change(.removeNode, voter), change(.addNode, new(3))]
    #expect(try refusal(cluster, removal)?.contains("demoted before") == true)
    let twice = [change(.addLearnerNode, voter), change(.addLearnerNode, voter)]
    #expect(try refusal(cluster, twice)?.contains("named twice") == true)
    #expect(try refusal(cluster, [])?.contains("not in a joint") == true)
    #expect(cluster.region == before)
  }

  @Test func aLeaderIsNotDemotedByASimpleChange() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    let own = try #require(cluster.peer(on: leader))
    #expect(
      try refusal(cluster, [change(.addLearnerNode, own)])?.contains("transfer leadership") == true)
    let follower = try #require(try followers(cluster).first)
    let other = try #require(cluster.peer(on: follower))
    #expect(try refusal(cluster, [change(.addLearnerNode, other)]) == nil)
    #expect(cluster.region?.peer(id: other.id)?.role == .learner)
    #expect(cluster.region?.isJoint == false)
    #expect(cluster.put("b", "2"))
  }

  /// Removing or demoting one of the two that respond would leave the region without a majority that does.
  @Test func aHealthyVoterStaysWhileAnotherIsSilent() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let followers = try followers(cluster)
    let (silent, healthy) = (followers[0], followers[1])
    let (down, up) = try (
      #require(cluster.peer(on: silent)), #require(cluster.peer(on: healthy))
    )
    silent.stop()
    cluster.run(.seconds(10))
    #expect(try refusal(cluster, [change(.removeNode, up)])?.contains("not heard of") == true)
    #expect(try refusal(cluster, [change(.addLearnerNode, up)])?.contains("not heard of") == true)
    #expect(try refusal(cluster, [change(.removeNode, down)]) == nil)
    #expect(cluster.region?.peer(id: down.id) == nil)
  }

  /// A learner that does not respond would count in the quorum without helping.
  @Test func aSilentLearnerIsNotPromoted() throws {
    let cluster = try cluster(2, replicas: 1)
    defer { cluster.shutDown() }
    let node = try #require(cluster.nodes.first { $0 !== cluster.leader })
    let learner = cluster.addPeer(on: node, as: .addLearnerNode)
    node.stop()
    cluster.run(.seconds(10))
    #expect(try refusal(cluster, [change(.addNode, learner)])?.contains("not heard of") == true)
    try node.start()
    #expect(cluster.change(.addNode, learner) { $0.peer(id: learner.id)?.role == .voter })
  }

  @Test func aLearnerThatWaitsForASnapshotIsNotPromoted() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let node = try #require(cluster.nodes.first { cluster.peer(on: $0) == nil })
    // A store that is stopped has no id.
    let learner = PeerInfo(id: cluster.pd.nextID, storeID: node.id, role: .learner)
    node.stop()
    #expect(cluster.change(.addLearnerNode, learner) { $0.peer(id: learner.id) != nil })
    #expect(
      try refusal(cluster, [change(.addNode, learner)])?.contains("waits for a snapshot") == true)
    try node.start()
    #expect(cluster.change(.addNode, learner) { $0.peer(id: learner.id)?.role == .voter })
  }

  /// The leader may be demoted in a joint change. It cannot leave the joint configuration: another leader does.
  @Test func aDemotedLeaderTransfersBeforeTheJointStateIsLeft() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    let own = try #require(cluster.peer(on: leader))
    let node = try #require(cluster.nodes.first { cluster.peer(on: $0) == nil })
    let learner = cluster.addPeer(on: node, as: .addLearnerNode)
    #expect(
      try refusal(cluster, [change(.addNode, learner), change(.addLearnerNode, own)]) == nil)
    #expect(cluster.region?.peer(id: own.id)?.role == .demotingVoter)
    #expect(try refusal(cluster, [])?.contains("being demoted") == true)
    #expect(
      try refusal(cluster, [change(.removeNode, own)])?.contains("joint configuration") == true)
    // Inside the joint configuration leadership goes to the peer that becomes a voter.
    #expect(cluster.transferLeader(to: node))
    #expect(cluster.put("b", "2"))
    #expect(try refusal(cluster, []) == nil)
    #expect(cluster.region?.isJoint == false)
    #expect(cluster.region?.peer(id: own.id)?.role == .learner)
    cluster.removePeer(on: leader)
    #expect(cluster.put("c", "3"))
  }

  /// The new configuration alone is no majority: nothing commits without the old one, and after it returns the
  /// joint configuration survives a restart of every store and is left by any leader.
  @Test func aJointStateNeedsBothMajoritiesAndSurvivesARestart() throws {
    let cluster = try cluster(5)
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    let old = try followers(cluster)
    let out = try old.map { try #require(cluster.peer(on: $0)) }
    let empty = cluster.nodes.filter { cluster.peer(on: $0) == nil }
    let learners = empty.map { cluster.addPeer(on: $0, as: .addLearnerNode) }
    let changes =
      learners.map { change(.addNode, $0) } + out.map { change(.addLearnerNode, $0) }
    #expect(try refusal(cluster, changes) == nil)
    #expect(cluster.region?.isJoint == true)
    for node in old { node.stop() }
    #expect(!cluster.put("lost", "1"))
    for node in [leader] + empty { node.stop() }
    for node in cluster.nodes { try node.start() }
    #expect(cluster.waitFor { cluster.region?.isJoint == true })
    #expect(cluster.waitFor { cluster.put("b", "2") })
    #expect(
      cluster.waitFor {
        (try? refusal(cluster, [])) == .some(nil) || cluster.region?.isJoint == false
      })
    #expect(cluster.region?.isJoint == false)
    let voters = cluster.region?.peers.filter { $0.role == .voter }.map(\.storeID).sorted()
    #expect(voters == ([leader] + empty).map(\.id).sorted())
    for node in old { cluster.removePeer(on: node) }
    #expect(cluster.put("c", "3"))
  }
}
