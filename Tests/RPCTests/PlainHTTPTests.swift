import NIOCore
import NIOPosix
import Testing

@testable import RPC

/// HTTP/1.1 and HTTP/2 without gRPC on the port that serves gRPC.
@Suite struct PlainHTTPTests {
  private func configuration(_ change: (inout HTTPService.Limits) -> Void = { _ in })
    -> ServerConfiguration
  {
    var limits = HTTPService.Limits.patient
    change(&limits)
    var configuration = ServerConfiguration()
    configuration.http = HTTPService(limits: limits) { request, done in
      if request.path == "/never" { return }
      let body = String(buffer: request.body)
      done(
        HTTPReply(code: 200, text: "\(request.method) \(request.path) \(request.query)\(body)"))
    }
    return configuration
  }

  private func exchange(_ pair: TestPair, _ text: String) async throws -> String {
    let peer = try await RawPeer.connect(pair.address)
    do {
      try await peer.send(Array(text.utf8))
    } catch is ChannelError {
      // The server closed its side, and with that this channel, before all of it was sent.
    }
    return String(decoding: try await peer.untilClosed(), as: UTF8.self)
  }

  private func isRefusal(_ reply: String, _ codes: String...) -> Bool {
    codes.contains { reply.hasPrefix("HTTP/1.1 \($0)") }
  }

