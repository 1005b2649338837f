import NIOCore
import SwiftProtobuf
import Synchronization
import Testing

@testable import RPC

/// What clients that do not read, or do not end what they begin, can make a server hold.
@Suite struct MemoryTests {
  private static let mebibyte = 1 << 20

  // MARK: Responses no one reads

  @Test func streamsStopTakingMessagesWhileTheirAnswersAreNotRead() async throws {
    let total = 600
    let piece = 64 << 10
    let most = Atomic<Int>(0)
    let full = Signal(of: Bool.self)
    var router = TestServices.router
    router.stream("/a/echo") { call in
      WatchedEcho(call) { pending in
        most.max(pending, ordering: .relaxed)
        if pending >= Self.mebibyte { full.send(true) }
      }
    }
    var client = ClientConfiguration()
    client.streamWindowBytes = 64 << 10
    try await TestPair.run(router, client: client) { pair in
      let stream = pair.channel.openAsyncStream("/a/echo")
      let sending = Task {
        for _ in 0..<total { try await stream.send(ByteBuffer(repeating: 3, count: piece)) }
        stream.finish()
      }
      _ = try await full.wait()
      // Calls beside it go on; while they do, the stream could have brought all that it has.
      for _ in 0..<200 { _ = try await pair.channel.unary(TestServices.echo, ByteBuffer()) }
      var count = 0
      for try await message in stream.messages {
        #expect(message.readableBytes == piece)
        count += 1
      }
      try await sending.value
      #expect(count == total)
      #expect(most.load(ordering: .relaxed) <= Self.mebibyte + 2 * piece)
    }
  }

  @Test func callsWaitWhileAnswersOfTheirConnectionAreNotRead() async throws {
    let begun = Atomic<Int>(0)
    let all = Signal(of: Bool.self)
    var router = MethodRouter()
    router.unary("/a/big") { _, call in
      if begun.add(1, ordering: .relaxed).newValue == 100 { all.send(true) }
      call.reply(ByteBuffer(repeating: 1, count: Self.mebibyte))
    }
    var configuration = ServerConfiguration()
    configuration.responseBytesPerConnection = 4 * Self.mebibyte
    let budget = configuration.budget
    try await TestPair.run(router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      for number in 0..<100 {
        let stream = 2 * number + 1
        try await peer.send(
          RawPeer.open("/a/big", stream: stream) + RawPeer.message([], stream: stream))
      }
      _ = try await peer.pong()
      #expect(begun.load(ordering: .relaxed) <= 6)
      #expect(budget.used <= 6 * Self.mebibyte)
      // Once the peer reads, all are served.
      let window = RawPeer.number(Int(Int32.max) - 70_000, bytes: 4)
      try await peer.send(RawPeer.frame(8, window))
      for number in 0..<100 {
        try await peer.send(RawPeer.frame(8, stream: 2 * number + 1, window))
      }
      _ = try await all.wait()
      try await peer.close()
    }
    #expect(budget.used == 0)
  }

  @Test func callsUnderWayCountWithWhatTheirMethodAnswered() async throws {
    let calls = Mutex<[UnaryCall]>([])
    let arrivals = (0..<50).map { _ in Signal(of: UnaryCall.self) }
    var router = TestServices.router
    router.unary("/a/big") { request, call in
      guard request.readableBytes == 0 else {
        return call.reply(ByteBuffer(repeating: 1, count: Self.mebibyte))
      }
      let count = calls.withLock { calls in
        calls.append(call)
        return calls.count
      }
      arrivals[count - 1].send(call)
    }
    var configuration = ServerConfiguration()
    configuration.responseBytesPerConnection = 4 * Self.mebibyte
    try await TestPair.run(router, server: configuration) { pair in
      _ = try await pair.channel.unary("/a/big", ByteBuffer(string: "now"))
      let answered = Atomic<Int>(0)
      let done = Signal(of: Bool.self)
      for _ in 0..<50 {
        pair.channel.unary("/a/big", ByteBuffer()) { _ in
          if answered.add(1, ordering: .relaxed).newValue == 50 { done.send(true) }
        }
      }
      // Another connection's call is let in, so the server has seen these: they were sent before.
      let peer = try await RawPeer.greet(pair.address)
      _ = try await peer.pong()
      let first = calls.withLock { $0.count }
      #expect(first <= 5)
      // Each response, given on a thread of no event loop, lets in the next.
      for arrival in arrivals { try await arrival.wait().reply(ByteBuffer(string: "late")) }
      _ = try await done.wait()
    }
  }

