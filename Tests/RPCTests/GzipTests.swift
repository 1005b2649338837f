import CZlib
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import RPC

@Suite struct GzipTests {
  private static let gzip = [("grpc-encoding", "gzip")]

  // MARK: The decompressor

  private func inflate(_ bytes: [UInt8], piece: Int = 1000) -> Result<ByteBuffer, RPCStatus> {
    let inflater = GzipInflater()
    var input = ByteBuffer(bytes: bytes)
    var output = ByteBuffer()
    while true {
      switch inflater.inflate(&input, into: &output, limit: piece) {
      case .done: return .success(output)
      case .more: continue
      case .failed(let reason): return .failure(RPCStatus(.internal, reason))
      }
    }
  }

  @Test(arguments: [0, 1, 999, 1000, 1001, 300_000]) func roundTrip(size: Int) throws {
    let plain = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
    let result = try inflate(compress(plain)).get()
    #expect(Array(result.readableBytesView) == plain)
  }

  @Test func damage() {
    let good = compress([UInt8](repeating: 9, count: 5000))
    for count in 0..<good.count {
      #expect(throws: RPCStatus.self) { try inflate(Array(good.prefix(count))).get() }
    }
    #expect(throws: RPCStatus.self) { try inflate(good + [0]).get() }
    #expect(throws: RPCStatus.self) { try inflate(good + good).get() }
    // Some bits mean nothing to the decoder; but other bytes than the right ones never come out.
    let plain = try? inflate(good).get()
    for index in good.indices {
      var bad = good
      bad[index] ^= 0x55
      if case .success(let result) = inflate(bad) {
        #expect(result == plain, "byte \(index) of \(bad.count)")
      }
    }
    for index in [0, 1, 2] + good.indices.suffix(8) {
      var bad = good
      bad[index] ^= 0x55
      #expect(throws: RPCStatus.self, "byte \(index) of \(bad.count)") { try inflate(bad).get() }
    }
  }

  // MARK: Calls