  @Test func bothProtocolsShareThePort() async throws {
    try await TestPair.run(TestServices.router, server: configuration()) { pair in
      let reply = try await exchange(
        pair, "GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(reply.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(reply.hasSuffix("\r\n\r\nGET /a/b c=d"))
      let echo = try await pair.channel.unary(TestServices.echo, ByteBuffer(string: "grpc"))
      #expect(echo == ByteBuffer(string: "grpc"))
      let head = try await exchange(
        pair, "HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(head.contains("content-length: 8") && head.hasSuffix("\r\n\r\n"))
    }
  }

  @Test func aBodyReachesTheService() async throws {
    try await TestPair.run(TestServices.router, server: configuration()) { pair in
      let first = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      let second =
        "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
      let third = "POST /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      let reply = try await exchange(pair, first + second + third)
      #expect(reply.contains("POST /a abc") && reply.contains("POST /b def"))
      #expect(reply.hasSuffix("POST /c "), "a body is its own request's only")
    }
  }

  @Test func requestsMayNameTheServer() async throws {
    try await TestPair.run(TestServices.router, server: configuration()) { pair in
      let reply = try await exchange(
        pair, "GET http://host:1/s?q HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(reply.hasSuffix("GET /s q"))
    }
  }

  @Test func targetsAreParsed() {
    func parts(_ target: String) -> [String]? {
      HTTPRequest(method: "GET", target: target).map { [$0.path, $0.query] }
    }
    #expect(parts("/a") == ["/a", ""])
    #expect(parts("/a?b=c?d") == ["/a", "b=c?d"])
    #expect(parts("http://h") == ["/", ""])
    #expect(parts("HTTP://h:1?x") == ["/", "x"])
    #expect(parts("https://u@h/p#f") == ["/p", ""])
    for target in ["", "*", "a", "h:80", "http://", "http:///p", "ftp://h/"] {
      #expect(parts(target) == nil, "\(target)")
    }
  }

  @Test func aRequestSentByteByByteIsServed() async throws {
    try await TestPair.run(TestServices.router, server: configuration()) { pair in
      let peer = try await RawPeer.connect(pair.address)
      for byte in "POST /x HTTP/1.0\r\n\r\n".utf8 { try await peer.send([byte]) }
      let reply = String(decoding: try await peer.untilClosed(), as: UTF8.self)
      #expect(reply.contains("200 OK") && reply.hasSuffix("POST /x "))
    }
  }

  @Test(arguments: [
    "", "P", "PRI", "GET", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: x\r\nX-Y: z",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab", "GET /never HTTP/1.0\r\n\r\n",
  ])
  func clientsWithUnfinishedRequestsAreDisconnected(_ begun: String) async throws {
    let limits = configuration {
      $0.requestTimeout = .milliseconds(500)
      $0.replyTimeout = .milliseconds(500)
    }
    try await TestPair.run(TestServices.router, server: limits) { pair in
      let peer = try await RawPeer.connect(pair.address)
      do {
        try await peer.send(Array(begun.utf8))
      } catch is ChannelError {
        // The machine was so busy that the time was up before the first byte.
      }
      let reply = try await peer.untilClosed()
      #expect(reply == [])
    }
  }

  @Test func anIdleConnectionIsClosedAfterItsReply() async throws {
    let limits = configuration { $0.idleTimeout = .milliseconds(300) }
    try await TestPair.run(TestServices.router, server: limits) { pair in
      let reply = try await exchange(pair, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(reply.hasSuffix("GET /a "))
    }
  }

  @Test func hugeAndMalformedRequestsAreRefused() async throws {
    try await TestPair.run(TestServices.router, server: configuration()) { pair in
      let long = String(repeating: "x", count: 20_000)
      let header = try await exchange(pair, "GET / HTTP/1.1\r\nHost: x\r\nA: \(long)\r\n\r\n")
      #expect(isRefusal(header, "400", "431"))
      let target = try await exchange(pair, "GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(isRefusal(target, "4"))
      let garbage = try await exchange(pair, "\u{16}\u{3}\u{1} no such protocol\r\n\r\n")
      #expect(garbage.hasPrefix("HTTP/1.1 400"))
      let body =
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
        + String(repeating: "b", count: 70_000)
      #expect(isRefusal(try await exchange(pair, body), "413"))
    }
  }

  /// A connection closed with unread input is reset, and the reply to what came before is lost.
  @Test func aRefusalArrivesWhateverIsSentAfterIt() async throws {
    let server = configuration {
      $0.lingerTimeout = .minutes(5)
      $0.requestTimeout = .minutes(5)
    }
    try await TestPair.run(TestServices.router, server: server) { pair in
      let peer = try await RawPeer.connect(pair.address, reads: false)
      let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
      try await peer.send(Array(head.utf8) + [UInt8](repeating: 98, count: 3 << 20))
      try await peer.startReading()
      let reply = String(decoding: try await peer.untilClosed(), as: UTF8.self)
      #expect(reply.hasPrefix("HTTP/1.1 413"))
    }
  }

  /// Clients that neither read the last reply nor close are closed all the same.
  @Test(arguments: [(TimeAmount.milliseconds(300), Int.max), (.hours(1), 64 << 10)])
  func lingeringIsBounded(time: TimeAmount, bytes: Int) async throws {
    var server = configuration {
      $0.lingerTimeout = time
      $0.lingerBytes = bytes
    }
    let limit = ConnectionLimit(capacity: 10)
    server.connectionLimit = limit
    try await TestPair.run(TestServices.router, server: server) { pair in
      let peer = try await RawPeer.connect(pair.address, reads: false)
      try await peer.send(Array("GET /a HTTP/1.1\r\nConnection: close\r\n\r\n".utf8))
      let rest = Task { try await peer.send([UInt8](repeating: 98, count: 4 << 20)) }
      #expect(try await AcceptTests.eventually { limit.open == 0 })
      _ = await rest.result
      try? await peer.close()
    }
  }

  @Test func unreadRepliesAreBounded() {
    let budget = ReplyBudget(limit: 100)
    #expect(budget.take(500), "one reply of any size has capacity")
    #expect(!budget.take(1))
    budget.give(back: 500)
    #expect(budget.take(60) && budget.take(40) && !budget.take(1))
    #expect(budget.admit(HTTPReply(code: 200, text: "large")).reply.code == 503)
  }

  @Test func aServerThatStopsClosesIdleConnections() async throws {
    let pair = try await TestPair.make(TestServices.router, server: configuration())
    let silent = try await RawPeer.connect(pair.address)
    let idle = try await RawPeer.connect(pair.address)
    try await idle.send(Array("GET /a HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
    await pair.stop()
    _ = try await silent.untilClosed()
    _ = try await idle.untilClosed()
  }
}
