import Codec
import Testing

@testable import Client

/// Stores and placement drivers that have stopped or do not respond.
struct FailureTests {
  /// A reserved port that nothing listens on.
  static let deadEndpoint = "127.0.0.1:1"

  @Test("Another peer is used when the leader's store has stopped")
  func stoppedLeader() async throws {
    try await FakeCluster.run { cluster, client in
      try await client.raw.put(bytes("k"), bytes("1"))
      cluster.freezePlacement()
      await cluster.stopStore(1)
      cluster.lead(10, by: 2)
      try await client.raw.put(bytes("k"), bytes("2"))
      #expect(cluster.model.withLock { $0.data[bytes("k")] } == bytes("2"))
    }
  }

  @Test("Cached routes work without the placement driver")
  func withoutPD() async throws {
    try await FakeCluster.run { cluster, client in
      // Cache the address of each store.
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

  @Test("The deadline error names the last failure")
  func deadlineCause() async throws {
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

  @Test("A write without a response is undetermined")
  func writeWithoutResponse() async throws {
    var options = FakeCluster.quick
    options.attemptTimeout = .seconds(1)
    options.retriesUndeterminedWrites = false
    try await FakeCluster.run(options: options) { cluster, client in
      cluster.model.withLock { model in
        model.callsWithoutResponse = 1
        model.executesCallsWithoutResponse = true
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
    "A write is undetermined after an error that may follow its execution",
    arguments: [
      .other(message: "timeout"), .staleCommand, .undeterminedResult(message: "m"),
      .regionNotFound(regionID: 10),
    ] as [RegionError])
  func writeWithAmbiguousError(_ error: RegionError) async throws {
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

  @Test("A call without a response is retried")
  func retryAfterTimeout() async throws {
    var options = FakeCluster.quick
    options.timeout = .seconds(60)
    options.attemptTimeout = .milliseconds(500)
    try await FakeCluster.run(options: options) { cluster, client in
      cluster.model.withLock { $0.callsWithoutResponse = 1 }
      try await client.raw.put(bytes("k"), bytes("v"))
      #expect(cluster.model.withLock { $0.data[bytes("k")] } == bytes("v"))
    }
  }

  @Test("A cancelled read ends")
  func cancelledRead() async throws {
    try await FakeCluster.run { cluster, client in
      cluster.model.withLock { $0.callsWithoutResponse = 1 }
      let task = Task { try await client.raw.get(bytes("k")) }
      while cluster.model.withLock({ $0.calls.isEmpty }) { await Task.yield() }
      task.cancel()
      await #expect(throws: ClientError.cancelled) { try await task.value }
    }
  }

  // MARK: Placement drivers

  @Test("An endpoint that does not respond is skipped")
  func deadEndpoint() async throws {
    let cluster = try await FakeCluster.start()
    let client = try await ApusClient.connect(
      to: [Self.deadEndpoint] + cluster.endpoints, options: FakeCluster.quick)
    try await client.raw.put(bytes("k"), bytes("v"))
    #expect(client.cluster.clusterID == 7)
    client.close()
    await cluster.stop()
  }

  @Test("Another endpoint is used when one has stopped")
  func stoppedEndpoint() async throws {
    try await FakeCluster.run(splitAt: ["m"], pds: 2) { cluster, client in
      try await client.raw.put(bytes("a"), bytes("v"))
      await cluster.stopPD(0)
      try await client.raw.put(bytes("z"), bytes("v"))
      #expect(try await client.cluster.stores().count == 3)
    }
  }

  @Test("The error names the endpoints that do not respond")
  func noEndpoint() async throws {
    var options = FakeCluster.quick
    options.connectTimeout = .zero
    await #expect {
      _ = try await ApusClient.connect(to: [Self.deadEndpoint], options: options)
    } throws: { error in
      guard case .unreachable(let message) = error as? ClientError else { return false }
      return message.contains(Self.deadEndpoint)
    }
  }

  @Test("Malformed endpoints are invalid arguments")
  func malformedEndpoints() async throws {
    for endpoints in [[], ["nonsense"], ["host:0"]] {
      await #expect {
        _ = try await ApusClient.connect(to: endpoints)
      } throws: { error in
        if case .invalidArgument = error as? ClientError { true } else { false }
      }
    }
  }

  @Test("A closed client refuses calls")
  func closedClient() async throws {
    try await FakeCluster.run { _, client in
      client.close()
      await #expect(throws: ClientError.self) { try await client.raw.put(bytes("k"), bytes("v")) }
    }
  }
}
