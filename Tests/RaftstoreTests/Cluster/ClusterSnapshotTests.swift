import Codec
import Engine
import Raft
import Raftstore
import Runtime
import Testing

@Suite struct ClusterSnapshotTests {
  /// Found by sending hostile fields: stepped, it cut the log off, and for want of files the peer was
  /// destroyed.
  @Test func aSnapshotWithoutItsFilesChangesNothing() throws {
    let cluster = try TestCluster(1)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let node = try #require(cluster.leader)
    let status = try #require(node.status(cluster.regionID))
    var meta = SnapshotMeta(start: 1)
    meta.files = ["default", "lock", "write"].map { SnapshotFile(cf: $0) }
    let data = RaftSnapshotData(region: status.region, fileSize: 0, meta: meta)
    var message = Message(.snapshot, to: status.peer.id, from: 9001, term: status.term + 1000)
    message.snapshot = Snapshot(
      data: data.encoded(),
      metadata: SnapshotMetadata(
        confState: status.region.confState, index: status.lastIndex + 1000, term: status.term))
    node.store?.router.deliver([
      RaftEnvelope(
        regionID: cluster.regionID, from: PeerInfo(id: 9001, storeID: 9002), to: status.peer,
        message: message, epoch: status.region.epoch)
    ])
    cluster.run(.seconds(2))
    #expect(node.status(cluster.regionID)?.peer == status.peer)
    #expect(cluster.put("b", "2"))
    #expect(cluster.get("a") == "1")
  }

  static func eager(_ config: inout RaftstoreConfig) {
    config.logCompaction.interval = .milliseconds(500)
    config.logCompaction.count = 10
    config.logCompaction.threshold = 1
  }

  /// TinyKV's TestOneSnapshot2C.
  @Test(arguments: [1, 2, 3])
  func aLaggingFollowerCatchesUpBySnapshot(seed: UInt64) throws {
    let cluster = try TestCluster(3, seed: seed, Self.eager)
    defer { cluster.shutDown() }
    #expect(cluster.put("k1", "v1", in: .lock))
    #expect(cluster.put("k2", "v2", in: .lock))
    #expect(cluster.transferLeader(to: cluster.nodes[1]))
    let cut = cluster.nodes[0]
    cluster.network.isolate(cut.id)
    for i in 100..<115 { #expect(cluster.put("k\(i)", "v\(i)", in: .lock)) }
    #expect(cluster.delete("k2"))
    cluster.run(.seconds(3))
    let leader = try #require(cluster.leader)
    let status = try #require(leader.status(cluster.regionID))
    #expect(status.truncatedIndex > (cut.status(cluster.regionID)?.lastIndex ?? .max))
    #expect(cut.value("k100", .lock) == nil)
    cluster.network.clearFilters()
    #expect(cluster.waitFor { cut.value("k114", .lock) == "v114" })
    #expect(cut.value("k1", .lock) == "v1")
    #expect(cluster.put("after", "1"))
    #expect(cluster.waitFor { cut.value("after") == "1" })
    cut.stop()
    try cut.start()
    #expect(cluster.waitFor { cut.status(cluster.regionID)?.applied ?? 0 > status.truncatedIndex })
    for node in cluster.nodes {
      let state = try #require(node.status(cluster.regionID))
      #expect(state.applied - state.truncatedIndex <= 20)
      #expect(node.fatalReasons.isEmpty)
    }
  }

  @Test func snapshotFilesGoInTheEnd() throws {
    let cluster = try TestCluster(3, Self.eager)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    cluster.run(.seconds(130))
    for node in cluster.nodes { #expect(try node.files.list("snap") == []) }
  }

  /// The process crashes while the data is being replaced: the region is found *applying*.
  @Test(arguments: [true, false])
  func installationGoesOnAfterACrash(machine: Bool) throws {
    let cluster = try TestCluster(3, Self.eager)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    #expect(cluster.transferLeader(to: cluster.nodes[1]))
    let cut = cluster.nodes[0]
    cluster.network.isolate(cut.id)
    for i in 0..<30 { #expect(cluster.put("k\(i)", "v\(i)")) }
    cluster.run(.seconds(3))
    // The engine fails when the data is applied, after the applying state was written.
    cluster.network.clearFilters()
    cut.stall("region")
    let isApplying = cluster.waitFor {
      cut.status(cluster.regionID)?.peerState == .applying
        && cut.engine.record(cluster.regionID)?.state == .applying
    }
    #expect(isApplying)
    if machine { cut.crash() } else { cut.kill() }
    #expect(cut.engine.record(cluster.regionID)?.state == .applying)
    try cut.start()
    #expect(cluster.waitFor { cut.value("k29") == "v29" })
    #expect(cut.engine.record(cluster.regionID)?.state == .normal)
    #expect(cluster.put("b", "2"))
    #expect(cluster.waitFor { cut.value("b") == "2" })
    #expect(cut.fatalReasons.isEmpty)
  }

  /// Applying state was written, but the machine died before the log was reset.
  @Test func applyingStateResetsTheLog() throws {
    let cluster = try TestCluster(3, Self.eager)
    defer { cluster.shutDown() }
    #expect(cluster.transferLeader(to: cluster.nodes[1]))
    let cut = cluster.nodes[0]
    cluster.network.isolate(cut.id)
    for i in 0..<30 { #expect(cluster.put("k\(i)", "v\(i)")) }
    cluster.run(.seconds(3))
    try cut.logs.checkpoint(to: "before")
    cluster.network.clearFilters()
    cut.stall("region")
    #expect(cluster.waitFor { cut.engine.record(cluster.regionID)?.state == .applying })
    let live = cut.logs
    cut.kill()
    cut.logs = try #require(live.open(checkpoint: "before"))
    try cut.start()
    #expect(cluster.waitFor { cut.value("k29") == "v29" })
    #expect(cut.fatalReasons.isEmpty)
  }

  /// All replicas must end with the same truncated log and nothing must be missing.
  @Test(arguments: [11, 12, 13, 14])
  func crashesDuringSnapshotsLoseNothing(seed: UInt64) throws {
    let cluster = try TestCluster(3, seed: seed, Self.eager)
    defer { cluster.shutDown() }
    var random = SplitMix64(seed: seed)
    for round in 0..<8 {
      let victim = cluster.nodes[Int.random(in: 0..<3, using: &random)]
      if Bool.random(using: &random) { victim.kill() } else { victim.crash() }
      for i in 0..<15 { #expect(cluster.put("k\(round)-\(i)", "\(round)")) }
      cluster.run(.milliseconds(Int.random(in: 0..<1500, using: &random)))
      try victim.start()
      cluster.run(.milliseconds(Int.random(in: 0..<400, using: &random)))
    }
    for round in 0..<8 {
      for i in 0..<15 { #expect(cluster.get("k\(round)-\(i)") == "\(round)") }
    }
    #expect(
      cluster.waitFor {
        cluster.nodes.allSatisfy { node in
          (0..<8).allSatisfy { node.value("k\($0)-14") == "\($0)" }
        }
      })
    #expect(cluster.nodes.allSatisfy { $0.fatalReasons.isEmpty })
  }
}

extension MemoryEngine {
  /// What is recorded of a region.
  func record(_ regionID: UInt64) -> RegionLocalState? {
    guard let bytes = try? get(.raft, KeyLayout.regionState(regionID: regionID)) else { return nil }
    return try? RegionLocalState(decoding: bytes)
  }
}
