import Codec
import Engine
import Logging
import RaftLog
import Raftstore
import Runtime
import TestSupport
import Testing

/// The same store on real threads: that nothing depends on there being one.
@Suite struct ThreadedStoreTests {
  @Test(.timeLimit(.minutes(1)))
  func servesManyRequestersAndStops() async throws {
    let host = ThreadHost()
    let files = MemoryFileSystem(clock: host.clock)
    let engine = try MemoryEngine(files: files)
    let metrics = Metrics()
    let snapshots = SnapManager(
      directory: "snap", fileSystem: files, engine: engine, clock: host.clock, metrics: metrics)
    try snapshots.open()
    let router = Router()
    let pd = StubPD()
    let fatal = FatalReasons()
    let environment = RaftstoreEnvironment(
      engine: engine, logs: MemoryLogStore(), snapshots: snapshots,
      transport: UnconnectedTransport(),
      pd: StubPDClient(pd) { 1 }, host: host, metrics: metrics,
      logger: Logger(label: "threads") { _ in SwiftLogNoOpLogHandler() }, seed: 1,
      diskSpace: { (1, 1) }, onFatal: { fatal.add($0) })
    let store = try await Node.start(
      info: StoreInfo(address: "x"), config: RaftstoreConfig(), environment: environment,
      router: router)
    let region = try #require(pd.state.withLock { $0.bootstrapRegion })
    let context = RequestContext(
      regionID: region.id, epoch: region.epoch, peer: region.peers[0])
    try await withThrowingTaskGroup(of: Int.self) { group in
      for client in 0..<8 {
        group.addTask {
          var done = 0
          while done < 200 {
            let key = Array("c\(client)-\(done)".utf8)
            guard await put(key, store, context) else {
              await Task.yield()
              continue
            }
            done += 1
            guard let granted = await read(store, context) else { continue }
            let value = try granted.snapshot.get(.default, key)
            #expect(value == [1])
          }
          return done
        }
      }
      var total = 0
      for try await done in group { total += done }
      #expect(total == 1600)
    }
    store.stop()
    store.stop()
    host.shutdown()
    #expect(fatal.all.isEmpty)
    #expect(metrics.text().contains("tikv_raftstore_proposal_total"))
  }
}

private func put(_ key: [UInt8], _ store: Store, _ context: RequestContext) async -> Bool {
  await withCheckedContinuation { continuation in
    store.router.propose(
      WriteRequest(
        context: context,
        requests: RequestList([.put(cf: .default, key: key, value: [1])]),
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          if case .success = result {
            continuation.resume(returning: true)
          } else {
            continuation.resume(returning: false)
          }
        }))
  }
}

private func read(_ store: Store, _ context: RequestContext) async -> ReadGrant? {
  await withCheckedContinuation { continuation in
    store.router.read(
      ReadRequest(
        context: context,
        completion: Completion(abandoned: .failure(.staleCommand)) { result in
          continuation.resume(returning: try? result.get())
        }))
  }
}

/// Of a store that has no other ones.
private final class UnconnectedTransport: Transport {
  func send(_ envelopes: [RaftEnvelope]) {}
  func sendSnapshot(_ envelope: RaftEnvelope, key: SnapshotKey) {}
  func check(
    _ leaders: LeaderCheck, onStore storeID: UInt64,
    _ completion: @escaping @Sendable (LeaderCheckResponse) -> Void
  ) {}
}
