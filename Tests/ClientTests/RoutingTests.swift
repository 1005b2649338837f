import Codec
import Testing

@testable import Client

/// Requests for single keys: their targets, and the reactions to errors.
struct RoutingTests {
  @Test("Gets, puts and deletes")
  func singleKeys() async throws {
    try await FakeCluster.run { cluster, client in
      #expect(try await client.raw.get(bytes("k")) == nil)
      try await client.raw.put(bytes("k"), bytes("v"))
      #expect(try await client.raw.get(bytes("k")) == bytes("v"))
      try await client.raw.put(bytes("k"), [])
      #expect(try await client.raw.get(bytes("k")) == [])
      try await client.raw.delete(bytes("k"))
      #expect(try await client.raw.get(bytes("k")) == nil)
      #expect(cluster.takeCalls().allSatisfy { $0.store == 1 })
    }
  }

  @Test("Each request goes to the leader of the key's region")
  func sendsToLeaders() async throws {
    try await FakeCluster.run(splitAt: ["h", "p"]) { cluster, client in
      cluster.lead(20, by: 2)
      cluster.lead(30, by: 3)
      for key in ["a", "h", "z", "o"] { try await client.raw.put(bytes(key), bytes(key)) }
      let calls = cluster.takeCalls()
      #expect(calls.map(\.region) == [10, 20, 30, 20])
      #expect(calls.map(\.store) == [1, 2, 3, 2])
    }
  }

  @Test("A leader hint is followed at once and cached")
  func leaderHint() async throws {
    let time = ManualTime()
    try await FakeCluster.run(time: time.time) { cluster, client in
      cluster.freezePlacement()
      cluster.lead(10, by: 3)
      try await client.raw.put(bytes("k"), bytes("v"))
      #expect(cluster.takeCalls().map(\.store) == [1, 3])
      #expect(time.takePauses().isEmpty)
      // The next request uses it.
      _ = try await client.raw.get(bytes("k"))
      #expect(cluster.takeCalls().map(\.store) == [3])
    }
  }

  @Test("Other peers are tried while there is no leader")
  func noLeader() async throws {
    let time = ManualTime()
    try await FakeCluster.run(time: time.time) { cluster, client in
      cluster.script(
        .notLeader(regionID: 10, leader: nil), .notLeader(regionID: 10, leader: nil),
        .notLeader(regionID: 10, leader: nil), .notLeader(regionID: 10, leader: nil))
      try await client.raw.put(bytes("k"), bytes("v"))
      let stores = cluster.takeCalls().map(\.store)
      // After all peers the region is looked up again: the placement driver names store 1.
      #expect(Array(stores.prefix(4)) == [1, 2, 3, 1])
      #expect(stores.last == 1)
      #expect(time.takePauses().prefix(4) == [2, 4, 8, 16].map { Duration.milliseconds($0) }[...])
    }
  }

  @Test(
    "Retries after the pause of the error",
    arguments: [
      (.serverIsBusy(reason: "r", backoffMs: 0), 1000), (.staleCommand, 2),
      (.serverIsBusy(reason: "r", backoffMs: 3000), 3000),
      (.readIndexNotReady(reason: "r", regionID: 10), 2), (.regionNotFound(regionID: 10), 2),
      (.storeNotMatch(requestStoreID: 1, actualStoreID: 2), 2),
      (.epochNotMatch(currentRegions: []), 2),
      (.keyNotInRegion(key: [], regionID: 10, start: [], end: []), 2), (.maxTimestampNotSynced, 2),
      (.proposalInMergingMode(regionID: 10), 2),
      (.mismatchPeerID(requestPeerID: 1, storePeerID: 2), 2),
      (.diskFull(storeIDs: [1], reason: "r"), 250), (.recoveryInProgress(regionID: 10), 50),
      (.other(message: "m"), 2), (.undeterminedResult(message: "m"), 2),
    ] as [(RegionError, Int)])
  func retries(_ error: RegionError, _ pause: Int) async throws {
    let time = ManualTime()
    try await FakeCluster.run(time: time.time) { cluster, client in
      cluster.script(error)
      try await client.raw.put(bytes("k"), bytes("v"))
      #expect(cluster.takeCalls().map(\.store) == [1, 1])
      #expect(time.takePauses() == [.milliseconds(pause)])
      #expect(cluster.model.withLock { $0.data[bytes("k")] } == bytes("v"))
    }
  }

  @Test(
    "Tries the next peer",
    arguments: [.regionNotInitialized(regionID: 10), .isWitness(regionID: 10)] as [RegionError])
  func nextPeer(_ error: RegionError) async throws {
    try await FakeCluster.run(time: ManualTime().time) { cluster, client in
      cluster.script(error)
      try await client.raw.put(bytes("k"), bytes("v"))
      // Store 2 names the leader.
      #expect(cluster.takeCalls().map(\.store) == [1, 2, 1])
    }
  }

  @Test(
    "Errors that a retry cannot change are returned",
    arguments: [
      .raftEntryTooLarge(regionID: 10, entrySize: 9),
      .flashbackInProgress(
        regionID: 10, flashbackStartTS: 1),
    ] as [RegionError])
  func finalErrors(_ error: RegionError) async throws {
    try await FakeCluster.run { cluster, client in
      cluster.script(error)
      await #expect(throws: ClientError.refused(error.message)) {
        try await client.raw.put(bytes("k"), bytes("v"))
      }
      #expect(cluster.takeCalls().count == 1)
    }
  }

  @Test("The error text of a store is returned")
  func refusalText() async throws {
    try await FakeCluster.run { cluster, client in
      cluster.model.withLock { $0.refusal = "key too large" }
      await #expect(throws: ClientError.refused("key too large")) {
        _ = try await client.raw.get(bytes("k"))
      }
    }
  }

  @Test("Regions of an epoch error are cached")
  func splitFromStore() async throws {
    let time = ManualTime()
    try await FakeCluster.run(time: time.time) { cluster, client in
      try await client.raw.put(bytes("z"), bytes("1"))
      cluster.freezePlacement()
      cluster.split(at: "m", newID: 50)
      _ = cluster.takeCalls()
      try await client.raw.put(bytes("z"), bytes("2"))
      #expect(cluster.takeCalls().map(\.region) == [10, 50])
      try await client.raw.put(bytes("a"), bytes("3"))
      #expect(cluster.takeCalls().map(\.region) == [10])
    }
  }

  @Test("A store with an older region is retried after a pause")
  func staleStore() async throws {
    let time = ManualTime()
    try await FakeCluster.run(time: time.time) { cluster, client in
      var old = cluster.model.withLock { $0.regions[0] }
      old.epoch.version = 1
      cluster.script(.epochNotMatch(currentRegions: [old]))
      try await client.raw.put(bytes("z"), bytes("2"))
      #expect(cluster.takeCalls().map(\.region) == [10, 10])
      #expect(time.takePauses() == [.milliseconds(2)])
    }
  }
}
