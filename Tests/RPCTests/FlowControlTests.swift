import NIOCore
import Synchronization
import Testing

@testable import RPC

@Suite struct FlowControlTests {
  private static var smallWindows: ClientConfiguration {
    var configuration = ClientConfiguration()
    configuration.streamWindowBytes = 64 << 10
    configuration.connectionWindowBytes = 256 << 10
    return configuration
  }

  @Test func messagesLargerThanTheWindows() async throws {
    var configuration = ServerConfiguration()
    configuration.windows.stream = 64 << 10
    configuration.windows.connection = 128 << 10
    try await TestPair.run(
      TestServices.router, server: configuration, client: Self.smallWindows
    ) { pair in
      let payload = ByteBuffer(repeating: 5, count: 4 << 20)
      let reply = try await pair.channel.unary(TestServices.echo, payload)
      #expect(reply == payload)
      let stream = pair.channel.openAsyncStream(TestServices.asyncChat)
      async let received = stream.messages.reduce(into: 0) { $0 += $1.readableBytes }
      for _ in 0..<4 { try await stream.send(payload) }
      stream.finish()
      let bytes = try await received
      #expect(bytes == 16 << 20)
    }
  }

  @Test func slowReaderSlowsTheSenderDown() async throws {
    let sender = Signal(of: StreamCall.self)
    let full = Signal(of: Int.self)
    let sent = Atomic<Int>(0)
    let total = 1000
    let piece = 64 << 10
    var router = MethodRouter()
    router.stream("/a/flood") { call in
      @Sendable func pump() {
        while call.isWritable, sent.load(ordering: .relaxed) < total {
          sent.add(1, ordering: .relaxed)
          call.send(ByteBuffer(repeating: 3, count: piece))
        }
        if sent.load(ordering: .relaxed) < total { full.send(sent.load(ordering: .relaxed)) }
        if sent.load(ordering: .relaxed) == total { call.finish() }
      }
      call.onWritable { pump() }
      pump()
      sender.send(call)
      return EchoHandler(call, .collect)
    }
    try await TestPair.run(router, client: Self.smallWindows) { pair in
      let stream = pair.channel.openAsyncStream("/a/flood")
      _ = try await sender.wait()
      let first = try await full.wait()
      // No one reads: what was let through is bounded by send buffer and window, far below all.
      #expect(first < total / 4)
      var iterator = stream.messages.makeAsyncIterator()
      var count = 0
      while let message = try await iterator.next() {
        #expect(message.readableBytes == piece)
        count += 1
        if count == 1 { #expect(sent.load(ordering: .relaxed) < total / 4) }
      }
      #expect(count == total)
    }
  }

  @Test func oneStalledStreamDoesNotStopOthers() async throws {
    let sent = Signal(of: Bool.self)
    var router = TestServices.router
    router.stream("/a/flood") { call in
      for _ in 0..<100 { call.send(ByteBuffer(repeating: 3, count: 64 << 10)) }
      sent.send(true)
      return EchoHandler(call, .collect)
    }
    try await TestPair.run(router, client: Self.smallWindows) { pair in
      let stalled = pair.channel.openAsyncStream("/a/flood")
      _ = try await sent.wait()
      for number in 0..<100 {
        let payload = ByteBuffer(integer: number)
        let reply = try await pair.channel.unary(TestServices.echo, payload)
        #expect(reply == payload)
      }
      stalled.cancel()
    }
  }

  @Test func pendingBytesFallToZero() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let collector = RecordingStreamHandler()
      let stream = pair.channel.openStream(TestServices.collect, handler: collector)
      for _ in 0..<64 { stream.send(ByteBuffer(repeating: 1, count: 100_000)) }
      stream.finish()
      let outcome = try await collector.closed.wait()
      #expect(outcome.status == .ok)
      #expect(stream.pendingBytes == 0)
      #expect(stream.isWritable)
    }
  }
}
