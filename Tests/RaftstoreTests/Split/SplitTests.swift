import Codec
import Engine
import Raft
import Raftstore
import Runtime
import Testing

/// Splits on a healthy cluster.
@Suite struct SplitTests {
  private func cluster(
    _ stores: Int = 3, replicas: Int? = nil, shards: Int = 1, seed: UInt64 = 1
  ) throws -> TestCluster {
    try TestCluster(stores, replicas: replicas, seed: seed) { $0.shards = shards }
  }

  private static let letters = ["a", "c", "f", "h", "m", "p", "z"]

  private func local(_ node: TestNode, _ context: RequestContext, _ key: String) -> Result<
    String?, RegionError
  >? {
    let outcome = try? node.store?.reader.read(context) { (engine, _) throws(EngineError) in
      try engine.get(.default, Array(key.utf8))
    }
    return outcome.flatMap { $0 }?.map { found in
      found.map { String(decoding: $0, as: UTF8.self) }
    }
  }

  @Test(arguments: [true, false], [1, 4])
  func childrenTileTheParent(rightDerive: Bool, shards: Int) throws {
    let cluster = try cluster(shards: shards)
    defer { cluster.shutDown() }
    for key in Self.letters { #expect(cluster.putRouted(key, "1\(key)")) }
    let old = try #require(cluster.region)
    let regions = try #require(try cluster.split(["f", "m"], rightDerive: rightDerive)?.get())
    #expect(regions.map(\.bounds) == [["", "f"], ["f", "m"], ["m", ""]])
    #expect(regions.firstIndex { $0.id == old.id } == (rightDerive ? 2 : 0))
    #expect(regions.allSatisfy { $0.epoch.version == old.epoch.version + 2 })
    #expect(cluster.waitFor { cluster.allStores(hold: regions) })
    for key in Self.letters { #expect(cluster.getRouted(key) == "1\(key)") }
    for key in Self.letters { #expect(cluster.putRouted(key, "2\(key)")) }
    for key in Self.letters { #expect(cluster.getRouted(key) == "2\(key)") }
    for node in cluster.nodes {
      #expect(cluster.waitFor { Self.letters.allSatisfy { node.value($0) == "2\($0)" } })
      #expect(node.fatalReasons.isEmpty)
      #expect(node.store?.meta.regions.map(\.bounds) == regions.map(\.bounds))
    }
    // Once more, by the epoch of before: nothing happens, and the requester learns all regions.
    guard case .failure(.epochNotMatch(let current)) = cluster.split(["b"], epoch: old.epoch)
    else {
      Issue.record("a split for an old epoch was not refused")
      return
    }
    let (_, first) = try #require(cluster.leader(forKey: "b"))
    #expect(current.first == first)
    let again = try #require(try cluster.split(["b"], rightDerive: rightDerive)?.get())
    #expect(again.map(\.bounds) == [["", "b"], ["b", "f"]])
    #expect(cluster.getRouted("a") == "2a" && cluster.getRouted("c") == "2c")
  }

  @Test func aKeyThatCannotCutIsRefused() throws {
    let cluster = try cluster(1)
    defer { cluster.shutDown() }
    _ = try #require(try cluster.split(["m"])?.get())
    #expect(cluster.waitFor { cluster.leader(forKey: "a") != nil })
    let (node, region) = try #require(cluster.leader(forKey: "z"))
    let split = cluster.makeSplit(["a", "m"], of: region)
    let answer = cluster.start(.batchSplit(split), of: region, on: node)
    #expect(cluster.waitFor { answer.withLock { $0 != nil } })
    #expect(
      answer.withLock { $0 } == .failure(.other(message: "no valid key found for split.")))
    var short = cluster.makeSplit(["p"], of: region)
    short.splits[0].newPeerIDs = []
    let refused = cluster.start(.batchSplit(short), of: region, on: node)
    #expect(cluster.waitFor { refused.withLock { $0 != nil } })
    guard case .failure(.other) = refused.withLock({ $0 }) else {
      Issue.record("a split without peer ids was accepted")
      return
    }
    #expect(cluster.leader(forKey: "z")?.1 == region)
  }

  /// The child is led by the store that leads the parent, without waiting for an election timeout.
  @Test(arguments: [1, 4])
  func childrenHaveLeadersAtOnce(shards: Int) throws {
    let cluster = try cluster(shards: shards)
    defer { cluster.shutDown() }
    // A process that has just started grants no votes: it may have promised them before.
    cluster.run(.seconds(1))
    let leader = try #require(cluster.leader)
    let regions = try #require(try cluster.split(["f", "m"])?.get())
    let begun = cluster.now
    #expect(
      cluster.waitFor(.seconds(2)) {
        regions.allSatisfy { leader.status($0.id)?.role == .leader }
      })
    #expect(cluster.now - begun < .milliseconds(200))
    for region in regions where region.id != cluster.regionID {
      #expect(leader.status(region.id)?.term == 6)
    }
  }

  @Test func aLoneVoterSplits() throws {
    let cluster = try cluster(1)
    defer { cluster.shutDown() }
    #expect(cluster.putRouted("a", "1"))
    _ = try #require(try cluster.split(["f", "m"], rightDerive: false)?.get())
    for key in Self.letters { #expect(cluster.putRouted(key, "x")) }
    #expect(cluster.nodes[0].store?.meta.count == 3)
  }

  /// A learner's child is a learner.
  @Test func rolesAreInherited() throws {
    let cluster = try cluster(4, replicas: 3)
    defer { cluster.shutDown() }
    let learner = cluster.nodes[3]
    cluster.addPeer(on: learner, as: .addLearnerNode)
    #expect(cluster.putRouted("a", "1"))
    let regions = try #require(try cluster.split(["m"])?.get())
    #expect(regions.allSatisfy { $0.peer(onStore: learner.id)?.role == .learner })
    #expect(cluster.putRouted("b", "1"))
    #expect(cluster.waitFor { learner.value("b") == "1" })
    #expect(cluster.waitFor { cluster.allStores(hold: regions) })
  }

  // MARK: Requests meanwhile

  /// Until the split is applied the leader proposes no write. What waited is refused with all regions.
  @Test func writesWaitBehindASplit() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    #expect(cluster.putRouted("a", "1"))
    let (leader, region) = try #require(cluster.leader(forKey: "a"))
    cluster.network.add { $0.message?.type != .appendResponse }
    let split = cluster.makeSplit(["f"], of: region)
    let done = cluster.start(.batchSplit(split), of: region, on: leader)
    cluster.run(.milliseconds(20))
    let last = leader.status(region.id)?.lastIndex
    let context = cluster.context(leader, of: region.id)
    let writes = ["b", "p"].map { key in
      cluster.send(
        [.put(cf: .default, key: Array(key.utf8), value: [1])], to: leader, context)
    }
    let second = cluster.start(
      .batchSplit(cluster.makeSplit(["t"], of: region)), of: region, on: leader)
    cluster.run(.milliseconds(20))
    #expect(leader.status(region.id)?.lastIndex == last)
    #expect(writes.allSatisfy { $0.withLock { $0 == nil } })
    guard case .failure(.serverIsBusy) = second.withLock({ $0 }) else {
      Issue.record("two splits at a time")
      return
    }
    cluster.network.clearFilters()
    #expect(cluster.waitFor { writes.allSatisfy { $0.withLock { $0 != nil } } })
    let regions = try #require(try done.withLock { $0 }?.get())
    for write in writes {
      guard case .failure(.epochNotMatch(let current)) = write.withLock({ $0 }) else {
        Issue.record("\(String(describing: write.withLock { $0 }))")
        continue
      }
      #expect(Set(current.map(\.id)) == Set(regions.map(\.id)))
    }
    #expect(cluster.getRouted("b") == nil && cluster.getRouted("a") == "1")
  }

  /// A leader that loses its leadership with a split in its log notifies those who wait for it.
  @Test func waitingWritesOutliveALostSplit() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let (leader, region) = try #require(cluster.leader(forKey: "a"))
    cluster.network.isolate(leader.id)
    let split = cluster.makeSplit(["f"], of: region)
    let done = cluster.start(.batchSplit(split), of: region, on: leader)
    let context = cluster.context(leader, of: region.id)
    let write = cluster.send(
      [.put(cf: .default, key: [98], value: [1])], to: leader, context)
    #expect(cluster.waitFor { write.withLock { $0 != nil } })
    guard case .failure(.notLeader) = write.withLock({ $0 }) else {
      Issue.record("\(String(describing: write.withLock { $0 }))")
      return
    }
    cluster.network.clearFilters()
    #expect(cluster.putRouted("b", "2"))
    #expect(cluster.waitFor { done.withLock { $0 != nil } })
    #expect(done.withLock { $0 } == .failure(.staleCommand))
    #expect(cluster.nodes.allSatisfy { $0.store?.meta.count == 1 })
  }

  /// No lease from the proposal of a split until it is applied, then one for what is left of the region.
  @Test func aSplitSuspendsTheLease() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    #expect(cluster.putRouted("a", "1") && cluster.putRouted("p", "1"))
    let (leader, region) = try #require(cluster.leader(forKey: "a"))
    let context = cluster.context(leader, of: region.id)
    #expect(local(leader, context, "a") == .success("1"))
    cluster.network.add { $0.message?.type != .appendResponse }
    let split = cluster.makeSplit(["f"], of: region)
    let done = cluster.start(.batchSplit(split), of: region, on: leader)
    cluster.run(.milliseconds(5))
    #expect(leader.status(region.id)?.leaseMilliseconds == nil)
    #expect(local(leader, context, "a") == nil && local(leader, context, "p") == nil)
    // A read that a quorum confirms meanwhile is right, and brings no lease.
    #expect(cluster.read("a", from: leader, context) == .success("1"))
    #expect(local(leader, context, "a") == nil)
    cluster.network.clearFilters()
    #expect(cluster.waitFor { done.withLock { $0 != nil } })
    let now = cluster.context(leader, of: region.id)
    #expect(cluster.read("p", from: leader, now) == .success("1"))
    #expect(local(leader, now, "p") == .success("1"))
    #expect(local(leader, context, "p") == nil)
    guard case .failure(.epochNotMatch) = cluster.read("p", from: leader, context) else {
      Issue.record("a read by the old epoch was served")
      return
    }
  }

