import Codec
import Engine
import Raft
import Raftstore
import Runtime
import Testing

/// Stale reads: what a replica may serve alone, and when its timestamp advances.
@Suite struct StaleReadTests {
  private static func eager(_ config: inout RaftstoreConfig) {
    config.reads.safeTS.isEnabled = true
    config.reads.safeTS.advanceInterval = .milliseconds(100)
  }

  private func safeTS(_ cluster: TestCluster, _ node: TestNode, _ id: UInt64? = nil) -> UInt64 {
    node.store?.meta.delegate(id ?? cluster.regionID)?.staleReads.safeTS ?? 0
  }

  /// A timestamp issued now.
  private func timestamp(_ cluster: TestCluster) -> UInt64 {
    cluster.pd.state.withLock { state in
      state.lastTimestamp += 1
      return state.lastTimestamp
    }
  }

  private func context(_ cluster: TestCluster, _ node: TestNode, _ readTS: UInt64)
    -> RequestContext
  {
    cluster.context(node) {
      $0.staleRead = true
      $0.readTS = readTS
    }
  }

  /// The value as a request thread reads it; the outer nil: it cannot.
  private func local(_ node: TestNode, _ context: RequestContext, _ key: String) -> String?? {
    guard let reader = node.store?.reader else { return nil }
    let outcome = try? reader.read(context) { (view, _) throws(EngineError) in
      try view.get(.default, Array(key.utf8))
    }
    guard case .success(let bytes)? = outcome else { return nil }
    return .some(bytes.map { String(decoding: $0, as: UTF8.self) })
  }

  @Test func everyReplicaServesWhatIsSafe() throws {
    let cluster = try TestCluster(4, replicas: 3, Self.eager)
    defer { cluster.shutDown() }
    cluster.addPeer(on: cluster.nodes[3], as: .addLearnerNode)
    #expect(cluster.put("a", "1"))
    let readTS = timestamp(cluster)
    for node in cluster.nodes {
      #expect(cluster.waitFor { safeTS(cluster, node) >= readTS })
      #expect(local(node, context(cluster, node, readTS), "a") == .some("1"))
    }
  }

  /// The lowest timestamp of all regions that a store leads reaches the placement driver; one that is not known holds it
  /// back.
  @Test func aStoreReportsTheLowestTimestamp() throws {
    let cluster = try TestCluster(3) { config in
      Self.eager(&config)
      config.shards = 2
    }
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    func reported() -> UInt64 { cluster.pd.state.withLock { $0.resolved[leader.id] ?? 0 } }
    let readTS = timestamp(cluster)
    #expect(cluster.waitFor { reported() >= readTS })
    let others = cluster.nodes.filter { $0 !== leader }.map(\.id)
    #expect(cluster.pd.state.withLock { state in others.allSatisfy { state.resolved[$0] == nil } })
    // A lock holds the region back, not the one that it is not in.
    _ = try #require(try cluster.split(["m"])?.get())
    let startTS = timestamp(cluster)
    let lock = Array("P".utf8) + [2] + Array("k".utf8) + Self.varint(startTS)
    let write = Mutation.put(cf: .lock, key: Array("x".utf8), value: lock)
    guard case .success? = cluster.write([write], to: leader) else {
      Issue.record("the lock was not written")
      return
    }
    #expect(cluster.waitFor { reported() == startTS - 1 })
    cluster.run(.seconds(2))
    #expect(reported() == startTS - 1)
  }

  @Test func whatIsNotSafeIsRefusedWithTheTimestampThatIs() throws {
    let cluster = try TestCluster(3, Self.eager)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let node = try #require(cluster.nodes.first { $0 !== cluster.leader })
    #expect(cluster.waitFor { safeTS(cluster, node) > 0 })
    let context = context(cluster, node, .max)
    #expect(local(node, context, "a") == nil)
    guard
      case .failure(.dataIsNotReady(let id, let peer, let safe))? = cluster.read(
        "a", from: node, context)
    else {
      Issue.record("a timestamp of the future was served")
      return
    }
    #expect(id == cluster.regionID)
    #expect(peer == context.peer.id)
    #expect(safe > 0 && safe <= safeTS(cluster, node))
  }

