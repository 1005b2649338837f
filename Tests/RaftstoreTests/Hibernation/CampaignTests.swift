import Codec
import Raft
import Raftstore
import Runtime
import Testing

/// Many regions without a leader: how many elections a store begins, and which first.
@Suite struct CampaignTests {
  /// Three stores with `count` regions that all hibernate.
  private func cluster(
    regions count: Int, _ configure: (inout RaftstoreConfig) -> Void
  ) throws -> TestCluster {
    let cluster = try TestCluster(3, configure)
    #expect(cluster.put("a", "1"))
    let keys = (1..<count).map { "key\(1_000 + $0)" }
    #expect(try cluster.split(keys)?.get().count == count)
    #expect(cluster.waitFor(.seconds(60)) { statuses(cluster).count == 3 * count })
    #expect(cluster.waitFor(.seconds(60)) { isAllAsleep(cluster) })
    return cluster
  }

  private func statuses(_ cluster: TestCluster) -> [RegionStatus] {
    cluster.running.flatMap { node in
      (node.store?.meta.regions ?? []).compactMap { node.status($0.id) }
    }
  }

  private func isAllAsleep(_ cluster: TestCluster) -> Bool {
    statuses(cluster).allSatisfy(\.isAsleep)
  }

  private func restartAll(_ cluster: TestCluster) throws {
    for node in cluster.nodes { node.kill() }
    for node in cluster.nodes { try node.start() }
  }

  private func leaderless(_ cluster: TestCluster) -> Int {
    let led = Set(statuses(cluster).filter { $0.role == .leader }.map(\.region.id))
    return Set(statuses(cluster).map(\.region.id)).subtracting(led).count
  }

  private struct Campaign: Hashable {
    var store: UInt64
    var step: UInt64
  }

  private static let tick = RaftstoreConfig().baseTickInterval

  /// All members restart at the same time. Their elections do not begin at the same time.
  @Test func aStoreBeginsFewElectionsInATick() throws {
    let limit = 2
    let cluster = try cluster(regions: 40) { config in
      config.hibernation.idleTime = .milliseconds(100)
      config.stalePeers.maxCampaigns = limit
    }
    defer { cluster.shutDown() }
    // By the step in which they were sent.
    let campaigns = Shared<[Campaign: Set<UInt64>]>([:])
    let step = Shared<UInt64>(0)
    cluster.network.add { envelope in
      guard envelope.message?.type == .preVote else { return true }
      let campaign = Campaign(store: envelope.from.storeID, step: step.withLock { $0 })
      _ = campaigns.withLock { $0[campaign, default: []].insert(envelope.regionID) }
      return true
    }
    try restartAll(cluster)
    while leaderless(cluster) > 0, step.withLock({ $0 }) < 1_000 {
      cluster.run(Self.tick / 5)
      step.withLock { $0 += 1 }
    }
    #expect(leaderless(cluster) == 0)
    let begun = campaigns.withLock { $0 }
    #expect(begun.count > 10)
    for (campaign, regions) in begun {
      let next = Campaign(store: campaign.store, step: campaign.step + 1)
      let together = regions.union(begun[next] ?? [])
      #expect(together.count <= limit, "\(campaign): \(together)")
    }
    #expect(cluster.waitFor { isAllAsleep(cluster) })
  }

  /// A region that a client asks for does not wait for those that no one asks for.
  @Test func aRegionThatIsAskedForIsLedFirst() throws {
    let cluster = try cluster(regions: 80) { config in
      config.hibernation.idleTime = .milliseconds(100)
      config.stalePeers.maxCampaigns = 1
    }
    defer { cluster.shutDown() }
    let wanted = try #require(statuses(cluster).map(\.region.id).max())
    let others = Set(statuses(cluster).map(\.region.id)).count
    try restartAll(cluster)
    cluster.run(.milliseconds(10))
    let node = cluster.nodes[0]
    let context = cluster.context(node, of: wanted)
    _ = cluster.send([.put(cf: .default, key: Array("zzz".utf8), value: [1])], to: node, context)
    #expect(cluster.waitFor(.milliseconds(1_000)) { cluster.leader(of: wanted) != nil })
    #expect(leaderless(cluster) > others / 3)
    #expect(cluster.waitFor { leaderless(cluster) == 0 })
  }

  /// Whoever is woken without being used sleeps again, however long a region in use stays awake.
  @Test func aGroupThatIsWokenSleepsAgainSoon() throws {
    let cluster = try TestCluster(3) { $0.hibernation.idleTime = .seconds(30) }
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    #expect(cluster.waitFor(.seconds(60)) { isAllAsleep(cluster) })
    let follower = try #require(cluster.followers.first)
    follower.kill()
    try follower.start()
    #expect(
      cluster.waitFor(.seconds(3)) { cluster.leader?.status(cluster.regionID)?.isAsleep == false })
    #expect(cluster.waitFor(.seconds(5)) { isAllAsleep(cluster) })
    // Nor is an election use.
    try #require(cluster.leader).kill()
    #expect(cluster.waitFor(.seconds(3)) { cluster.leader != nil })
    for node in cluster.nodes where node.store == nil { try node.start() }
    #expect(
      cluster.waitFor(.seconds(10)) {
        statuses(cluster).count == 3 && isAllAsleep(cluster)
      })
  }

  /// A store that is silent for a moment, because it has much to do, is not given more by all its regions at once.
  @Test func sleepersOfASlowStoreAreNotAllWoken() throws {
    let cluster = try cluster(regions: 40) { config in
      config.hibernation.idleTime = .milliseconds(100)
      config.stalePeers.maxCampaigns = 1
    }
    defer { cluster.shutDown() }
    var sleeps: [UInt64: UInt64] = [:]
    for status in statuses(cluster) { sleeps[status.peer.id] = status.sleeps }
    let slow = try #require(cluster.leader).id
    cluster.network.add { !($0.regionID == 0 && $0.from.storeID == slow) }
    #expect(cluster.waitFor(.seconds(3)) { !isAllAsleep(cluster) })
    cluster.network.clearFilters()
    cluster.run(.seconds(4))
    #expect(cluster.waitFor { isAllAsleep(cluster) })
    let woken = Set(
      statuses(cluster).filter { sleeps[$0.peer.id] != $0.sleeps }.map(\.region.id))
    #expect((1...20).contains(woken.count), "\(woken.count) of 40 regions were woken")
  }
}
