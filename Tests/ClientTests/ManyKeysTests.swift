import Codec
import Testing

@testable import Client

/// Batches, scans and ranges over several regions.
struct ManyKeysTests {
  static let keys = ["a", "b", "h", "i", "p", "q", "z"]

  @Test("A batch is split by region")
  func batchByRegion() async throws {
    try await FakeCluster.run(splitAt: ["h", "p"]) { cluster, client in
      cluster.lead(20, by: 2)
      try await client.raw.batchPut(Self.keys.map { KeyPair(key: bytes($0), value: bytes($0)) })
      let calls = cluster.takeCalls()
      #expect(Set(calls.map(\.region)) == [10, 20, 30])
      #expect(calls.count == 3)
      let found = try await client.raw.batchGet(["z", "no", "a", "i", "a"].map(bytes))
      #expect(texts(found) == ["z=z", "a=a", "i=i", "a=a"])
      try await client.raw.batchDelete(["a", "q", "no"].map(bytes))
      #expect(cluster.model.withLock { $0.data.count } == 5)
    }
  }

  @Test("A large batch is sent in several requests")
  func largeBatch() async throws {
    var options = FakeCluster.quick
    options.batchKeys = 3
    try await FakeCluster.run(options: options) { cluster, client in
      try await client.raw.batchPut(Self.keys.map { KeyPair(key: bytes($0), value: bytes($0)) })
      #expect(cluster.takeCalls().count == 3)
      #expect(cluster.model.withLock { $0.data.count } == 7)
    }
  }

  @Test("Of several values for a key the last counts")
  func duplicateKeys() async throws {
    try await FakeCluster.run { cluster, client in
      try await client.raw.batchPut([
        KeyPair(key: bytes("k"), value: bytes("1")), KeyPair(key: bytes("k"), value: bytes("2")),
      ])
      #expect(cluster.model.withLock { $0.data[bytes("k")] } == bytes("2"))
    }
  }

  @Test("A batch is regrouped after a split")
  func batchAfterSplit() async throws {
    try await FakeCluster.run { cluster, client in
      try await client.raw.put(bytes("a"), bytes("0"))
      cluster.split(at: "i", newID: 50)
      _ = cluster.takeCalls()
      try await client.raw.batchPut(Self.keys.map { KeyPair(key: bytes($0), value: bytes($0)) })
      #expect(cluster.takeCalls().map(\.region).sorted() == [10, 10, 50])
      #expect(cluster.model.withLock { $0.data.count } == 7)
    }
  }

  @Test("Only the refused part of a batch is retried")
  func partialRetry() async throws {
    try await FakeCluster.run(splitAt: ["h", "p"], time: ManualTime().time) { cluster, client in
      cluster.script(.staleCommand)
      try await client.raw.batchPut(Self.keys.map { KeyPair(key: bytes($0), value: bytes($0)) })
      #expect(cluster.takeCalls().count == 4)
      #expect(cluster.model.withLock { $0.data.count } == 7)
    }
  }

  @Test("An empty batch sends no request")
  func emptyBatch() async throws {
    try await FakeCluster.run { cluster, client in
      try await client.raw.batchPut([])
      try await client.raw.batchDelete([])
      #expect(try await client.raw.batchGet([]).isEmpty)
      #expect(cluster.takeCalls().isEmpty)
    }
  }

  // MARK: Scans

  @Test("Scans cross regions in both orders", arguments: [1, 2, 1024])
  func scans(_ page: Int) async throws {
    var options = FakeCluster.quick
    options.scanPage = page
    try await FakeCluster.run(splitAt: ["h", "p"], options: options) { cluster, client in
      cluster.fill(Self.keys)
      let raw = client.raw
      let all = try await raw.scan(limit: 100, keysOnly: true)
      #expect(texts(all) == Self.keys)
      let backwards = try await raw.scan(limit: 100, order: .descending, keysOnly: true)
      #expect(texts(backwards) == Self.keys.reversed())
      let middle = try await raw.scan(from: bytes("b"), to: bytes("q"), limit: 100)
      #expect(texts(middle) == ["b=v-b", "h=v-h", "i=v-i", "p=v-p"])
      let down = try await raw.scan(
        from: bytes("b"), to: bytes("q"), limit: 3, order: .descending, keysOnly: true)
      #expect(texts(down) == ["p", "i", "h"])
      let few = try await raw.scan(limit: 4, keysOnly: true)
      #expect(texts(few) == ["a", "b", "h", "i"])
      let edge = try await raw.scan(
        from: bytes("h"), to: bytes("p"), limit: 9, order: .descending, keysOnly: true)
      #expect(texts(edge) == ["i", "h"])
    }
  }

  @Test("An empty range sends no request")
  func emptyRange() async throws {
    try await FakeCluster.run { cluster, client in
      cluster.fill(Self.keys)
      let inverted = try await client.raw.scan(from: bytes("z"), to: bytes("a"), limit: 9)
      let none = try await client.raw.scan(limit: 0)
      #expect(inverted.isEmpty && none.isEmpty)
      #expect(cluster.takeCalls().isEmpty)
    }
  }

  @Test("The empty key is a valid key")
  func emptyKey() async throws {
    var options = FakeCluster.quick
    options.scanPage = 1
    try await FakeCluster.run(options: options) { cluster, client in
      try await client.raw.put([], bytes("v"))
      try await client.raw.put(bytes("a"), bytes("w"))
      #expect(texts(try await client.raw.scan(limit: 9)) == ["=v", "a=w"])
      #expect(texts(try await client.raw.scan(limit: 9, order: .descending)) == ["a=w", "=v"])
    }
  }

  @Test("A scan continues after a split")
  func scanAfterSplit() async throws {
    try await FakeCluster.run { cluster, client in
      cluster.fill(Self.keys)
      try await client.raw.put(bytes("a"), bytes("v-a"))
      cluster.split(at: "i", newID: 50)
      #expect(texts(try await client.raw.scan(limit: 100, keysOnly: true)) == Self.keys)
      cluster.split(at: "p", newID: 60)
      let down = try await client.raw.scan(limit: 100, order: .descending, keysOnly: true)
      #expect(texts(down) == Self.keys.reversed())
    }
  }

  @Test("A range is deleted region by region")
  func deleteRange() async throws {
    try await FakeCluster.run(splitAt: ["h", "p"]) { cluster, client in
      cluster.fill(Self.keys)
      try await client.raw.deleteRange(from: bytes("b"), to: bytes("q"))
      #expect(texts(try await client.raw.scan(limit: 9, keysOnly: true)) == ["a", "q", "z"])
      #expect(
        cluster.takeCalls().filter { $0.method == "RawDeleteRange" }.map(\.region)
          == [10, 20, 30])
      try await client.raw.deleteRange(from: [], to: [])
      #expect(cluster.model.withLock { $0.data.isEmpty })
    }
  }

  @Test("A range may end at a region's end")
  func deleteRangeAtBound() async throws {
    try await FakeCluster.run(splitAt: ["h", "p"]) { cluster, client in
      cluster.fill(Self.keys)
      try await client.raw.deleteRange(from: bytes("a"), to: bytes("h"))
      #expect(cluster.takeCalls().map(\.region) == [10])
      #expect(cluster.model.withLock { $0.data.count } == 5)
    }
  }
}
