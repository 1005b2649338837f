import Codec
import Raft
import Raftstore
import Runtime
import Testing

@Suite struct ClusterBasicsTests {
  @Test func oneStoreFoundsAClusterAndServes() throws {
    let cluster = try TestCluster(1)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    #expect(cluster.get("a") == "1")
    #expect(cluster.delete("a"))
    #expect(cluster.get("a") == nil)
    let status = try #require(cluster.leader?.status(cluster.regionID))
    #expect(status.term == 6)
    #expect(status.truncatedIndex == 5)
  }

  @Test(arguments: [1, 2, 3, 4, 5])
  func threeReplicasHoldTheSame(seed: UInt64) throws {
    let cluster = try TestCluster(3, seed: seed)
    defer { cluster.shutDown() }
    for i in 0..<20 { #expect(cluster.put("k\(i)", "v\(i)")) }
    let reached = cluster.waitFor { cluster.nodes.allSatisfy { $0.value("k19") == "v19" } }
    #expect(reached)
    for i in 0..<20 { #expect(cluster.get("k\(i)") == "v\(i)") }
    #expect(cluster.nodes.allSatisfy { $0.fatalReasons.isEmpty })
  }

  @Test func anotherOneLeadsWhenTheLeaderDies() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    #expect(cluster.put("a", "1"))
    let old = try #require(cluster.leader)
    old.kill()
    let start = cluster.now
    #expect(cluster.put("a", "2"))
    #expect(cluster.now - start < .seconds(3))
    #expect(cluster.leader !== old)
    #expect(cluster.get("a") == "2")
    try old.start()
    #expect(cluster.waitFor { old.value("a") == "2" })
  }

  @Test func manyWritesQueuedTogetherBecomeFewEntries() throws {
    let cluster = try TestCluster(1)
    defer { cluster.shutDown() }
    let leader = try #require(cluster.leader)
    let before = try #require(leader.status(cluster.regionID)).lastIndex
    let context = cluster.context(leader)
    let answers = (0..<1000).map { i in
      cluster.send(
        [.put(cf: .default, key: Array("k\(i)".utf8), value: [1])], to: leader, context)
    }
    #expect(cluster.waitFor { answers.allSatisfy { $0.withLock { $0 != nil } } })
    for answer in answers {
      guard case .success = answer.withLock({ $0 }) else {
        Issue.record("a write failed")
        return
      }
    }
    let after = try #require(leader.status(cluster.regionID)).lastIndex
    #expect(after - before <= 100)
    #expect(leader.value("k999") != nil)
  }

  @Test func restartedStoresRemember() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    for i in 0..<10 { #expect(cluster.put("k\(i)", "v\(i)")) }
    for node in cluster.nodes { node.kill() }
    for node in cluster.nodes { try node.start() }
    for i in 0..<10 { #expect(cluster.get("k\(i)") == "v\(i)") }
    #expect(cluster.put("k10", "v10"))
    for node in cluster.nodes { node.stop() }
    for node in cluster.nodes { try node.start() }
    #expect(cluster.get("k10") == "v10")
  }

  @Test func nothingAcknowledgedIsLostWhenAllMachinesDie() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    for i in 0..<30 { #expect(cluster.put("k\(i)", "v\(i)")) }
    for node in cluster.nodes { node.crash() }
    for node in cluster.nodes { try node.start() }
    for i in 0..<30 { #expect(cluster.get("k\(i)") == "v\(i)") }
    #expect(cluster.nodes.allSatisfy { $0.fatalReasons.isEmpty })
  }
}
