import Codec
import Raft
import Raftstore
import Runtime
import Testing

/// What requests are notified that cannot be served.
@Suite struct RefusalTests {
  private let put = Mutation.put(cf: .default, key: [1], value: [2])

  private func refusal(
    _ cluster: TestCluster, _ node: TestNode, _ change: (inout RequestContext) -> Void
  ) -> RegionError? {
    guard case .failure(let error) = cluster.write([put], to: node, cluster.context(node, change))
    else { return nil }
    return error
  }

  /// Found on a process: the last of all terms ended it.
  @Test(arguments: [.max, .max - 1, 1 << 63, 1 << 32] as [UInt64])
  func aLeasedReadOfAnyTermIsJudged(term: UInt64) {
    let peer = PeerInfo(id: 3, storeID: 1)
    let region = Region(id: 2, epoch: .initial, peers: [peer])
    let delegate = ReadDelegate(region: region, peer: peer)
    delegate.renew(Lease(term: 7, end: Instant(nanoseconds: 100)))
    func check(_ term: UInt64) -> Result<KeyRange, RegionError>? {
      let context = RequestContext(regionID: 2, epoch: .initial, peer: peer, term: term)
      return delegate.check(context, now: Instant(nanoseconds: 50))
    }
    #expect(check(term) == .success(.all))
    #expect(check(5) == .failure(.staleCommand))
    #expect(check(6) == .success(.all))
    // The store's own term may be the last one too.
    delegate.renew(Lease(term: .max, end: Instant(nanoseconds: 100)))
    #expect(check(.max) == .success(.all))
    #expect(check(.max - 2) == .failure(.staleCommand))
  }

