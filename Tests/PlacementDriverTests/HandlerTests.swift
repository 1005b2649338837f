import Codec
import Engine
import PlacementDriver
import Runtime
import Synchronization
import Testing

/// PD on a thread of its own.
struct HandlerTests {
  /// What the handler pushed.
  private final class PushRecorder: Sendable {
    let opened = Mutex<Result<OpenedPD, PDError>?>(nil)
    let failures = Mutex<[PDError]>([])
    let delivered = Mutex<[UInt64]>([])

    var handlers: PDHandler.PushHandlers {
      .init(
        opened: { result in self.opened.withLock { $0 = result } },
        deliver: { steps in self.delivered.withLock { $0 += steps.map(\.leader.storeID) } },
        failed: { failure in self.failures.withLock { $0.append(failure) } })
    }
  }

  private func call<Response: Sendable>(
    _ worker: Worker<PDMessage>,
    _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response
  ) async -> Result<Response, PDError> {
    await withCheckedContinuation { continuation in
      worker.mailbox.call(body) { continuation.resume(returning: $0) }
    }
  }

  private func spawn(
    _ host: ThreadHost, _ engine: MemoryEngine, _ pushed: PushRecorder, _ metrics: Metrics? = nil
  ) -> Worker<PDMessage> {
    let config = PDConfig(advertiseClientURLs: ["http://127.0.0.1:2379"])
    return host.spawn(name: "pd", capacity: 100) { _ in
      PDHandler(
        engine: engine, config: config, newClusterID: 77, clock: host.clock, metrics: metrics,
        push: pushed.handlers)
    }
  }

  @Test func callsAreCompleted() async throws {
    let host = ThreadHost()
    let pushed = PushRecorder()
    let metrics = Metrics()
    let worker = spawn(host, try MemoryEngine(), pushed, metrics)
    #expect(try await call(worker) { core, _ in core.clusterID }.get() == 77)
    var last = Timestamp.zero
    for _ in 0..<100 {
      let next = try await call(worker) { (core, reading) throws(PDError) in
        try core.timestamps.take(3, reading)
      }.get()
      #expect(next > last)
      last = next
    }
    let refused = await call(worker) { (core, reading) throws(PDError) in
      try core.timestamps.take(0, reading)
    }
    #expect(throws: PDError.self) { try refused.get() }
    _ = worker.mailbox.send(.tick)
    worker.stop()
    host.shutdown()
    #expect(metrics.text().contains("pd_tso_events{type=\"given\"} 300"))
    #expect(metrics.text().contains("pd_cluster_status{type=\"region_count\"} 0"))
    #expect(try pushed.opened.withLock { $0 }?.get().clusterID == 77)
    #expect(pushed.failures.withLock { $0.isEmpty })
  }

  @Test func stateThatCannotBeReadFailsEveryCall() async throws {
    let engine = try MemoryEngine()
    var batch = WriteBatch()
    batch.put(.raft, Array("pd/cluster_id".utf8), [1, 2, 3])
    try engine.write(batch, .synced)
    let host = ThreadHost()
    let pushed = PushRecorder()
    let worker = spawn(host, engine, pushed)
    let result = await call(worker) { core, _ in core.clusterID }
    #expect(throws: PDError.self) { try result.get() }
    _ = worker.mailbox.send(.tick)
    worker.stop()
    host.shutdown()
    let opened = pushed.opened.withLock { $0 }
    let error = #expect(throws: PDError.self) { try opened?.get() }
    #expect(error?.code == .dataLoss)
  }

  @Test func aFailingDiskIsReportedOnce() async throws {
    let engine = try MemoryEngine()
    let host = ThreadHost()
    let pushed = PushRecorder()
    let worker = spawn(host, engine, pushed)
    _ = await call(worker) { core, _ in core.clusterID }
    engine.inject(.sync)
    for _ in 0..<3 {
      let result = await call(worker) { (core, _) throws(PDError) in try core.allocateIDs() }
      #expect(throws: PDError.self) { try result.get() }
      _ = worker.mailbox.send(.tick)
    }
    worker.stop()
    host.shutdown()
    #expect(pushed.failures.withLock { $0.count } == 1)
  }
}
