import Codec
import Engine
import Raft
import Raftstore
import Runtime
import Testing

@Suite struct LeaseTests {
  private func local(_ cluster: TestCluster, _ node: TestNode, _ key: String) -> Result<
    String?, RegionError
  >? {
    guard let reader = node.store?.reader else { return nil }
    let context = cluster.context(node)
    let outcome = try? reader.read(context) { (engine, _) throws(EngineError) in
      try engine.get(.default, Array(key.utf8))
    }
    return outcome.flatMap { $0 }?.map { found in
      found.map { String(decoding: $0, as: UTF8.self) }
    }
  }

  @Test func aWriteGivesALeaseThatServesLocally() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    #expect(local(cluster, leader, "a") == .success("1"))
    #expect(leader.status(cluster.regionID)?.leaseMilliseconds ?? 0 > 0)
    for node in cluster.nodes where node !== leader {
      #expect(local(cluster, node, "a") == nil)
    }
  }

  @Test func aLeaseRunsOutAndAReadBringsItBack() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    cluster.run(.seconds(2))
    #expect(local(cluster, leader, "a") == nil)
    #expect(cluster.read("a", from: leader) == .success("1"))
    #expect(local(cluster, leader, "a") == .success("1"))
  }

  @Test func aLeaseInUseIsRenewedBeforeItEnds() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    var misses = 0
    for _ in 0..<200 {
      if local(cluster, leader, "a") == nil { misses += 1 }
      cluster.run(.milliseconds(20))
    }
    #expect(misses == 0)
  }

  /// The heart of it: a leader that is cut off stops reading before another one can lead.
  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func noLeaseOutlivesALeadership(seed: UInt64) throws {
    let cluster = try TestCluster(3, seed: seed)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "old"))
    let old = try #require(cluster.leader)
    cluster.network.isolate(old.id)
    var written = false
    for _ in 0..<400 {
      cluster.run(.milliseconds(5))
      let newLeader = cluster.running.first { node in
        node !== old && node.status(cluster.regionID)?.role == .leader
      }
      if let newLeader, !written {
        let result = cluster.write(
          [.put(cf: .default, key: Array("a".utf8), value: Array("new".utf8))], to: newLeader)
        if case .success = result { written = true }
      }
      if written { #expect(local(cluster, old, "a") == nil) }
    }
    #expect(written)
    guard case .failure = cluster.read("a", from: old) else {
      Issue.record("a leader without a quorum served a read")
      return
    }
  }

  /// A follower that confirmed a lease restarts at once: it must not vote before the lease is over.
  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func aRestartedVoterKeepsItsWord(seed: UInt64) throws {
    let cluster = try TestCluster(3, seed: seed)
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    let followers = cluster.nodes.filter { $0 !== leader }
    // One follower has heard nothing for long; only the other one keeps the lease alive.
    // It lacks nothing: whoever it asks for a vote will find its log good enough.
    cluster.network.isolate(followers[0].id)
    cluster.run(.milliseconds(3000 + Int64(seed) * 50))
    #expect(cluster.read("a", from: leader) == .success(nil))
    let end =
      cluster.now + .milliseconds(leader.status(cluster.regionID)?.leaseMilliseconds ?? 0)
    #expect(end > cluster.now + .milliseconds(200))
    followers[1].kill()
    cluster.network.clearFilters()
    cluster.network.isolate(leader.id)
    try followers[1].start()
    while cluster.now < end {
      for node in followers {
        #expect(node.status(cluster.regionID)?.role != .leader)
      }
      cluster.run(.milliseconds(5))
    }
    #expect(
      cluster.waitFor {
        followers.contains { $0.status(cluster.regionID)?.role == .leader }
      })
  }

  @Test func handingOverEndsTheLease() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let old = try #require(cluster.leader)
    let target = try #require(cluster.nodes.first { $0 !== old })
    let peer = try #require(cluster.peer(on: target))
    // What tells the target is lost: the old leader goes on, but without a lease in this term.
    cluster.network.add { $0.message?.type != .timeoutNow }
    guard
      case .success = cluster.proposeAdmin(.transferLeader(peer: peer, candidates: []))
    else {
      Issue.record("the transfer was refused")
      return
    }
    #expect(local(cluster, old, "a") == nil)
    cluster.run(.seconds(2))
    #expect(cluster.leader === old)
    #expect(cluster.put("a", "2"))
    #expect(local(cluster, old, "a") == nil)
    #expect(cluster.read("a", from: old) == .success("2"))
  }

  /// The lease is checked before the data is read, and after it.
  @Test func withoutALeaseNothingIsRead() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    let context = cluster.context(leader)
    let reader = try #require(leader.store?.reader)
    var reads = 0
    let body: (any KVReader, KeyRange) throws(EngineError) -> Void = { (_, _) in reads += 1 }
    guard case .success? = try reader.read(context, body) else {
      Issue.record("a lease did not serve")
      return
    }
    #expect(reads == 1)
    var other = context
    other.epoch.version += 1
    #expect(try reader.read(other, body) == nil)
    other = context
    other.peer.id += 1
    guard case .failure(.mismatchPeerID)? = try reader.read(other, body) else {
      Issue.record("another peer's read was not refused")
      return
    }
    #expect(reads == 1)
    cluster.run(.seconds(2))
    #expect(try reader.read(context, body) == nil)
    let follower = try #require(cluster.nodes.first { $0 !== leader })
    #expect(try follower.store?.reader.read(cluster.context(follower), body) == nil)
    #expect(reads == 1)
  }

  /// A lease that ends while the data is read does not cover it.
  @Test func aLeaseThatEndsDuringAReadServesNothing() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    let context = cluster.context(leader)
    let reader = try #require(leader.store?.reader)
    var reads = 0
    let outcome = try reader.read(context) { (_, _) throws(EngineError) in
      reads += 1
      cluster.run(.seconds(2))
    }
    #expect(reads == 1)
    #expect(outcome == nil)
  }

  @Test func followersServeReplicaReads() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    for node in cluster.nodes {
      let context = cluster.context(node) { $0.replicaRead = true }
      #expect(cluster.read("a", from: node, context) == .success("1"))
    }
    let follower = try #require(cluster.nodes.first { $0 !== cluster.leader })
    guard case .failure(.notLeader(_, let hint)) = cluster.read("a", from: follower) else {
      Issue.record("a follower served a leader read")
      return
    }
    #expect(hint?.storeID == cluster.leader?.id)
  }

  /// Responses on the way between follower and leader get lost: the follower asks again.
  @Test func replicaReadsSurviveLosses() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let follower = try #require(cluster.nodes.first { $0 !== cluster.leader })
    let lost = Shared<UInt64>(3)
    cluster.network.add { envelope in
      guard envelope.message?.type == .readIndexResponse else { return true }
      return lost.withLock { left in
        guard left > 0 else { return true }
        left -= 1
        return false
      }
    }
    let context = cluster.context(follower) { $0.replicaRead = true }
    #expect(cluster.read("a", from: follower, context) == .success("1"))
  }

  /// A replica that was filled by a snapshot knows its region like any other.
  @Test func aReplicaMadeBySnapshotServesLocally() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    let fresh = cluster.nodes[2]
    #expect(fresh.store?.meta.region(containing: [7])?.id == cluster.regionID)
    #expect(cluster.transferLeader(to: fresh))
    #expect(cluster.put("a", "1"))
    #expect(local(cluster, fresh, "a") == .success("1"))
  }

  /// A follower that knows what is committed must still have applied it before it serves.
  @Test func replicaReadsWaitForWhatTheyMustSee() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "old"))
    let follower = try #require(cluster.nodes.first { $0 !== cluster.leader })
    #expect(cluster.waitFor { follower.value("a") == "old" })
    let context = cluster.context(follower) { $0.replicaRead = true }
    follower.stall("apply-0")
    #expect(cluster.put("a", "new"))
    let answer = Shared<Result<ReadGrant, RegionError>?>()
    follower.store?.router.read(
      ReadRequest(
        context: context,
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          answer.withLock { $0 = result }
        }))
    cluster.run(.seconds(1))
    #expect(answer.withLock { $0 == nil })
    follower.resume()
    #expect(cluster.waitFor { answer.withLock { $0 != nil } })
    let grant = try #require(try answer.withLock { $0 }?.get())
    #expect(try grant.snapshot.get(.default, Array("a".utf8)) == Array("new".utf8))
  }

  /// Found by the simulation: a follower that applies faster than its leader must not show what a lease
  /// read at the leader does not show yet.
  @Test func aFollowerIsNeverAheadOfItsLeader() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    let follower = try #require(cluster.nodes.first { $0 !== leader })
    #expect(cluster.waitFor { follower.value("a") == "1" })
    leader.stall("apply-0")
    let context = cluster.context(leader)
    let answer = cluster.send(
      [.put(cf: .default, key: Array("a".utf8), value: Array("2".utf8))], to: leader, context)
    let before = try #require(leader.status(cluster.regionID)).committed
    #expect(cluster.waitFor { leader.status(cluster.regionID)?.committed ?? 0 > before })
    cluster.run(.seconds(1))
    #expect(follower.value("a") == "1")
    #expect(local(cluster, leader, "a") ?? .success("1") == .success("1"))
    leader.resume()
    #expect(cluster.waitFor { answer.withLock { $0 != nil } })
    #expect(cluster.read("a", from: follower, replicaContext(cluster, follower)) == .success("2"))
    #expect(cluster.waitFor { follower.value("a") == "2" })
  }

  private func replicaContext(_ cluster: TestCluster, _ node: TestNode) -> RequestContext {
    cluster.context(node) { $0.replicaRead = true }
  }
}
