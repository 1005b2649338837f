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
    let opened = Mutex<Result<UInt64, PDError>?>(nil)
    let failures = Mutex<[PDError]>([])
    let delivered = Mutex<[UInt64]>([])

    var outlets: PDHandler.PushHandlers {
      .init(
        opened: { result in self.opened.withLock { $0 = result } },
        deliver: { replies in self.delivered.withLock { $0 += replies.map(\.storeID) } },
        failed: { failure in self.failures.withLock { $0.append(failure) } })
    }
  }

  private func ask<Request: Sendable, Response: Sendable>(
    _ worker: Worker<PDMessage>,
    _ method:
      @escaping @Sendable (PDCore) -> (Request, ClockReading) throws(PDError) -> Response,
    _ request: Request
  ) async -> Result<Response, PDError> {
    await withCheckedContinuation { continuation in
      let completion = Completion<Result<Response, PDError>>(
        abandoned: .failure(.stopped)
      ) { continuation.resume(returning: $0) }
      let isSent = worker.mailbox.send(
        .call(PDCall(method, request, completion)))
      #expect(isSent)
    }
  }

  private func spawn(
    _ host: ThreadHost, _ engine: MemoryEngine, _ ear: Ear, _ metrics: Metrics? = nil
  ) -> Worker<PDMessage> {
    let config = PDConfig(advertiseClientURLs: ["http://127.0.0.1:2379"])
    return host.spawn(name: "pd", capacity: 100) { _ in
      PDHandler(
        engine: engine, config: config, newClusterID: 77, clock: host.clock, metrics: metrics,
        outlets: ear.outlets)
    }
  }

  @Test func callsAreAnswered() async throws {
    let host = ThreadHost()
    let ear = Ear()
    let metrics = Metrics()
    let worker = spawn(host, try MemoryEngine(), ear, metrics)
    let members = try await ask(worker, PDCore.getMembers, .init()).get()
    #expect(members.header.clusterID == 77)
    let header = Pdpb_RequestHeader.with { $0.clusterID = 77 }
    var last = Timestamp.zero
    for _ in 0..<100 {
      let response = try await ask(
        worker, PDCore.tso,
        .with {
          $0.header = header
          $0.count = 3
        }
      ).get()
      let next = try Timestamp(response.timestamp)
      #expect(next > last)
      last = next
    }
    let refused = await ask(worker, PDCore.tso, .init())
    #expect(throws: PDError.self) { try refused.get() }
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
    let answer = await ask(worker, PDCore.getMembers, .init())
    #expect(throws: PDError.self) { try answer.get() }
    _ = worker.mailbox.send(.tick)
    worker.stop()
    host.shutdown()
    let opened = ear.opened.withLock { $0 }
    let error = #expect(throws: PDError.self) { try opened?.get() }
    #expect(error?.code == .dataLoss)
  }

  @Test func aFailingDiskIsToldOnce() async throws {
    let engine = try MemoryEngine()
    let host = ThreadHost()
    let ear = Ear()
    let worker = spawn(host, engine, ear)
    _ = await ask(worker, PDCore.getMembers, .init())
    engine.inject(.sync)
    let request = Pdpb_AllocIDRequest.with { $0.header.clusterID = 77 }
    for _ in 0..<3 {
      let answer = await ask(worker, PDCore.allocID, request)
      #expect(throws: PDError.self) { try answer.get() }
      _ = worker.mailbox.send(.tick)
    }
    worker.stop()
    host.shutdown()
    #expect(ear.failures.withLock { $0.count } == 1)
  }
}
