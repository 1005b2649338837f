import Codec
import Engine
import Raft
import Raftstore
import Runtime
import SimulationKit
import Testing

@testable import Raftstore

/// The comparison of replicas: what a majority has is right.
@Suite struct ConsistencyTests {
  private func cluster(_ stores: Int = 3, _ configure: (inout RaftstoreConfig) -> Void = { _ in })
    throws -> TestCluster
  {
    let cluster = try TestCluster(stores) {
      $0.reads.consistency.timeout = .seconds(5)
      configure(&$0)
    }
    for i in 0..<20 { #expect(cluster.put("k\(i)", "v\(i)")) }
    #expect(cluster.transferLeader(to: cluster.nodes[0]))
    #expect(cluster.waitFor { cluster.nodes.allSatisfy { $0.value("k19") == "v19" } })
    return cluster
  }

  private func alter(_ node: TestNode, _ family: ColumnFamily = .default) throws {
    var batch = WriteBatch()
    batch.put(family, Array("k5".utf8), Array("other".utf8))
    try node.engine.write(batch, .synced)
  }

  private func check(
    _ cluster: TestCluster, on node: TestNode? = nil
  ) -> Result<ConsistencyReport, RegionError>? {
    let answer = Shared<Result<ConsistencyReport, RegionError>?>()
    (node ?? cluster.leader)?.store?.router.checkConsistency(
      cluster.regionID,
      Completion(abandoned: .failure(.staleCommand)) { result in
        answer.withLock { $0 = result }
      })
    _ = cluster.waitFor(.seconds(10)) { answer.withLock { $0 != nil } }
    return answer.withLock { $0 }
  }

  private func verdicts(
    _ cluster: TestCluster
  ) throws -> [UInt64: ConsistencyReport.Verdict] {
    let report = try #require(check(cluster)).get()
    return Dictionary(uniqueKeysWithValues: report.replicas.map { ($0.peer.storeID, $0.verdict) })
  }

  @Test func equalReplicasAreConsistent() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    #expect(try Set(verdicts(cluster).values) == [.consistent])
    // Writes in between do not matter: all hash the data behind one entry.
    #expect(cluster.put("k1", "new"))
    #expect(try Set(verdicts(cluster).values) == [.consistent])
    #expect(cluster.nodes.allSatisfy { $0.status(cluster.regionID)?.peerState == .normal })
  }

