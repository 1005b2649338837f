import Codec
import Engine
import PlacementDriver
import Runtime
import Synchronization
import Testing
import Wire

/// The driver on a thread of its own.
struct HandlerTests {
  /// What the handler told, for tests to wait on.
  private final class Ear: Sendable {
    let opened = Mutex<Result<UInt64, PlacementError>?>(nil)
    let failures = Mutex<[PlacementError]>([])
    let delivered = Mutex<[UInt64]>([])

    var outlets: PlacementDriverHandler.Outlets {
      .init(
        opened: { result in self.opened.withLock { $0 = result } },
        deliver: { replies in self.delivered.withLock { $0 += replies.map(\.storeID) } },
        failed: { failure in self.failures.withLock { $0.append(failure) } })
    }
  }

  private func ask<Request: Sendable, Response: Sendable>(
    _ worker: Worker<PlacementDriverMessage>,
    _ method:
      @escaping @Sendable (PlacementDriver) -> (Request, Moment) throws(PlacementError) -> Response,
    _ request: Request
  ) async -> Result<Response, PlacementError> {
    await withCheckedContinuation { continuation in
      let completion = Completion<Result<Response, PlacementError>>(
        abandoned: .failure(.stopped)
      ) { continuation.resume(returning: $0) }
      let isSent = worker.mailbox.send(
        .call(PlacementDriverCall(method, request, completion)))
      #expect(isSent)
    }
  }

  private func spawn(
    _ host: ThreadHost, _ engine: MemoryEngine, _ ear: Ear, _ metrics: Metrics? = nil
  ) -> Worker<PlacementDriverMessage> {
    let config = PlacementConfig(advertiseClientURLs: ["http://127.0.0.1:2379"])
    return host.spawn(name: "pd", capacity: 100) { _ in
      PlacementDriverHandler(
        engine: engine, config: config, newClusterID: 77, clock: host.clock, metrics: metrics,
        outlets: ear.outlets)
    }
  }

  @Test func callsAreAnswered() async throws {
    let host = ThreadHost()
    let ear = Ear()
    let metrics = Metrics()
    let worker = spawn(host, try MemoryEngine(), ear, metrics)
    let members = try await ask(worker, PlacementDriver.getMembers, .init()).get()
    #expect(members.header.clusterID == 77)
    let header = Pdpb_RequestHeader.with { $0.clusterID = 77 }
    var last = Timestamp.zero
    for _ in 0..<100 {
      let response = try await ask(
        worker, PlacementDriver.tso,
        .with {
          $0.header = header
          $0.count = 3
        }
      ).get()
      let next = try Timestamp(response.timestamp)
      #expect(next > last)
      last = next
    }
    let refused = await ask(worker, PlacementDriver.tso, .init())
    #expect(throws: PlacementError.self) { try refused.get() }
    _ = worker.mailbox.send(.tick)
    worker.stop()
    host.shutdown()
    #expect(metrics.text().contains("pd_tso_events{type=\"given\"} 300"))
    #expect(metrics.text().contains("pd_cluster_status{type=\"region_count\"} 0"))
    #expect(try ear.opened.withLock { $0 }?.get() == 77)
    #expect(ear.failures.withLock { $0.isEmpty })
  }

  @Test func stateThatCannotBeReadIsToldAndAnswered() async throws {
    let engine = try MemoryEngine()
    var batch = WriteBatch()
    batch.put(.raft, Array("pd/cluster_id".utf8), [1, 2, 3])
    try engine.write(batch, .synced)
    let host = ThreadHost()
    let ear = Ear()
    let worker = spawn(host, engine, ear)
    let answer = await ask(worker, PlacementDriver.getMembers, .init())
    #expect(throws: PlacementError.self) { try answer.get() }
    _ = worker.mailbox.send(.tick)
    worker.stop()
    host.shutdown()
    let opened = ear.opened.withLock { $0 }
    let error = #expect(throws: PlacementError.self) { try opened?.get() }
    #expect(error?.code == .dataLoss)
  }

  @Test func aFailingDiskIsToldOnce() async throws {
    let engine = try MemoryEngine()
    let host = ThreadHost()
    let ear = Ear()
    let worker = spawn(host, engine, ear)
    _ = await ask(worker, PlacementDriver.getMembers, .init())
    engine.inject(.sync)
    let request = Pdpb_AllocIDRequest.with { $0.header.clusterID = 77 }
    for _ in 0..<3 {
      let answer = await ask(worker, PlacementDriver.allocID, request)
      #expect(throws: PlacementError.self) { try answer.get() }
      _ = worker.mailbox.send(.tick)
    }
    worker.stop()
    host.shutdown()
    #expect(ear.failures.withLock { $0.count } == 1)
  }
}
