import NIOCore
import Synchronization
import Testing

@testable import RPC

@Suite struct CancellationTests {
  @Test func clientCancelReachesTheServer() async throws {
    let cancelled = Signal(of: RPCStatus.self)
    var router = MethodRouter()
    router.stream("/a/b") { EchoHandler($0, .chat) { cancelled.send($0) } }
    try await TestPair.run(router) { pair in
      let collector = RecordingStreamHandler()
      let stream = pair.channel.openStream("/a/b", handler: collector)
      stream.send(ByteBuffer(string: "x"))
      _ = try await collector.first.wait()
      stream.cancel()
      let response = try await collector.closed.wait().status.code
      #expect(response == .cancelled)
      let response2 = try await cancelled.wait().code
      #expect(response2 == .cancelled)
    }
  }

  @Test func cancelledTaskCancelsItsUnaryCall() async throws {
    let arrived = Signal(of: UnaryCall.self)
    var router = MethodRouter()
    router.unary("/a/never") { _, call in arrived.send(call) }
    try await TestPair.run(router) { pair in
      let task = Task { try await pair.channel.unary("/a/never", ByteBuffer()) }
      let call = try await arrived.wait()
      #expect(!call.isCancelled)
      task.cancel()
      await #expect(throws: RPCStatus.self) { _ = try await task.value }
      // The reset travels ahead of a later call on the same connection.
      _ = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary("/a/unknown", ByteBuffer())
      }
      #expect(call.isCancelled)
      call.reply(ByteBuffer(string: "too late"))
    }
  }

  @Test func lostConnectionReachesTheServer() async throws {
    let cancelled = Signal(of: RPCStatus.self)
    var router = MethodRouter()
    router.stream("/a/b") { EchoHandler($0, .chat) { cancelled.send($0) } }
    try await TestPair.run(router) { pair in
      let collector = RecordingStreamHandler()
      let stream = pair.channel.openStream("/a/b", handler: collector)
      stream.send(ByteBuffer(string: "x"))
      _ = try await collector.first.wait()
      pair.channel.close()
      let response = try await collector.closed.wait().status.code
      #expect(response == .unavailable)
      let response2 = try await cancelled.wait().code
      #expect(response2 == .unavailable)
    }
  }

  @Test func serverEndsAStreamEarly() async throws {
    var router = MethodRouter()
    router.stream("/a/b") { call in
      call.finish(RPCStatus(.aborted, "no more"))
      return EchoHandler(call, .chat)
    }
    try await TestPair.run(router) { pair in
      let collector = RecordingStreamHandler()
      let stream = pair.channel.openStream("/a/b", handler: collector)
      stream.send(ByteBuffer(repeating: 1, count: 1000))
      let outcome = try await collector.closed.wait()
      #expect(outcome.status == RPCStatus(.aborted, "no more"))
      #expect(stream.isOver)
      stream.send(ByteBuffer(repeating: 1, count: 1000))
      _ = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary("/a/unknown", ByteBuffer())
      }
      #expect(stream.pendingBytes == 0)
    }
  }

  @Test func serverSendsThenEndsEarly() async throws {
    var router = MethodRouter()
    router.stream("/a/b") { call in
      for number in 0..<100 { call.send(ByteBuffer(integer: number)) }
      call.finish(RPCStatus(.dataLoss, "after a hundred"))
      return EchoHandler(call, .collect)
    }
    try await TestPair.run(router) { pair in
      let collector = RecordingStreamHandler()
      pair.channel.openStream("/a/b", handler: collector)
      let outcome = try await collector.closed.wait()
      #expect(outcome.status == RPCStatus(.dataLoss, "after a hundred"))
      #expect(outcome.messages.count == 100)
    }
  }

  @Test func asyncServerBodyIsCancelled() async throws {
    let thrown = Signal(of: RPCStatus.self)
    var router = MethodRouter()
    router.asyncStream("/a/b") { messages, call in
      do {
        for try await message in messages { call.send(message) }
      } catch let status as RPCStatus {
        thrown.send(status)
        throw status
      }
      return .ok
    }
    try await TestPair.run(router) { pair in
      let stream = pair.channel.openAsyncStream("/a/b")
      try await stream.send(ByteBuffer(string: "x"))
      var messages = stream.messages.makeAsyncIterator()
      let response = try await messages.next()
      #expect(response == ByteBuffer(string: "x"))
      stream.cancel()
      let response2 = try await thrown.wait().code
      #expect(response2 == .cancelled)
    }
  }
}
