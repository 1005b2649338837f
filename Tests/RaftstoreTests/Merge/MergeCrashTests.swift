import Codec
import Engine
import Raft
import RaftLog
import Raftstore
import Runtime
import Testing

/// Crashes at each step of a merge.
@Suite struct MergeCrashTests {
  private static let keys = ["a", "c", "p", "z"]

  private func check(_ cluster: TestCluster, _ source: Region, _ target: Region) {
    #expect(cluster.waitFor { cluster.hasMerged(source, into: target) })
    for key in Self.keys { #expect(cluster.getRouted(key) == "1") }
    for key in Self.keys { #expect(cluster.putRouted(key, "2")) }
    for node in cluster.nodes {
      #expect(cluster.waitFor { Self.keys.allSatisfy { node.value($0) == "2" } })
      #expect(node.fatalReasons.isEmpty)
    }
  }

  /// After the merge is prepared, and before the target's log has it: on one store, or on all.
  @Test(arguments: [true, false], [true, false])
  func thePreparedMergeGoesOn(machine: Bool, all: Bool) throws {
    let (cluster, left, right) = try TestCluster.divided()
    defer { cluster.shutDown() }
    for node in cluster.nodes { node.stall("raft-\(right.id % 4)") }
    #expect(cluster.prepareMerge(left, into: right))
    #expect(
      cluster.waitFor {
        cluster.nodes.allSatisfy { $0.engine.record(left.id)?.state == .merging }
      })
    for node in cluster.nodes.prefix(all ? 3 : 1) { machine ? node.crash() : node.kill() }
    for node in cluster.nodes.prefix(all ? 3 : 1) { try node.start() }
    for node in cluster.nodes { node.resume() }
    check(cluster, left, right)
  }

  /// The target waits for the source, which has not caught up.
  @Test(arguments: [true, false])
  func theTargetWaitsAgain(machine: Bool) throws {
    let (cluster, left, right) = try TestCluster.divided()
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader(of: left.id))
    let slow = try #require(
      cluster.nodes.first { $0 !== leader && $0 !== cluster.leader(of: right.id) })
    slow.stall("raft-\(left.id % 4)")
    #expect(cluster.putRouted("a", "1"))
    #expect(cluster.prepareMerge(left, into: right))
    #expect(cluster.waitFor { leader.store?.meta.held(right.id)?.region.range == .all })
    cluster.run(.seconds(1))
    #expect(slow.engine.record(left.id)?.state == .normal)
    machine ? slow.crash() : slow.kill()
    try slow.start()
    check(cluster, left, right)
  }

  /// The source has caught up and is stopped, the target has not taken over.
  @Test(arguments: [true, false])
  func theSourceHasCaughtUp(machine: Bool) throws {
    let (cluster, left, right) = try TestCluster.divided()
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader(of: left.id))
    let slow = try #require(
      cluster.nodes.first { $0 !== leader && $0 !== cluster.leader(of: right.id) })
    slow.stall("apply-\(left.id % 4)")
    #expect(cluster.prepareMerge(left, into: right))
    #expect(cluster.waitFor { leader.store?.meta.held(right.id)?.region.range == .all })
    // Its entries are in its log; what is to be applied waits.
    cluster.run(.seconds(1))
    slow.stall("apply-\(right.id % 4)")
    machine ? slow.crash() : slow.kill()
    try slow.start()
    check(cluster, left, right)
  }

  /// The records of the merge are written, the source's log is still there.
  @Test(arguments: [true, false])
  func theSourcesLogIsLeft(machine: Bool) throws {
    let (cluster, left, right) = try TestCluster.divided()
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader(of: left.id))
    let node = try #require(
      cluster.nodes.first { $0 !== leader && $0 !== cluster.leader(of: right.id) })
    #expect(cluster.prepareMerge(left, into: right))
    #expect(
      cluster.waitFor {
        if node.engine.record(left.id)?.state == .tombstone { return true }
        return false
      })
    machine ? node.crash() : node.kill()
    try node.start()
    #expect(!node.logs.regions().contains(left.id))
    check(cluster, left, right)
  }

  /// Everything that was not synced is lost, at any moment of the merge.
  @Test(arguments: 1...12 as ClosedRange<UInt64>)
  func allMachinesCrashAtOnce(seed: UInt64) throws {
    let (cluster, left, right) = try TestCluster.divided(seed: seed)
    defer { cluster.shutDown() }
    let source = try #require(cluster.leader(of: left.id))
    let done = cluster.start(
      .prepareMerge(.init(minIndex: 0, target: right)), of: left, on: source)
    cluster.run(.milliseconds(Int64(seed) * 3))
    for node in cluster.nodes { node.crash() }
    for node in cluster.nodes { try node.start() }
    _ = done
    cluster.run(.seconds(3))
    // Either nothing has begun, or it goes on by itself.
    if cluster.leader(of: left.id)?.status(left.id)?.region == left {
      #expect(cluster.prepareMerge(left, into: right))
    }
    check(cluster, left, right)
  }

  /// A region that is merging stays so: its log is not cut, whatever was proposed.
  @Test func aMergeIsNotForgotten() throws {
    let (cluster, left, right) = try TestCluster.divided()
    defer { cluster.shutDown() }
    for node in cluster.nodes { node.stall("raft-\(right.id % 4)") }
    #expect(cluster.prepareMerge(left, into: right))
    #expect(
      cluster.waitFor {
        cluster.nodes.allSatisfy { $0.engine.record(left.id)?.state == .merging }
      })
    for node in cluster.nodes {
      node.kill()
      try node.start()
      node.stall("raft-\(right.id % 4)")
    }
    #expect(cluster.waitFor { cluster.leader(of: left.id) != nil })
    for node in cluster.nodes {
      let status = try #require(node.status(left.id))
      #expect(status.peerState == .merging)
    }
    for node in cluster.nodes { node.resume() }
    check(cluster, left, right)
  }

  /// A member of the source that is removed while the merge is prepared writes an end of its own: only a merge that is
  /// applied ends a region for others.
  @Test func aRemovedSourceIsNoMergedOne() throws {
    let (cluster, left, right) = try TestCluster.divided {
      $0.stalePeers.membershipCheckInterval = .milliseconds(100)
    }
    defer { cluster.shutDown() }
    for node in cluster.nodes { node.stall("raft-\(right.id % 4)") }
    #expect(cluster.prepareMerge(left, into: right))
    #expect(
      cluster.waitFor {
        cluster.nodes.allSatisfy { $0.engine.record(left.id)?.state == .merging }
      })
    let node = try #require(cluster.nodes.first { $0 !== cluster.leader(of: left.id) })
    let mine = try #require(left.peer(onStore: node.id))
    let other = try #require(left.peers.first { $0.storeID != node.id })
    // The placement driver knows a membership without it.
    var region = try #require(node.status(left.id)?.region)
    region.peers.removeAll { $0.id == mine.id }
    region.epoch.confVersion += 1
    cluster.pd.state.withLock { $0.regions[left.id]?.region = region }
    node.store?.router.deliver([
      RaftEnvelope(
        regionID: left.id, from: other, to: mine, epoch: region.epoch, isTombstone: true)
    ])
    #expect(cluster.waitFor { node.engine.record(left.id)?.state == .tombstone })
    #expect(node.engine.record(left.id)?.merge == nil)
  }
}
