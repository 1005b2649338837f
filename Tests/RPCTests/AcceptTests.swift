import NIOCore
import NIOPosix
import Testing

@testable import RPC

@Suite struct AcceptTests {
  /// Waits until `condition` holds; false if it does not within 20 s.
  static func eventually(_ condition: () -> Bool) async throws -> Bool {
    for _ in 0..<2000 {
      if condition() { return true }
      try await Task.sleep(for: .milliseconds(10))
    }
    return false
  }

  @Test func connectionsBeyondTheLimitWaitUntilOneCloses() async throws {
    var configuration = ServerConfiguration()
    let limit = ConnectionLimit(capacity: 3)
    configuration.connectionLimit = limit
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      _ = try await pair.channel.unary(TestServices.echo, ByteBuffer())
      let first = try await RawPeer.connect(pair.address)
      let second = try await RawPeer.connect(pair.address)
      #expect(try await Self.eventually { limit.open == 3 && limit.isPaused })
      // The system takes this one; the server does not look at it.
      let third = try await RawPeer.connect(pair.address)
      try await third.send(RawPeer.preface + RawPeer.emptySettings)
      _ = try await pair.channel.unary(TestServices.echo, ByteBuffer(string: "still served"))
      #expect(limit.open == 3)
      #expect(limit.pauses == 1)
      try await first.close()
      #expect(try await Self.eventually { limit.pauses == 2 && limit.open == 3 })
      try await second.close()
      try await third.close()
      #expect(try await Self.eventually { limit.open == 1 && !limit.isPaused })
      let other = TestPair.makeChannel(port: pair.address.port ?? 0)
      _ = try await other.unary(TestServices.echo, ByteBuffer())
      other.close()
    }
  }

  /// An accept that fails for want of descriptors pauses the listener; it goes on by itself.
  @Test func aFailedAcceptPausesForAWhile() async throws {
    let limit = ConnectionLimit(capacity: 10)
    let listener = try await ServerBootstrap(group: TestPair.group)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let handler = AcceptPauseHandler(limit: limit, logger: TestPair.logger)
          try channel.pipeline.syncOperations.addHandler(handler, name: "handler")
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let autoRead = { try await listener.getOption(.autoRead).get() }
    #expect(try await autoRead())
    listener.pipeline.fireErrorCaught(IOError(errnoCode: 24, reason: "accept"))
    #expect(try await Self.eventually { limit.pauses == 1 })
    #expect(try await Self.eventually { !limit.isPaused })
    #expect(try await autoRead())
    try await listener.close()
  }

  /// NIO closes a listener when accept fails for a reason that it does not know.
  @Test func aListenerThatIsClosedByAnErrorIsOpenedAgain() async throws {
    try await TestPair.run(TestServices.router) { pair in
      for _ in 0..<2 {
        let listener = try #require(pair.server.listener.withLock { $0 })
        let socket = try #require(listener.channel)
        socket.pipeline.fireErrorCaught(IOError(errnoCode: 71, reason: "accept"))
        try await socket.close()
        #expect(try await Self.eventually { listener.channel.map { $0 !== socket } ?? false })
        let client = TestPair.makeChannel(port: pair.address.port ?? 0)
        let reply = try await client.unary(
          TestServices.echo, ByteBuffer(string: "again"),
          options: CallOptions(timeout: .seconds(60), waitForReady: true))
        #expect(reply == ByteBuffer(string: "again"))
        client.close()
      }
    }
    // One that was instructed to close stays closed.
    let pair = try await TestPair.make(TestServices.router)
    let listener = try #require(pair.server.listener.withLock { $0 })
    await pair.stop()
    #expect(listener.channel == nil)
    await #expect(throws: (any Error).self) { _ = try await RawPeer.connect(pair.address) }
  }
}
