import NIOCore
import SwiftProtobuf
import Synchronization
import Testing

@testable import RPC

@Suite struct CallShapeTests {
  @Test(arguments: [0, 1, 100, 16_384, 70_000, 1 << 20, 10 << 20])
  func unaryEcho(size: Int) async throws {
    try await TestPair.run(TestServices.router) { pair in
      let payload = ByteBuffer(bytes: (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) })
      let reply = try await pair.channel.unary(TestServices.echo, payload)
      #expect(reply == payload)
    }
  }

  @Test func typedUnary() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let request = Google_Protobuf_StringValue("a typed message")
      let reply = try await pair.channel.unary(
        TestServices.echo, request, as: Google_Protobuf_StringValue.self)
      #expect(reply == request)
    }
  }

  @Test func malformedReplyIsInternal() async throws {
    var router = MethodRouter()
    router.unary("/a/b") { _, call in call.reply([0xff, 0xff]) }
    try await TestPair.run(router) { pair in
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary(
          "/a/b", Google_Protobuf_Empty(), as: Google_Protobuf_StringValue.self)
      }
      #expect(error?.code == .internal)
    }
  }

  @Test func statusAndMessageSurvive() async throws {
    try await TestPair.run(TestServices.router) { pair in
      await #expect(throws: RPCStatus(.notFound, "niente: né % né\n")) {
        _ = try await pair.channel.unary(TestServices.refuse, ByteBuffer())
      }
    }
  }

  @Test func clientStreaming() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let collector = RecordingStreamHandler()
      let stream = pair.channel.openStream(TestServices.collect, handler: collector)
      for _ in 0..<1000 { stream.send(ByteBuffer(repeating: 7, count: 100)) }
      stream.finish()
      let outcome = try await collector.closed.wait()
      #expect(outcome.status == .ok)
      #expect(outcome.messages == [ByteBuffer(string: "100000")])
    }
  }

  @Test func serverStreaming() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let collector = RecordingStreamHandler()
      let stream = pair.channel.openStream(TestServices.expand, handler: collector)
      let payload = ByteBuffer(repeating: 9, count: 300_000)
      stream.send(payload)
      stream.finish()
      let outcome = try await collector.closed.wait()
      #expect(outcome.status == .ok)
      #expect(outcome.messages == Array(repeating: payload, count: 10))
    }
  }

  @Test func bidirectionalStreaming() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let collector = RecordingStreamHandler()
      let stream = pair.channel.openStream(TestServices.chat, handler: collector)
      stream.send(ByteBuffer(string: "first"))
      let response = try await collector.first.wait()
      #expect(response == ByteBuffer(string: "first"))
      let sent = (0..<500).map { ByteBuffer(string: "message \($0)") }
      for message in sent { stream.send(message) }
      stream.finish()
      let outcome = try await collector.closed.wait()
      #expect(outcome.status == .ok)
      #expect(Array(outcome.messages.dropFirst()) == sent)
    }
  }

  @Test func asyncStreamsOnBothSides() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let stream = pair.channel.openAsyncStream(TestServices.asyncChat)
      async let received = stream.messages.reduce(into: [ByteBuffer]()) { $0.append($1) }
      let sent = (0..<200).map { ByteBuffer(repeating: UInt8($0), count: 50_000) }
      for message in sent { try await stream.send(message) }
      stream.finish()
      let response = try await received
      #expect(response == sent)
    }
  }

  @Test func asyncBodyErrorIsTheStatus() async throws {
    var router = MethodRouter()
    router.asyncStream("/a/b") { messages, _ in
      for try await _ in messages { throw RPCStatus(.aborted, "enough") }
      return .ok
    }
    try await TestPair.run(router) { pair in
      let stream = pair.channel.openAsyncStream("/a/b")
      try await stream.send(ByteBuffer(string: "x"))
      await #expect(throws: RPCStatus(.aborted, "enough")) {
        for try await _ in stream.messages {}
      }
    }
  }

  @Test func metadataAndObserver() async throws {
    struct Report: Sendable, Equatable {
      var path: String
      var code: RPCCode
    }
    let seen = Signal(of: String?.self)
    let reported = Signal(of: Report.self)
    var router = MethodRouter()
    router.unary("/a/b") { request, call in
      seen.send(call.metadata["x-forwarded"])
      call.fail(RPCStatus(.aborted, "expected"))
    }
    router.observer = { path, code, duration in
      #expect(duration >= .nanoseconds(0))
      reported.send(Report(path: path, code: code))
    }
    try await TestPair.run(router) { pair in
      let options = CallOptions(metadata: RPCMetadata([("x-forwarded", "store-2")]))
      await #expect(throws: RPCStatus(.aborted, "expected")) {
        _ = try await pair.channel.unary("/a/b", ByteBuffer(), options: options)
      }
      let response = try await seen.wait()
      #expect(response == "store-2")
      let response2 = try await reported.wait()
      #expect(response2 == Report(path: "/a/b", code: .aborted))
    }
  }

  @Test func tenThousandCallsOverOneConnection() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let done = Signal(of: Int.self)
      let good = Atomic<Int>(0)
      let left = Atomic<Int>(10_000)
      try await withCheckedThrowingContinuation { (started: CheckedContinuation<Void, any Error>) in
        for number in 0..<10_000 {
          let payload = ByteBuffer(integer: number)
          pair.channel.unary(TestServices.echo, payload) { result in
            if case .success(payload) = result { good.add(1, ordering: .relaxed) }
            if left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
              done.send(good.load(ordering: .relaxed))
            }
          }
        }
        started.resume()
      }
      let response = try await done.wait()
      #expect(response == 10_000)
    }
  }
}
