import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import RPC

/// Many requests on one HTTP/1.1 connection: one is under way at a time, few wait.
@Suite struct HTTPPipeliningTests {
  /// Counts what it is asked, and replies at once or never.
  private final class Service: Sendable {
    private let asked = Mutex<[String]>([])
    /// Bytes of a reply to `/large`.
    static let largeReply = 32 << 20

    var paths: [String] { asked.withLock { $0 } }

    var configuration: ServerConfiguration {
      var configuration = ServerConfiguration()
      configuration.http = HTTPService(limits: .patient) { [self] request, done in
        asked.withLock { $0.append(request.path) }
        if request.path == "/never" { return }
        let size = request.path == "/large" ? Self.largeReply : 0
        let padding = String(repeating: "x", count: size)
        done(HTTPReply(code: 200, text: "\(request.path)\n\(padding)"))
      }
      return configuration
    }
  }

  private func request(_ path: String, _ headers: String = "") -> String {
    "GET \(path) HTTP/1.1\r\nHost: x\r\n\(headers)\r\n"
  }

  private func exchange(_ pair: TestPair, _ text: String) async throws -> String {
    let peer = try await RawPeer.connect(pair.address)
    do {
      try await peer.send(Array(text.utf8))
    } catch is ChannelError {
      // The connection was closed before all of it was sent.
    }
    return String(decoding: try await peer.untilClosed(), as: UTF8.self)
  }

  @Test func aFewPipelinedRequestsAreRepliedToInOrder() async throws {
    let service = Service()
    try await TestPair.run(TestServices.router, server: service.configuration) { pair in
      let paths = (0..<16).map { "/\($0)" }
      let reply = try await exchange(
        pair, paths.map { request($0) }.joined() + request("/end", "Connection: close\r\n"))
      #expect(service.paths == paths + ["/end"])
      let bodies = reply.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("/") }
      #expect(bodies.map(String.init) == paths + ["/end"])
    }
  }

  @Test func morePipelinedRequestsEndTheConnection() async throws {
    let service = Service()
    try await TestPair.run(TestServices.router, server: service.configuration) { pair in
      let flood = String(repeating: request("/more"), count: 2000)
      let reply = try await exchange(pair, request("/never") + flood)
      #expect(reply.isEmpty)
      #expect(service.paths == ["/never"], "what waited is dropped with the connection")
      let other = try await exchange(pair, request("/a", "Connection: close\r\n"))
      #expect(other.hasPrefix("HTTP/1.1 200"))
    }
  }

  @Test func requestsOfAClientThatDoesNotReadWait() async throws {
    let service = Service()
    try await TestPair.run(TestServices.router, server: service.configuration) { pair in
      let peer = try await RawPeer.connect(pair.address, reads: false)
      try await peer.send(Array(String(repeating: request("/large"), count: 10).utf8))
      // All ten came in one piece; by the time of another's reply the server has seen them.
      while !service.paths.contains("/large") {
        _ = try await exchange(pair, request("/other", "Connection: close\r\n"))
      }
      #expect(service.paths.filter { $0 == "/large" }.count == 1)
      try await peer.close()
      _ = try await exchange(pair, request("/last", "Connection: close\r\n"))
      #expect(service.paths.filter { $0 == "/large" }.count == 1)
    }
  }

  @Test func malformedBytesAfterARequestGetTheSecondReply() async throws {
    let service = Service()
    try await TestPair.run(TestServices.router, server: service.configuration) { pair in
      let reply = try await exchange(pair, request("/a") + "\u{1}\u{2}\r\n\r\n")
      let first = try #require(reply.range(of: "HTTP/1.1 200"))
      let second = try #require(reply.range(of: "HTTP/1.1 400"))
      #expect(first.lowerBound < second.lowerBound)
      #expect(service.paths == ["/a"])
    }
  }
}
