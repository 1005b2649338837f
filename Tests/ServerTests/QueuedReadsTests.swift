import Codec
import Engine
import NIOCore
import NIOPosix
import RPC
import Runtime
import Storage
import Synchronization
import Testing
import Wire

@testable import Server

/// Reads that wait for a thread: how many a connection may have, and what becomes of them when it ends.
struct QueuedReadsTests {
  /// A service whose threads for long reads are held up until `open` is called.
  private final class Bed: Sendable {
    static let peer = PeerInfo(id: 3, storeID: 1)
    static let region = Region(id: 2, epoch: .initial, peers: [peer])

    let host = ThreadHost()
    let storage: CountingStorage
    let reads: ReadPool
    let server: RPCServer
    let connections = ConnectionLimit(capacity: 100)
    let port: Int
    private let timer = BinarySemaphore()
    private let isOpen = Atomic(false)

    init() async throws {
      let storage = CountingStorage(
        try StandaloneStorage(
          engine: MemoryEngine(), region: Self.region, peer: Self.peer, host: host,
          onFatal: { _ in }))
      reads = ReadPool(host: host)
      let transactions = try TransactionCommands(
        storage: storage, engine: MemoryEngine(), host: host,
        deadlocks: LocalDeadlockDetection(clock: host.clock))
      let service = TikvService(
        storage: storage, transactions: transactions, clusterID: 1, storeID: 1,
        streams: OpenStreams(), reads: reads)
      var router = MethodRouter()
      service.register(on: &router)
      var configuration = ServerConfiguration(host: "127.0.0.1", port: 0)
      configuration.connectionLimit = connections
      server = RPCServer(
        group: MultiThreadedEventLoopGroup.singleton, configuration: configuration, router: router,
        logger: quiet)
      port = try await server.start().port ?? 0
      self.storage = storage
    }

    /// Holds up the threads for long reads.
    func close() {
      for _ in 0..<3 {
        let isTaken = reads.run(.long) { [self] in
          while !isOpen.load(ordering: .acquiring) { timer.wait(atMost: .milliseconds(10)) }
        }
        #expect(isTaken)
      }
    }

    func open() { isOpen.store(true, ordering: .releasing) }

    func channel() -> RPCChannel {
      RPCChannel(
        target: RPCTarget(host: "127.0.0.1", port: port),
        group: MultiThreadedEventLoopGroup.singleton)
    }

    func stop() async {
      open()
      await server.shutdown(gracePeriod: .zero)
      reads.stop()
      storage.stop()
      host.shutdown()
    }
  }

  private final class Refusals: Sendable {
    private let count = Atomic(0)
    func add() -> Int { count.add(1, ordering: .acquiringAndReleasing).newValue }
  }

  private static let request = Kvrpcpb_RawScanRequest.with {
    $0.context.regionID = Bed.region.id
    $0.context.regionEpoch.confVer = Bed.region.epoch.confVersion
    $0.context.regionEpoch.version = Bed.region.epoch.version
    $0.context.peer.id = Bed.peer.id
    $0.context.peer.storeID = Bed.peer.storeID
    $0.limit = 1
  }

  private static func scan(_ channel: RPCChannel) async throws -> Kvrpcpb_RawScanResponse {
    try await channel.unary("/tikvpb.Tikv/RawScan", request)
  }

  @Test("One connection cannot fill the queues", .timeLimit(.minutes(2)))
  func limitPerConnection() async throws {
    let bed = try await Bed()
    bed.close()
    let (greedy, other) = (bed.channel(), bed.channel())
    let limit = ReadPool.longReadsPerConnection
    let refusals = Refusals()
    try await withThrowingTaskGroup(of: Bool.self) { tasks in
      for _ in 0..<limit + 40 {
        tasks.addTask {
          let reply = try await Self.scan(greedy)
          guard reply.regionError.hasServerIsBusy else { return true }
          #expect(reply.regionError.serverIsBusy.reason.contains("of this connection"))
          // The last of those that are refused at once lets the others go on.
          if refusals.add() == 40 { bed.open() }
          return false
        }
      }
      var served = 0
      for try await isServed in tasks where isServed { served += 1 }
      #expect(served == limit)
    }
    // They are counted off: as many may wait again.
    for channel in [greedy, other] {
      let reply = try await Self.scan(channel)
      #expect(!reply.hasRegionError)
      channel.close()
    }
    await bed.stop()
  }

  @Test("Queued reads of a closed connection are not executed", .timeLimit(.minutes(2)))
  func closedConnection() async throws {
    let bed = try await Bed()
    bed.close()
    let channel = bed.channel()
    let tasks = (0..<50).map { _ in Task { try await Self.scan(channel) } }
    while bed.reads.pending < 50 + 3 { await Task.yield() }
    channel.close()
    for task in tasks {
      let result = await task.result
      #expect(throws: (any Error).self) { try result.get() }
    }
    while bed.connections.open > 0 { await Task.yield() }
    bed.open()
    let other = bed.channel()
    let reply = try await Self.scan(other)
    #expect(!reply.hasRegionError)
    #expect(bed.storage.reads == 1)
    other.close()
    await bed.stop()
  }
}

/// Counts the reads that reach the data.
private final class CountingStorage: Storage {
  private let storage: StandaloneStorage
  private let count = Atomic(0)

  var reads: Int { count.load(ordering: .relaxed) }

  init(_ storage: StandaloneStorage) {
    self.storage = storage
  }

  func stop() { storage.stop() }

  func tryLocalRead<T>(
    _ context: RequestContext, _ body: (any KVReader, KeyRange) throws(StorageError) -> T
  ) -> Result<T, StorageError>? {
    count.add(1, ordering: .relaxed)
    return storage.tryLocalRead(context, body)
  }

  func tryLocalGet(
    _ context: RequestContext, _ cf: DataCF, _ key: [UInt8]
  ) -> Result<[UInt8]?, StorageError>? {
    storage.tryLocalGet(context, cf, key)
  }

  func read<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> T,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) { storage.read(context, on: executor, body, completion) }

  func recordRead(
    _ context: RequestContext, from start: [UInt8], to end: [UInt8], keys: Int, bytes: Int,
    busy: Duration
  ) {
    storage.recordRead(context, from: start, to: end, keys: keys, bytes: bytes, busy: busy)
  }

  func write(
    _ context: RequestContext, _ mutations: [Mutation],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) { storage.write(context, mutations, completion) }

  func update<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> StorageUpdate<T>,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) { storage.update(context, on: executor, body, completion) }

  func updateView(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ completion: @escaping @Sendable (Result<UpdateView, StorageError>) -> Void
  ) { storage.updateView(context, on: executor, completion) }

  func write(
    _ context: RequestContext, _ mutations: [Mutation], after view: UpdateView,
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) { storage.write(context, mutations, after: view, completion) }
}
