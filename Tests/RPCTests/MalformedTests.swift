import NIOCore
import Testing

@testable import RPC

/// Peers that do not keep the rules must cost us their connection and nothing else.
@Suite struct MalformedTests {
  private static let goAway: UInt8 = 7

  /// Sends `bytes`, then checks that the server ended the connection and still serves others.
  private func expectRefusal(
    _ bytes: [UInt8], goAway: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    try await TestPair.run(TestServices.router) { pair in
      let peer = try await RawPeer.connect(pair.address)
      try await peer.send(bytes)
      let received = try await peer.untilClosed()
      if goAway {
        let types = RawPeer.frameTypes(received)
        #expect(types.contains(Self.goAway), sourceLocation: sourceLocation)
      }
      let reply = try await pair.channel.unary(TestServices.echo, ByteBuffer(string: "alive"))
      #expect(reply == ByteBuffer(string: "alive"), sourceLocation: sourceLocation)
    }
  }

  @Test func randomBytesInsteadOfThePreface() async throws {
    try await expectRefusal(Array("GET / HTTP/1.1\r\nHost: here\r\n\r\n".utf8), goAway: false)
    try await expectRefusal([UInt8](repeating: 0xff, count: 5000), goAway: false)
  }

  @Test func dataOnStreamZero() async throws {
    try await expectRefusal(
      RawPeer.preface + RawPeer.emptySettings + RawPeer.frame(0, stream: 0, [1, 2, 3]))
  }

  @Test func oversizedFrame() async throws {
    try await expectRefusal(
      RawPeer.preface + RawPeer.emptySettings + [0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])
  }

  @Test func undecodableHeaderBlock() async throws {
    try await expectRefusal(
      RawPeer.preface + RawPeer.emptySettings
        + RawPeer.frame(1, flags: 4, stream: 1, [UInt8](repeating: 0xff, count: 64)))
  }

  @Test func settingsOfWrongLength() async throws {
    try await expectRefusal(RawPeer.preface + RawPeer.frame(4, [1, 2, 3]))
  }

  @Test func settingsWithTooManyEntries() async throws {
    let entry: [UInt8] = [0, 3, 0, 0, 0, 9]
    let entries = Array(repeatElement(entry, count: 100).joined())
    try await expectRefusal(RawPeer.preface + RawPeer.frame(4, entries), goAway: false)
  }

  @Test func halfAFrameThenClose() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let peer = try await RawPeer.connect(pair.address)
      try await peer.send(RawPeer.preface + RawPeer.emptySettings + [0, 0, 90, 1, 4, 0, 0])
      try await peer.close()
      let reply = try await pair.channel.unary(TestServices.echo, ByteBuffer(string: "alive"))
      #expect(reply == ByteBuffer(string: "alive"))
    }
  }

  @Test func pseudoRandomFramesDoNotStopTheServer() async throws {
    try await TestPair.run(TestServices.router) { pair in
      var state: UInt64 = 42
      func next() -> UInt8 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 33)
      }
      for _ in 0..<100 {
        let peer = try await RawPeer.connect(pair.address)
        var bytes = RawPeer.preface + RawPeer.emptySettings
        for _ in 0..<20 {
          let payload = (0..<Int(next() % 40)).map { _ in next() }
          bytes += RawPeer.frame(next() % 10, flags: next(), stream: Int(next() % 8), payload)
        }
        try? await peer.send(bytes)
        try? await peer.close()
      }
      let reply = try await pair.channel.unary(TestServices.echo, ByteBuffer(string: "alive"))
      #expect(reply == ByteBuffer(string: "alive"))
    }
  }

  @Test func pingsWithinTolerance() async throws {
    try await TestPair.run(TestServices.router) { pair in
      let peer = try await RawPeer.connect(pair.address)
      let ping = RawPeer.frame(6, [1, 2, 3, 4, 5, 6, 7, 8])
      try await peer.send(RawPeer.preface + RawPeer.emptySettings)
      for _ in 0..<2000 { try await peer.send(ping) }
      // A GOAWAY of ours makes the server close: everything before it has been completed then.
      try await peer.send(RawPeer.frame(7, [0, 0, 0, 0, 0, 0, 0, 0]))
      let types = RawPeer.frameTypes(try await peer.untilClosed())
      #expect(types.filter { $0 == 6 }.count == 2000)
    }
  }

  @Test func pingFloodEndsTheConnection() async throws {
    let flood = Array(
      repeatElement(RawPeer.frame(6, [1, 2, 3, 4, 5, 6, 7, 8]), count: 200_000).joined())
    try await TestPair.run(TestServices.router) { pair in
      let peer = try await RawPeer.connect(pair.address)
      // The server closes in the middle of this: that the write fails is what is hoped for.
      try? await peer.send(RawPeer.preface + RawPeer.emptySettings + flood)
      _ = try await peer.untilClosed()
      let reply = try await pair.channel.unary(TestServices.echo, ByteBuffer(string: "alive"))
      #expect(reply == ByteBuffer(string: "alive"))
    }
  }

  @Test(arguments: [("POST", "text/html", "415"), ("GET", "application/grpc", "405")])
  func requestsThatAreNotGRPC(method: String, type: String, status: String) async throws {
    try await TestPair.run(TestServices.router) { pair in
      // Literal header fields without indexing; stream 1, END_STREAM and END_HEADERS.
      func field(_ name: String, _ value: String) -> [UInt8] {
        [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)]
          + Array(value.utf8)
      }
      let block =
        field(":method", method) + field(":scheme", "http") + field(":path", TestServices.echo)
        + field(":authority", "here") + field("content-type", type)
      let peer = try await RawPeer.connect(pair.address)
      try await peer.send(RawPeer.preface + RawPeer.emptySettings)
      try await peer.send(RawPeer.frame(1, flags: 5, stream: 1, block))
      try await peer.send(RawPeer.frame(7, [0, 0, 0, 0, 0, 0, 0, 0]))
      let received = try await peer.untilClosed()
      // `:status` is static entry 8; its value is a three-letter string, plain or Huffman-coded.
      #expect(RawPeer.frameTypes(received).contains(1), "no response to \(status)")
      #expect(!received.contains(0x88), "responded 200")
    }
  }
}
