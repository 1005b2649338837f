import NIOCore
import Synchronization
import Testing

@testable import RPC

@Suite struct DeadlineTests {
  @Test func clientGivesUpInTime() async throws {
    var router = MethodRouter()
    let calls = Mutex<[UnaryCall]>([])
    router.unary("/a/never") { _, call in calls.withLock { $0.append(call) } }
    try await TestPair.run(router) { pair in
      let begin = ContinuousClock.now
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary(
          "/a/never", ByteBuffer(), options: CallOptions(timeout: .milliseconds(100)))
      }
      #expect(error?.code == .deadlineExceeded)
      #expect(ContinuousClock.now - begin >= .milliseconds(99))
    }
    calls.withLock { for call in $0 { call.reply(ByteBuffer()) } }
  }

  @Test func serverStreamIsNotifiedOfTheDeadline() async throws {
    let cancelled = Signal(of: RPCStatus.self)
    var router = MethodRouter()
    router.stream("/a/stream") { call in
      #expect(call.deadline != nil)
      return EchoHandler(call, .chat) { cancelled.send($0) }
    }
    try await TestPair.run(router) { pair in
      _ = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary("/a/connected", ByteBuffer())
      }
      let collector = RecordingStreamHandler()
      let stream = pair.channel.openStream(
        "/a/stream", options: CallOptions(timeout: .milliseconds(300)), handler: collector)
      stream.send(ByteBuffer(string: "x"))
      let outcome = try await collector.closed.wait()
      #expect(outcome.status.code == .deadlineExceeded)
      let code = try await cancelled.wait().code
      #expect(code == .deadlineExceeded || code == .cancelled)
    }
  }

  @Test func earlierDeadlineAfterALaterOne() async throws {
    var router = MethodRouter()
    let calls = Mutex<[UnaryCall]>([])
    router.unary("/a/never") { _, call in calls.withLock { $0.append(call) } }
    try await TestPair.run(router) { pair in
      let late = Signal(of: RPCStatus.self)
      let early = Signal(of: RPCStatus.self)
      let timeouts = [(TimeAmount.minutes(10), late), (.milliseconds(100), early)]
      for (timeout, signal) in timeouts {
        let options = CallOptions(timeout: timeout)
        pair.channel.unary("/a/never", ByteBuffer(), options: options) { result in
          if case .failure(let status) = result { signal.send(status) }
        }
      }
      let first = try await early.wait()
      #expect(first.code == .deadlineExceeded)
      pair.channel.close()
      let second = try await late.wait()
      #expect(second.code == .unavailable)
    }
    calls.withLock { for call in $0 { call.reply(ByteBuffer()) } }
  }

  @Test func waitingForAConnectionCountsToo() async throws {
    let port = try ReservedPort()
    defer { withExtendedLifetime(port) {} }
    let channel = TestPair.makeChannel(port: port.number)
    let error = await #expect(throws: RPCStatus.self) {
      _ = try await channel.unary(
        TestServices.echo, ByteBuffer(),
        options: CallOptions(timeout: .milliseconds(200), waitForReady: true))
    }
    #expect(error?.code == .deadlineExceeded)
    channel.close()
  }
}
