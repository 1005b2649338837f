import Codec
import Dispatch
import Engine
import NIOCore
import NIOPosix
import RPC
import Raft
import Raftstore
import Runtime
import Server
import Synchronization
import Testing

/// Raft messages from one store's transport to another store's service, over real sockets.
struct RPCTransportTests {
  @Test("Messages arrive in order, and those for other stores are dropped", .timeLimit(.minutes(1)))
  func order() async throws {
    let receiver = try await Receiver(storeID: 2)
    let sender = Sender(stores: [2: receiver.address, 3: receiver.address])
    // To store 3 at store 2's address: store 2 must not take them.
    sender.transport.send([Self.envelope(to: 3, index: 7)])
    for index in 1...5000 as ClosedRange<UInt64> {
      sender.transport.send([Self.envelope(to: 2, index: index)])
    }
    let indexes = receiver.inbox.wait(for: 5000)
    #expect(indexes == Array(1...5000))
    sender.stop()
    await receiver.stop()
  }

  @Test("An unreachable store is reported, and the link retries", .timeLimit(.minutes(1)))
  func unreachableStore() async throws {
    let receiver = try await Receiver(storeID: 2)
    let address = receiver.address
    let sender = Sender(stores: [2: address])
    sender.transport.send([Self.envelope(to: 2, index: 1)])
    #expect(receiver.inbox.wait(for: 1) == [1])
    await receiver.stop()
    #expect(sender.inbox.waitForUnreachable() == 2)

    let again = try await Receiver(storeID: 2, port: address.port)
    // Whatever is sent while the transport rests is lost; sooner or later one arrives.
    let arrived = again.inbox.sending { sender.transport.send([Self.envelope(to: 2, index: 9)]) }
    #expect(arrived)
    sender.stop()
    await again.stop()
  }

  @Test("An unknown store is reported as unreachable", .timeLimit(.minutes(1)))
  func unknownStore() async throws {
    let sender = Sender(stores: [:])
    sender.transport.send([Self.envelope(to: 8, index: 1)])
    #expect(sender.inbox.waitForUnreachable() == 8)
    sender.stop()
  }

  /// Ids of two clusters come out equal: only the cluster's own id tells them apart.
  @Test(
    "Streams of other clusters and of earlier incarnations are refused", .timeLimit(.minutes(1)))
  func refusedStreams() async throws {
    let receiver = try await Receiver(storeID: 2)
    let current = Sender(stores: [2: receiver.address], incarnation: 5)
    current.transport.send([Self.envelope(to: 2, index: 1)])
    #expect(receiver.inbox.wait(for: 1) == [1])
    for stranger in [
      Sender(stores: [2: receiver.address], clusterID: 9, incarnation: 6),
      Sender(stores: [2: receiver.address], incarnation: 4),
    ] {
      stranger.transport.send([Self.envelope(to: 2, index: 99)])
      #expect(stranger.inbox.waitForUnreachable() == 2)
      stranger.stop()
    }
    var forged = Self.envelope(to: 2, index: 98)
    forged.from.storeID = 7
    current.transport.send([forged, Self.envelope(to: 2, index: 2)])
    #expect(receiver.inbox.wait(for: 1) == [2])
    current.stop()
    await receiver.stop()
  }

  /// Whatever keeps the loop of clients from going on, raft messages arrive.
  @Test("Raft messages do not wait for the event loop of clients", .timeLimit(.minutes(1)))
  func separateLoops() async throws {
    let (clients, raft) = (OneLoop(), OneLoop())
    let receiver = try await Receiver(storeID: 2, group: clients.group, raftLoop: raft.group.any())
    let sender = Sender(stores: [2: receiver.address])
    sender.transport.send([Self.envelope(to: 2, index: 1)])
    #expect(receiver.inbox.wait(for: 1) == [1])
    let gate = DispatchSemaphore(value: 0)
    clients.group.any().execute { gate.wait() }
    sender.transport.send([Self.envelope(to: 2, index: 2)])
    #expect(receiver.inbox.wait(for: 1) == [2])
    gate.signal()
    sender.stop()
    await receiver.stop()
    try await clients.stop()
    try await raft.stop()
  }

