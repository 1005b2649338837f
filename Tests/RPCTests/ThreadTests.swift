import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import RPC

@Suite struct ThreadTests {
  @Test func repliesFromOtherThreadsInBatches() async throws {
    let waiting = Mutex<[UnaryCall]>([])
    let full = Signal(of: Bool.self)
    var router = MethodRouter()
    router.unary("/a/b") { _, call in
      let count = waiting.withLock { calls in
        calls.append(call)
        return calls.count
      }
      if count == 1000 { full.send(true) }
    }
    try await TestPair.run(router) { pair in
      let done = Signal(of: Int.self)
      let good = Atomic<Int>(0)
      for _ in 0..<1000 {
        pair.channel.unary("/a/b", ByteBuffer()) { result in
          guard case .success(ByteBuffer(string: "late")) = result else { return }
          if good.add(1, ordering: .relaxed).newValue == 1000 { done.send(1000) }
        }
      }
      _ = try await full.wait()
      let pool = NIOThreadPool(numberOfThreads: 2)
      pool.start()
      let calls = waiting.withLock { $0 }
      for half in [calls.prefix(500), calls.suffix(500)] {
        pool.submit { _ in for call in half { call.reply(ByteBuffer(string: "late")) } }
      }
      let response = try await done.wait()
      #expect(response == 1000)
      try await pool.shutdownGracefully()
    }
  }

  @Test func oneThreadsMessagesKeepTheirOrder() async throws {
    let pool = NIOThreadPool(numberOfThreads: 1)
    pool.start()
    var router = MethodRouter()
    router.stream("/a/b") { call in
      pool.submit { _ in
        for number in 0..<2000 { call.send(ByteBuffer(integer: number)) }
        call.execute { call.send(ByteBuffer(string: "on the loop")) }
        call.send(ByteBuffer(string: "end"))
        call.finish()
      }
      return EchoHandler(call, .collect)
    }
    try await TestPair.run(router) { pair in
      let collector = RecordingStreamHandler()
      pair.channel.openStream("/a/b", handler: collector)
      let outcome = try await collector.closed.wait()
      #expect(outcome.status == .ok)
      let numbers = outcome.messages.prefix(2000).map { $0.getInteger(at: 0, as: Int.self) }
      #expect(numbers == (0..<2000).map { $0 })
      #expect(outcome.messages.count == 2002)
      #expect(outcome.messages.contains(ByteBuffer(string: "end")))
    }
    try await pool.shutdownGracefully()
  }

  @Test func executeRunsOnTheLoop() async throws {
    let ran = Signal(of: Bool.self)
    var router = MethodRouter()
    router.unary("/a/b") { _, call in
      call.execute {
        ran.send(call.eventLoop.inEventLoop)
        call.reply(ByteBuffer())
      }
    }
    try await TestPair.run(router) { pair in
      _ = try await pair.channel.unary("/a/b", ByteBuffer())
      let response = try await ran.wait()
      #expect(response)
    }
  }
}