  /// The index comes first: a replica that has not applied it does not take over the timestamp.
  @Test func aReplicaAppliesBeforeItAdvances() throws {
    let cluster = try TestCluster(3, Self.eager)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "old"))
    let node = try #require(cluster.nodes.first { $0 !== cluster.leader })
    #expect(cluster.waitFor { node.value("a") == "old" })
    node.stall("apply-0")
    #expect(cluster.put("a", "new"))
    let readTS = timestamp(cluster)
    cluster.run(.seconds(2))
    let leader = try #require(cluster.leader)
    #expect(safeTS(cluster, leader) >= readTS)
    #expect(safeTS(cluster, node) < readTS)
    node.resume()
    #expect(cluster.waitFor { safeTS(cluster, node) >= readTS })
    #expect(local(node, context(cluster, node, readTS), "a") == .some("new"))
  }

  /// A leader that is cut off must not vouch for writes of its successor.
  @Test(arguments: 1...5 as ClosedRange<UInt64>)
  func aLeaderThatIsCutOffDoesNotAdvance(seed: UInt64) throws {
    let cluster = try TestCluster(3, seed: seed, Self.eager)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "old"))
    let old = try #require(cluster.leader)
    #expect(cluster.waitFor { safeTS(cluster, old) > 0 })
    cluster.network.isolate(old.id)
    let next = try #require(cluster.nodes.first { $0 !== old })
    let others = cluster.nodes.filter { $0 !== old }
    #expect(
      cluster.waitFor { others.contains { $0.status(cluster.regionID)?.role == .leader } })
    #expect(cluster.put("a", "new"))
    let readTS = timestamp(cluster)
    #expect(cluster.waitFor { safeTS(cluster, next) >= readTS })
    cluster.run(.seconds(1))
    #expect(safeTS(cluster, old) < readTS)
    cluster.network.clearFilters()
    #expect(cluster.waitFor { safeTS(cluster, old) >= readTS })
    #expect(local(old, context(cluster, old, readTS), "a") == .some("new"))
  }

  /// A transaction may commit at a timestamp before the present one as long as its lock exists.
  @Test func aLockHoldsTheTimestampBack() throws {
    let cluster = try TestCluster(3, Self.eager)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let startTS = timestamp(cluster)
    let lock = Array("P".utf8) + [2] + Array("k".utf8) + Self.varint(startTS)
    let write = Mutation.put(cf: .lock, key: Array("k".utf8), value: lock)
    let leader = try #require(cluster.leader)
    guard case .success? = cluster.write([write], to: leader) else {
      Issue.record("the lock was not written")
      return
    }
    let readTS = timestamp(cluster)
    cluster.run(.seconds(2))
    for node in cluster.nodes { #expect(safeTS(cluster, node) < startTS) }
    // A new leader finds the lock by a scan.
    let next = try #require(cluster.nodes.first { $0 !== leader })
    #expect(cluster.transferLeader(to: next))
    cluster.run(.seconds(2))
    for node in cluster.nodes { #expect(safeTS(cluster, node) < startTS) }
    #expect(safeTS(cluster, next) == startTS - 1)
    let delete = Mutation.delete(cf: .lock, key: Array("k".utf8))
    guard case .success? = cluster.write([delete], to: next) else {
      Issue.record("the lock was not removed")
      return
    }
    #expect(cluster.waitFor { cluster.nodes.allSatisfy { safeTS(cluster, $0) >= readTS } })
  }

  private static func varint(_ number: UInt64) -> [UInt8] {
    var (rest, bytes) = (number, [UInt8]())
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  /// Raw requests have no timestamp: a replica serves them whatever it has, also alone.
  @Test func aStaleReadWithoutATimestampNeedsNoOne() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let node = try #require(cluster.nodes.first { $0 !== cluster.leader })
    #expect(cluster.waitFor { node.value("a") == "1" })
    cluster.network.isolate(node.id)
    cluster.run(.seconds(5))
    #expect(local(node, context(cluster, node, 0), "a") == .some("1"))
    #expect(cluster.read("a", from: node, context(cluster, node, 0)) == .success("1"))
  }

  @Test func aReplicaThatAppliesASnapshotServesNothing() throws {
    let cluster = try TestCluster(3) { config in
      Self.eager(&config)
      ClusterSnapshotTests.eager(&config)
    }
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    #expect(cluster.transferLeader(to: cluster.nodes[1]))
    let node = cluster.nodes[0]
    #expect(cluster.waitFor { safeTS(cluster, node) > 0 })
    let context = context(cluster, node, 0)
    cluster.network.isolate(node.id)
    for number in 0..<30 { #expect(cluster.put("b\(number)", "x")) }
    cluster.run(.seconds(3))
    node.stall("region")
    cluster.network.clearFilters()
    #expect(
      cluster.waitFor { node.status(cluster.regionID)?.isApplyingSnapshot == true })
    #expect(local(node, context, "a") == nil)
    #expect(safeTS(cluster, node) == 0)
    #expect(
      cluster.read("a", from: node, context)
        == .failure(.regionNotInitialized(regionID: cluster.regionID)))
    node.resume()
    let readTS = timestamp(cluster)
    #expect(cluster.waitFor { safeTS(cluster, node) >= readTS })
    #expect(local(node, self.context(cluster, node, readTS), "b29") == .some("x"))
  }

  @Test func aChildOfASplitBeginsWithoutATimestamp() throws {
    let cluster = try TestCluster(3, Self.eager)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let leader = try #require(cluster.leader)
    #expect(cluster.waitFor { safeTS(cluster, leader) > 0 })
    let before = safeTS(cluster, leader)
    cluster.pd.state.withLock { $0.isReachable = false }
    guard case .success(let regions)? = cluster.split(["m"]) else {
      Issue.record("the split was refused")
      return
    }
    let child = try #require(regions.first { $0.id != cluster.regionID })
    #expect(safeTS(cluster, leader) >= before)
    #expect(safeTS(cluster, leader, child.id) == 0)
    cluster.pd.state.withLock { $0.isReachable = true }
    let readTS = timestamp(cluster)
    #expect(
      cluster.waitFor {
        cluster.nodes.allSatisfy { safeTS(cluster, $0, child.id) >= readTS }
      })
  }

  @Test func theTimestampAdvancesAfterAMerge() throws {
    let (cluster, left, right) = try TestCluster.divided(Self.eager)
    defer { cluster.shutDown() }
    #expect(cluster.waitFor { cluster.nodes.allSatisfy { safeTS(cluster, $0, right.id) > 0 } })
    #expect(cluster.prepareMerge(left, into: right))
    #expect(cluster.waitFor { cluster.hasMerged(left, into: right) })
    #expect(cluster.putRouted("a", "2"))
    let readTS = timestamp(cluster)
    for node in cluster.nodes {
      #expect(cluster.waitFor { safeTS(cluster, node, right.id) >= readTS })
      var context = cluster.context(node, of: right.id)
      context.staleRead = true
      context.readTS = readTS
      #expect(local(node, context, "a") == .some("2"))
    }
  }

  @Test func aDestroyedReplicaServesNothing() throws {
    let cluster = try TestCluster(3, Self.eager)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let node = try #require(cluster.nodes.first { $0 !== cluster.leader })
    #expect(cluster.waitFor { safeTS(cluster, node) > 0 })
    let context = context(cluster, node, 0)
    let delegate = try #require(node.store?.meta.delegate(cluster.regionID))
    let admission = try #require(delegate.admitStale(context))
    cluster.removePeer(on: node)
    #expect(cluster.waitFor { node.status(cluster.regionID) == nil })
    #expect(!delegate.confirmStale(admission))
    #expect(local(node, context, "a") == nil)
  }
}
