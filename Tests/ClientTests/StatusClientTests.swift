import Codec
import FoundationEssentials
import NIOCore
import NIOPosix
import Testing

@testable import Client

/// The client of the status port, against servers that send fixed bytes.
struct StatusClientTests {
  /// What a server does with each connection.
  private enum Script {
    /// Sends the text after the first bytes of the request, and closes.
    case reply(String)
    /// Accepts and stays silent.
    case silence
  }

  private static func withServer<Result>(
    _ script: Script, _ body: (_ address: String) async throws -> Result
  ) async throws -> Result {
    let server = try await ServerBootstrap(group: FakeCluster.group)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if case .reply(let text) = script {
            try channel.pipeline.syncOperations.addHandler(FixedReply(text))
          }
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    do {
      let result = try await body("127.0.0.1:\(server.localAddress?.port ?? 0)")
      try await server.close()
      return result
    } catch {
      try await server.close()
      throw error
    }
  }

  /// The body of a reply; the error of the client if there is one.
  private func get(_ reply: String, maxBodyBytes: Int = 1 << 20) async throws -> String {
    try await Self.withServer(.reply(reply)) { address in
      let body = try await StatusClient.get(
        "/x?y=1", at: address, group: FakeCluster.group, timeout: .seconds(30),
        maxBodyBytes: maxBodyBytes)
      return String(decoding: body, as: UTF8.self)
    }
  }

  @Test("Bodies end by their length, their last chunk or the end of the connection")
  func readsBodies() async throws {
    #expect(try await get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab") == "ab")
    #expect(try await get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc") == "ab")
    #expect(try await get("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == "")
    #expect(try await get("HTTP/1.0 200 OK\r\n\r\nrest") == "rest")
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    #expect(try await get(chunked + "3\r\nabc\r\n1;x\r\nd\r\n0\r\n\r\n") == "abcd")
  }

  @Test(
    "Malformed and incomplete responses are errors",
    arguments: [
      "", "HTTP/1.1 200 OK", "SSH-2.0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
    ])
  func refusesMalformedResponses(_ text: String) async throws {
    await #expect(throws: ClientError.self) { try await get(text) }
  }

  @Test("What is not HTTP is a malformed response, not an unreachable server")
  func namesMalformedResponses() async throws {
    do {
      _ = try await get("SSH-2.0\r\n\r\n")
      Issue.record("no error")
    } catch ClientError.malformedResponse {
    }
  }

  @Test("A body above the limit is refused, by its announced length and by its bytes")
  func refusesLargeBodies() async throws {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"
    #expect(try await get(text, maxBodyBytes: 10) == "0123456789")
    for reply in [
      text, "HTTP/1.0 200 OK\r\n\r\n0123456789",
      "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n0",
    ] {
      do {
        _ = try await get(reply, maxBodyBytes: 9)
        Issue.record("no error")
      } catch ClientError.malformedResponse(let message) {
        #expect(message.hasSuffix("the body exceeds 9 bytes"))
      }
    }
  }

  @Test("Any status other than 200 is refused")
  func refusesOtherStatuses() async throws {
    for code in [204, 301, 404, 500] {
      do {
        _ = try await get("HTTP/1.1 \(code) X\r\nContent-Length: 0\r\n\r\n")
        Issue.record("no error")
      } catch ClientError.refused(let message) {
        #expect(message.hasSuffix("/x?y=1 returned status \(code)"))
      }
    }
  }

  @Test("A server that sends nothing is unreachable after the timeout")
  func timesOut() async throws {
    try await Self.withServer(.silence) { address in
      do {
        _ = try await StatusClient.get(
          "/", at: address, group: FakeCluster.group, timeout: .milliseconds(50))
        Issue.record("no error")
      } catch ClientError.unreachable(let message) {
        #expect(message.hasSuffix("no response in 50 ms"))
      }
    }
  }

  @Test("A malformed address is an invalid argument")
  func refusesMalformedAddresses() async {
    for address in ["", "host", "host:0", ":1"] {
      await #expect(
        throws: ClientError.invalidArgument("invalid address '\(address)': expected host:port")
      ) {
        try await StatusClient.get(
          "/", at: address, group: FakeCluster.group, timeout: .seconds(1))
      }
    }
  }

  private static let report =
    #"{"applied":6,"committed":7,"conf_ver":2,"end":"ff","first":4,"id":3,"last":8,"#
    + #""leader":31,"lease_ms":900,"peer_id":31,"peers":[{"id":31,"role":"voter","store_id":1}],"#
    + #""progress":[{"active":true,"learner":false,"match":8,"next":9,"peer_id":31,"#
    + #""state":"replicate"}],"role":"leader","start":"","state":"normal","#
    + #""term":18446744073709551615,"truncated":3,"version":1,"vote":31}"#

  @Test("A region report keeps its JSON form, and unknown fields are ignored")
  func codesRegionReports() throws {
    let decoder = JSONDecoder()
    let report = try decoder.decode(RegionReport.self, from: Data(Self.report.utf8))
    #expect(report.role == .leader)
    #expect(report.term == .max)
    #expect(report.progress.first?.next == 9)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    #expect(String(decoding: try encoder.encode(report), as: UTF8.self) == Self.report)
    let newer = #"{"newer":[{}],"# + Self.report.dropFirst()
    #expect(try decoder.decode(RegionReport.self, from: Data(newer.utf8)) == report)
    let withoutLease = Self.report.replacing(#""lease_ms":900,"#, with: "")
    #expect(
      try decoder.decode(RegionReport.self, from: Data(withoutLease.utf8)).leaseMilliseconds == nil)
  }

  @Test("The report on a replica comes from its store's status port")
  func fetchesReplicaStatus() async throws {
    func fetch(_ address: String, region: UInt64) async -> ReplicaStatus {
      let store = StoreView(
        id: 1, address: "", peerAddress: "", statusAddress: address, state: .up, version: "",
        labels: [], startTimestamp: 0, lastHeartbeat: 0)
      return await ReplicaStatus.fetch(
        from: store, id: 1, region: region, group: FakeCluster.group, timeout: .seconds(30))
    }
    func reply(_ body: String) -> Script {
      .reply("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }
    let address = try await Self.withServer(reply("[\(Self.report)]")) { address in
      let found = await fetch(address, region: 3)
      #expect(found.raft?.role == .leader)
      #expect(found.problem == nil)
      let missing = await fetch(address, region: 4)
      #expect(missing.raft == nil)
      #expect(missing.problem == "no replica on this store")
      return address
    }
    #expect(await fetch(address, region: 3).problem?.contains("unreachable") == true)
    for body in ["", "{}", "[{}]", "[[", "[" + String(repeating: "[", count: 100_000)] {
      let broken = try await Self.withServer(reply(body)) { await fetch($0, region: 3) }
      #expect(broken.raft == nil)
      #expect(broken.problem?.hasPrefix("malformed response: ") == true)
    }
    let unknown = await ReplicaStatus.fetch(
      from: nil, id: 1, region: 3, group: FakeCluster.group)
    #expect(unknown.problem == "no status address")
  }

  /// Sends a text after the first bytes it receives and closes the connection.
  private final class FixedReply: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let text: String

    init(_ text: String) {
      self.text = text
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
      context.channel.writeAndFlush(ByteBuffer(string: text)).whenComplete { _ in
        bound.value.close(promise: nil)
      }
    }

    /// The client may close first.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }
}
