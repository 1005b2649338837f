import Testing

/// What TinyKV's tests of the basic cluster check one by one.
@Suite struct ThreadedFailoverTests {
  @Test func storesHaveDirectoriesOfTheirOwn() async throws {
    try await onThread {
      try ThreadedCluster.run { cluster in
        let directories = cluster.stores.map(\.directory)
        guard Set(directories).count == 5 else { throw CheckFailure("\(directories)") }
      }
    }
  }

  /// Only a majority takes writes. The former leader, cut off with a minority, gets what it has missed.
  @Test func aMinorityTakesNoWrites() async throws {
    try await onThread {
      try ThreadedCluster.run { cluster in
        let client = ClusterClient(cluster)
        let leader = try cluster.leader()
        let others = cluster.stores.map(\.id).filter { $0 != leader }
        let majority = Set([leader] + others.prefix(2))
        cluster.network.partition(majority, Set(others.suffix(2)))
        try client.put("k1", "v1")
        guard try client.get("k1") == "v1" else { throw CheckFailure("k1 is not read back") }
        for store in others.suffix(2) { try cluster.requireAbsent("k1", on: store) }
        cluster.network.heal()

        // Now the leader is in the minority.
        let former = try cluster.leader()
        let rest = cluster.stores.map(\.id).filter { $0 != former }
        cluster.network.partition([former, rest[0]], Set(rest.dropFirst()))
        guard try client.get("k1") == "v1" else { throw CheckFailure("k1 is lost") }
        try client.put("k1", "changed")
        for store in [former, rest[0]] {
          guard try cluster.store(store).value("k1") != "changed" else {
            throw CheckFailure("store \(store) has a write of the other side")
          }
        }
        cluster.network.heal()

        try client.put("k2", "v2")
        for store in cluster.stores {
          try cluster.awaitValue("k2", "v2", on: store.id)
          try cluster.awaitValue("k1", "changed", on: store.id)
        }
      }
    }
  }

  @Test func everyStoreLeadsInTurn() async throws {
    try await onThread {
      try ThreadedCluster.run { cluster in
        for store in cluster.stores { try cluster.transferLeader(to: store.id) }
      }
    }
  }
}