  /// A process of the past may have its stream still: a later one ends it.
  @Test("A new incarnation ends the streams of earlier ones", .timeLimit(.minutes(1)))
  func newIncarnation() async throws {
    let receiver = try await Receiver(storeID: 2)
    let old = Sender(stores: [2: receiver.address], incarnation: 1)
    old.transport.send([Self.envelope(to: 2, index: 1)])
    #expect(receiver.inbox.wait(for: 1) == [1])
    let new = Sender(stores: [2: receiver.address], incarnation: 2)
    new.transport.send([Self.envelope(to: 2, index: 2)])
    #expect(receiver.inbox.wait(for: 1) == [2])
    old.transport.send([Self.envelope(to: 2, index: 99)])
    #expect(old.inbox.waitForUnreachable() == 2)
    new.transport.send([Self.envelope(to: 2, index: 3)])
    #expect(receiver.inbox.wait(for: 1) == [3])
    #expect(
      receiver.metrics.text().contains(
        #"apus_raft_stream_refused_total{type="stale_incarnation"} 1"#))
    old.stop()
    new.stop()
    await receiver.stop()
  }

  /// Found by attack: a stream of the greatest incarnation, which brings nothing and ends, kept the true
  /// store out for ever.
  @Test("A forged incarnation has no effect after its stream", .timeLimit(.minutes(1)))
  func forgedIncarnation() async throws {
    let receiver = try await Receiver(storeID: 2)
    let current = Sender(stores: [2: receiver.address], incarnation: 2)
    current.transport.send([Self.envelope(to: 2, index: 1)])
    #expect(receiver.inbox.wait(for: 1) == [1])
    for path in ["BatchRaft", "Raft", "Snapshot"] {
      let forger = Forger(receiver.address)
      let stream = forger.open(path, incarnation: .max)
      stream.finish()
      #expect(forger.events.waitForEnd() != nil)
      forger.close()
    }
    let arrived = receiver.inbox.sending {
      current.transport.send([Self.envelope(to: 2, index: 2)])
    }
    #expect(arrived)
    current.stop()
    await receiver.stop()
  }

  /// Found by attack: as many open streams as there are slots, and no snapshot could be received any more.
  @Test("A snapshot stream without data is ended", .timeLimit(.minutes(1)))
  func snapshotTimeout() async throws {
    let receiver = try await Receiver(storeID: 2, snapshotTimeout: .milliseconds(300))
    let forger = Forger(receiver.address)
    let stream = forger.open("Snapshot", incarnation: 1)
    stream.send(ByteBuffer(bytes: try Forger.snapshot(bytes: 1000)))
    let end = forger.events.waitForEnd()
    #expect(end?.code == .deadlineExceeded, "\(String(describing: end))")
    #expect(receiver.snapshots.statistics.receiving == 0)
    #expect(receiver.snapshots.statistics.totalSize == 0)
    forger.close()
    await receiver.stop()
  }

  private static func envelope(to store: UInt64, index: UInt64) -> RaftEnvelope {
    var message = Message(.appendResponse)
    message.index = index
    return RaftEnvelope(
      regionID: 1, from: PeerInfo(id: 1, storeID: 1), to: PeerInfo(id: store, storeID: store),
      message: message)
  }
}

/// An event loop that a test may block.
private struct OneLoop {
  let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  func stop() async throws { try await group.shutdownGracefully() }
}

/// The messages that a router passes to the raft worker.
private final class StoreMailboxes: Sendable {
  let router = Router()
  private let semaphore = BinarySemaphore()
  private let raft: Mailbox<RaftWorkerMessage>
  private let clock = SystemClock()

  init() {
    let semaphore = semaphore
    raft = Mailbox(capacity: 100_000) { semaphore.signal() }
    router.attach(raft: [raft], store: Mailbox(capacity: 10) {})
  }

  private func messages() -> [RaftWorkerMessage] {
    var batch: [RaftWorkerMessage] = []
    _ = raft.drain(into: &batch, limit: 100_000)
    return batch
  }

  /// The indexes of that many raft messages, or of those that came within ten seconds.
  func wait(for count: Int) -> [UInt64] {
    let deadline = clock.now + .seconds(10)
    var indexes: [UInt64] = []
    while indexes.count < count, clock.now < deadline {
      for case .raft(let envelope) in messages() { indexes.append(envelope.message?.index ?? 0) }
      if indexes.count < count { semaphore.wait(atMost: .milliseconds(100)) }
    }
    return indexes
  }

