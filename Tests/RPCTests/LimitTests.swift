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
      let answer = try await pair.channel.unary(TestServices.echo, fits)
      #expect(answer == fits)
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
      let answer = try await collector.closed.wait().status.code
      #expect(answer == .unimplemented)
    }
  }

  @Test func noMessageToAUnaryMethod() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let collector = RecordingStreamHandler()
      pair.channel.openStream(TestServices.echo, handler: collector).finish()
      let answer = try await collector.closed.wait().status.code
      #expect(answer == .unimplemented)
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
}
