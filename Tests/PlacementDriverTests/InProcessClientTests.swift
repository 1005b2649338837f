import Codec
import Engine
import PlacementDriver
import Runtime
import Synchronization
import Testing

/// A store's calls to PD in the same process.
struct InProcessClientTests {
  private typealias Client = InProcessPDClient<MailboxPDTransport>

  /// Runs `body` with a client of PD on a thread of its own.
  private func withClient(
    _ body: (Client, Worker<PDMessage>) async throws -> Void
  ) async throws {
    let host = ThreadHost()
    let engine = try MemoryEngine()
    let config = PDConfig(advertiseClientURLs: ["http://127.0.0.1:2379"])
    let worker = host.spawn(name: "pd", capacity: 100) { _ in
      PDHandler(
        engine: engine, config: config, newClusterID: 77, clock: host.clock, metrics: nil,
        push: PDHandler.PushHandlers(
          opened: { _ in }, deliver: { _ in }, failed: { Issue.record($0) }))
    }
    try await body(Client(MailboxPDTransport(worker.mailbox)), worker)
    worker.stop()
    host.shutdown()
  }

  private func value<Value: Sendable>(
    _ call: (@escaping @Sendable (Result<Value, PDClientError>) -> Void) -> Void
  ) async throws -> Value {
    try await withCheckedContinuation { continuation in
      call { continuation.resume(returning: $0) }
    }.get()
  }

  private func error<Value: Sendable>(
    _ call: (@escaping @Sendable (Result<Value, PDClientError>) -> Void) -> Void
  ) async -> PDClientError? {
    await #expect(throws: PDClientError.self) { _ = try await value(call) }
  }

  @Test func aStoreRegistersAndReports() async throws {
    try await withClient { client, _ in
      #expect(try await value { client.clusterID($0) } == 77)
      #expect(try await value { client.isBootstrapped($0) } == false)
      #expect(await error { client.region(id: 2, $0) } == .notBootstrapped)
      let storeID = try await value { client.allocateID($0) }
      let regionID = try await value { client.allocateID($0) }
      let peerID = try await value { client.allocateID($0) }
      let store = StoreInfo(id: storeID, address: "127.0.0.1:20160")
      let peer = PeerInfo(id: peerID, storeID: storeID)
      let region = Region(id: regionID, epoch: .initial, peers: [peer])
      try await value { client.bootstrap(store: store, region: region, $0) }
      #expect(
        await error { client.bootstrap(store: store, region: region, $0) } == .alreadyBootstrapped)
      #expect(try await value { client.isBootstrapped($0) })
      try await value { client.putStore(store, $0) }
      #expect(try await value { client.store(id: storeID, $0) }.address == store.address)
      #expect(try await value { client.region(containing: [1], $0) } == region)
      #expect(try await value { client.region(id: regionID, $0) } == region)
      #expect(try await value { client.region(id: 99, $0) } == nil)
      let heartbeat = StoreHeartbeat(storeID: storeID, capacity: 10, available: 5)
      #expect(try await value { client.storeHeartbeat(heartbeat, $0) } == nil)
      guard case .refused(let reason) = await error({ client.store(id: 99, $0) }) else {
        Issue.record("an unknown store was returned")
        return
      }
      #expect(reason == "invalid store ID 99, not found")
    }
  }

  @Test func operatorStepsReachTheReceiver() async throws {
    try await withClient { client, worker in
      let core = worker.mailbox
      let region = Region(id: 2, epoch: .initial, peers: [PeerInfo(id: 3, storeID: 1)])
      let last = Mutex<UInt64>(0)
      let step: RegionOperator? = await withCheckedContinuation { continuation in
        client.onOperator { continuation.resume(returning: $0) }
        core.call({ (core, reading) throws(PDError) in
          let last = try core.allocateIDs(10)
          try core.bootstrap(
            store: StoreInfo(id: 1, address: "127.0.0.1:1"), region: region, reading)
          try core.putStore(StoreInfo(id: 4, address: "127.0.0.1:4"), reading)
          return last
        }) { result in
          // From PD's thread: a test that had to wait for a thread first could find the stores silent for too long.
          guard case .success(let id) = result else { return continuation.resume(returning: nil) }
          last.withLock { $0 = id }
          client.regionHeartbeat(
            RegionHeartbeat(region: region, leader: region.peers[0], term: 5))
        }
      }
      let learner = PeerInfo(id: last.withLock { $0 } + 1, storeID: 4, role: .learner)
      #expect(
        step
          == RegionOperator(
            regionID: 2, epoch: .initial, leader: region.peers[0],
            step: .changePeer(.init(type: .addLearnerNode, peer: learner))))
    }
  }

  @Test func aStoppedPDIsUnreachable() async throws {
    try await withClient { client, worker in
      worker.stop()
      guard case .unreachable = await error({ client.allocateID($0) }) else {
        Issue.record("a stopped PD responded")
        return
      }
    }
  }

  @Test func failuresAreWhatTheyWouldBeOverTheNetwork() {
    #expect(PDClientError(PDError.stopped) == .unreachable(PDError.stopped.message))
    #expect(PDClientError(PDError(.unknown, "x")) == .refused("x"))
    #expect(PDClientError(PDError(refusal: .duplicatedEntry, "x")) == .replaced("x"))
    #expect(PDClientError(PDError(refusal: .storeTombstone, "x")) == .storeTombstone("x"))
    #expect(PDClientError(PDError(refusal: .invalidValue, "x")) == .refused("x"))
  }
}