  func waitForUnreachable() -> UInt64? {
    let deadline = clock.now + .seconds(20)
    while clock.now < deadline {
      for case .storeUnreachable(let id) in messages() { return id }
      semaphore.wait(atMost: .milliseconds(100))
    }
    return nil
  }

  /// Whether anything arrives when `send` is repeated for a while.
  func sending(_ send: () -> Void) -> Bool {
    let deadline = clock.now + .seconds(20)
    while clock.now < deadline {
      send()
      semaphore.wait(atMost: .milliseconds(50))
      for case .raft in messages() { return true }
    }
    return false
  }
}

/// A stranger that opens streams in the name of store 1.
private final class Forger {
  let events = ForgedStreamEvents()
  private let channel: RPCChannel

  init(_ address: HostPort) {
    channel = RPCChannel(
      target: RPCTarget(host: address.host, port: address.port),
      group: MultiThreadedEventLoopGroup.singleton, configuration: ClientConfiguration(),
      logger: quiet)
  }

  func open(_ method: String, incarnation: UInt64) -> ClientStream {
    let identity = StoreStreamIdentity(
      clusterID: 1, fromStoreID: 1, toStoreID: 2, incarnation: incarnation)
    var metadata = RPCMetadata()
    for (name, value) in identity.headers { metadata.append(name, value) }
    let events = events
    return channel.openStream("/tikvpb.Tikv/\(method)", options: CallOptions(metadata: metadata)) {
      _ in ForgedStreamHandler(events)
    }
  }

  func close() { channel.close() }

  /// A snapshot stream's first chunk.
  static func snapshot(bytes: UInt64) throws -> [UInt8] {
    let region = Region(
      id: 7, epoch: RegionEpoch(confVersion: 2, version: 3),
      peers: [PeerInfo(id: 1, storeID: 1), PeerInfo(id: 2, storeID: 2)])
    var meta = SnapshotMeta(start: 1)
    meta.files = ["default", "lock", "write"].map { SnapshotFile(cf: $0) }
    meta.files[0].size = bytes
    let data = RaftSnapshotData(region: region, fileSize: bytes, meta: meta)
    var message = Message(.snapshot, to: 2, from: 1, term: 6)
    message.snapshot = Snapshot(
      data: data.encoded(),
      metadata: SnapshotMetadata(confState: region.confState, index: 100, term: 6))
    let envelope = RaftEnvelope(
      regionID: 7, from: region.peers[0], to: region.peers[1], message: message,
      epoch: region.epoch)
    return SnapshotChunk(message: envelope, data: []).encoded()
  }
}

/// How a forged stream ended.
private final class ForgedStreamEvents: Sendable {
  private let semaphore = BinarySemaphore()
  private let end = Mutex<RPCStatus?>(nil)
  private let clock = SystemClock()

  func ended(_ status: RPCStatus) {
    end.withLock { $0 = status }
    semaphore.signal()
  }

  /// Nil when the stream is open still after ten seconds.
  func waitForEnd() -> RPCStatus? {
    let deadline = clock.now + .seconds(10)
    while clock.now < deadline {
      if let status = end.withLock({ $0.take() }) { return status }
      semaphore.wait(atMost: .milliseconds(100))
    }
    return nil
  }
}

private final class ForgedStreamHandler: ClientStreamHandler {
  private let events: ForgedStreamEvents

  init(_ events: ForgedStreamEvents) {
    self.events = events
  }

  func onMessage(_ message: ByteBuffer) {}
  func onClose(_ status: RPCStatus) { events.ended(status) }
}

/// A store as far as other stores see it.
private final class Receiver: Sendable {
  let inbox = StoreMailboxes()
  let address: HostPort
  let metrics = Metrics()
  let snapshots: SnapManager
  private let host = ThreadHost()
  private let service: RaftService
  private let server: RPCServer

