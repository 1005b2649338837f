import Codec
import Testing

@testable import Client

/// Stores and placement drivers that are gone, silent, or someone else's.
struct FailureTests {
  /// Where no one listens: the port is not for ordinary programs.
  static let nobody = "127.0.0.1:1"

  @Test func aDeadLeaderIsReplaced() async throws {
    try await FakeCluster.run { cluster, client in
      try await client.raw.put(bytes("k"), bytes("1"))
      cluster.freezePlacement()
      await cluster.stopStore(1)
      cluster.lead(10, by: 2)
      try await client.raw.put(bytes("k"), bytes("2"))
      #expect(cluster.model.withLock { $0.data[bytes("k")] } == bytes("2"))
    }
  }

  @Test func goesOnWithoutThePlacementDriver() async throws {
    try await FakeCluster.run { cluster, client in
      // Learn where each store is.
      for store in [2, 3, 1] {
        cluster.lead(10, by: UInt64(store))
        try await client.raw.put(bytes("k"), bytes("\(store)"))
      }
      await cluster.stopPD(0)
      await cluster.stopStore(1)
      cluster.lead(10, by: 3)
      try await client.raw.put(bytes("k"), bytes("x"))
      #expect(cluster.model.withLock { $0.data[bytes("k")] } == bytes("x"))
    }
  }

  @Test func theDeadlineNamesItsCause() async throws {
    let time = ManualTime()
    try await FakeCluster.run(stores: 1, time: time.time) { cluster, client in
      cluster.lead(10, by: nil)
      await #expect {
        try await client.raw.put(bytes("k"), bytes("v"))
      } throws: { error in
        guard case .deadlineExceeded(.region(id: 10, let message)) = error as? ClientError else {
          return false
        }
        return message.contains("not leader")
      }
      #expect(time.takePauses().reduce(Duration.zero, +) <= .seconds(10))
    }
  }

  @Test func aSilentStoreLeavesAWriteUndetermined() async throws {
    var options = FakeCluster.quick
    options.attemptTimeout = .seconds(1)
    options.retriesUndeterminedWrites = false
    try await FakeCluster.run(options: options) { cluster, client in
      cluster.model.withLock { model in
        model.silent = 1
        model.silentlyCarriesOut = true
      }
      await #expect {
        try await client.raw.put(bytes("k"), bytes("v"))
      } throws: { error in
        if case .undetermined(.store) = error as? ClientError { true } else { false }
      }
      #expect(cluster.model.withLock { $0.data[bytes("k")] } == bytes("v"))
    }
  }

  @Test(
    arguments: [
      .other(message: "timeout"), .staleCommand, .undeterminedResult(message: "m"),
      .regionNotFound(regionID: 10),
    ] as [RegionError])
  func anErrorThatMayFollowAWriteLeavesItUndetermined(_ error: RegionError) async throws {
    var options = FakeCluster.quick
    options.retriesUndeterminedWrites = false
    try await FakeCluster.run(options: options) { cluster, client in
      cluster.script(error)
      await #expect {
        try await client.raw.put(bytes("k"), bytes("v"))
      } throws: { error in
        if case .undetermined(.region(id: 10, _)) = error as? ClientError { true } else { false }
      }
      #expect(cluster.takeCalls().count == 1)
    }
  }

  @Test func aSilentStoreIsAskedAgain() async throws {
    var options = FakeCluster.quick
    options.attemptTimeout = .milliseconds(100)
    try await FakeCluster.run(options: options) { cluster, client in
      cluster.model.withLock { $0.silent = 1 }
      try await client.raw.put(bytes("k"), bytes("v"))
      #expect(cluster.model.withLock { $0.data[bytes("k")] } == bytes("v"))
    }
  }

  @Test func aCancelledReadEnds() async throws {
    try await FakeCluster.run { cluster, client in
      cluster.model.withLock { $0.silent = 1 }
      let task = Task { try await client.raw.get(bytes("k")) }
      while cluster.model.withLock({ $0.calls.isEmpty }) { await Task.yield() }
      task.cancel()
      await #expect(throws: ClientError.cancelled) { try await task.value }
    }
  }

  // MARK: Placement drivers

  @Test func aDeadEndpointIsPassedOver() async throws {
    let cluster = try await FakeCluster.start()
    let client = try await ApusClient.connect(
      to: [Self.nobody] + cluster.endpoints, options: FakeCluster.quick)
    try await client.raw.put(bytes("k"), bytes("v"))
    #expect(client.cluster.clusterID == 7)
    client.close()
    await cluster.stop()
  }

  @Test func anEndpointThatDiesIsReplaced() async throws {
    try await FakeCluster.run(splitAt: ["m"], pds: 2) { cluster, client in
      try await client.raw.put(bytes("a"), bytes("v"))
      await cluster.stopPD(0)
      try await client.raw.put(bytes("z"), bytes("v"))
      #expect(try await client.cluster.stores().count == 3)
    }
  }

  @Test func noEndpointIsAnErrorThatNamesIt() async throws {
    var options = FakeCluster.quick
    options.connectTimeout = .zero
    await #expect {
      _ = try await ApusClient.connect(to: [Self.nobody], options: options)
    } throws: { error in
      guard case .unreachable(let message) = error as? ClientError else { return false }
      return message.contains(Self.nobody)
    }
  }

  @Test func endpointsAreChecked() async throws {
    for endpoints in [[], ["nonsense"], ["host:0"]] {
      await #expect {
        _ = try await ApusClient.connect(to: endpoints)
      } throws: { error in
        if case .invalidArgument = error as? ClientError { true } else { false }
      }
    }
  }

  @Test func aClosedClientRefuses() async throws {
    try await FakeCluster.run { _, client in
      client.close()
      await #expect(throws: ClientError.self) { try await client.raw.put(bytes("k"), bytes("v")) }
    }
  }
}
