import NIOCore
import NIOPosix
import Testing

@testable import Client

struct StatusClientTests {
  private func response(_ text: String) throws -> StatusResponse {
    try StatusResponse(bytes(text))
  }

  @Test func bodiesAreFound() throws {
    let plain = try response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc")
    #expect(plain.code == 200)
    #expect(plain.body == bytes("ab"))
    #expect(try response("HTTP/1.0 404 No\r\n\r\nrest").body == bytes("rest"))
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    #expect(try response(chunked + "3\r\nabc\r\n1;x\r\nd\r\n0\r\n\r\n").body == bytes("abcd"))
  }

  @Test(arguments: [
    "", "HTTP/1.1 200 OK", "SSH-2.0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
  ])
  func brokenAnswersAreTold(_ text: String) {
    #expect(throws: StatusResponse.Malformed.self) { try response(text) }
  }

  @Test func replicasAreReadFromAStatusPort() async throws {
    let body = #"[{"id":3,"role":"Leader","term":18446744073709551615,"progress":[{"id":2}]}]"#
    let server = try await ServerBootstrap(group: FakeCluster.group)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(OneAnswer(body))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let port = server.localAddress?.port ?? 0
    let store = StoreView(
      id: 1, address: "", peerAddress: "", statusAddress: "127.0.0.1:\(port)", state: .up,
      version: "", labels: [], startTimestamp: 0, lastHeartbeat: 0)
    let found = await ReplicaStatus.call(store, id: 1, region: 3, group: FakeCluster.group)
    #expect(found.raft?["role"]?.text == "Leader")
    #expect(found.raft?["term"]?.unsigned == .max)
    #expect(found.raft?["progress"]?.elements.first?.text == "id=2")
    let missing = await ReplicaStatus.call(store, id: 1, region: 4, group: FakeCluster.group)
    #expect(missing.problem == "no replica here")
    try await server.close()
    let gone = await ReplicaStatus.call(store, id: 1, region: 3, group: FakeCluster.group)
    #expect(gone.problem?.contains("unreachable") == true)
    #expect(await ReplicaStatus.call(nil, id: 1, region: 3, group: FakeCluster.group).raft == nil)
  }

  /// Completes what it is asked first and closes.
  private final class OneAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let body: String

    init(_ body: String) {
      self.body = body
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let head = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
      let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
      context.channel.writeAndFlush(ByteBuffer(string: head + body)).whenComplete { _ in
        bound.value.close(promise: nil)
      }
    }
  }
}
