import Testing

/// Replicas are removed and come back, one by one.
@Suite struct ThreadedMembershipTests {
  @Test func replicasComeAndGo() async throws {
    try await onThread {
      try ThreadedCluster.run { cluster in
        let client = ClusterClient(cluster)
        try cluster.transferLeader(to: 1)
        for store in 2...5 as ClosedRange<UInt64> { try cluster.removePeer(on: store) }
        try client.put("k1", "v1")
        try cluster.awaitValue("k1", "v1", on: 1)
        try cluster.requireAbsent("k1", on: 2)

        try cluster.addPeer(on: 2)
        try client.put("k2", "v2")
        for key in 1...2 { try cluster.awaitValue("k\(key)", "v\(key)", on: 2) }
        guard let epoch = try cluster.region(of: "")?.epoch, epoch.confVersion > 1 else {
          throw CheckFailure("the epoch does not count changes of members")
        }
        try cluster.requireAbsent("k1", on: 5)

        try cluster.addPeer(on: 3)
        try cluster.removePeer(on: 2)
        try client.put("k3", "v3")
        for key in 1...3 { try cluster.awaitValue("k\(key)", "v\(key)", on: 3) }
        for key in 1...2 { try cluster.awaitValue("k\(key)", nil, on: 2) }

        try cluster.addPeer(on: 2)
        for key in 1...3 { try cluster.awaitValue("k\(key)", "v\(key)", on: 2) }

        // Another peer on the same store.
        try cluster.removePeer(on: 2)
        try cluster.addPeer(on: 2)
        try cluster.removePeer(on: 3)
        try client.put("k4", "v4")
        for key in [1, 4] { try cluster.awaitValue("k\(key)", "v\(key)", on: 2) }
        for key in [1, 4] { try cluster.awaitValue("k\(key)", nil, on: 3) }
      }
    }
  }

  @Test func theLeaderIsRemoved() async throws {
    try await onThread {
      try ThreadedCluster.run { cluster in
        let client = ClusterClient(cluster)
        try cluster.transferLeader(to: 1)
        try cluster.removePeer(on: 1)
        try client.put("k0", "v0")
        for store in 2...5 as ClosedRange<UInt64> {
          try cluster.awaitValue("k0", "v0", on: store)
        }
        try cluster.awaitValue("k0", nil, on: 1)

        try cluster.addPeer(on: 1)
        try cluster.transferLeader(to: 1)
        try client.put("k1", "v1")
        for store in cluster.stores { try cluster.awaitValue("k1", "v1", on: store.id) }

        for store in 2...4 as ClosedRange<UInt64> { try cluster.removePeer(on: store) }
        // The leader is one of two members.
        try cluster.transferLeader(to: 1)
        try cluster.removePeer(on: 1)
        try client.put("k2", "v2")
        try cluster.awaitValue("k2", "v2", on: 5)
        try cluster.awaitValue("k2", nil, on: 1)

        try cluster.addPeer(on: 1)
        try client.put("k3", "v3")
        try cluster.awaitValue("k3", "v3", on: 1)
        try cluster.requireAbsent("k3", on: 3)
      }
    }
  }
}
