import NIOCore
import Testing

@testable import RPC

@Suite struct LimitTests {
  @Test func unknownMethod() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary("/test.Echo/Nothing", ByteBuffer())
      }
      #expect(error?.code == .unimplemented)
    }
  }

  @Test func oversizedRequest() async throws {
    var configuration = ServerConfiguration()
    configuration.maxReceiveMessageBytes = 1000
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary(
          TestServices.echo, ByteBuffer(repeating: 0, count: 1001))
      }
      #expect(error?.code == .resourceExhausted)
      let fits = ByteBuffer(repeating: 0, count: 1000)
      let response = try await pair.channel.unary(TestServices.echo, fits)
      #expect(response == fits)
    }
  }

  @Test func requestOverTheDefaultLimit() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary(
          TestServices.echo, ByteBuffer(repeating: 0, count: (64 << 20) + 1))
      }
      #expect(error?.code == .resourceExhausted)
    }
  }

  @Test func oversizedReply() async throws {
    var configuration = ClientConfiguration()
    configuration.maxReceiveMessageBytes = 1000
    try await TestPair.run(TestServices.router, client: configuration) { pair in
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary(
          TestServices.echo, ByteBuffer(repeating: 0, count: 1001))
      }
      #expect(error?.code == .resourceExhausted)
    }
  }

  @Test func oversizedHeaders() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let options = CallOptions(
        metadata: RPCMetadata([("x-large", String(repeating: "x", count: 20_000))]))
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary(TestServices.echo, ByteBuffer(), options: options)
      }
      #expect(error?.code == .resourceExhausted)
      _ = try await pair.channel.unary(TestServices.echo, ByteBuffer())
    }
  }

  @Test func twoMessagesToAUnaryMethod() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let collector = RecordingStreamHandler()
      let stream = pair.channel.openStream(TestServices.echo, handler: collector)
      stream.send(ByteBuffer(string: "one"))
      stream.send(ByteBuffer(string: "two"))
      stream.finish()
      let response = try await collector.closed.wait().status.code
      #expect(response == .unimplemented)
    }
  }

  @Test func noMessageToAUnaryMethod() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let collector = RecordingStreamHandler()
      pair.channel.openStream(TestServices.echo, handler: collector).finish()
      let response = try await collector.closed.wait().status.code
      #expect(response == .unimplemented)
    }
  }

  @Test func moreCallsThanStreamsAllowed() async throws {
    var configuration = ServerConfiguration()
    configuration.maxConcurrentStreams = 4
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      try await withThrowingTaskGroup(of: ByteBuffer.self) { tasks in
        for _ in 0..<200 {
          tasks.addTask {
            try await pair.channel.unary(TestServices.echo, ByteBuffer(string: "queued"))
          }
        }
        for try await reply in tasks { #expect(reply == ByteBuffer(string: "queued")) }
      }
    }
  }

  // MARK: What does not fit into headers

  /// What a client sent comes back in an error's text; a header list has a limit.
  @Test func longErrorTextsAreCut() async throws {
    var router = TestServices.router
    router.unary("/a/refuse") { _, call in
      call.fail(RPCStatus(.invalidArgument, String(repeating: "né%", count: 50_000)))
    }
    let budget = ServerConfiguration().memory.budget
    var configuration = ServerConfiguration()
    configuration.memory.budget = budget
    try await TestPair.run(router, server: configuration) { pair in
      let options = CallOptions(timeout: .seconds(20))
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary("/a/refuse", ByteBuffer(), options: options)
      }
      #expect(error?.code == .invalidArgument)
      #expect(error?.message.hasPrefix("né%né%") == true)
      #expect((error?.message.utf8.count ?? 0) <= RPCStatus.maxMessageBytes)
    }
    #expect(budget.used == 0)
  }

  @Test func headersThatCannotBeSentEndTheirStream() async throws {
    var configuration = ServerConfiguration()
    configuration.http = HTTPService { _, done in
      done(
        HTTPReply(
          contentType: String(repeating: "x", count: 70_000), body: ByteBuffer(string: "body")))
    }
    let budget = configuration.memory.budget
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      let head = [(":method", "GET"), (":scheme", "http"), (":path", "/a"), (":authority", "x")]
      try await peer.send(
        RawPeer.frame(1, flags: 5, stream: 1, head.flatMap { RawPeer.field($0.0, $0.1) }))
      let bytes = try await peer.wait { bytes in
        RawPeer.frames(bytes).contains { $0.type == 3 && $0.stream == 1 }
      }
      #expect(RawPeer.frames(bytes).first { $0.type == 3 }?.number == 2)
      // The connection goes on.
      try await peer.send(RawPeer.open(TestServices.echo, stream: 3))
      try await peer.send(RawPeer.message([1], stream: 3))
      _ = try await peer.wait { bytes in
        RawPeer.frames(bytes).contains { $0.type == 0 && $0.stream == 3 }
      }
      try await peer.close()
    }
    #expect(budget.used == 0)
  }
}
