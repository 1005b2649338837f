import Codec
import Raft
import Raftstore
import Runtime
import Testing

/// How a leader comes to send a snapshot, and what it keeps for the follower meanwhile.
@Suite struct SnapshotSendingTests {
  /// A follower that has missed entries which the log does not hold any more; it is still cut off.
  private func clusterWithLaggard(
    _ configure: (inout RaftstoreConfig) -> Void = { _ in }
  ) throws -> (cluster: TestCluster, cut: TestNode, leader: TestNode) {
    let cluster = try TestCluster(3) { config in
      ClusterSnapshotTests.eager(&config)
      configure(&config)
    }
    #expect(cluster.put("k", "v"))
    #expect(cluster.transferLeader(to: cluster.nodes[1]))
    let cut = cluster.nodes[0]
    cluster.network.isolate(cut.id)
    for i in 0..<30 { #expect(cluster.put("k\(i)", "v\(i)")) }
    cluster.run(.seconds(3))
    let leader = try #require(cluster.leader)
    #expect(
      try #require(leader.status(cluster.regionID)).truncatedIndex
        > (cut.status(cluster.regionID)?.lastIndex ?? .max))
    return (cluster, cut, leader)
  }

  private func generated(_ node: TestNode) -> Int { count("apus_snapshot_generated_total", node) }

  private func count(_ name: String, _ node: TestNode) -> Int {
    let line = node.metrics.text().split(separator: "\n").first { $0.hasPrefix(name + " ") }
    return line.flatMap { Int($0.split(separator: " ")[1]) } ?? -1
  }

  // MARK: Asking the receiver

  /// TiKV's test_snapshot_receiver_busy and _receiver_not_busy_after_precheck_is_complete: nothing is generated
  /// for a store that can take no snapshot, and it is as soon as it can.
  @Test func nothingIsGeneratedForABusyReceiver() throws {
    let (cluster, cut, leader) = try clusterWithLaggard()
    defer { cluster.shutDown() }
    let before = generated(leader)
    let snapshots = try #require(cut.snapshots)
    for region in 1000..<1000 + UInt64(snapshots.limits.maxReceiving) {
      #expect(snapshots.reserveReceiving(region))
    }
    cluster.network.clearFilters()
    cluster.run(.seconds(20))
    #expect(cluster.leader === leader)
    #expect(generated(leader) == before)
    #expect(cut.value("k29") == nil)
    // The places were promised for a minute.
    #expect(cluster.waitFor(.seconds(60)) { cut.value("k29") == "v29" })
    #expect(generated(leader) == before + 1)
  }

  /// A store of an earlier version does not respond.
  @Test func aReceiverThatDoesNotRespondGetsItsSnapshot() throws {
    let (cluster, cut, _) = try clusterWithLaggard()
    defer { cluster.shutDown() }
    cluster.network.clearFilters()
    cluster.network.add { $0.extra?.kind != .snapGenPrecheckResponse }
    #expect(cluster.waitFor { cut.value("k29") == "v29" })
  }

  /// A lost question or response costs a moment, not the snapshot.
  @Test func theQuestionIsAskedAgain() throws {
    let (cluster, cut, leader) = try clusterWithLaggard()
    defer { cluster.shutDown() }
    let before = generated(leader)
    let asked = Shared<UInt64>()
    cluster.network.clearFilters()
    cluster.network.add { envelope in
      guard envelope.extra?.kind == .snapGenPrecheckRequest else { return true }
      return asked.withLock { count in
        count += 1
        return count > 2
      }
    }
    #expect(cluster.waitFor { cut.value("k29") == "v29" })
    #expect(asked.withLock { $0 } >= 3)
    #expect(generated(leader) == before + 1)
  }

  // MARK: Giving up

  /// tikv#17191: what is generated for a member that is gone is given up, and the leader goes on.
  @Test func noSnapshotIsGeneratedForAMemberThatWasRemoved() throws {
    let (cluster, cut, leader) = try clusterWithLaggard()
    defer { cluster.shutDown() }
    let before = generated(leader)
    leader.stall("snap-generate-0")
    leader.stall("snap-generate-1")
    cluster.network.clearFilters()
    cluster.run(.seconds(2))
    cluster.removePeer(on: cut)
    cluster.run(.seconds(5))
    leader.resume()
    cluster.run(.seconds(2))
    #expect(generated(leader) == before)
    #expect(cluster.put("after", "1"))
    cluster.addPeer(on: cut)
    #expect(cluster.waitFor { cut.value("after") == "1" })
  }

  /// TiKV's test_leader_step_down_after_requesting_snapshot, test_gen_snapshot_with…: the next leadership is not
  /// held up by a snapshot of the one before.
  @Test func aNewLeaderGeneratesItsOwn() throws {
    let (cluster, cut, leader) = try clusterWithLaggard()
    defer { cluster.shutDown() }
    leader.stall("snap-generate-0")
    leader.stall("snap-generate-1")
    cluster.network.clearFilters()
    cluster.run(.seconds(2))
    #expect(cluster.transferLeader(to: cluster.nodes[2]))
    #expect(cluster.waitFor { cut.value("k29") == "v29" })
    leader.resume()
    #expect(cluster.transferLeader(to: leader))
    #expect(cluster.put("after", "1"))
    #expect(cluster.waitFor { cut.value("after") == "1" })
  }

  // MARK: Keeping the log

  /// Holds up the generation of the follower's snapshot, and returns the index from which on it needs the log.
  private func beginGenerating(_ cluster: TestCluster, _ leader: TestNode) throws -> UInt64 {
    leader.stall("snap-generate-0")
    leader.stall("snap-generate-1")
    cluster.network.clearFilters()
    cluster.run(.seconds(3))
    return try #require(leader.status(cluster.regionID)).applied
  }

  /// A region under writes converges: while a follower's snapshot is under way, the entries behind it are kept although
  /// there are more than the count limit allows, and one snapshot is enough.
  @Test func theLogBehindASnapshotIsKept() throws {
    let (cluster, cut, leader) = try clusterWithLaggard()
    defer { cluster.shutDown() }
    let before = generated(leader)
    let index = try beginGenerating(cluster, leader)
    for i in 0..<60 {
      #expect(cluster.put("w\(i)", "\(i)"))
      cluster.run(.milliseconds(50))
    }
    let status = try #require(leader.status(cluster.regionID))
    #expect(status.applied >= index + 60)
    #expect(status.truncatedIndex <= index)
    leader.resume()
    #expect(cluster.waitFor { cut.value("w59") == "59" })
    #expect(generated(leader) == before + 1)
    // Once it has caught up nothing holds the log back.
    cluster.run(.seconds(5))
    #expect(
      try #require(leader.status(cluster.regionID)).truncatedIndex + 20 > status.applied)
  }

  /// But within a bound: a follower that never gets on must not fill the disk.
  @Test func theLogIsNotKeptBeyondTheBound() throws {
    let (cluster, cut, leader) = try clusterWithLaggard { $0.logCompaction.snapshotBytes = 1 }
    defer { cluster.shutDown() }
    let index = try beginGenerating(cluster, leader)
    for i in 0..<60 { #expect(cluster.put("w\(i)", "\(i)")) }
    #expect(
      cluster.waitFor { leader.status(cluster.regionID)?.truncatedIndex ?? 0 > index })
    leader.resume()
    #expect(cluster.waitFor { cut.value("w59") == "59" })
  }
}
