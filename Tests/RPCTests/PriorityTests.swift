import Dispatch
import NIOCore
import NIOPosix
import Testing

@testable import RPC

/// Connections that ask for priority have an event loop of their own.
struct PriorityTests {
  private static let mark: [UInt8] = [0xF1, 0xA7, 0, 0, 0, 1]
  private static let opening =
    RawPeer.preface + RawPeer.frame(4, [0, 4, 0, 0, 0xFF, 0xFF] + mark)

  // MARK: The mark

  @Test func thePrioritySettingIsFoundInAFirstFrameInPieces() {
    for count in 0..<Self.opening.count {
      #expect(
        PrioritySetting.find(in: ByteBuffer(bytes: Self.opening.prefix(count))) == .incomplete)
    }
    #expect(PrioritySetting.find(in: ByteBuffer(bytes: Self.opening)) == .present)
    #expect(PrioritySetting.find(in: ByteBuffer(bytes: Self.opening + [1, 2, 3])) == .present)
    // A buffer whose first bytes were read before.
    var moved = ByteBuffer(bytes: [9, 9] + Self.opening)
    moved.moveReaderIndex(forwardBy: 2)
    #expect(PrioritySetting.find(in: moved) == .present)
  }

  @Test(arguments: [
    RawPeer.preface + RawPeer.emptySettings,
    RawPeer.preface + RawPeer.frame(4, [0xF1, 0xA7, 0, 0, 0, 0]),
    RawPeer.preface + RawPeer.frame(4, [0xF1, 0xA8, 0, 0, 0, 1]),
    // Not SETTINGS, not whole entries, and more than anyone looks through.
    RawPeer.preface + RawPeer.frame(6, mark),
    RawPeer.preface + RawPeer.frame(4, mark + [0]),
    RawPeer.preface + [0xFF, 0xFF, 0xFC, 4, 0, 0, 0, 0, 0],
    Array("GET /".utf8), Array("PRI * HTTP/1".utf8), [0],
  ])
  func otherFirstFramesDoNotMarkPriority(_ bytes: [UInt8]) {
    #expect(PrioritySetting.find(in: ByteBuffer(bytes: bytes)) == .absent)
  }

  // MARK: Connections

  @Test(.timeLimit(.minutes(1)))
  func eachConnectionIsServedOnItsLoop() async throws {
    try await Self.run { fixture in
      let (plain, urgent) = (
        fixture.channel(hasPriority: false), fixture.channel(hasPriority: true)
      )
      for _ in 0..<3 {
        let (there, here) = (
          try await plain.unary("/test/Loop", ByteBuffer()),
          try await urgent.unary("/test/Loop", ByteBuffer())
        )
        #expect(there == ByteBuffer(string: "clients"))
        #expect(here == ByteBuffer(string: "priority"))
      }
      plain.close()
      urgent.close()
    }
  }

  /// A request that keeps the clients' loop from going on delays no connection with priority.
  @Test(.timeLimit(.minutes(1)))
  func aBlockedLoopDelaysNoConnectionWithPriority() async throws {
    try await Self.run { fixture in
      let (plain, urgent) = (
        fixture.channel(hasPriority: false), fixture.channel(hasPriority: true)
      )
      _ = try await urgent.unary("/test/Loop", ByteBuffer())
      let options = CallOptions(timeout: .seconds(30))
      async let blocked = plain.unary("/test/Block", ByteBuffer(), options: options)
      _ = try await fixture.isBlocked.wait()
      let reply = try await urgent.unary("/test/Loop", ByteBuffer(), options: options)
      #expect(reply == ByteBuffer(string: "priority"))
      fixture.gate.signal()
      _ = try await blocked
      plain.close()
      urgent.close()
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func noMoreConnectionsThanAllowedAreMoved() async throws {
    try await Self.run { fixture in
      let channels = (0..<3).map { _ in fixture.channel(hasPriority: true) }
      var loops: [ByteBuffer] = []
      for channel in channels { loops.append(try await channel.unary("/test/Loop", ByteBuffer())) }
      #expect(loops == ["priority", "priority", "clients"].map { ByteBuffer(string: $0) })
      for channel in channels { channel.close() }
    }
  }

  /// The first frame may come byte by byte, and a connection that was moved is closed like any other.
  @Test(.timeLimit(.minutes(1)), arguments: [opening, RawPeer.preface + RawPeer.emptySettings])
  func aFirstFrameInPiecesIsServed(_ opening: [UInt8]) async throws {
    try await Self.run { fixture in
      let peer = try await RawPeer.connect(fixture.address)
      for byte in opening { try await peer.send([byte]) }
      // A PING of a wrong size: the server sends GOAWAY and closes.
      try await peer.send(RawPeer.frame(6, [1]))
      let types = RawPeer.frameTypes(try await peer.untilClosed())
      #expect(types.first == 4)
      #expect(types.last == 7)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func connectionsOfOtherProtocolsAreClosed() async throws {
    try await Self.run { fixture in
      let peer = try await RawPeer.connect(fixture.address)
      try await peer.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
      _ = try await peer.untilClosed()
    }
  }

  // MARK: A server with two loops

  private struct Fixture: Sendable {
    let address: SocketAddress
    let gate: DispatchSemaphore
    let isBlocked: Signal<Bool>

    func channel(hasPriority: Bool) -> RPCChannel {
      var configuration = ClientConfiguration()
      configuration.hasPriority = hasPriority
      return TestPair.makeChannel(port: address.port ?? 0, configuration)
    }
  }

  private static func run(_ body: (Fixture) async throws -> Void) async throws {
    let clients = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let priority = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let priorityLoop = priority.any()
    let gate = DispatchSemaphore(value: 0)
    let isBlocked = Signal(of: Bool.self)
    var router = MethodRouter()
    router.unary("/test/Loop") { _, call in
      let name = call.eventLoop === priorityLoop && priorityLoop.inEventLoop
      call.reply(ByteBuffer(string: name ? "priority" : "clients"))
    }
    router.unary("/test/Block") { _, call in
      isBlocked.send(true)
      gate.wait()
      call.reply(ByteBuffer())
    }
    var configuration = ServerConfiguration()
    configuration.priority.loop = priorityLoop
    configuration.priority.maxConnections = 2
    let server = RPCServer(
      group: clients, configuration: configuration, router: router, logger: TestPair.logger)
    let fixture = Fixture(address: try await server.start(), gate: gate, isBlocked: isBlocked)
    let outcome: Result<Void, any Error>
    do {
      outcome = .success(try await body(fixture))
    } catch {
      outcome = .failure(error)
    }
    gate.signal()
    await server.shutdown(gracePeriod: .milliseconds(200))
    try await clients.shutdownGracefully()
    try await priority.shutdownGracefully()
    try outcome.get()
  }
}
