import Codec
import Engine
import Raft
import Raftstore
import Runtime
import SimulationKit
import Testing

/// Merges of two regions in a whole cluster.
@Suite struct MergeTests {
  /// The epochs are TiKV's, the data is all there, and the source ends everywhere.
  @Test(arguments: [true, false], [1, 4])
  func aNeighborTakesOverTheRange(toTheRight: Bool, shards: Int) throws {
    let (cluster, left, right) = try TestCluster.divided(shards: shards)
    defer { cluster.shutDown() }
    let (source, target) = toTheRight ? (left, right) : (right, left)
    #expect(cluster.prepareMerge(source, into: target))
    #expect(cluster.waitFor { cluster.hasMerged(source, into: target) })
    let region = cluster.merged(source, into: target)
    #expect(region.epoch.version == 4)
    #expect(region.epoch.confVersion == target.epoch.confVersion)
    #expect(region.range == .all)
    for key in ["a", "c", "p", "z"] { #expect(cluster.getRouted(key) == "1") }
    for key in ["a", "c", "p", "z"] { #expect(cluster.putRouted(key, "2")) }
    for node in cluster.nodes {
      let end = try #require(node.engine.record(source.id))
      #expect(end.merge?.target == target)
      #expect(end.region.epoch.version == source.epoch.version + 1)
      #expect(end.region.epoch.confVersion == source.epoch.confVersion + 1)
      #expect(try node.engine.get(.raft, KeyLayout.applyState(regionID: source.id)) == nil)
      #expect(cluster.waitFor { !node.logs.regions().contains(source.id) })
      #expect(node.fatalReasons.isEmpty)
      #expect(node.store?.meta.regions == [region])
    }
  }

  /// Whoever asks the region that has ended is sent elsewhere.
  @Test func requestsToTheSourceAreRefused() throws {
    let (cluster, left, right) = try TestCluster.divided()
    defer { cluster.shutDown() }
    let node = try #require(cluster.leader(of: left.id))
    let context = cluster.context(node, of: left.id)
    #expect(cluster.prepareMerge(left, into: right))
    #expect(cluster.waitFor { cluster.hasMerged(left, into: right) })
    guard case .failure(.regionNotFound(left.id)) = cluster.read("a", from: node, context) else {
      Issue.record("the source was read")
      return
    }
    let put = Mutation.put(cf: .default, key: [97], value: [50])
    guard case .failure(.regionNotFound(left.id)) = cluster.write([put], to: node, context) else {
      Issue.record("the source was written")
      return
    }
    // By the epoch before: the target as it is.
    let leader = try #require(cluster.leader(of: right.id))
    var old = cluster.context(leader, of: right.id)
    old.epoch = right.epoch
    guard case .failure(.epochNotMatch(let regions)) = cluster.read("a", from: leader, old) else {
      Issue.record("the target was read by its old epoch")
      return
    }
    #expect(regions.first == cluster.merged(left, into: right))
  }

  /// A source whose merge is prepared serves nothing, and takes no other change.
  @Test func aMergingRegionIsFenced() throws {
    let (cluster, left, right) = try TestCluster.divided()
    defer { cluster.shutDown() }
    let node = try #require(cluster.leader(of: left.id))
    // The target has no leader that could commit the merge.
    for other in cluster.nodes { other.stall("raft-\(right.id % 4)") }
    #expect(cluster.prepareMerge(left, into: right))
    let status = try #require(node.status(left.id))
    #expect(status.peerState == .merging && status.leaseMilliseconds == nil)
    let context = cluster.context(node, of: left.id)
    #expect(context.epoch.version == left.epoch.version + 1)
    guard case .failure(.readIndexNotReady) = cluster.read("a", from: node, context) else {
      Issue.record("a merging region was read")
      return
    }
    let put = Mutation.put(cf: .default, key: [97], value: [50])
    guard case .failure(.proposalInMergingMode) = cluster.write([put], to: node, context) else {
      Issue.record("a merging region was written")
      return
    }
    let region = status.region
    let split = cluster.makeSplit(["c"], of: region)
    let learner = PeerInfo(id: cluster.pd.nextID, storeID: 99, role: .learner)
    let commands: [AdminCommand] = [
      .batchSplit(split), .changePeer(.init(type: .addLearnerNode, peer: learner)),
      .prepareMerge(.init(minIndex: 0, target: right)),
      .compactLog(index: status.applied, term: status.term),
    ]
    for command in commands {
      let done = cluster.start(command, of: region, on: node)
      #expect(cluster.waitFor { done.withLock { $0 != nil } })
      guard case .failure(.proposalInMergingMode) = done.withLock({ $0 }) else {
        Issue.record("\(command) was not refused")
        continue
      }
    }
    // Nor does a member serve a read by the read index of its leader.
    let follower = try #require(cluster.nodes.first { $0 !== node })
    var replica = cluster.context(follower, of: left.id)
    replica.replicaRead = true
    guard case .failure(.readIndexNotReady) = cluster.read("a", from: follower, replica) else {
      Issue.record("a member of a merging region was read")
      return
    }
    for other in cluster.nodes { other.resume() }
    #expect(cluster.waitFor { cluster.hasMerged(left, into: right) })
  }

  /// What the target has to carry of the source's log must not be too much, nor change the region.
  @Test func aLaggingMemberHoldsUpTheMerge() throws {
    let (cluster, left, right) = try TestCluster.divided()
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader(of: left.id))
    let slow = try #require(cluster.nodes.first { $0 !== leader })
    cluster.network.isolate(slow.id)
    for number in 0..<12 { #expect(cluster.putRouted("b\(number)", "x")) }
    let region = try #require(cluster.leader(of: left.id)?.status(left.id)?.region)
    #expect(!cluster.prepareMerge(region, into: right))
    for node in cluster.nodes where node !== slow {
      #expect(node.status(left.id)?.peerState == .normal)
    }
    cluster.network.clearFilters()
    cluster.run(.seconds(2))
    #expect(cluster.prepareMerge(left, into: right))
    #expect(cluster.waitFor { cluster.hasMerged(left, into: right) })
  }

  @Test func whatIsNoNeighborIsRefused() throws {
    let (cluster, left, right) = try TestCluster.divided()
    defer { cluster.shutDown() }
    let node = try #require(cluster.leader(of: left.id))
    var unknown = right
    unknown.epoch.version += 1
    var stranger = right
    stranger.id = 999
    for target in [unknown, stranger, left] {
      let done = cluster.start(
        .prepareMerge(.init(minIndex: 0, target: target)), of: left, on: node)
      #expect(cluster.waitFor { done.withLock { $0 != nil } })
      guard case .failure(.other) = done.withLock({ $0 }) else {
        Issue.record("a merge into \(target) was not refused")
        continue
      }
    }
    #expect(node.status(left.id)?.region == left)
  }

  /// A store that lacks the last entries of the source has them from the entry that commits the merge.
  @Test func aSlowStoreCatchesUpByTheTargetsLog() throws {
    let (cluster, left, right) = try TestCluster.divided()
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader(of: left.id))
    let slow = try #require(
      cluster.nodes.first { $0 !== leader && $0 !== cluster.leader(of: right.id) })
    // Nothing of the source reaches it any more.
    slow.stall("raft-\(left.id % 4)")
    for number in 0..<5 { #expect(cluster.putRouted("b\(number)", "x")) }
    #expect(cluster.prepareMerge(left, into: right))
    #expect(
      cluster.waitFor { leader.store?.meta.held(right.id)?.region.range == .all })
    #expect(slow.store?.meta.held(right.id)?.region == right)
    #expect(slow.value("b4") == nil)
    slow.resume()
    #expect(cluster.waitFor { cluster.hasMerged(left, into: right) })
    for number in 0..<5 { #expect(slow.value("b\(number)") == "x") }
    #expect(cluster.putRouted("b0", "y"))
    #expect(cluster.waitFor { slow.value("b0") == "y" })
  }

  /// Writes to all keys go on while a region is split and merged again and again.
  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func regionsComeAndGo(seed: UInt64) throws {
    var (cluster, left, right) = try TestCluster.divided(seed: seed)
    defer { cluster.shutDown() }
    for round in 0..<4 {
      let (source, target) = round % 2 == 0 ? (left, right) : (right, left)
      #expect(cluster.prepareMerge(source, into: target))
      for key in ["a", "c", "p", "z"] { #expect(cluster.putRouted(key, "\(round)")) }
      #expect(cluster.waitFor { cluster.hasMerged(source, into: target) })
      for key in ["a", "c", "p", "z"] { #expect(cluster.getRouted(key) == "\(round)") }
      let regions = try #require(try cluster.split(["m"])?.get())
      (left, right) = (regions[0], regions[1])
      #expect(cluster.waitFor { cluster.allStores(hold: regions) })
      for key in ["a", "z"] { #expect(cluster.putRouted(key, "\(round)")) }
    }
    for node in cluster.nodes { #expect(node.fatalReasons.isEmpty) }
  }

  /// A store that stops while a region of its waits for the source of a merge completes what waits with it.
  @Test(arguments: 1...5 as ClosedRange<UInt64>)
  func aStoreStopsWhileAMergeWaits(seed: UInt64) throws {
    let (cluster, left, right) = try TestCluster.divided(seed: seed)
    defer { cluster.shutDown() }
    let target = try #require(cluster.leader(of: right.id))
    try holdUp(left, on: target, cluster, right)
    let put = Mutation.put(cf: .default, key: Array("p".utf8), value: [50])
    let write = cluster.send([put], to: target, cluster.context(target, of: right.id))
    // Its entry is committed. The others hear of that when it is applied here.
    let before = try #require(target.status(right.id))
    #expect(cluster.waitFor { target.status(right.id)?.committed ?? 0 > before.applied })
    cluster.run(.milliseconds(500))
    #expect(target.status(right.id)?.applied == before.applied)
    #expect(target.store?.meta.held(right.id)?.region == right)
    #expect(write.withLock { $0 == nil })
    target.stop()
    cluster.run(.milliseconds(200))
    #expect(write.withLock { $0 != nil })
  }

  /// TiKV's `test_handle_conf_change_when_apply_fsm_resume_pending_state`: a membership change is behind a merge that
  /// waits. It was checked by the region before the merge, whose versions are used up then.
  @Test func aMembershipChangeBehindAMergeWaits() throws {
    let (cluster, left, right) = try TestCluster.divided()
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader(of: right.id))
    let slow = try #require(
      cluster.nodes.first { $0 !== leader && $0 !== cluster.leader(of: left.id) })
    slow.stall("raft-\(left.id % 4)")
    #expect(cluster.prepareMerge(left, into: right))
    #expect(cluster.waitFor { leader.store?.meta.held(right.id)?.region.range == .all })
    // Behind the merge in the log of the store that waits.
    var region = try #require(leader.status(right.id)?.region)
    let gone = try #require(region.peers.first { $0.storeID != leader.id && $0.storeID != slow.id })
    let change = AdminCommand.changePeer(.init(type: .removeNode, peer: gone))
    let done = cluster.start(change, of: region, on: leader)
    #expect(cluster.waitFor { done.withLock { $0 != nil } })
    region = try #require(try done.withLock { $0 }?.get().first)
    #expect(region.peer(id: gone.id) == nil)
    #expect(slow.store?.meta.held(right.id)?.region == right)
    slow.resume()
    #expect(cluster.waitFor { slow.store?.meta.held(right.id)?.region == region })
    for key in ["a", "z"] { #expect(cluster.putRouted(key, "2")) }
    #expect(cluster.waitFor { slow.value("a") == "2" && slow.value("z") == "2" })
    #expect(slow.fatalReasons.isEmpty)
  }

  /// Prepares the merge of `source` into `right` and leaves its second step in the log of `node`, which leads `right`,
  /// while the source there hears of nothing.
  private func holdUp(
    _ source: Region, on node: TestNode, _ cluster: TestCluster, _ right: Region
  ) throws {
    node.stall("raft-\(right.id % 4)")
    #expect(cluster.prepareMerge(source, into: right))
    #expect(cluster.waitFor(.seconds(2)) { node.status(source.id)?.peerState == .merging })
    node.resume()
    node.stall("raft-\(source.id % 4)")
  }
}
