import Codec
import Testing

@testable import Client

/// Compare-and-swap, TTL and checksums of a client.
struct UpdateTests {
  @Test func swapsReturnThePreviousValue() async throws {
    try await FakeCluster.run { _, client in
      let key = bytes("k")
      let created = try await client.raw.compareAndSwap(key, from: nil, to: bytes("1"))
      #expect(created == .init(succeeded: true, previous: nil))
      let failed = try await client.raw.compareAndSwap(key, from: nil, to: bytes("2"))
      #expect(failed == .init(succeeded: false, previous: bytes("1")))
      let emptied = try await client.raw.compareAndSwap(key, from: bytes("1"), to: [])
      #expect(emptied == .init(succeeded: true, previous: bytes("1")))
      let removed = try await client.raw.compareAndSwap(key, from: [], to: nil)
      #expect(removed == .init(succeeded: true, previous: []))
      #expect(try await client.raw.get(key) == nil)
    }
  }

  /// A retry could read its own write and report a failure.
  @Test(arguments: [.staleCommand, .undeterminedResult(message: "m")] as [RegionError])
  func aSwapWithAnUnknownResultIsNotRepeated(_ error: RegionError) async throws {
    try await FakeCluster.run { cluster, client in
      cluster.script(error)
      await #expect {
        try await client.raw.compareAndSwap(bytes("k"), from: nil, to: bytes("1"))
      } throws: { error in
        if case .undetermined(.region(id: 10, _)) = error as? ClientError { true } else { false }
      }
      #expect(cluster.takeCalls().count == 1)
    }
  }

  @Test func aSwapThatWasNotProposedIsRepeated() async throws {
    try await FakeCluster.run { cluster, client in
      cluster.script(.notLeader(regionID: 10, leader: nil))
      let swap = try await client.raw.compareAndSwap(bytes("k"), from: nil, to: bytes("1"))
      #expect(swap.succeeded)
      #expect(cluster.takeCalls().count >= 2)
    }
  }

  @Test func aKeyHasATTLOrIsMissing() async throws {
    try await FakeCluster.run { _, client in
      try await client.raw.put(bytes("k"), bytes("v"), ttl: 42)
      #expect(try await client.raw.ttl(bytes("k")) == 42)
      #expect(try await client.raw.ttl(bytes("x")) == nil)
    }
  }

  @Test func checksumsOfAllRegionsAreCombined() async throws {
    try await FakeCluster.run(splitAt: ["h", "p"]) { cluster, client in
      for key in ["a", "h", "q", "z"] { try await client.raw.put(bytes(key), bytes("12")) }
      _ = cluster.takeCalls()
      let all = try await client.raw.checksum()
      #expect(all.checksum == UInt64(0x61 ^ 0x68 ^ 0x71 ^ 0x7A))
      #expect(all.pairs == 4 && all.bytes == 12)
      #expect(cluster.takeCalls().map(\.region) == [10, 20, 30])
      cluster.script(.epochNotMatch(currentRegions: []))
      let some = try await client.raw.checksum(from: bytes("b"), to: bytes("r"))
      #expect(some == .init(checksum: UInt64(0x68 ^ 0x71), pairs: 2, bytes: 6))
      let none = try await client.raw.checksum(from: bytes("c"), to: bytes("b"))
      #expect(none == .init())
    }
  }
}