  @Test func withoutRoomInTheServerCallsAreRefused() async throws {
    let holding = Signal(of: Bool.self)
    var router = TestServices.router
    router.unary("/a/polite", busyReply: ByteBuffer(string: "busy")) { _, call in
      call.reply(ByteBuffer(string: "served"))
    }
    router.stream("/a/flood") { call in
      for _ in 0..<5 { call.send(ByteBuffer(repeating: 3, count: Self.mebibyte)) }
      holding.send(true)
      return EchoHandler(call, .collect)
    }
    var configuration = ServerConfiguration()
    configuration.budget = ByteBudget(limit: 8 * Self.mebibyte)
    let budget = configuration.budget
    try await TestPair.run(router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      try await peer.send(RawPeer.open("/a/flood", stream: 1))
      _ = try await holding.wait()
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary(TestServices.echo, ByteBuffer())
      }
      #expect(error?.code == .resourceExhausted)
      let polite = try await pair.channel.unary("/a/polite", ByteBuffer())
      #expect(polite == ByteBuffer(string: "busy"))
      // A stream's message waits, and is served once there is capacity.
      let collector = RecordingStreamHandler()
      let stream = pair.channel.openStream(TestServices.chat, handler: collector)
      stream.send(ByteBuffer(string: "patient"))
      try await peer.close()
      let reply = try await collector.first.wait()
      #expect(reply == ByteBuffer(string: "patient"))
      let served = try await pair.channel.unary("/a/polite", ByteBuffer())
      #expect(served == ByteBuffer(string: "served"))
      stream.cancel()
    }
    #expect(budget.used == 0)
  }

  /// What clients do not finish sending takes no capacity from the replies to others.
  @Test func unfinishedRequestsRefuseNobodysCall() {
    let budget = ByteBudget(limit: 8 * Self.mebibyte)
    budget.addInput(5 * Self.mebibyte)
    #expect(budget.isNearLimit && !budget.isFull && !budget.isOverdrawn)
    budget.addInput(2 * Self.mebibyte)
    #expect(budget.isCrowded && !budget.isExhausted)
    budget.addInput(-7 * Self.mebibyte)
    budget.addOutput(7 * Self.mebibyte)
    #expect(budget.isFull && budget.isOverdrawn && !budget.isNearLimit && !budget.isCrowded)
    #expect(budget.used == 7 * Self.mebibyte)
  }

  /// Servers of one process share a budget: what one holds, the other refuses.
  @Test func serversShareABudget() async throws {
    let holding = Signal(of: Bool.self)
    var router = TestServices.router
    router.stream("/a/flood") { call in
      for _ in 0..<5 { call.send(ByteBuffer(repeating: 3, count: Self.mebibyte)) }
      holding.send(true)
      return EchoHandler(call, .collect)
    }
    var configuration = ServerConfiguration()
    configuration.budget = ByteBudget(limit: 8 * Self.mebibyte)
    let shared = configuration
    try await TestPair.run(router, server: shared) { first in
      try await TestPair.run(router, server: shared) { second in
        let peer = try await RawPeer.greet(first.address)
        try await peer.send(RawPeer.open("/a/flood", stream: 1))
        _ = try await holding.wait()
        let error = await #expect(throws: RPCStatus.self) {
          _ = try await second.channel.unary(TestServices.echo, ByteBuffer())
        }
        #expect(error?.code == .resourceExhausted)
        try await peer.close()
      }
    }
    #expect(shared.budget.used == 0)
  }

  @Test func largeAnswersToAConnectionThatIsFarBehindAreRefused() async throws {
    var router = MethodRouter()
    let calls = Mutex<[UnaryCall]>([])
    let all = Signal(of: Bool.self)
    router.unary("/a/big") { _, call in
      let count = calls.withLock { calls in
        calls.append(call)
        return calls.count
      }
      if count == 64 { all.send(true) }
    }
    var configuration = ServerConfiguration()
    configuration.responseBytesPerConnection = 4 * Self.mebibyte
    let budget = configuration.budget
    try await TestPair.run(router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      for number in 0..<64 {
        let stream = 2 * number + 1
        try await peer.send(
          RawPeer.open("/a/big", stream: stream) + RawPeer.message([], stream: stream))
      }
      _ = try await all.wait()
      // No one expected such responses.
      for call in calls.withLock({ $0 }) {
        call.reply(ByteBuffer(repeating: 1, count: Self.mebibyte))
      }
      _ = try await peer.pong()
      #expect(budget.used <= 10 * Self.mebibyte)
      try await peer.close()
    }
  }

  // MARK: Messages no one ends

  @Test func unfinishedMessagesAreBoundedInAll() async throws {
    var configuration = ServerConfiguration()
    configuration.heldBytesPerConnection = 256 << 10
    configuration.extraWindowBytes = 128 << 10
    let budget = configuration.budget
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      // As much of a large message as the first window admits, on each of many streams.
      let streams = (0..<32).map { 2 * $0 + 1 }
      for stream in streams {
        try await peer.send(RawPeer.open(TestServices.echo, stream: stream))
        try await peer.send(
          RawPeer.frame(0, stream: stream, [0] + RawPeer.number(8 << 20, bytes: 4)))
        for _ in 0..<4 {
          try await peer.send(
            RawPeer.frame(0, stream: stream, [UInt8](repeating: 7, count: 16_000)))
        }
      }
      let frames = RawPeer.frames(try await peer.pong())
      let settings = frames.first { $0.type == 4 && $0.flags == 0 }
      let entries = settings.map { Array($0.payload) } ?? []
      let window = stride(from: 0, to: entries.count - 5, by: 6)
        .first { entries[$0] == 0 && entries[$0 + 1] == 4 }
        .map { at in entries[at + 2..<at + 6].reduce(0) { $0 << 8 | Int($1) } }
      let granted = frames.filter { $0.type == 8 && $0.stream > 0 }.reduce(0) { $0 + $1.number }
      // All that the peer may ever send of these, the one that is favoured apart.
      #expect(streams.count * (window ?? .max / 64) + granted <= 4 * Self.mebibyte)
      #expect(budget.used <= 3 * Self.mebibyte)
      // Others are served, with the largest message that there is.
      let large = ByteBuffer(repeating: 5, count: ServerConfiguration.defaultMaxReceiveMessageBytes)
      let answer = try await pair.channel.unary(TestServices.echo, large)
      #expect(answer == large)
      try await peer.close()
    }
    #expect(budget.used == 0)
  }

  @Test func manyLargeMessagesAtOnceTakeTurns() async throws {
    var configuration = ServerConfiguration()
    configuration.heldBytesPerConnection = 256 << 10
    configuration.extraWindowBytes = 128 << 10
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      try await withThrowingTaskGroup(of: Int.self) { tasks in
        for number in 0..<40 {
          tasks.addTask {
            let payload = ByteBuffer(repeating: UInt8(number), count: Self.mebibyte + number)
            let answer = try await pair.channel.unary(TestServices.echo, payload)
            return answer == payload ? 1 : 0
          }
        }
        let good = try await tasks.reduce(0, +)
        #expect(good == 40)
      }
    }
  }

  @Test func wholeMessagesOfCallsThatAreNotEndedAreBounded() async throws {
    var configuration = ServerConfiguration()
    configuration.heldBytesPerConnection = 256 << 10
    configuration.extraWindowBytes = 128 << 10
    let budget = configuration.budget
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      let payload = ByteBuffer(repeating: 6, count: Self.mebibyte)
      let collectors = (0..<24).map { _ in RecordingStreamHandler() }
      let streams = collectors.map { pair.channel.openStream(TestServices.echo, handler: $0) }
      for stream in streams { stream.send(payload) }
      while budget.used < Self.mebibyte { await Task.yield() }
      // Meanwhile all could have come.
      for _ in 0..<300 { _ = try await pair.channel.unary(TestServices.echo, ByteBuffer()) }
      #expect(budget.used <= 6 * Self.mebibyte)
      for stream in streams { stream.finish() }
      for collector in collectors {
        let outcome = try await collector.closed.wait()
        #expect(outcome.status.isOK)
        #expect(outcome.messages == [payload])
      }
    }
    #expect(budget.used == 0)
  }

  @Test func answersThatNobodyReadsEndTheirStream() async throws {
    let calls = Mutex<[StreamCall]>([])
    let opened = Signal(of: Bool.self)
    var router = TestServices.router
    router.stream("/a/answers") { call in
      calls.withLock { $0.append(call) }
      opened.send(true)
      return EchoHandler(call, .collect)
    }
    var configuration = ServerConfiguration()
    configuration.responseBytesPerConnection = 4 * Self.mebibyte
    let budget = configuration.budget
    try await TestPair.run(router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      try await peer.send(RawPeer.open("/a/answers", stream: 1))
      _ = try await opened.wait()
      let answer = Google_Protobuf_BytesValue.with {
        $0.value = .init(repeating: 1, count: Self.mebibyte)
      }
      // Questions under way are completed one after the other.
      for call in calls.withLock({ $0 }) { for _ in 0..<64 { call.send(answer: answer) } }
      _ = try await peer.pong()
      #expect(budget.used <= 10 * Self.mebibyte)
      // What was taken is sent once there is a window for it, and then the status.
      let window = RawPeer.number(1 << 30, bytes: 4)
      try await peer.send(RawPeer.frame(8, window) + RawPeer.frame(8, stream: 1, window))
      let bytes = try await peer.wait { bytes in
        RawPeer.frames(bytes).contains { $0.type == 1 && $0.stream == 1 && $0.flags & 1 == 1 }
      }
      let headers = RawPeer.frames(bytes).filter { $0.type == 1 }.map(\.payload)
      #expect(HeaderReader.read(headers)["grpc-status"] == "8")
      try await peer.close()
    }
  }

  @Test func anUnfinishedMessageDoesNotKeepTheOthersForEver() async throws {
    var configuration = ServerConfiguration()
    configuration.heldBytesPerConnection = 16 << 10
    configuration.extraWindowBytes = 0
    configuration.stallTimeout = .milliseconds(100)
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      // Two whose rest never comes: one is favoured, one waits.
      let peer = try await RawPeer.greet(pair.address)
      for stream in [1, 3] {
        try await peer.send(RawPeer.open(TestServices.echo, stream: stream))
        try await peer.send(
          RawPeer.frame(0, stream: stream, [0] + RawPeer.number(1 << 20, bytes: 4)))
        for _ in 0..<4 {
          try await peer.send(
            RawPeer.frame(0, stream: stream, [UInt8](repeating: 7, count: 16_000)))
        }
      }
      // The first is ended with a status: HEADERS that end the stream.
      _ = try await peer.wait { bytes in
        RawPeer.frames(bytes).contains { $0.type == 1 && $0.flags & 1 == 1 && $0.stream == 1 }
      }
      try await peer.close()
    }
  }

  @Test func withoutRoomInTheServerLargeMessagesAreRefused() async throws {
    var configuration = ServerConfiguration()
    configuration.budget = ByteBudget(limit: Self.mebibyte)
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      let error = await #expect(throws: RPCStatus.self) {
        _ = try await pair.channel.unary(
          TestServices.echo, ByteBuffer(repeating: 1, count: 8 * Self.mebibyte))
      }
      #expect(error?.code == .resourceExhausted)
      let small = try await pair.channel.unary(TestServices.echo, ByteBuffer(string: "small"))
      #expect(small == ByteBuffer(string: "small"))
    }
  }

  @Test func aConnectionThatHoldsTheServersMemoryAndMovesNothingIsClosed() async throws {
    var router = TestServices.router
    router.stream("/a/flood") { call in
      for _ in 0..<8 { call.send(ByteBuffer(repeating: 3, count: Self.mebibyte)) }
      return EchoHandler(call, .collect)
    }
    var configuration = ServerConfiguration()
    configuration.budget = ByteBudget(limit: 4 * Self.mebibyte)
    configuration.stallTimeout = .milliseconds(100)
    try await TestPair.run(router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      try await peer.send(RawPeer.open("/a/flood", stream: 1))
      _ = try await peer.untilClosed()
      let small = try await pair.channel.unary(TestServices.echo, ByteBuffer(string: "small"))
      #expect(small == ByteBuffer(string: "small"))
    }
  }
}

/// Sends back what comes and tells how much waits to be sent.
private final class WatchedEcho: StreamHandler {
  private let call: StreamCall
  private let note: (Int) -> Void

  init(_ call: StreamCall, _ note: @escaping (Int) -> Void) {
    self.call = call
    self.note = note
  }

  func onMessage(_ message: ByteBuffer) {
    call.send(message)
    note(call.pendingBytes)
  }

  func onHalfClose() { call.finish() }

  func onCancel(_ status: RPCStatus) {}
}
