import NIOCore
import SwiftProtobuf
import Synchronization
import Testing

@testable import RPC

/// What clients that do not read, or do not end what they begin, can make a server hold.
@Suite struct MemoryTests {
  private static let mebibyte = 1 << 20

  // MARK: Responses that are not read

  @Test func streamsTakeNoMessagesWhileTheirResponsesAreUnread() async throws {
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

  @Test func callsWaitWhileResponsesOfTheirConnectionAreUnread() async throws {
    let begun = Atomic<Int>(0)
    let all = Signal(of: Bool.self)
    var router = MethodRouter()
    router.unary("/a/big") { _, call in
      if begun.add(1, ordering: .relaxed).newValue == 100 { all.send(true) }
      call.reply(ByteBuffer(repeating: 1, count: Self.mebibyte))
    }
    var configuration = ServerConfiguration()
    configuration.memory.responseBytesPerConnection = 4 * Self.mebibyte
    let budget = configuration.memory.budget
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

  @Test func callsUnderWayCountWithTheSizeOfTheirMethodsResponses() async throws {
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
    configuration.memory.responseBytesPerConnection = 4 * Self.mebibyte
    try await TestPair.run(router, server: configuration) { pair in
      _ = try await pair.channel.unary("/a/big", ByteBuffer(string: "now"))
      let completed = Atomic<Int>(0)
      let done = Signal(of: Bool.self)
      for _ in 0..<50 {
        pair.channel.unary("/a/big", ByteBuffer()) { _ in
          if completed.add(1, ordering: .relaxed).newValue == 50 { done.send(true) }
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

  /// Sends so many mebibytes without being asked.
  private static func flood(_ count: Int, _ holding: Signal<Bool>) -> MethodRouter.StreamFactory {
    { call in
      for _ in 0..<count { call.send(ByteBuffer(repeating: 3, count: mebibyte)) }
      holding.send(true)
      return EchoHandler(call, .collect)
    }
  }

  @Test func callsAreRefusedAtTheServersMemoryLimit() async throws {
    let holding = (Signal(of: Bool.self), Signal(of: Bool.self))
    var router = TestServices.router
    router.unary("/a/polite", busyReply: ByteBuffer(string: "busy")) { _, call in
      call.reply(ByteBuffer(string: "served"))
    }
    router.stream("/a/flood", Self.flood(5, holding.0))
    router.stream("/a/piece", Self.flood(1, holding.1))
    var configuration = ServerConfiguration()
    configuration.memory.budget = ByteBudget(limit: 8 * Self.mebibyte)
    configuration.memory.stallTimeout = .hours(1)
    let budget = configuration.memory.budget
    try await TestPair.run(router, server: configuration) { pair in
      let holder = try await RawPeer.greet(pair.address)
      try await holder.send(RawPeer.open("/a/flood", stream: 1))
      _ = try await holding.0.wait()
      // Another that has enough to read is refused.
      let peer = try await RawPeer.greet(pair.address)
      try await peer.send(
        RawPeer.frame(8, RawPeer.number(Self.mebibyte, bytes: 4))
          + RawPeer.open("/a/piece", stream: 1))
      _ = try await holding.1.wait()
      try await peer.send(
        RawPeer.open(TestServices.echo, stream: 3) + RawPeer.message([], stream: 3)
          + RawPeer.open("/a/polite", stream: 5) + RawPeer.message([], stream: 5))
      let bytes = try await peer.wait { bytes in
        RawPeer.frames(bytes).contains { $0.type == 0 && $0.stream == 5 }
      }
      let frames = RawPeer.frames(bytes)
      let headers = frames.filter { $0.type == 1 && $0.stream <= 3 }.map(\.payload)
      #expect(HeaderReader.read(headers)["grpc-status"] == "8")
      #expect(frames.contains { $0.stream == 5 && $0.payload.suffix(4) == ArraySlice("busy".utf8) })
      // A stream's message waits, and is served once there is capacity.
      try await peer.send(
        RawPeer.open(TestServices.chat, stream: 7)
          + RawPeer.message(Array("patient".utf8), stream: 7, isLast: false))
      let before = RawPeer.frames(try await peer.pong())
      #expect(!before.contains { $0.type == 0 && $0.stream == 7 })
      try await holder.close()
      _ = try await peer.wait { bytes in
        RawPeer.frames(bytes).contains { $0.type == 0 && $0.stream == 7 }
      }
      try await peer.close()
    }
    #expect(budget.used == 0)
  }

  /// Who has little outstanding is served, whatever others hold.
  @Test func aReserveIsLeftToEveryConnection() async throws {
    let holding = Signal(of: Bool.self)
    var router = TestServices.router
    router.stream("/a/flood", Self.flood(12, holding))
    var configuration = ServerConfiguration()
    configuration.memory.budget = ByteBudget(limit: 8 * Self.mebibyte)
    configuration.memory.stallTimeout = .hours(1)
    let budget = configuration.memory.budget
    try await TestPair.run(router, server: configuration) { pair in
      let holder = try await RawPeer.greet(pair.address)
      try await holder.send(RawPeer.open("/a/flood", stream: 1))
      _ = try await holding.wait()
      #expect(budget.isOverdrawn)
      let large = ByteBuffer(repeating: 7, count: 100 << 10)
      for payload in [ByteBuffer(string: "small"), large] {
        let reply = try await pair.channel.unary(TestServices.echo, payload)
        #expect(reply == payload)
      }
      let stream = pair.channel.openAsyncStream(TestServices.chat)
      try await stream.send(ByteBuffer(string: "word"))
      var messages = stream.messages.makeAsyncIterator()
      #expect(try await messages.next() == ByteBuffer(string: "word"))
      stream.cancel()
      try await holder.close()
    }
    let hog = OutputLedger(budget: budget, limit: 8 * Self.mebibyte)
    hog.add(8 * Self.mebibyte)
    #expect(!hog.hasShare && hog.isOverdrawn(adding: 5000, insteadOf: 0))
    let other = OutputLedger(budget: budget, limit: 8 * Self.mebibyte)
    #expect(other.hasShare && !other.isOverdrawn(adding: ByteBudget.reserve, insteadOf: 0))
    #expect(other.isOverdrawn(adding: ByteBudget.reserve + 1, insteadOf: 0))
    other.add(ByteBudget.reserve)
    #expect(!other.hasShare)
  }

  /// What clients do not finish sending takes no capacity from the replies to others.
  @Test func unfinishedRequestsRefuseNoOtherCall() {
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
    let holding = (Signal(of: Bool.self), Signal(of: Bool.self))
    var router = TestServices.router
    router.stream("/a/flood", Self.flood(5, holding.0))
    router.stream("/a/piece", Self.flood(1, holding.1))
    var configuration = ServerConfiguration()
    configuration.memory.budget = ByteBudget(limit: 8 * Self.mebibyte)
    configuration.memory.stallTimeout = .hours(1)
    let (methods, shared) = (router, configuration)
    try await TestPair.run(methods, server: shared) { first in
      try await TestPair.run(methods, server: shared) { second in
        let holder = try await RawPeer.greet(first.address)
        try await holder.send(RawPeer.open("/a/flood", stream: 1))
        _ = try await holding.0.wait()
        let peer = try await RawPeer.greet(second.address)
        try await peer.send(RawPeer.open("/a/piece", stream: 1))
        _ = try await holding.1.wait()
        try await peer.send(
          RawPeer.open(TestServices.echo, stream: 3) + RawPeer.message([], stream: 3))
        let bytes = try await peer.wait { bytes in
          RawPeer.frames(bytes).contains { $0.type == 1 && $0.stream == 3 }
        }
        let headers = RawPeer.frames(bytes).filter { $0.type == 1 }.map(\.payload)
        #expect(HeaderReader.read(headers)["grpc-status"] == "8")
        try await holder.close()
        try await peer.close()
      }
    }
    #expect(shared.memory.budget.used == 0)
  }

  @Test func largeResponsesToAConnectionFarBehindAreRefused() async throws {
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
    configuration.memory.responseBytesPerConnection = 4 * Self.mebibyte
    let budget = configuration.memory.budget
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

  // MARK: Messages that do not end

  @Test func unfinishedMessagesAreBoundedInAll() async throws {
    var configuration = ServerConfiguration()
    configuration.memory.heldBytesPerConnection = 256 << 10
    configuration.windows.extra = 128 << 10
    let budget = configuration.memory.budget
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
      let response = try await pair.channel.unary(TestServices.echo, large)
      #expect(response == large)
      try await peer.close()
    }
    #expect(budget.used == 0)
  }

  @Test func manyLargeMessagesAtOnceTakeTurns() async throws {
    var configuration = ServerConfiguration()
    configuration.memory.heldBytesPerConnection = 256 << 10
    configuration.windows.extra = 128 << 10
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      try await withThrowingTaskGroup(of: Int.self) { tasks in
        for number in 0..<40 {
          tasks.addTask {
            let payload = ByteBuffer(repeating: UInt8(number), count: Self.mebibyte + number)
            let response = try await pair.channel.unary(TestServices.echo, payload)
            return response == payload ? 1 : 0
          }
        }
        let good = try await tasks.reduce(0, +)
        #expect(good == 40)
      }
    }
  }

  @Test func wholeMessagesOfCallsThatAreNotEndedAreBounded() async throws {
    var configuration = ServerConfiguration()
    configuration.memory.heldBytesPerConnection = 256 << 10
    configuration.windows.extra = 128 << 10
    let budget = configuration.memory.budget
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

  @Test func unreadResponsesEndTheirStream() async throws {
    let calls = Mutex<[StreamCall]>([])
    let opened = Signal(of: Bool.self)
    var router = TestServices.router
    router.stream("/a/responses") { call in
      calls.withLock { $0.append(call) }
      opened.send(true)
      return EchoHandler(call, .collect)
    }
    var configuration = ServerConfiguration()
    configuration.memory.responseBytesPerConnection = 4 * Self.mebibyte
    let budget = configuration.memory.budget
    try await TestPair.run(router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      try await peer.send(RawPeer.open("/a/responses", stream: 1))
      _ = try await opened.wait()
      let response = Google_Protobuf_BytesValue.with {
        $0.value = .init(repeating: 1, count: Self.mebibyte)
      }
      // Calls under way are completed one after the other.
      for call in calls.withLock({ $0 }) { for _ in 0..<64 { call.send(response: response) } }
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

  @Test func anUnfinishedMessageDoesNotBlockOthersForever() async throws {
    var configuration = ServerConfiguration()
    configuration.memory.heldBytesPerConnection = 16 << 10
    configuration.windows.extra = 0
    configuration.memory.stallTimeout = .milliseconds(100)
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

  @Test func largeMessagesAreRefusedAtTheServersMemoryLimit() async throws {
    var configuration = ServerConfiguration()
    configuration.memory.budget = ByteBudget(limit: Self.mebibyte)
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

  /// Bytes that it sends (in frames of no known type), or a few that it reads, do not save it.
  @Test func aConnectionThatDoesNotReadIsClosedWhileMemoryIsShort() async throws {
    let holding = Signal(of: Bool.self)
    var router = TestServices.router
    router.stream("/a/flood", Self.flood(8, holding))
    var configuration = ServerConfiguration()
    configuration.memory.budget = ByteBudget(limit: 8 * Self.mebibyte)
    configuration.memory.stallTimeout = .seconds(1)
    try await TestPair.run(router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      try await peer.send(RawPeer.open("/a/flood", stream: 1))
      _ = try await holding.wait()
      let trickle = Task {
        for round in 0... {
          if round % 100 == 0 { try await peer.send(RawPeer.frame(8, stream: 1, [0, 0, 0, 1])) }
          try await peer.send(RawPeer.frame(0xfa, [UInt8](repeating: 0, count: 16 << 10)))
          _ = try? await pair.channel.unary(TestServices.echo, ByteBuffer(string: "reader"))
        }
      }
      _ = try await peer.untilClosed()
      trickle.cancel()
      _ = await trickle.result
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
    configuration.memory.budget = ByteBudget(limit: 4 * Self.mebibyte)
    configuration.memory.stallTimeout = .milliseconds(100)
    try await TestPair.run(router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      try await peer.send(RawPeer.open("/a/flood", stream: 1))
      _ = try await peer.untilClosed()
      let small = try await pair.channel.unary(TestServices.echo, ByteBuffer(string: "small"))
      #expect(small == ByteBuffer(string: "small"))
    }
  }
}

/// Sends back what comes and reports how much waits to be sent.
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