  @Test(arguments: [ColumnFamily.default, .lock, .write], [0, 2])
  func theMinorityIsDamaged(family: ColumnFamily, position: Int) throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let node = cluster.nodes[position]
    try alter(node, family)
    let found = try verdicts(cluster)
    for other in cluster.nodes {
      #expect(found[other.id] == (other === node ? .different : .consistent))
    }
    #expect(cluster.waitFor { node.status(cluster.regionID)?.peerState == .unavailable })
    #expect(cluster.put("after", "1"))
    #expect(cluster.get("k5") == "v5")
    for other in cluster.nodes where other !== node {
      #expect(other.status(cluster.regionID)?.peerState == .normal)
    }
  }

  /// A part of the log that nothing else reads.
  @Test func theLogIsReadToo() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let node = cluster.nodes[2]
    let status = try #require(node.status(cluster.regionID))
    let index = status.lastIndex - 8
    node.damage.entry = DiskDamage.LoggedEntry(
      region: cluster.regionID, index: index,
      term: try node.logs.term(cluster.regionID, at: index))
    cluster.run(.seconds(2))
    #expect(node.status(cluster.regionID)?.peerState == .normal)
    let found = try verdicts(cluster)
    #expect(found[node.id] == .unknown)
    #expect(found[cluster.nodes[1].id] == .consistent)
    #expect(cluster.waitFor { node.status(cluster.regionID)?.peerState == .unavailable })
    #expect(node.fatalReasons.isEmpty)
  }

  /// Of two that differ no one knows which is right.
  @Test func withoutAMajorityNothingIsReplaced() throws {
    let cluster = try cluster(2)
    defer { cluster.shutDown() }
    try alter(cluster.nodes[1])
    #expect(try Set(verdicts(cluster).values) == [.undecided])
    cluster.run(.seconds(2))
    #expect(cluster.nodes.allSatisfy { $0.status(cluster.regionID)?.peerState == .normal })
  }

  @Test func aReplicaThatIsDownIsNotKnown() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let ids = cluster.nodes.map(\.id)
    cluster.nodes[2].kill()
    cluster.run(.seconds(2))
    let found = try verdicts(cluster)
    #expect(found[ids[0]] == .consistent)
    #expect(found[ids[1]] == .consistent)
    #expect(found[ids[2]] == .unknown)
  }

  /// The majority's hash is in the log: a replica compares itself when it comes to it.
  @Test func aReplicaWhoseHashIsLostComparesItself() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    let node = cluster.nodes[2]
    try alter(node)
    let id = node.id
    cluster.network.add { $0.extra?.kind != .consistencyHash || $0.from.storeID != id }
    _ = check(cluster)
    #expect(cluster.waitFor { node.status(cluster.regionID)?.peerState == .unavailable })
  }

  @Test func onlyALeaderChecks() throws {
    let cluster = try cluster()
    defer { cluster.shutDown() }
    guard case .failure(.notLeader) = check(cluster, on: cluster.nodes[1]) else {
      Issue.record("a follower has begun a check")
      return
    }
  }

  @Test func theScheduleFindsDamage() throws {
    let cluster = try cluster { $0.reads.consistency.interval = .seconds(1) }
    defer { cluster.shutDown() }
    try alter(cluster.nodes[1])
    #expect(
      cluster.waitFor(.seconds(20)) {
        cluster.nodes[1].status(cluster.regionID)?.peerState == .unavailable
      })
  }

  // MARK: Parts

  /// The data is hashed as it is at the entry: what follows in the same task waits.
  @Test func applyingStopsAtTheEntry() throws {
    let engine = try MemoryEngine()
    let region = Region(
      id: 1, epoch: RegionEpoch(confVersion: 2, version: 1), peers: [PeerInfo(id: 2, storeID: 11)])
    let header = CommandHeader(regionID: 1, peer: region.peers[0], epoch: region.epoch, term: 6)
    let put = CommandCodec.encode(header, [RequestList([.put(cf: .default, key: [1], value: [1])])])
    let hash = CommandCodec.encode(
      header, .computeHash(context: ConsistencyContext(expiresAfter: nil).encoded))
    var applier = Applier(
      ApplyRegistration(
        peerID: 2, region: region, state: BootstrapRegion.applyState, appliedTerm: 5))
    var context = ApplyContext(
      splits: SplitApplier(engine: engine, meta: StoreMeta()), merges: MergeApplier(engine: engine))
    let entries = [put, hash, put, hash].enumerated().map { position, data in
      Entry(term: 6, index: 6 + UInt64(position), data: data)
    }
    let rest = try applier.apply(
      ApplyTask(regionID: 1, peerID: 2, entries: entries, proposals: [], responses: []), &context)
    #expect(rest?.entries.map(\.index) == [8, 9])
    #expect(context.hash?.index == 7)
    #expect(applier.state.appliedIndex == 7)
    context.removeAll()
    let last = try applier.apply(try #require(rest), &context)
    #expect(last == nil || last?.entries.isEmpty == true)
    #expect(context.hash?.index == 9)
  }

  @Test func aSnapshotEndsWhatWasKnown() {
    var verification = HashVerification()
    let before = verification.computed([1], at: 10)
    verification.replaced(by: 20)
    let wrong = [
      before, verification.verify([2], at: 10), verification.computed([1], at: 15),
      verification.verify([2], at: 15), verification.computed([1], at: 25),
      verification.verify([2], at: 25),
    ]
    #expect(wrong == [false, false, false, false, false, true])
  }

  @Test func theOrderOfHashAndVerdictDoesNotMatter() {
    var verification = HashVerification()
    let wrong = [
      verification.verify([2], at: 10), verification.computed([1], at: 10),
      verification.computed([1], at: 12), verification.verify([1], at: 12),
    ]
    #expect(wrong == [false, true, false, false])
  }

  @Test func contextsAreReadBack() {
    for context in [ConsistencyContext(expiresAfter: nil), ConsistencyContext(expiresAfter: 77)] {
      #expect(ConsistencyContext(context.encoded) == context)
    }
    #expect(ConsistencyContext([]) == nil)
    #expect(ConsistencyContext([0, 1]) == nil)
    #expect(ConsistencyContext([9]) == nil)
  }

  /// A value that a compaction may have dropped elsewhere is not hashed; one that lives longer is.
  @Test func valuesThatMayHaveExpiredAreLeftOut() throws {
    let expiry: @Sendable (RawSpan) -> UInt64? = { value in
      value.withUnsafeBytes { UInt64($0.last ?? 0) }
    }
    func hash(_ pairs: [(String, UInt8)]) throws -> [UInt8]? {
      let engine = try MemoryEngine()
      var batch = WriteBatch()
      for (key, value) in pairs { batch.put(.default, Array(key.utf8), [value]) }
      try engine.write(batch, .synced)
      let request = HashRequest(
        region: Region(id: 1), peerID: 1, index: 1, context: ConsistencyContext(expiresAfter: 50))
      var hasher = RegionHasher(request, engine, expiry: expiry)
      while true {
        if let result = try hasher.hash(1) { return result }
      }
    }
    #expect(try hash([("a", 0), ("b", 40), ("c", 60)]) == hash([("a", 0), ("c", 60)]))
    #expect(try hash([("a", 0), ("b", 51), ("c", 60)]) != hash([("a", 0), ("c", 60)]))
    #expect(try hash([("a", 0)]) != hash([("b", 0)]))
    #expect(try hash([("a", 0)]) != hash([]))
  }
}