  /// What came back for `bytes`, sent on stream 1: the response's messages, and its headers and
  /// trailers.
  private func call(
    _ bytes: [UInt8], _ configuration: ServerConfiguration = ServerConfiguration()
  ) async throws -> (data: [UInt8], headers: [String: String]) {
    var result: (data: [UInt8], headers: [String: String]) = ([], [:])
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      try await peer.send(RawPeer.frame(8, RawPeer.number(1 << 30, bytes: 4)))
      try await peer.send(bytes)
      let received = try await peer.wait { bytes in
        RawPeer.frames(bytes).contains { $0.stream == 1 && $0.type == 1 && $0.flags & 1 == 1 }
      }
      let frames = RawPeer.frames(received).filter { $0.stream == 1 }
      result.data = frames.filter { $0.type == 0 }.flatMap { Array($0.payload) }
      result.headers = HeaderReader.read(frames.filter { $0.type == 1 }.map(\.payload))
      try await peer.close()
    }
    return result
  }

  @Test func unary() async throws {
    let response = try await call(
      RawPeer.open(TestServices.echo, stream: 1, Self.gzip)
        + RawPeer.message(compress(Array("hello".utf8)), stream: 1, flag: 1))
    #expect(response.data == [0, 0, 0, 0, 5] + Array("hello".utf8))
    #expect(response.headers["grpc-status"] == "0")
    #expect(response.headers["grpc-accept-encoding"] == "identity,gzip")
  }

  @Test func plainMessageUnderAGzipHeader() async throws {
    let response = try await call(
      RawPeer.open(TestServices.echo, stream: 1, Self.gzip)
        + RawPeer.message(Array("plain".utf8), stream: 1))
    #expect(response.data == [0, 0, 0, 0, 5] + Array("plain".utf8))
  }

  @Test func streamsKeepTheirOrder() async throws {
    // Some take more than a turn of the event loop to decompress, some are not compressed.
    let sizes = [3, 400_000, 0, 7, 1_000_000, 5]
    var bytes = RawPeer.open(TestServices.collect, stream: 1, Self.gzip)
    for size in sizes {
      let plain = [UInt8](repeating: 1, count: size)
      let isCompressed = size != 7
      bytes += RawPeer.message(
        isCompressed ? compress(plain) : plain, stream: 1, flag: isCompressed ? 1 : 0, isLast: false
      )
    }
    let response = try await call(bytes + RawPeer.frame(0, flags: 1, stream: 1, []))
    #expect(response.data.dropFirst(5) == ArraySlice("\(sizes.reduce(0, +))".utf8))

    var echo = RawPeer.open(TestServices.chat, stream: 1, Self.gzip)
    let words = ["one", "two", "three"]
    for word in words {
      echo += RawPeer.message(compress(Array(word.utf8)), stream: 1, flag: 1, isLast: false)
    }
    let echoed = try await call(echo + RawPeer.frame(0, flags: 1, stream: 1, []))
    var expected: [UInt8] = []
    for word in words { expected += [0, 0, 0, 0, UInt8(word.utf8.count)] + Array(word.utf8) }
    #expect(echoed.data == expected)
  }

  @Test func manyStreamsAtOnce() async throws {
    let plain = [UInt8](repeating: 1, count: 600_000)
    let compressed = compress(plain)
    try await TestPair.run(TestServices.router) { pair in
      let peer = try await RawPeer.greet(pair.address)
      let streams = (0..<50).map { 2 * $0 + 1 }
      for stream in streams {
        try await peer.send(RawPeer.open(TestServices.collect, stream: stream, Self.gzip))
        try await peer.send(RawPeer.message(compressed, stream: stream, flag: 1))
        // Every fifth client changes its mind.
        if stream % 5 == 0 { try await peer.send(RawPeer.frame(3, stream: stream, [0, 0, 0, 8])) }
      }
      let last = Set(streams.filter { $0 % 5 != 0 })
      let bytes = try await peer.wait { bytes in
        let ended = RawPeer.frames(bytes).filter { $0.type == 1 && $0.flags & 1 == 1 }
        return last.isSubset(of: Set(ended.map(\.stream)))
      }
      let responses = RawPeer.frames(bytes).filter { $0.type == 0 && last.contains($0.stream) }
      #expect(responses.count == last.count)
      for response in responses {
        #expect(response.payload.dropFirst(5) == ArraySlice("600000".utf8))
      }
      try await peer.close()
    }
  }

  @Test func aCallThatEndsWithinItsMessageDelaysNoOther() async throws {
    var router = TestServices.router
    router.stream("/a/hasty") { HastyHandler($0) }
    try await TestPair.run(router) { pair in
      let peer = try await RawPeer.greet(pair.address)
      // No window for responses: the first call's trailers cannot leave, though its end is decided.
      try await peer.send(RawPeer.frame(4, [0, 4, 0, 0, 0, 0]))
      let bomb = compress([UInt8](repeating: 0, count: 8 << 20))
      #expect(bomb.count < 16_000)
      try await peer.send(
        RawPeer.open("/a/hasty", stream: 1, Self.gzip)
          + RawPeer.message(bomb, stream: 1, flag: 1, isLast: false)
          + RawPeer.open(TestServices.echo, stream: 3, Self.gzip)
          + RawPeer.message(compress([7]), stream: 3, flag: 1)
          + RawPeer.frame(8, stream: 3, RawPeer.number(1000, bytes: 4)))
      let bytes = try await peer.wait { bytes in
        RawPeer.frames(bytes).contains { $0.type == 0 && $0.stream == 3 }
      }
      let frames = RawPeer.frames(bytes)
      #expect(!frames.contains { $0.stream == 1 && $0.flags & 1 == 1 })
      try await peer.close()
    }
  }

  /// Some kilobytes decompress to many megabytes: others of the same event loop are served meanwhile, those
  /// that compress as well.
  @Test func largeMessagesDelayNoOtherCalls() async throws {
    let count = 16
    let finished = Atomic<Int>(0)
    var router = TestServices.router
    router.unary("/a/large") { _, call in
      finished.add(1, ordering: .relaxed)
      call.reply(ByteBuffer())
    }
    let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    try await TestPair.run(router, loops: loop) { pair in
      let peer = try await RawPeer.greet(pair.address)
      let bomb = compress([UInt8](repeating: 0, count: 60 << 20))
      #expect(bomb.count < 65_000)
      let message = [1] + RawPeer.number(bomb.count, bytes: 4) + bomb
      for number in 0..<count {
        var bytes = RawPeer.open("/a/large", stream: 2 * number + 1, Self.gzip)
        for start in stride(from: 0, to: message.count, by: 16_000) {
          let part = Array(message[start..<min(start + 16_000, message.count)])
          let isLast = start + 16_000 >= message.count
          bytes += RawPeer.frame(0, flags: isLast ? 1 : 0, stream: 2 * number + 1, part)
        }
        try await peer.send(bytes)
      }
      _ = try await peer.pong()
      _ = try await pair.channel.unary(TestServices.echo, ByteBuffer(string: "plain"))
      let other = try await RawPeer.greet(pair.address)
      try await other.send(
        RawPeer.open(TestServices.echo, stream: 1, Self.gzip)
          + RawPeer.message(compress([1, 2, 3]), stream: 1, flag: 1))
      _ = try await other.wait { bytes in
        RawPeer.frames(bytes).contains { $0.type == 0 && $0.payload.suffix(3) == [1, 2, 3] }
      }
      #expect(finished.load(ordering: .relaxed) < count)
      try await other.close()
      try await peer.close()
    }
    try await loop.shutdownGracefully()
  }

  @Test func decompressedMessagesOfAConnectionAreBounded() async throws {
    var configuration = ServerConfiguration()
    configuration.maxReceiveMessageBytes = 1 << 20
    configuration.maxConcurrentStreams = 64
    configuration.windows.initial = 16 << 10
    configuration.memory.heldBytesPerConnection = 1 << 20
    configuration.windows.extra = 0
    let limit = configuration.limits.inputLimit
    #expect(limit == 4 << 20)
    let budget = configuration.memory.budget
    try await TestPair.run(TestServices.router, server: configuration) { pair in
      let peer = try await RawPeer.greet(pair.address)
      let compressed = compress([UInt8](repeating: 0, count: 1 << 20))
      for number in 0..<32 {
        try await peer.send(
          RawPeer.open(TestServices.echo, stream: 2 * number + 1, Self.gzip)
            + RawPeer.message(compressed, stream: 2 * number + 1, flag: 1, isLast: false))
      }
      // None of these calls is ended by its client; those beyond the bound are by the server.
      _ = try await peer.wait { bytes in
        RawPeer.frames(bytes).filter { $0.type == 1 && $0.flags & 1 == 1 }.count >= 27
      }
      _ = try await peer.pong()
      #expect(budget.used <= limit + (1 << 20))
      try await peer.close()
    }
    #expect(budget.used == 0)
  }

  @Test func aMessageThatDecompressesToTooMuch() async throws {
    var configuration = ServerConfiguration()
    configuration.maxReceiveMessageBytes = 1 << 20
    let bomb = compress([UInt8](repeating: 0, count: 64 << 20))
    #expect(bomb.count < 1 << 20)
    var bytes = RawPeer.open(TestServices.echo, stream: 1, Self.gzip)
    var message = [1] + RawPeer.number(bomb.count, bytes: 4) + bomb
    while !message.isEmpty {
      let part = Array(message.prefix(16_000))
      message.removeFirst(part.count)
      bytes += RawPeer.frame(0, flags: message.isEmpty ? 1 : 0, stream: 1, part)
    }
    let response = try await call(bytes, configuration)
    #expect(response.headers["grpc-status"] == "8")
    #expect(response.data.isEmpty)
  }

  @Test func decompressedBytesCount() async throws {
    var configuration = ServerConfiguration()
    configuration.memory.budget = ByteBudget(limit: 1 << 20)
    let response = try await call(
      RawPeer.open(TestServices.echo, stream: 1, Self.gzip)
        + RawPeer.message(
          compress([UInt8](repeating: 0, count: 8 << 20)), stream: 1, flag: 1), configuration)
    #expect(response.headers["grpc-status"] == "8")
  }

  @Test func damagedMessage() async throws {
    var bytes = compress([UInt8](repeating: 1, count: 100))
    bytes[bytes.count - 8] ^= 1
    let response = try await call(
      RawPeer.open(TestServices.echo, stream: 1, Self.gzip)
        + RawPeer.message(bytes, stream: 1, flag: 1))
    #expect(response.headers["grpc-status"] == "13")
  }

  @Test func compressedMessageWithoutAnEncoding() async throws {
    for more in [[], [("grpc-encoding", "identity")]] {
      let response = try await call(
        RawPeer.open(TestServices.echo, stream: 1, more)
          + RawPeer.message(compress([1]), stream: 1, flag: 1))
      #expect(response.headers["grpc-status"] == "13")
    }
  }

  @Test(arguments: ["deflate", "zstd", "", "gzip2"]) func otherEncodings(name: String) async throws
  {
    let response = try await call(
      RawPeer.open(TestServices.echo, stream: 1, [("grpc-encoding", name)])
        + RawPeer.message([1], stream: 1, flag: 1))
    #expect(response.headers["grpc-status"] == "12")
    #expect(response.headers["grpc-accept-encoding"] == "identity,gzip")
  }

  /// `bytes` as one gzip member.
  private func compress(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    _ = deflateInit2_(
      &stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    var input = bytes
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))))
    let count = input.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(target.count)
        _ = deflate(&stream, Z_FINISH)
        return target.count - Int(stream.avail_out)
      }
    }
    deflateEnd(&stream)
    return Array(output.prefix(count))
  }
}

/// Ends its call while the first message is being decompressed.
private final class HastyHandler: StreamHandler {
  private let call: StreamCall

  init(_ call: StreamCall) {
    self.call = call
    call.send(ByteBuffer(string: "first"))
    watch()
  }

  private func watch() {
    guard call.stream.receiveWindow.inflated == 0 else { return call.finish() }
    call.eventLoop.assumeIsolated().scheduleTask(in: .microseconds(100)) { self.watch() }
  }

  func onMessage(_ message: ByteBuffer) {}
  func onHalfClose() {}
  func onCancel(_ status: RPCStatus) {}
}
