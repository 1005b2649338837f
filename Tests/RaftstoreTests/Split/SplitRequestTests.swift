import Codec
import Engine
import Raft
import Raftstore
import Runtime
import SimulationKit
import Testing

/// Splits that a cluster makes by itself, for clients and for the placement driver.
@Suite struct SplitRequestTests {
  private func cluster(
    _ stores: Int = 3, size: UInt64 = 256 << 20, shards: Int = 1
  ) throws -> TestCluster {
    try TestCluster(stores) { config in
      config.shards = shards
      config.split.size = size
      config.split.checkInterval = .milliseconds(100)
    }
  }

  private static func key(_ number: Int) -> String { "k\(1000 + number)" }

  private func write(_ numbers: Range<Int>, to cluster: TestCluster) {
    let value = String(repeating: "v", count: 100)
    for number in numbers { #expect(cluster.putRouted(Self.key(number), value)) }
  }

  private func regions(_ cluster: TestCluster) -> [Region] {
    cluster.nodes[0].store?.meta.regions ?? []
  }

  private func request(
    _ keys: [String], of region: Region, on node: TestNode, in cluster: TestCluster
  ) -> Shared<Result<[Region], RegionError>?> {
    let answer = Shared<Result<[Region], RegionError>?>()
    node.store?.router.split(
      SplitRequest(
        context: cluster.context(node, of: region.id), keys: keys.map { Array($0.utf8) },
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          answer.withLock { $0 = result }
        }))
    return answer
  }

  private func wait(
    _ answer: Shared<Result<[Region], RegionError>?>, _ cluster: TestCluster
  ) -> Result<[Region], RegionError>? {
    _ = cluster.waitFor(.seconds(5)) { answer.withLock { $0 != nil } }
    return answer.withLock { $0 }
  }

