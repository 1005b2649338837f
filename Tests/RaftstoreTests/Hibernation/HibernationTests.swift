import Codec
import Raft
import Raftstore
import Runtime
import Testing

/// Regions that no one uses: when they hibernate, and what wakes them.
@Suite struct HibernationTests {
  private func cluster(
    _ stores: Int = 3, replicas: Int? = nil, seed: UInt64 = 1,
    _ configure: (inout RaftstoreConfig) -> Void = { _ in }
  ) throws -> TestCluster {
    let cluster = try TestCluster(stores, replicas: replicas, seed: seed) { config in
      config.hibernation.idleTime = .milliseconds(500)
      configure(&config)
    }
    #expect(cluster.put("a", "1"))
    return cluster
  }

  // MARK: Falling asleep

  @Test func aRegionThatNoOneUsesSleepsAndSendsNothing() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let count = cluster.countMessages()
    cluster.run(.seconds(60))
    #expect(cluster.isAllAsleep)
    #expect(count.withLock { $0 } == 0)
    let terms = Set(cluster.running.compactMap { $0.status(cluster.regionID)?.term })
    #expect(terms.count == 1)
  }

  @Test func hibernationCanBeSwitchedOff() throws {
    let cluster = try cluster { $0.hibernation.isEnabled = false }
    defer { cluster.shutDown() }
    cluster.run(.seconds(20))
    #expect(cluster.sleepers.isEmpty)
  }

  @Test func oneStoreThatDoesNotHibernateKeepsAllAwake() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let follower = try #require(cluster.followers.first)
    let id = follower.id
    cluster.network.add { !($0.from.storeID == id && $0.extra?.kind == .hibernateResponse) }
    cluster.run(.seconds(10))
    #expect(cluster.leader?.status(cluster.regionID)?.isAsleep == false)
    #expect(cluster.leader?.status(cluster.regionID)?.sleeps == 0)
  }

  /// The log of a quiet region is as short as its members allow.
  @Test func theLogIsCutFirst() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    for number in 0..<20 { #expect(cluster.put("key\(number)", "x")) }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let status = try #require(cluster.leader?.status(cluster.regionID))
    #expect(status.lastIndex - status.truncatedIndex <= 3)
  }

  @Test func aMemberThatLacksEntriesKeepsTheLeaderAwake() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let follower = try #require(cluster.followers.first)
    let id = follower.id
    cluster.network.add { !($0.to.storeID == id && $0.message?.type == .append) }
    #expect(cluster.put("b", "2"))
    cluster.run(.seconds(10))
    #expect(cluster.sleepers.isEmpty)
    cluster.network.clearFilters()
    #expect(cluster.waitFor { cluster.isAllAsleep })
    #expect(follower.value("b") == "2")
  }

  @Test func aLearnerThatLacksEntriesKeepsTheLeaderAwake() throws {
    let cluster = try cluster(4, replicas: 3)
    defer { cluster.shutDown() }
    let learner = try #require(cluster.nodes.last)
    cluster.addPeer(on: learner, as: .addLearnerNode)
    let id = learner.id
    cluster.network.add { !($0.to.storeID == id && $0.message?.type == .append) }
    #expect(cluster.put("b", "2"))
    cluster.run(.seconds(10))
    #expect(cluster.sleepers.isEmpty)
    cluster.network.clearFilters()
    #expect(cluster.waitFor { cluster.isAllAsleep })
    #expect(learner.status(cluster.regionID)?.isAsleep == true)
  }

  /// A member that is gone keeps the leader awake until it counts as down, and then no longer.
  @Test func aMemberThatIsDownIsNotWaitedFor() throws {
    let cluster = try cluster {
      $0.stalePeers.checkInterval = .seconds(5)
      $0.stalePeers.maxPeerDown = .seconds(20)
    }
    defer { cluster.shutDown() }
    let follower = try #require(cluster.followers.first)
    follower.kill()
    cluster.run(.seconds(15))
    #expect(cluster.sleepers.isEmpty)
    #expect(cluster.waitFor(.seconds(15)) { cluster.isAllAsleep })
    try follower.start()
    #expect(cluster.put("b", "2"))
    #expect(cluster.waitFor { follower.value("b") == "2" })
    #expect(cluster.waitFor { cluster.isAllAsleep })
  }

  /// Hibernated members must be a quorum: otherwise none of them could be elected later.
  @Test func aMinorityDoesNotSleep() throws {
    let cluster = try cluster {
      $0.stalePeers.checkInterval = .seconds(1)
      $0.stalePeers.maxPeerDown = .seconds(2)
    }
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    for follower in cluster.followers { follower.kill() }
    cluster.run(.seconds(10))
    #expect(leader.status(cluster.regionID)?.isAsleep == false)
    #expect(leader.status(cluster.regionID)?.role != .leader)
  }

  @Test func aProposalThatIsNotAppliedKeepsTheLeaderAwake() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    leader.stall("apply-0")
    let answer = cluster.send(
      [.put(cf: .default, key: [1], value: [2])], to: leader, cluster.context(leader))
    cluster.run(.seconds(10))
    #expect(leader.status(cluster.regionID)?.isAsleep == false)
    leader.resume()
    #expect(cluster.waitFor { answer.withLock { $0 != nil } })
    #expect(cluster.waitFor { cluster.isAllAsleep })
  }

  /// The placement driver believes a leader that repeats its report: a hibernated one must, too.
  @Test(arguments: [true, false]) func aRefusedReportIsRepeated(whileAwake: Bool) throws {
    let cluster = try cluster { $0.regionHeartbeatInterval = .seconds(1) }
    defer { cluster.shutDown() }
    let id = cluster.regionID
    func refuse() { _ = cluster.pd.state.withLock { $0.refusedRegions.insert(id) } }
    func count() -> Int { cluster.pd.state.withLock { $0.reportCounts[id] ?? 0 } }
    if whileAwake {
      refuse()
      let seen = count()
      #expect(cluster.waitFor { cluster.put("a", "2") && count() > seen })
    }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    if !whileAwake {
      refuse()
      let leader = try #require(cluster.leader?.status(id))
      let receiver = cluster.pd.state.withLock { $0.refusalReceivers[leader.peer.storeID] }
      receiver?(RefusedHeartbeat(regionID: id, peerID: leader.peer.id))
    }
    let before = count()
    cluster.run(.seconds(10))
    #expect(count() - before >= 8)
    #expect(cluster.isAllAsleep)
    cluster.pd.state.withLock { $0.refusedRegions = [] }
    cluster.run(.seconds(2))
    let after = count()
    cluster.run(.seconds(30))
    #expect(count() == after)
  }

  // MARK: Waking up

  @Test func aWriteWakesTheGroup() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let leader = try #require(cluster.leader)
    let before = cluster.now
    guard case .success? = cluster.write([.put(cf: .default, key: [1], value: [2])], to: leader)
    else {
      Issue.record("the write failed")
      return
    }
    #expect(cluster.now - before < .milliseconds(100))
    #expect(cluster.waitFor { cluster.sleepers.isEmpty })
    #expect(cluster.waitFor { cluster.isAllAsleep })
    #expect(cluster.leader === leader)
  }

  /// No lease is left, so a read asks a quorum, which is asleep.
  @Test func aReadWakesTheGroup() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let leader = try #require(cluster.leader)
    #expect(leader.status(cluster.regionID)?.leaseMilliseconds == nil)
    #expect(cluster.read("a", from: leader) == .success("1"))
    #expect(cluster.waitFor { cluster.sleepers.isEmpty })
  }

  @Test func aReadAtAFollowerWakesTheGroup() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let follower = try #require(cluster.followers.first)
    let context = cluster.context(follower) { $0.replicaRead = true }
    #expect(cluster.read("a", from: follower, context) == .success("1"))
    #expect(cluster.waitFor { cluster.sleepers.isEmpty })
  }

  /// Who asks a follower may have found the leader gone. It is not, so nothing but the sleep ends.
  @Test func aRequestAtAFollowerIsNoElection() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let leader = try #require(cluster.leader)
    let term = leader.status(cluster.regionID)?.term
    let follower = try #require(cluster.followers.first)
    #expect(
      cluster.write([.put(cf: .default, key: [1], value: [2])], to: follower)?.isSuccess == false)
    #expect(cluster.waitFor { cluster.sleepers.isEmpty })
    cluster.run(.seconds(3))
    #expect(leader.status(cluster.regionID)?.term == term)
    #expect(cluster.waitFor { cluster.isAllAsleep })
  }

  @Test func leadershipIsTransferredInASleepingGroup() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let target = try #require(cluster.followers.first)
    let peer = try #require(cluster.peer(on: target))
    guard case .success? = cluster.proposeAdmin(.transferLeader(peer: peer, candidates: [])) else {
      Issue.record("the transfer was refused")
      return
    }
    #expect(cluster.waitFor(.seconds(2)) { cluster.leader === target })
    #expect(cluster.waitFor { cluster.isAllAsleep })
  }

  /// Members that were asleep are not taken for silent.
  @Test func theMembershipOfASleepingGroupIsChangedAtOnce() throws {
    let cluster = try cluster(4, replicas: 3)
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    cluster.run(.seconds(30))
    let follower = try #require(cluster.followers.first)
    let peer = try #require(cluster.peer(on: follower))
    let change = AdminCommand.PeerChange(type: .removeNode, peer: peer)
    guard case .success? = cluster.proposeAdmin(.changePeer(change)) else {
      Issue.record("the change was refused")
      return
    }
    #expect(cluster.waitFor { cluster.region?.peers.count == 2 })
    #expect(cluster.waitFor { follower.status(cluster.regionID) == nil })
    cluster.addPeer(on: try #require(cluster.nodes.last))
    #expect(cluster.waitFor { cluster.isAllAsleep })
  }

  @Test func aSleepingRegionIsSplit() throws {
    let cluster = try cluster { $0.shards = 4 }
    defer { cluster.shutDown() }
    #expect(cluster.put("m", "2"))
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let regions = try #require(try cluster.split(["k"])?.get())
    #expect(regions.count == 2)
    for region in regions {
      #expect(cluster.waitFor { cluster.leader(of: region.id) != nil })
      #expect(
        cluster.waitFor {
          cluster.running.allSatisfy { $0.status(region.id)?.isAsleep == true }
        })
    }
  }

  // MARK: Leaders that are gone

  /// Elections of sleeping regions take about as long as others.
  private static let electionLimit = Duration.seconds(2)

  @Test(arguments: 1...5 as ClosedRange<UInt64>)
  func theDeathOfALeadersProcessWakesTheOthers(seed: UInt64) throws {
    let cluster = try cluster(seed: seed)
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    cluster.run(.seconds(20))
    let leader = try #require(cluster.leader)
    leader.kill()
    #expect(cluster.waitFor(Self.electionLimit) { cluster.leader != nil })
    #expect(cluster.put("b", "2"))
    try leader.start()
    #expect(cluster.waitFor { leader.value("b") == "2" })
  }

  /// No connection breaks: only the silence of the store tells.
  @Test(arguments: 1...5 as ClosedRange<UInt64>)
  func aLeaderThatIsCutOffIsReplaced(seed: UInt64) throws {
    let cluster = try cluster(seed: seed) { $0.shards = 4 }
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let leader = try #require(cluster.leader)
    cluster.network.isolate(leader.id)
    #expect(
      cluster.waitFor(Self.electionLimit) {
        cluster.running.contains { node in
          node !== leader && node.status(cluster.regionID)?.role == .leader
        }
      })
    #expect(cluster.put("b", "2"))
    // The old leader sleeps on; a request finds out that it leads no more.
    guard case .failure? = cluster.read("a", from: leader) else {
      Issue.record("a leader that was replaced has served a read")
      return
    }
    cluster.network.clearFilters()
    #expect(cluster.waitFor { cluster.isAllAsleep })
    #expect(leader.value("b") == "2")
  }

  /// The store lives, but its peer says nothing: two checks for stale peers later that is noticed.
  @Test func aLeaderThatSaysNothingIsReplaced() throws {
    let cluster = try cluster {
      $0.stalePeers.checkInterval = .seconds(2)
      $0.stalePeers.maxPeerDown = .seconds(10)
    }
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let leader = try #require(cluster.leader)
    let term = try #require(leader.status(cluster.regionID)?.term)
    let (region, store) = (cluster.regionID, leader.id)
    cluster.network.add { !($0.regionID == region && $0.from.storeID == store) }
    #expect(
      cluster.waitFor(.seconds(10)) {
        cluster.running.contains {
          $0 !== leader && $0.status(region)?.role == .leader
            && $0.status(region)?.term ?? 0 > term
        }
      })
  }

  /// A hibernated leader shows itself at intervals, so that no one doubts it.
  @Test func aSleepingLeaderIsNotDoubted() throws {
    let cluster = try cluster {
      $0.stalePeers.checkInterval = .seconds(2)
      $0.stalePeers.maxPeerDown = .seconds(10)
      $0.stalePeers.abnormalLeaderMissing = .seconds(5)
    }
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let sleeps = cluster.running.map { $0.status(cluster.regionID)?.sleeps }
    let count = cluster.countMessages()
    cluster.run(.seconds(60))
    #expect(cluster.running.map { $0.status(cluster.regionID)?.sleeps } == sleeps)
    // A request and a response per follower and interval, and nothing else.
    let sent = count.withLock { $0 }
    #expect((100...140).contains(sent), "\(sent) messages")
    #expect(cluster.pd.heartbeat(of: cluster.regionID)?.downPeers.isEmpty == true)
  }

  /// A follower that restarts does not know its leader, which sleeps: it finds it, and nothing changes.
  @Test func aFollowerThatRestartsFindsItsLeader() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    let leader = try #require(cluster.leader)
    let term = leader.status(cluster.regionID)?.term
    let follower = try #require(cluster.followers.first)
    follower.kill()
    cluster.run(.seconds(5))
    #expect(leader.status(cluster.regionID)?.isAsleep == true)
    try follower.start()
    let peer = leader.status(cluster.regionID)?.peer.id
    #expect(
      cluster.waitFor(.seconds(3)) { follower.status(cluster.regionID)?.leaderPeerID == peer })
    #expect(cluster.waitFor { cluster.isAllAsleep })
    #expect(leader.status(cluster.regionID)?.term == term)
  }

  /// It cannot campaign, so it has to ask.
  @Test func aLearnerThatRestartsFindsItsLeader() throws {
    let cluster = try cluster(4, replicas: 3)
    defer { cluster.shutDown() }
    let learner = try #require(cluster.nodes.last)
    cluster.addPeer(on: learner, as: .addLearnerNode)
    #expect(cluster.waitFor { cluster.isAllAsleep })
    learner.kill()
    cluster.run(.seconds(5))
    try learner.start()
    let peer = cluster.leader?.status(cluster.regionID)?.peer.id
    #expect(cluster.waitFor(.seconds(3)) { learner.status(cluster.regionID)?.leaderPeerID == peer })
    #expect(cluster.waitFor { cluster.isAllAsleep })
  }

  @Test func aLoneVoterSleepsAndServes() throws {
    let cluster = try cluster(1)
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    #expect(cluster.put("b", "2"))
    #expect(cluster.get("b") == "2")
    let node = try #require(cluster.leader)
    node.kill()
    try node.start()
    #expect(cluster.waitFor { cluster.leader != nil })
    #expect(cluster.get("b") == "2")
  }

  @Test func aHibernatedLeaderReportsItsRegionStill() throws {
    let cluster = try cluster {
      $0.regionHeartbeatInterval = .seconds(1)
      $0.stalePeers.checkInterval = .seconds(5)
      $0.stalePeers.maxPeerDown = .seconds(20)
    }
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.isAllAsleep })
    cluster.pd.state.withLock { $0.regions = [:] }
    cluster.run(.seconds(3))
    #expect(cluster.pd.heartbeat(of: cluster.regionID) == nil)
    cluster.run(.seconds(4))
    #expect(cluster.pd.heartbeat(of: cluster.regionID) != nil)
    #expect(cluster.isAllAsleep)
  }
}

extension Result {
  fileprivate var isSuccess: Bool {
    if case .success = self { true } else { false }
  }
}

extension TestCluster {
  var followers: [TestNode] { running.filter { $0 !== leader } }

  /// Stores whose peers of the first region are hibernated.
  var sleepers: [TestNode] { running.filter { $0.status(regionID)?.isAsleep == true } }

  /// Whether all peers of the first region that run are hibernated.
  var isAllAsleep: Bool {
    running.compactMap { $0.status(regionID) }.allSatisfy(\.isAsleep)
  }

  /// Counts the messages of the first region from now on.
  fileprivate func countMessages() -> Shared<UInt64> {
    let count = Shared<UInt64>()
    let region = regionID
    network.add { envelope in
      if envelope.regionID == region { count.withLock { $0 += 1 } }
      return true
    }
    return count
  }
}
