import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import RPC

/// What is cheap to send and dear to handle costs the sender its connection.
@Suite struct FloodTests {
  private static let calm = 0xb

  /// Sends `bytes` after a greeting; checks that the connection ends with ENHANCE_YOUR_CALM.
  private func expectEnhanceYourCalm(
    _ bytes: [UInt8], _ configuration: ServerConfiguration = ServerConfiguration(),
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      // The server closes in the middle of this: that the write fails is what is hoped for.
      try? await peer.send(bytes)
      let frames = RawPeer.frames(try await peer.untilClosed())
      let last = frames.last { $0.type == 7 }
      #expect(last?.number == Self.calm, sourceLocation: sourceLocation)
      let reply = try await pair.channel.unary(TestServices.echo, ByteBuffer(string: "alive"))
      #expect(reply == ByteBuffer(string: "alive"), sourceLocation: sourceLocation)
    }
  }

  // MARK: Header lists

  /// A call whose headers name the newest entry of the dynamic table so many times.
  private func references(_ count: Int, stream: Int) -> [UInt8] {
    RawPeer.frame(
      1, flags: 5, stream: stream,
      RawPeer.head(TestServices.echo) + [UInt8](repeating: 0x80 | 62, count: count))
  }

  private var largeEntry: [UInt8] {
    let entry = RawPeer.field("x", String(repeating: "y", count: 4000), index: true)
    return RawPeer.frame(1, flags: 5, stream: 1, RawPeer.head(TestServices.echo) + entry)
  }

  @Test func headerListsThatCompressionMakesLarge() async throws {
    var bytes = largeEntry
    for number in 1...100 { bytes += references(12_000, stream: 2 * number + 1) }
    try await expectEnhanceYourCalm(bytes)
  }

  @Test func oneLargeHeaderListEndsItsStreamOnly() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let peer = try await RawPeer.greet(pair.address)
      try await peer.send(largeEntry + references(1000, stream: 3))
      // The table is as it was: the next call may use it.
      try await peer.send(references(1, stream: 5))
      let frames = RawPeer.frames(try await peer.pong())
      #expect(frames.contains { $0.type == 3 && $0.stream == 3 && $0.number == Self.calm })
      #expect(frames.contains { $0.type == 1 && $0.stream == 5 })
      #expect(!frames.contains { $0.type == 7 })
      try await peer.close()
    }
  }

  @Test func requestTrailersAreIgnored() async throws {
    let deadline = Mutex<NIODeadline?>(nil)
    let names = Mutex<[String]>([])
    var router = MethodRouter()
    router.unary("/a/b") { _, call in
      deadline.withLock { $0 = call.deadline }
      names.withLock { $0 = call.metadata.entries.map(\.name) }
      call.reply(ByteBuffer())
    }
    try await TestPair.run(router) { pair in
      let peer = try await RawPeer.greet(pair.address)
      try await peer.send(
        RawPeer.open("/a/b", stream: 1, [("x-first", "1")])
          + RawPeer.message([], stream: 1, isLast: false)
          + RawPeer.frame(
            1, flags: 5, stream: 1,
            RawPeer.field("grpc-timeout", "1n") + RawPeer.field("x-late", "2")))
      let frames = RawPeer.frames(try await peer.pong())
      #expect(frames.contains { $0.type == 0 && $0.stream == 1 })
      #expect(deadline.withLock { $0 } == nil)
      #expect(names.withLock { $0 } == ["x-first"])
      try await peer.close()
    }
  }

  @Test(arguments: ["99999999H", "0n", "99999999S", "1n"]) func timeouts(value: String) async throws
  {
    try await TestPair.run(TestServices.router) { pair in
      let peer = try await RawPeer.greet(pair.address)
      try await peer.send(
        RawPeer.open(TestServices.echo, stream: 1, [("grpc-timeout", value)])
          + RawPeer.message([1], stream: 1))
      let bytes = try await peer.wait { bytes in
        RawPeer.frames(bytes).contains { $0.stream == 1 && $0.type == 1 && $0.flags & 1 == 1 }
      }
      #expect(!RawPeer.frameTypes(bytes).contains(7))
      try await peer.close()
    }
  }

  // MARK: Frames

  @Test func settings() async throws {
    let entry: [UInt8] = [0, 4, 0, 1, 0, 0]
    let frame = RawPeer.frame(4, Array(repeatElement(entry, count: 16).joined()))
    try await expectEnhanceYourCalm(Array(repeatElement(frame, count: 500).joined()))
  }

  @Test func windowUpdates() async throws {
    let frame = RawPeer.frame(8, [0, 0, 0, 1])
    try await expectEnhanceYourCalm(Array(repeatElement(frame, count: 100_000).joined()))
  }

  @Test func windowUpdatesForSentData() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let peer = try await RawPeer.greet(pair.address)
      // Two for each response, as the busiest of clients send them.
      for number in 0..<10_000 {
        let stream = 2 * number + 1
        let update = RawPeer.frame(8, [0, 0, 0, 6])
        try await peer.send(
          RawPeer.open(TestServices.echo, stream: stream)
            + RawPeer.message([1], stream: stream, isLast: false) + update + update
            + RawPeer.frame(0, flags: 1, stream: stream, []))
        if number % 100 == 99 { _ = try await peer.pong(UInt8(number / 100)) }
      }
      let frames = RawPeer.frames(try await peer.pong(255))
      #expect(!frames.contains { $0.type == 7 })
      try await peer.close()
    }
  }

  @Test func emptyData() async throws {
    let frame = RawPeer.frame(0, stream: 1, [])
    try await expectEnhanceYourCalm(
      RawPeer.open(TestServices.chat, stream: 1)
        + Array(repeatElement(frame, count: 50_000).joined()))
  }

  @Test func emptyMessages() async throws {
    // None of them breaks flow control.
    var configuration = ServerConfiguration()
    configuration.windows.initial = 1 << 20
    let messages = RawPeer.frame(0, stream: 1, [UInt8](repeating: 0, count: 16_000))
    try await expectEnhanceYourCalm(
      RawPeer.open(TestServices.collect, stream: 1)
        + Array(repeatElement(messages, count: 20).joined()), configuration)
  }

  /// Faults that make the server reset streams, whose calls are under way all the same.
  @Test func faultsThatResetStreams() async throws {
    var bytes: [UInt8] = []
    for number in 0..<3000 {
      let stream = 2 * number + 1
      bytes += RawPeer.open(TestServices.chat, stream: stream)
      bytes += RawPeer.frame(8, stream: stream, [0x7f, 0xff, 0xff, 0xff])
    }
    try await expectEnhanceYourCalm(bytes)
  }

  @Test func resets() async throws {
    var configuration = ServerConfiguration()
    configuration.resets.burst = 100
    configuration.resets.perSecond = 1
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      var bytes: [UInt8] = []
      for number in 0..<1000 {
        bytes += RawPeer.open(TestServices.chat, stream: 2 * number + 1)
        bytes += RawPeer.frame(3, stream: 2 * number + 1, [0, 0, 0, 8])
      }
      // The server closes in the middle of this.
      try? await peer.send(bytes)
      let frames = RawPeer.frames(try await peer.untilClosed())
      #expect(frames.contains { $0.type == 7 })
    }
  }

  /// Each costs the work of a whole call.
  @Test func callsCancelledAfterTheirRequest() async throws {
    var bytes: [UInt8] = []
    for number in 0..<3000 {
      let stream = 2 * number + 1
      bytes += RawPeer.open(TestServices.chat, stream: stream)
      bytes += RawPeer.message([1], stream: stream, isLast: false)
      bytes += RawPeer.frame(3, stream: stream, [0, 0, 0, 8])
    }
    try await expectEnhanceYourCalm(bytes)
  }

  @Test func cancellationsAmongCompletedCalls() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let peer = try await RawPeer.greet(pair.address)
      for round in 0..<30 {
        var bytes: [UInt8] = []
        for number in 0..<100 {
          let stream = 4 * (100 * round + number) + 1
          bytes += RawPeer.open(TestServices.chat, stream: stream)
          bytes += RawPeer.message([1], stream: stream, isLast: false)
          bytes += RawPeer.frame(3, stream: stream, [0, 0, 0, 8])
          bytes += RawPeer.open(TestServices.echo, stream: stream + 2)
          bytes += RawPeer.message([], stream: stream + 2)
        }
        try await peer.send(bytes)
        let frames = RawPeer.frames(try await peer.pong(UInt8(round)))
        #expect(!frames.contains { $0.type == 7 })
      }
      try await peer.close()
    }
  }

  /// Work in steps leaves turns to the sockets of its event loop.
  @Test func longWorkDelaysNoSocket() async throws {
    let isServed = Atomic<Bool>(false)
    let outcome = Signal(of: Bool.self)
    let begun = Signal(of: Bool.self)
    var router = MethodRouter()
    router.unary("/a/mark") { _, call in
      isServed.store(true, ordering: .relaxed)
      call.reply(ByteBuffer())
    }
    router.stream("/a/long") { call in
      var steps = 0
      func step() {
        steps += 1
        if isServed.load(ordering: .relaxed) { return outcome.send(true) }
        if steps == 300_000 { return outcome.send(false) }
        call.executeAfterIO { step() }
      }
      step()
      begun.send(true)
      return EchoHandler(call, .collect)
    }
    let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    try await TestPair.run(router, loops: loop) { pair in
      let peer = try await RawPeer.greet(pair.address)
      try await peer.send(RawPeer.open("/a/long", stream: 1))
      _ = try await begun.wait()
      _ = try await pair.channel.unary("/a/mark", ByteBuffer())
      #expect(try await outcome.wait())
      try await peer.close()
    }
    try await loop.shutdownGracefully()
  }

  /// Who reads nothing does not get to know either that the connection is over.
  @Test func aPeerThatDoesNotReadItsGoAway() async throws {
    var configuration = ServerConfiguration()
    configuration.keepalive = nil
    var router = TestServices.router
    router.stream("/a/flood") { call in
      for _ in 0..<32 { call.send(ByteBuffer(repeating: 3, count: 1 << 20)) }
      return EchoHandler(call, .collect)
    }
    try await TestPair.run(router, server: configuration) { pair in
      let peer = try await RawPeer.connect(pair.address, reads: false)
      let window = RawPeer.number(1 << 30, bytes: 4)
      try await peer.send(RawPeer.preface + RawPeer.emptySettings + RawPeer.settingsAcknowledgement)
      try await peer.send(
        RawPeer.frame(8, window) + RawPeer.open("/a/flood", stream: 1)
          + RawPeer.frame(8, stream: 1, window))
      let pings = Array(
        repeatElement(RawPeer.frame(6, [UInt8](repeating: 1, count: 8)), count: 500).joined())
      var isOpen = true
      var rounds = 0
      while isOpen, rounds < 1000 {
        rounds += 1
        do { try await peer.send(pings) } catch { isOpen = false }
      }
      #expect(!isOpen)
    }
  }

  /// Responses in HTTP/2's own queue are bounded too, if the peer reads nothing at all.
  @Test func responsesToAPeerThatDoesNotRead() async throws {
    var configuration = ServerConfiguration()
    configuration.resets.burst = 1_000_000
    var router = TestServices.router
    router.stream("/a/flood") { call in
      for _ in 0..<32 { call.send(ByteBuffer(repeating: 3, count: 1 << 20)) }
      return EchoHandler(call, .collect)
    }
    try await TestPair.run(router, server: configuration) { pair in
      let peer = try await RawPeer.connect(pair.address, reads: false)
      let window = RawPeer.number(1 << 30, bytes: 4)
      try await peer.send(RawPeer.preface + RawPeer.emptySettings + RawPeer.settingsAcknowledgement)
      try await peer.send(
        RawPeer.frame(8, window) + RawPeer.open("/a/flood", stream: 1)
          + RawPeer.frame(8, stream: 1, window))
      // The socket is full by now or soon; responses to these calls wait behind it.
      var isOpen = true
      var number = 1
      while isOpen, number < 100_000 {
        var bytes: [UInt8] = []
        for _ in 0..<500 {
          bytes += RawPeer.open("/none", stream: 2 * number + 1)
          bytes += RawPeer.frame(3, stream: 2 * number + 1, [0, 0, 0, 8])
          number += 1
        }
        do { try await peer.send(bytes) } catch { isOpen = false }
      }
      #expect(!isOpen)
    }
  }
}