  /// A read that waits for a quorum while the region is split ends with the new regions, not with old data.
  @Test func aReadDuringASplitIsRefused() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    #expect(cluster.putRouted("a", "1"))
    cluster.run(.seconds(1))
    let (leader, region) = try #require(cluster.leader(forKey: "a"))
    cluster.network.add { $0.message?.type != .heartbeatResponse }
    let answer = Shared<Result<ReadGrant, RegionError>?>()
    leader.store?.router.read(
      ReadRequest(
        context: cluster.context(leader, of: region.id),
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          answer.withLock { $0 = result }
        }))
    let regions = try #require(try cluster.split(["f"])?.get())
    #expect(answer.withLock { $0 == nil })
    cluster.network.clearFilters()
    #expect(cluster.waitFor { answer.withLock { $0 != nil } })
    guard case .failure(.epochNotMatch(let current)) = answer.withLock({ $0 }) else {
      Issue.record("a read was served by an old region")
      return
    }
    #expect(Set(current) == Set(regions))
  }

  /// The region as it is, then neighbors on the side on which new regions lie, as many as versions are missing.
  @Test(arguments: [true, false])
  func epochErrorsNameNeighbors(rightDerive: Bool) throws {
    let cluster = try TestCluster(1) { $0.split.rightDerive = rightDerive }
    defer { cluster.shutDown() }
    let old = try #require(cluster.region)
    let key = rightDerive ? "z" : "a"
    func current(_ version: UInt64) -> [[String]]? {
      guard let (node, region) = cluster.leader(forKey: key) else { return nil }
      var context = cluster.context(node, of: region.id)
      context.epoch.version = version
      guard case .failure(.epochNotMatch(let regions)) = cluster.read(key, from: node, context)
      else { return nil }
      return regions.map(\.bounds)
    }
    _ = try #require(try cluster.split(["f"], rightDerive: rightDerive)?.get())
    #expect(cluster.waitFor { cluster.leader(forKey: "a") != nil })
    let halves = [["", "f"], ["f", ""]]
    #expect(current(old.epoch.version) == (rightDerive ? halves.reversed() : halves))
    // Newer than the store: whatever it has to say is old.
    #expect(current(old.epoch.version + 9) == [rightDerive ? halves[1] : halves[0]])
    // The neighbor was split itself: all its parts belong to the answer.
    let other = rightDerive ? ["b"] : ["p"]
    _ = try #require(try cluster.split(other, rightDerive: !rightDerive)?.get())
    #expect(cluster.waitFor { cluster.leader(forKey: "b") != nil })
    #expect(current(old.epoch.version)?.count == 3)
  }

  /// A new leader of the parent checks reads against what is left of the range.
  @Test func aNewLeaderKnowsTheNewRange() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    #expect(cluster.putRouted("a", "1"))
    let (leader, region) = try #require(cluster.leader(forKey: "a"))
    let next = try #require(cluster.nodes.first { $0 !== leader })
    _ = try #require(try cluster.split(["f"])?.get())
    #expect(cluster.transferLeader(to: next))
    #expect(cluster.putRouted("p", "1"))
    let context = cluster.context(next, of: region.id)
    #expect(local(next, context, "p") == .success("1"))
    let write = cluster.write(
      [.put(cf: .default, key: Array("a".utf8), value: [1])], to: next, context)
    guard case .failure(.keyNotInRegion) = write else {
      Issue.record("\(String(describing: write))")
      return
    }
    #expect(next.store?.meta.delegate(region.id)?.range.start == Array("f".utf8))
  }

  // MARK: Reports

  /// The placement driver hears of the child before its first election, with all others pending, and later that
  /// none is.
  @Test func theChildIsReportedAtOnce() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    cluster.network.add { $0.message?.type != .preVote }
    let regions = try #require(try cluster.split(["f"])?.get())
    #expect(cluster.waitFor { cluster.pd.heartbeat(of: regions[0].id) != nil })
    let first = try #require(cluster.pd.heartbeat(of: regions[0].id))
    #expect(first.region == regions[0] && first.leader.storeID == leader.id)
    #expect(first.pendingPeers.count == 2 && first.term == 5)
    #expect(cluster.pd.heartbeat(of: regions[1].id)?.region == regions[1])
    cluster.network.clearFilters()
    #expect(
      cluster.waitFor {
        guard let heartbeat = cluster.pd.heartbeat(of: regions[0].id) else { return false }
        return heartbeat.term > 5 && heartbeat.pendingPeers.isEmpty
      })
  }
}
