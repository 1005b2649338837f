import Raftstore
import Testing

@Suite struct ReplacedStoreTests {
  /// What registers and what reports is recognizably the same process.
  @Test func theStartIsReportedAsItWasRegistered() throws {
    let cluster = try TestCluster(1)
    defer { cluster.shutDown() }
    let node = cluster.nodes[0]
    for _ in 0..<2 {
      let isReported = cluster.waitFor {
        cluster.pd.state.withLock { state in
          guard let start = state.storeHeartbeats[node.id]?.startTime else { return false }
          return start == UInt64(node.startTimestamp)
            && state.stores[node.id]?.startTimestamp == node.startTimestamp
        }
      }
      #expect(isReported)
      node.kill()
      try node.start()
    }
  }

  /// Another process has its place: it must not go on beside that one. Any other refusal it lives through.
  @Test func aReplacedStoreStops() throws {
    let cluster = try TestCluster(3)
    defer { cluster.shutDown() }
    let (node, other) = (cluster.nodes[1], cluster.nodes[2])
    cluster.pd.state.withLock {
      $0.heartbeatRefusals = [node.id: .replaced("by that one"), other.id: .refused("no")]
    }
    let hasStopped = cluster.waitFor(.seconds(30)) { !node.fatalReasons.isEmpty }
    #expect(hasStopped)
    let reason = try #require(node.fatalReasons.first)
    #expect(reason.contains("by that one") && reason.contains("store2"), "\(reason)")
    cluster.run(.seconds(30))
    #expect(other.fatalReasons.isEmpty && cluster.nodes[0].fatalReasons.isEmpty)
  }
}