  @Test func contextsAreCheckedInOrder() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    func status(_ node: TestNode) throws -> RegionStatus {
      try #require(node.status(cluster.regionID))
    }
    let peer = try #require(cluster.peer(on: leader))
    #expect(
      refusal(cluster, leader) {
        $0.peer.storeID = 99; $0.epoch.version = 9
      }
        == .storeNotMatch(requestStoreID: 99, actualStoreID: leader.id))
    #expect(
      refusal(cluster, leader) { $0.peer.id = 98 }
        == .mismatchPeerID(requestPeerID: 98, storePeerID: peer.id))
    #expect(refusal(cluster, leader) { $0.term = 1 } == .staleCommand)
    // One term back is let pass, and so is every term to come.
    for term in [try status(leader).term - 1, try status(leader).term, .max - 1, .max] {
      #expect(refusal(cluster, leader) { $0.term = term } == nil)
    }
    let region = try #require(cluster.region)
    #expect(
      refusal(cluster, leader) { $0.epoch.version += 1 }
        == .epochNotMatch(currentRegions: [region]))
    // Data does not depend on the membership.
    #expect(refusal(cluster, leader) { $0.epoch.confVersion += 1 } == nil)
    let follower = try #require(cluster.nodes.first { $0 !== leader })
    #expect(
      refusal(cluster, follower) { _ in }
        == .notLeader(regionID: cluster.regionID, leader: peer))
    #expect(refusal(cluster, leader) { $0.regionID = 12345 } == .regionNotFound(regionID: 12345))
  }

  @Test func tooLargeEntriesAreRefused() throws {
    let cluster = try TestCluster(1) { $0.maxEntrySize = 1000 }
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    let large = Mutation.put(cf: .default, key: [1], value: [UInt8](repeating: 1, count: 1001))
    guard
      case .failure(.raftEntryTooLarge(let id, let size)) = cluster.write([large], to: leader)
    else {
      Issue.record("an entry above the limit was taken")
      return
    }
    #expect(id == cluster.regionID)
    #expect(size > 1000)
  }

  /// Merged commands are an entry like any other.
  @Test func commandsAreMergedUpToTheLargestEntryOnly() throws {
    let cluster = try TestCluster(1) { $0.maxEntrySize = 1000 }
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    func applied() -> UInt64 { leader.status(cluster.regionID)?.applied ?? 0 }
    let before = applied()
    let context = cluster.context(leader)
    let mutation = Mutation.put(cf: .default, key: [1], value: [UInt8](repeating: 1, count: 600))
    let answers = (0..<4).map { _ in cluster.send([mutation], to: leader, context) }
    #expect(cluster.waitFor { answers.allSatisfy { $0.withLock { $0 != nil } } })
    for answer in answers { #expect(answer.withLock { $0 }?.failure == nil) }
    #expect(applied() >= before + 4)
  }

  @Test func aFullDiskTakesDeletesOnly() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    #expect(cluster.put("a", "1"))
    leader.freeSpace.withLock { $0 = 1 << 30 - 1 }
    cluster.run(.seconds(2))
    guard case .failure(.diskFull(let stores, _)) = cluster.write([put], to: leader) else {
      Issue.record("a store without space took a write")
      return
    }
    #expect(stores == [leader.id])
    let delete = Mutation.delete(cf: .default, key: Array("a".utf8))
    #expect(cluster.write([delete], to: leader)?.failure == nil)
    #expect(leader.value("a") == nil)
    guard case .failure(.diskFull) = cluster.write([delete, put], to: leader) else {
      Issue.record("a store without space took a put behind a delete")
      return
    }
    #expect(leader.metrics.text().contains("apus_store_disk_full 1"))
    leader.freeSpace.withLock { $0 = 1 << 31 }
    cluster.run(.seconds(2))
    #expect(cluster.write([put], to: leader)?.failure == nil)
  }

  /// What frees space, or moves data to where space is, goes on while a majority of the disks is full.
  @Test func aFullDiskStillChangesRegions() throws {
    let cluster = try TestCluster(4, replicas: 3)
    defer { cluster.shutDown() }
    for key in ["a", "c", "p", "z"] { #expect(cluster.putRouted(key, "1")) }
    for node in cluster.nodes.prefix(3) { node.freeSpace.withLock { $0 = 1 << 30 - 1 } }
    cluster.run(.seconds(2))
    cluster.addPeer(on: cluster.nodes[3])
    #expect(cluster.transferLeader(to: cluster.nodes[3]))
    cluster.removePeer(on: cluster.nodes[0])
    let regions = try #require(try cluster.split(["m"])?.get())
    #expect(cluster.waitFor { cluster.allStores(hold: regions) })
    #expect(cluster.prepareMerge(regions[0], into: regions[1]))
    #expect(
      cluster.waitFor {
        cluster.leader(of: regions[1].id)?.status(regions[1].id)?.region.range == .all
      })
    #expect(cluster.nodes.allSatisfy { $0.fatalReasons.isEmpty })
  }

  /// What waits for log and apply worker is bounded over all regions of a raft worker.
  @Test func unappliedBytesAreBounded() throws {
    let cluster = try TestCluster(3) { $0.memory.maxUnappliedBytes = 1000 }
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    let context = cluster.context(leader)
    let half = Mutation.put(cf: .default, key: [1], value: [UInt8](repeating: 1, count: 600))
    cluster.network.isolate(leader.id)
    let first = cluster.send([half], to: leader, context)
    let second = cluster.send([half], to: leader, context)
    cluster.run(.milliseconds(50))
    let third = cluster.send([half], to: leader, context)
    cluster.run(.milliseconds(50))
    #expect(first.withLock { $0 == nil })
    for refused in [second, third] {
      guard case .serverIsBusy = refused.withLock({ $0 })?.failure else {
        Issue.record("a proposal beyond the bound was taken")
        return
      }
    }
    cluster.network.clearFilters()
    #expect(cluster.put("b", "2"))
    #expect(cluster.mutateLarge(600))
    #expect(cluster.mutateLarge(600))
  }

  /// A leader without a quorum: its proposals end, one way or another, and are never lost.
  @Test func proposalsAreAnsweredWhenLeadershipIsLost() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    let old = try #require(cluster.leader)
    let context = cluster.context(old)
    cluster.network.isolate(old.id)
    let answers = (0..<10).map { _ in cluster.send([put], to: old, context) }
    #expect(cluster.waitFor { answers.allSatisfy { $0.withLock { $0 != nil } } })
    for answer in answers {
      #expect(answer.withLock { $0 }?.failure == .staleCommand)
    }
    guard case .failure(.notLeader) = cluster.write([put], to: old, context) else {
      Issue.record("a leader without a quorum took a write")
      return
    }
    cluster.network.clearFilters()
    #expect(cluster.put("b", "2"))
  }

  /// Entries another leader replaced.
  @Test func replacedEntriesAreStale() throws {
    let cluster = try TestCluster(3) { $0.electionTicks = 40 }
    defer { cluster.shutDown() }
    let old = try #require(cluster.leader)
    cluster.network.isolate(old.id)
    let answer = cluster.send([put], to: old, cluster.context(old))
    let others = cluster.nodes.filter { $0 !== old }
    #expect(
      cluster.waitFor { others.contains { $0.status(cluster.regionID)?.role == .leader } })
    #expect(cluster.put("b", "2"))
    cluster.network.clearFilters()
    #expect(cluster.waitFor { answer.withLock { $0 != nil } })
    #expect(answer.withLock { $0 }?.failure == .staleCommand)
    #expect(cluster.waitFor { old.value("b") == "2" })
  }

  @Test func stoppingAnswersEveryone() throws {
    let cluster = try TestCluster(3)
    let old = try #require(cluster.leader)
    let context = cluster.context(old)
    cluster.network.isolate(old.id)
    let writes = (0..<5).map { _ in cluster.send([put], to: old, context) }
    let read = Shared<Result<ReadGrant, RegionError>?>()
    cluster.run(.seconds(1))
    old.store?.router.read(
      ReadRequest(
        context: context,
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          read.withLock { $0 = result }
        }))
    cluster.shutDown()
    #expect(writes.allSatisfy { $0.withLock { $0 != nil } })
    #expect(read.withLock { $0 != nil })
    // A store that has stopped refuses at once.
    let late = cluster.send([put], to: old, context)
    #expect(late.withLock { $0 == nil })
  }

  @Test func aDestroyedPeersRequestsEnd() throws {
    let cluster = try TestCluster(2)
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    let follower = try #require(cluster.nodes.first { $0 !== leader })
    let context = cluster.context(follower) { $0.replicaRead = true }
    cluster.removePeer(on: follower)
    #expect(cluster.waitFor { follower.status(cluster.regionID) == nil })
    #expect(
      cluster.read("a", from: follower, context)
        == .failure(
          .regionNotFound(regionID: cluster.regionID)))
    #expect(
      cluster.write([put], to: follower, context)?.failure
        == .regionNotFound(regionID: cluster.regionID))
  }
}

extension Result {
  fileprivate var failure: Failure? {
    if case .failure(let error) = self { error } else { nil }
  }
}