  @Test(arguments: [1, 4]) func regionsSplitAsTheyGrow(shards: Int) throws {
    let cluster = try cluster(size: 4096, shards: shards)
    defer { cluster.shutDown() }
    write(0..<300, to: cluster)
    // 300 entries of more than 100 bytes: no region may stay above 6 KiB.
    #expect(cluster.waitFor { regions(cluster).count >= 6 })
    #expect(cluster.waitFor { cluster.allStores(hold: regions(cluster)) })
    for number in 0..<300 { #expect(cluster.getRouted(Self.key(number)) != nil) }
    let reported = cluster.pd.state.withLock { $0.reportedSplits }
    #expect(!reported.isEmpty && reported.allSatisfy { $0.count >= 2 })
    // Sizes are known to the placement driver once leaders have measured and reported.
    cluster.run(.seconds(61))
    for region in regions(cluster) {
      let heartbeat = try #require(cluster.pd.heartbeat(of: region.id))
      #expect(heartbeat.approximateSize < 8192)
    }
    let count = regions(cluster).count
    cluster.run(.seconds(5))
    #expect(regions(cluster).count == count, "regions that are small enough go on splitting")
  }

  /// Without ids there is no split; it follows when the placement driver is back.
  @Test func splitsWaitForThePlacementDriver() throws {
    let cluster = try cluster(size: 4096)
    defer { cluster.shutDown() }
    cluster.pd.state.withLock { $0.isReachable = false }
    write(0..<100, to: cluster)
    cluster.run(.seconds(2))
    #expect(regions(cluster).count == 1)
    let (leader, region) = try #require(cluster.leader(forKey: "k"))
    let refused = wait(request(["k1050"], of: region, on: leader, in: cluster), cluster)
    guard case .failure(.serverIsBusy) = refused else {
      Issue.record("\(String(describing: refused))")
      return
    }
    cluster.pd.state.withLock { $0.isReachable = true }
    #expect(cluster.waitFor { regions(cluster).count >= 2 })
  }

  @Test func clientsSplitAtKeys() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    write(0..<20, to: cluster)
    let (leader, region) = try #require(cluster.leader(forKey: "k"))
    let parts = try #require(
      try wait(
        request(["m", "k1010", "m", "k1005"], of: region, on: leader, in: cluster), cluster)?.get())
    #expect(
      parts.map(\.bounds) == [["", "k1005"], ["k1005", "k1010"], ["k1010", "m"], ["m", ""]])
    // By an old epoch, at a key of another region, at the region's own start key.
    let (owner, last) = try #require(cluster.leader(forKey: "z"))
    let outside = wait(request(["a"], of: last, on: owner, in: cluster), cluster)
    guard case .failure(.keyNotInRegion) = outside else {
      Issue.record("\(String(describing: outside))")
      return
    }
    #expect(
      wait(request(["m"], of: last, on: owner, in: cluster), cluster)
        == .failure(.other(message: "no valid key found for split.")))
    #expect(regions(cluster).count == 4)
  }

  @Test func aRegionSplitsInItsMiddle() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    write(0..<100, to: cluster)
    let (leader, region) = try #require(cluster.leader(forKey: "k"))
    let parts = try #require(
      try wait(request([], of: region, on: leader, in: cluster), cluster)?.get())
    #expect(parts.count == 2)
    let bound = String(decoding: parts[0].endKey, as: UTF8.self)
    #expect(("k1045"..."k1055").contains(bound))
    // Nothing is left to be divided.
    let (owner, empty) = try #require(cluster.leader(forKey: "z"))
    _ = wait(request(["l"], of: empty, on: owner, in: cluster), cluster)
    #expect(cluster.waitFor { cluster.leader(forKey: "z")?.1.startKey == Array("l".utf8) })
    let (last, rest) = try #require(cluster.leader(forKey: "z"))
    #expect(
      wait(request([], of: rest, on: last, in: cluster), cluster)
        == .failure(.other(message: "no valid key found for split.")))
  }

  @Test func operatorsSplit() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    write(0..<50, to: cluster)
    #expect(cluster.waitFor { cluster.pd.heartbeat(of: cluster.regionID) != nil })
    cluster.pd.order(.splitRegion(keys: [Array("k1010".utf8)]), regionID: cluster.regionID)
    #expect(cluster.waitFor { regions(cluster).count == 2 })
    #expect(regions(cluster)[0].bounds == ["", "k1010"])
    #expect(
      cluster.waitFor {
        cluster.pd.heartbeat(of: cluster.regionID)?.region.startKey == Array("k1010".utf8)
      })
    cluster.pd.order(.splitRegion(keys: []), regionID: cluster.regionID)
    #expect(cluster.waitFor { regions(cluster).count == 3 })
  }

  // MARK: What changes meanwhile

  /// The leader has asked for ids and leads no more when they come: nothing is proposed.
  @Test func idsForAFormerLeaderAreDropped() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    write(0..<5, to: cluster)
    cluster.pd.state.withLock { $0.holdsSplits = true }
    let (leader, region) = try #require(cluster.leader(forKey: "k"))
    let answer = request(["k1002"], of: region, on: leader, in: cluster)
    #expect(cluster.waitFor { cluster.pd.state.withLock { !$0.askedSplits.isEmpty } })
    let busy = wait(request(["k1003"], of: region, on: leader, in: cluster), cluster)
    guard case .failure(.serverIsBusy) = busy else {
      Issue.record("two splits at a time: \(String(describing: busy))")
      return
    }
    let next = try #require(cluster.nodes.first { $0 !== leader })
    #expect(cluster.transferLeader(to: next))
    guard case .failure(.notLeader) = wait(answer, cluster) else {
      Issue.record("\(String(describing: answer.withLock { $0 }))")
      return
    }
    cluster.pd.answerSplits()
    cluster.run(.seconds(1))
    #expect(regions(cluster).count == 1)
    #expect(cluster.putRouted("k", "1"))
  }

  /// The region was split otherwise before the ids came.
  @Test func idsForAnotherEpochAreDropped() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    write(0..<5, to: cluster)
    cluster.pd.state.withLock { $0.holdsSplits = true }
    let (leader, region) = try #require(cluster.leader(forKey: "k"))
    let answer = request(["k1002"], of: region, on: leader, in: cluster)
    #expect(cluster.waitFor { cluster.pd.state.withLock { !$0.askedSplits.isEmpty } })
    _ = try #require(try cluster.split(["k1004"])?.get())
    cluster.pd.answerSplits()
    guard case .failure(.epochNotMatch(let current)) = wait(answer, cluster) else {
      Issue.record("\(String(describing: answer.withLock { $0 }))")
      return
    }
    #expect(current.count == 2)
    #expect(regions(cluster).count == 2)
  }

  /// A check that ends after the region was split otherwise has no effect; the region is measured anew.
  @Test func resultsOfAnEarlierRegionAreDropped() throws {
    let cluster = try cluster(size: 4096)
    defer { cluster.shutDown() }
    #expect(cluster.putRouted("k", "1"))
    cluster.run(.seconds(1))
    for node in cluster.nodes { node.stall("split-check") }
    write(0..<100, to: cluster)
    cluster.run(.seconds(1))
    _ = try #require(try cluster.split(["k1001"])?.get())
    for node in cluster.nodes { node.resume() }
    #expect(cluster.waitFor { regions(cluster).count >= 3 })
    let asked = cluster.pd.state.withLock { $0.askedSplits }
    #expect(asked.allSatisfy { !$0.startKey.isEmpty || !$0.endKey.isEmpty })
  }
}
