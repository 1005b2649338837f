import Codec
import Engine
import Raft
import Raftstore
import Runtime
import Testing

/// Reads at followers and learners, and the read index requests that leaders respond to.
@Suite struct ReplicaReadTests {
  private typealias Answer = Shared<Result<ReadGrant, RegionError>?>

  private func context(_ cluster: TestCluster, _ node: TestNode) -> RequestContext {
    cluster.context(node) { $0.replicaRead = true }
  }

  private func send(_ node: TestNode, _ context: RequestContext) -> Answer {
    let answer = Answer()
    node.store?.router.read(
      ReadRequest(
        context: context,
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          answer.withLock { $0 = result }
        }))
    return answer
  }

  private func isGranted(_ answer: Answer) -> Bool {
    answer.withLock { if case .success? = $0 { true } else { false } }
  }

  private func followers(_ cluster: TestCluster) -> [TestNode] {
    cluster.nodes.filter { $0 !== cluster.leader }
  }

  @Test func aLeaderRespondsUnderItsLeaseWithoutARound() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let follower = try #require(followers(cluster).first)
    #expect(cluster.waitFor { follower.value("a") == "1" })
    let context = context(cluster, follower)
    #expect(cluster.put("b", "2"))
    // Heartbeats with a read index are lost: no round can be confirmed.
    cluster.network.add { envelope in
      envelope.message.map { $0.type != .heartbeat || $0.context.isEmpty } ?? true
    }
    let answer = send(follower, context)
    #expect(cluster.waitFor(.seconds(1)) { isGranted(answer) })
  }

  @Test func oneRoundServesTheRequestsOfAllFollowers() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    let (followers, id) = (followers(cluster), leader.id)
    let contexts = followers.map { context(cluster, $0) }
    // The lease runs out.
    cluster.run(.seconds(2))
    let rounds = Shared<[[UInt8]]>([])
    cluster.network.add { envelope in
      guard let message = envelope.message, message.type == .heartbeat, !message.context.isEmpty,
        envelope.from.storeID == id
      else { return true }
      rounds.withLock { if !$0.contains(message.context) { $0.append(message.context) } }
      return true
    }
    leader.stall("raft-0")
    var answers: [Answer] = []
    for _ in 0..<5 {
      for (node, context) in zip(followers, contexts) { answers.append(send(node, context)) }
      cluster.run(.milliseconds(5))
    }
    leader.resume()
    #expect(cluster.waitFor(.seconds(2)) { answers.allSatisfy(isGranted) })
    // Not one for each of ten requests. The leader may have begun one just before.
    #expect((1...2).contains(rounds.withLock { $0.count }))
  }

  @Test func aResponseToALaterRequestCompletesEarlierOnes() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let follower = try #require(followers(cluster).first)
    let context = context(cluster, follower)
    let lost = Shared<UInt64>(1)
    cluster.network.add { envelope in
      guard envelope.message?.type == .readIndexResponse else { return true }
      return lost.withLock { left in
        guard left > 0 else { return true }
        left -= 1
        return false
      }
    }
    let first = send(follower, context)
    cluster.run(.milliseconds(20))
    #expect(lost.withLock { $0 } == 0)
    #expect(!isGranted(first))
    let second = send(follower, context)
    // Less than the four ticks after which a request is repeated.
    cluster.run(.milliseconds(100))
    #expect(isGranted(second))
    #expect(isGranted(first))
  }

  @Test func aReplicaThatLagsTooFarRefuses() throws {
    let cluster = try TestCluster(3) { $0.reads.followerMaxLogGap = 2 }
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let follower = try #require(followers(cluster).first)
    #expect(cluster.waitFor { follower.value("a") == "1" })
    let context = context(cluster, follower)
    follower.stall("apply-0")
    for number in 0..<4 { #expect(cluster.put("a", "\(number)")) }
    let answer = send(follower, context)
    #expect(cluster.waitFor(.seconds(2)) { answer.withLock { $0 != nil } })
    guard case .failure(.readIndexNotReady(_, cluster.regionID))? = answer.withLock({ $0 }) else {
      Issue.record("a replica that lags served or kept the read")
      return
    }
    follower.resume()
    #expect(cluster.waitFor { cluster.read("a", from: follower, context) == .success("3") })
  }

  @Test func learnersServeReplicaReads() throws {
    let cluster = try TestCluster(3, replicas: 2)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    cluster.addPeer(on: cluster.nodes[2], as: .addLearnerNode)
    #expect(cluster.put("a", "2"))
    let learner = cluster.nodes[2]
    #expect(learner.status(cluster.regionID)?.region.peer(onStore: learner.id)?.role == .learner)
    #expect(
      cluster.read("a", from: learner, context(cluster, learner)) == .success("2"))
  }

  @Test func aReplicaThatKnowsNoLeaderSaysSo() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let follower = try #require(followers(cluster).first)
    let context = context(cluster, follower)
    cluster.network.isolate(follower.id)
    #expect(cluster.waitFor { follower.status(cluster.regionID)?.leaderPeerID == 0 })
    #expect(
      cluster.read("a", from: follower, context)
        == .failure(.notLeader(regionID: cluster.regionID, leader: nil)))
  }

  @Test func aReadOfAnEarlierTermIsRefused() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    for node in [cluster.nodes[1], cluster.nodes[2], cluster.nodes[0]] {
      #expect(cluster.transferLeader(to: node))
    }
    #expect(cluster.put("a", "1"))
    let follower = cluster.nodes[1]
    var context = context(cluster, follower)
    context.term = 1
    #expect(cluster.read("a", from: follower, context) == .failure(.staleCommand))
  }

  /// The leader goes on to the follower that waits for its response: the request is its own then.
  @Test func aReadSurvivesATransferToItsReplica() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let old = try #require(cluster.leader)
    let follower = try #require(followers(cluster).first)
    let context = context(cluster, follower)
    cluster.network.add { $0.message?.type != .readIndexResponse }
    let answer = send(follower, context)
    cluster.run(.milliseconds(50))
    #expect(!isGranted(answer))
    #expect(cluster.transferLeader(to: follower))
    #expect(cluster.put("a", "2"))
    #expect(cluster.waitFor(.seconds(3)) { answer.withLock { $0 != nil } })
    #expect(isGranted(answer))
    // And the one that led before is a replica like any other.
    cluster.network.clearFilters()
    #expect(cluster.read("a", from: old, self.context(cluster, old)) == .success("2"))
  }

  /// Requests that reach a new leader wait until it has applied an entry of its term.
  @Test func aNewLeaderAppliesItsFirstEntryBeforeItResponds() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let target = try #require(followers(cluster).first)
    let reader = try #require(followers(cluster).last)
    let context = context(cluster, reader)
    target.stall("apply-0")
    let peer = try #require(cluster.peer(on: target))
    _ = cluster.proposeAdmin(.transferLeader(peer: peer, candidates: []))
    #expect(cluster.waitFor { target.status(cluster.regionID)?.role == .leader })
    let answer = send(reader, context)
    cluster.run(.seconds(1))
    #expect(!isGranted(answer))
    target.resume()
    #expect(cluster.waitFor { isGranted(answer) })
  }

  @Test func aMalformedRequestIsIgnored() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    let follower = try #require(followers(cluster).first)
    let from = try #require(cluster.peer(on: follower))
    let to = try #require(cluster.peer(on: leader))
    for entries in [[], [Entry(data: [1]), Entry(data: [2])]] {
      var message = Message(.readIndex, to: to.id, from: from.id)
      message.entries = entries
      leader.store?.router.deliver([
        RaftEnvelope(
          regionID: cluster.regionID, from: from, to: to, message: message,
          epoch: cluster.region?.epoch ?? RegionEpoch())
      ])
    }
    cluster.run(.milliseconds(200))
    #expect(cluster.leader === leader)
    #expect(
      cluster.read("a", from: follower, context(cluster, follower)) == .success("1"))
  }

  /// A split that the replica has not applied when the read is asked for.
  @Test func aReadWaitsForASplitAndIsRefused() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let follower = try #require(followers(cluster).first)
    #expect(cluster.waitFor { follower.value("a") == "1" })
    let context = context(cluster, follower)
    follower.stall("apply-0")
    guard case .success? = cluster.split(["m"]) else {
      Issue.record("the split was refused")
      return
    }
    let answer = send(follower, context)
    cluster.run(.seconds(1))
    #expect(answer.withLock { $0 == nil })
    follower.resume()
    #expect(cluster.waitFor { answer.withLock { $0 != nil } })
    guard case .failure(.epochNotMatch)? = answer.withLock({ $0 }) else {
      Issue.record("a read over a range that was split was served")
      return
    }
  }
}