  init(
    storeID: UInt64, port: Int = 0, group: MultiThreadedEventLoopGroup = .singleton,
    raftLoop: (any EventLoop)? = nil, snapshotTimeout: Duration = .seconds(30)
  ) async throws {
    snapshots = SnapManager(
      directory: "none", fileSystem: MemoryFileSystem(), engine: try MemoryEngine(),
      clock: host.clock, metrics: metrics)
    _ = try snapshots.open()
    service = RaftService(
      ident: StoreIdent(clusterID: 1, storeID: storeID), router: inbox.router, snapshots: snapshots,
      host: host,
      streams: OpenStreams(), metrics: metrics, logger: quiet, snapshotTimeout: snapshotTimeout)
    var router = MethodRouter()
    service.register(on: &router)
    var configuration = ServerConfiguration(host: "127.0.0.1", port: port)
    configuration.priority.loop = raftLoop
    server = RPCServer(
      group: group, configuration: configuration, router: router, logger: quiet)
    let bound = try await server.start()
    address = HostPort(host: "127.0.0.1", port: bound.port ?? 0)
  }

  func stop() async {
    await server.shutdown(gracePeriod: .milliseconds(100))
    service.stop()
    host.shutdown()
  }
}

/// A store as far as its own transport sees it.
private final class Sender: Sendable {
  let inbox = StoreMailboxes()
  let transport: RPCTransport
  private let host = ThreadHost()

  init(stores: [UInt64: HostPort], clusterID: UInt64 = 1, incarnation: UInt64 = 1) {
    let metrics = Metrics()
    do {
      let snapshots = SnapManager(
        directory: "none", fileSystem: MemoryFileSystem(), engine: try MemoryEngine(),
        clock: host.clock, metrics: metrics)
      transport = RPCTransport(
        pd: AddressBook(stores: stores), snapshots: snapshots, router: inbox.router,
        group: MultiThreadedEventLoopGroup.singleton,
        raftGroup: MultiThreadedEventLoopGroup.singleton, host: host, security: nil,
        metrics: metrics, logger: quiet)
      transport.identify(
        StoreIdent(clusterID: clusterID, storeID: 1), incarnation: incarnation)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  func stop() {
    transport.close()
    host.shutdown()
  }
}

/// A placement driver that knows where stores are, and nothing else.
private final class AddressBook: PDClient {
  private let stores: [UInt64: HostPort]

  init(stores: [UInt64: HostPort]) {
    self.stores = stores
  }

  func store(
    id: UInt64, _ completion: @escaping @Sendable (Result<StoreInfo, PDClientError>) -> Void
  ) {
    guard let address = stores[id] else {
      return completion(.failure(.refused("invalid store ID \(id), not found")))
    }
    completion(.success(StoreInfo(id: id, address: address.description)))
  }

  func clusterID(_ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void) {
    completion(.success(1))
  }
  func allocateID(_ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void) {
    completion(.failure(.refused("no ids")))
  }
  func timestamp(_ completion: @escaping @Sendable (Result<Timestamp, PDClientError>) -> Void) {
    completion(.failure(.refused("no timestamps")))
  }
  func isBootstrapped(_ completion: @escaping @Sendable (Result<Bool, PDClientError>) -> Void) {
    completion(.success(true))
  }
  func bootstrap(
    store: StoreInfo, region: Region,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) { completion(.failure(.alreadyBootstrapped)) }
  func putStore(
    _ store: StoreInfo, _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) { completion(.success(())) }
  func region(
    containing key: [UInt8],
    _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) { completion(.success(nil)) }
  func region(
    id: UInt64, _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) { completion(.success(nil)) }
  func askBatchSplit(
    _ region: Region, count: UInt32,
    _ completion: @escaping @Sendable (Result<[SplitIDs], PDClientError>) -> Void
  ) { completion(.failure(.refused("no ids"))) }
  func reportBatchSplit(
    _ regions: [Region],
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) { completion(.success(())) }
  func storeHeartbeat(
    _ statistics: StoreHeartbeat,
    _ completion: @escaping @Sendable (Result<RecoveryPlan?, PDClientError>) -> Void
  ) { completion(.success(nil)) }
  func regionHeartbeat(_ heartbeat: RegionHeartbeat) {}
  func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void) {}
  func onRefusal(_ receive: @escaping @Sendable (RefusedHeartbeat) -> Void) {}
  func reportMinResolvedTS(
    _ timestamp: UInt64, storeID: UInt64,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) { completion(.success(())) }
}
