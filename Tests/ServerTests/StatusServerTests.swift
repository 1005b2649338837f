import Codec
import NIOCore
import NIOPosix
import RPC
import Raftstore
import Runtime
import Synchronization
import Testing

@testable import Server

struct StatusServerTests {
  private static let group = MultiThreadedEventLoopGroup.singleton

  /// A connection to a port, and the bytes received on it.
  private struct Client {
    let channel: any Channel
    private let received: Received

    static func connect(_ port: Int) async throws -> Client {
      let received = Received()
      let channel = try await ClientBootstrap(group: StatusServerTests.group)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(received.handler)
          }
        }
        .connect(host: "127.0.0.1", port: port).get()
      return Client(channel: channel, received: received)
    }

    private init(channel: any Channel, received: Received) {
      self.channel = channel
      self.received = received
    }

    func send(_ text: String) async throws {
      try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    /// The text received until the server closed the connection.
    func untilClosed() async throws -> String {
      try await channel.closeFuture.get()
      return received.text
    }
  }

  private final class Received: Sendable {
    private let bytes = Mutex("")
    var text: String { bytes.withLock { $0 } }
    var handler: Gatherer { Gatherer { part in self.bytes.withLock { $0 += part } } }
  }

  private final class Gatherer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let take: (String) -> Void

    init(_ take: @escaping (String) -> Void) {
      self.take = take
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      take(String(buffer: unwrapInboundIn(data)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }

  private func withServer(
    capacity: Int, _ body: (StatusServer) async throws -> Void
  ) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    var limits = HTTPService.Limits()
    // No timeout applies.
    limits.requestTimeout = .hours(1)
    limits.idleTimeout = .hours(1)
    let server = try await StatusServer.start(
      host: "127.0.0.1", port: 0, loop: loop,
      logger: quiet,
      connections: ConnectionLimit(capacity: capacity), limits: limits,
      routes: [
        StatusRoute("/a") { StatusReply(body: "a\n") },
        StatusRoute(
          "/loop",
          handler: { query, done in
            // From another thread, as a worker does.
            StatusServerTests.group.next().execute {
              done { StatusReply(body: "\(query) \(loop.inEventLoop)\n") }
            }
          }),
      ])
    do {
      try await body(server)
    } catch {
      try await group.shutdownGracefully()
      throw error
    }
    await server.stop()
    try await group.shutdownGracefully()
  }

  private func get(_ path: String, _ server: StatusServer) async throws -> String {
    let client = try await Client.connect(server.port)
    try await client.send("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return try await client.untilClosed()
  }

  @Test("Responses are rendered on the event loop of the port", .timeLimit(.minutes(1)))
  func rendersOnItsLoop() async throws {
    try await withServer(capacity: 8) { server in
      let reply = try await get("/loop?q", server)
      #expect(reply.hasSuffix("\r\n\r\nq true\n"))
      let unknown = try await get("/b", server)
      #expect(unknown.hasPrefix("HTTP/1.1 404"))
    }
  }

  @Test(
    "Connections without requests are closed at the limit, oldest first", .timeLimit(.minutes(1)))
  func silentConnections() async throws {
    try await withServer(capacity: 4) { server in
      var clients: [Client] = []
      for number in 0..<20 {
        let client = try await Client.connect(server.port)
        if number % 2 == 0 { try await client.send("GET /sta") }
        clients.append(client)
      }
      #expect(try await get("/a", server).hasPrefix("HTTP/1.1 200"))
      // Only as many as necessary were closed, oldest first.
      for client in clients.prefix(16) { #expect(try await client.untilClosed().isEmpty) }
      let last = try #require(clients.last)
      try await last.send("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(try await last.untilClosed().hasPrefix("HTTP/1.1 200"))
      for client in clients { try? await client.channel.close() }
    }
  }

  @Test("Metrics are rendered at most every 100 ms")
  func metricsCache() {
    let now = Mutex(Instant(nanoseconds: 1_000_000_000))
    let rendered = Mutex(0)
    let page = MetricsPage(
      now: { now.withLock { $0 } },
      render: {
        rendered.withLock { count in
          count += 1
          return "\(count)"
        }
      })
    for _ in 0..<100 { #expect(page.text == "1") }
    now.withLock { $0 = $0 + .milliseconds(99) }
    #expect(page.text == "1")
    now.withLock { $0 = $0 + .milliseconds(1) }
    #expect(page.text == "2")
  }

  @Test("Pages of regions are limited, and gathered one at a time")
  func regionsPages() {
    struct Gathered {
      var pages: [[UInt64]] = []
      var completions: [@Sendable () -> Void] = []
    }
    let asked = Mutex(Gathered())
    let page = RegionsPage { after, limit, done in
      asked.withLock { asked in
        asked.pages.append([after, UInt64(limit)])
        asked.completions.append { done([]) }
      }
    }
    let replies = Mutex<[UInt]>([])
    func ask(_ query: String) {
      page.route.handler(query) { render in
        let reply = render()
        replies.withLock { $0.append(reply.code) }
      }
    }
    for query in ["", "after=7&limit=5", "limit=9999999", "limit=-3&after=18446744073709551615"] {
      ask(query)
    }
    #expect(asked.withLock { $0.pages } == [[0, 1024]], "one at a time")
    while let completion = asked.withLock({ asked in
      asked.completions.isEmpty ? nil : asked.completions.removeFirst()
    }) {
      completion()
    }
    #expect(asked.withLock { $0.pages } == [[0, 1024], [7, 5], [0, 1024], [.max, 0]])
    #expect(replies.withLock { $0 } == [200, 200, 200, 200])
    for query in ["after=-1", "after=x", "limit=x", "after=%z1"] { ask(query) }
    #expect(replies.withLock { $0 }.suffix(4) == [400, 400, 400, 400])
  }

  @Test("A page of regions is the JSON that scripts and the command-line tool read")
  func regionsPageIsStableJSON() {
    let status = RegionStatus(
      region: Region(
        id: 3, startKey: [], endKey: [0xFF], epoch: RegionEpoch(confVersion: 2, version: 1),
        peers: [PeerInfo(id: 31, storeID: 1)]),
      peer: PeerInfo(id: 31, storeID: 1), peerState: .normal, role: .preCandidate, leaderPeerID: 0,
      term: .max, vote: 31, committed: 7, applied: 6, firstIndex: 4, lastIndex: 8,
      truncatedIndex: 3,
      progress: [
        .init(
          peerID: 31, match: 8, next: 9, state: "replicate", isActive: true, isLearner: false)
      ],
      leaseMilliseconds: nil, isApplyingSnapshot: true)
    let page = RegionsPage { _, _, done in done([status]) }
    let body = Mutex("")
    page.route.handler("") { render in
      let reply = render()
      body.withLock { $0 = reply.body }
    }
    let expected =
      #"[{"applied":6,"committed":7,"conf_ver":2,"end":"ff","first":4,"id":3,"last":8,"leader":0,"#
      + #""peer_id":31,"peers":[{"id":31,"role":"voter","store_id":1}],"progress":[{"active":true,"#
      + #""learner":false,"match":8,"next":9,"peer_id":31,"state":"replicate"}],"#
      + #""role":"pre_candidate","start":"","state":"applying","term":18446744073709551615,"#
      + #""truncated":3,"version":1,"vote":31}]"#
    #expect(body.withLock { $0 } == expected)
  }
}
