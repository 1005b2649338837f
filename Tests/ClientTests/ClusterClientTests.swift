import Codec
import Testing

@testable import Client

struct ClusterClientTests {
  @Test("Returns members and stores")
  func membersAndStores() async throws {
    try await FakeCluster.run(pds: 2) { cluster, client in
      let members = try await client.cluster.members()
      #expect(members.map(\.name) == ["pd0", "pd1"])
      #expect(members.map(\.isLeader) == [true, false])
      let stores = try await client.cluster.stores()
      #expect(stores.map(\.id) == [1, 2, 3])
      #expect(stores.allSatisfy { $0.state == .up && $0.statistics?.regions == 1 })
      #expect(try await client.cluster.store(id: 2)?.id == 2)
      #expect(try await client.cluster.store(id: 9) == nil)
    }
  }

  @Test("Returns regions by range, key and id")
  func regions() async throws {
    try await FakeCluster.run(splitAt: ["h", "p"]) { cluster, client in
      cluster.lead(20, by: 2)
      cluster.lead(30, by: nil)
      let regions = try await client.cluster.regions()
      #expect(regions.map(\.id) == [10, 20, 30])
      #expect(regions.map(\.leader?.storeID) == [1, 2, nil])
      #expect(regions[1].startKey == bytes("h"))
      #expect(regions[1].peers.map(\.storeID) == [1, 2, 3])
      #expect(try await client.cluster.regions(limit: 2).map(\.id) == [10, 20])
      #expect(try await client.cluster.regions(from: bytes("j"), to: bytes("p")).map(\.id) == [20])
      #expect(try await client.cluster.region(holding: bytes("h"))?.id == 20)
      #expect(try await client.cluster.region(id: 30)?.id == 30)
      #expect(try await client.cluster.region(id: 31) == nil)
      #expect(try await client.cluster.region(id: 0) == nil)
    }
  }

  @Test("Timestamps increase")
  func timestampsIncrease() async throws {
    try await FakeCluster.run { _, client in
      let first = try await client.cluster.timestamp()
      let second = try await client.cluster.timestamp()
      #expect(Timestamp(first).physical == 1000)
      #expect(first < second)
    }
  }
}
