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

  @Test func serverStreamIsToldOfTheDeadline() async throws {
    let cancelled = Signal(of: RPCStatus.self)
    var router = MethodRouter()
    router.stream("/a/stream") { call in
      #expect(call.deadline != nil)
      return EchoHandler(call, .chat) { cancelled.send($0) }
    }
    try await TestPair.run(router) { pair in
      let collector = Collector()
      let stream = pair.channel.openStream(
        "/a/stream", options: CallOptions(timeout: .seconds(1)), handler: collector)
      stream.send(ByteBuffer(string: "in time"))
      let answer = try await collector.first.wait()
      #expect(answer == ByteBuffer(string: "in time"))
      let answer2 = try await collector.closed.wait().status.code
      #expect(answer2 == .deadlineExceeded)
      let code = try await cancelled.wait().code
      #expect(code == .deadlineExceeded || code == .cancelled)
    }
  }

  @Test func earlierDeadlineAfterALaterOne() async throws {
    var router = MethodRouter()
    let calls = Mutex<[UnaryCall]>([])
    router.unary("/a/never") { _, call in calls.withLock { $0.append(call) } }
    try await TestPair.run(router) { pair in
      let order = Mutex<[Int]>([])
      let done = Signal(of: Bool.self)
      for (number, timeout) in [300, 100, 200].enumerated() {
        pair.channel.unary(
          "/a/never", ByteBuffer(), options: CallOptions(timeout: .milliseconds(Int64(timeout)))
        ) { result in
          guard case .failure(let status) = result, status.code == .deadlineExceeded else { return }
          let count = order.withLock { order in
            order.append(number)
            return order.count
          }
          if count == 3 { done.send(true) }
        }
      }
      _ = try await done.wait()
      #expect(order.withLock { $0 } == [1, 2, 0])
    }
    calls.withLock { for call in $0 { call.reply(ByteBuffer()) } }
  }

  @Test func waitingForAConnectionCountsToo() async throws {
    let pair = try await TestPair.make(TestServices.router)
    await pair.stop()
    let channel = TestPair.makeChannel(port: pair.address.port ?? 0)
    let error = await #expect(throws: RPCStatus.self) {
      _ = try await channel.unary(
        TestServices.echo, ByteBuffer(),
        options: CallOptions(timeout: .milliseconds(200), waitForReady: true))
    }
    #expect(error?.code == .deadlineExceeded)
    channel.close()
  }
}
