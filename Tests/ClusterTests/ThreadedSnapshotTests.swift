import Engine
import Testing

/// A replica that has missed entries which no log has any longer gets a snapshot.
@Suite struct ThreadedSnapshotTests {
  @Test func aLaggingReplicaGetsASnapshot() async throws {
    try await onThread {
      try ThreadedCluster.run(3, { $0.logCompaction.count = 10 }) { cluster in
        let client = ClusterClient(cluster)
        for number in 1...2 { try client.put("k\(number)", "v\(number)", cf: "lock") }
        for store in cluster.stores { try cluster.awaitValue("k2", "v2", on: store.id, .lock) }

        cluster.network.partition([1], [2, 3])
        for number in 100..<115 { try client.put("k\(number)", "v\(number)", cf: "lock") }
        try client.delete("k2", cf: "lock")
        // No log has what store 1 needs.
        try Wait.until("the logs are compacted") {
          try ([2, 3] as [UInt64]).allSatisfy { id in
            guard let missing = try cluster.store(1).applyState(cluster.regionID)?.appliedIndex,
              let state = try cluster.store(id).applyState(cluster.regionID)
            else { return false }
            return state.truncatedIndex > missing
          }
        }
        try cluster.requireAbsent("k100", on: 1, .lock)
        cluster.network.heal()
        try cluster.awaitValue("k1", "v1", on: 1, .lock)
        try cluster.awaitValue("k100", "v100", on: 1, .lock)
        try cluster.awaitValue("k2", nil, on: 1, .lock)
        guard let state = try cluster.store(1).applyState(cluster.regionID),
          state.truncatedIndex > 5
        else { throw CheckFailure("store 1 has received no snapshot") }

        try cluster.store(1).stop()
        try cluster.store(1).start()
        try cluster.awaitValue("k1", "v1", on: 1, .lock)
        try client.put("k200", "v200", cf: "lock")
        for store in cluster.stores {
          try cluster.awaitValue("k200", "v200", on: store.id, .lock)
          try Wait.until("the log of store \(store.id) has at most 20 applied entries") {
            guard let state = try store.applyState(cluster.regionID) else { return false }
            return state.appliedIndex - state.truncatedIndex <= 20
          }
        }
      }
    }
  }
}
