import NIOCore
import RPC
import Server
import Testing
import Wire

struct PDServiceTests {
  @Test func timestampStreamAnswersInOrderAndEndsWithItsClient() async throws {
    try await withServer { caller, header in
      let stream = caller.channel.openAsyncStream("/pdpb.PD/Tso")
      for count in 1...100 as ClosedRange<UInt32> {
        try await stream.send(
          message: Pdpb_TsoRequest.with {
            $0.header = header
            $0.count = count
          })
      }
      stream.finish()
      var last: Int64 = 0
      var expected: UInt32 = 1
      for try await payload in stream.messages {
        let answer: Pdpb_TsoResponse = try MessageCoding.decode(payload)
        #expect(answer.count == expected)
        let value = answer.timestamp.physical << 18 + answer.timestamp.logical
        #expect(value >= last + Int64(answer.count))
        last = value
        expected += 1
      }
      #expect(expected == 101)
    }
  }

  @Test func aStrangerIsToldWhichClusterThisIs() async throws {
    try await withServer { caller, header in
      let status = await #expect(throws: RPCStatus.self) {
        let _: Pdpb_AllocIDResponse = try await caller.channel.unary(
          "/pdpb.PD/AllocID", Pdpb_AllocIDRequest.with { $0.header.clusterID = 5 })
      }
      #expect(status?.code == .failedPrecondition)
      #expect(status?.message.contains("\(header.clusterID)") == true)
    }
  }

  @Test func malformedRequestsAndUnknownMethodsAreStatuses() async throws {
    try await withServer { caller, _ in
      let malformed = await #expect(throws: RPCStatus.self) {
        try await caller.channel.unary("/pdpb.PD/GetStore", ByteBuffer(bytes: [0xFF, 0xFF]))
      }
      #expect(malformed?.code == .internal)
      let unknown = await #expect(throws: RPCStatus.self) {
        try await caller.channel.unary("/pdpb.PD/Nonsense", ByteBuffer())
      }
      #expect(unknown?.code == .unimplemented)
    }
  }

  @Test func healthIsServingForAnyName() async throws {
    try await withServer { caller, _ in
      let answer: Grpc_Health_V1_HealthCheckResponse = try await caller.channel.unary(
        "/grpc.health.v1.Health/Check",
        Grpc_Health_V1_HealthCheckRequest.with { $0.service = "whatever" })
      #expect(answer.status == .serving)
    }
  }

  private func withServer(
    _ body: (RawCaller, Pdpb_RequestHeader) async throws -> Void
  ) async throws {
    let scratch = try ScratchDirectory()
    var configuration = PDConfiguration()
    configuration.address = HostPort(host: "127.0.0.1", port: 0)
    configuration.dataDirectory = scratch.path
    let server = try await PDServer.start(configuration, logger: quiet) { _ in }
    let caller = RawCaller(server.address)
    do {
      try await body(caller, .with { $0.clusterID = server.clusterID })
    } catch {
      Issue.record(error)
    }
    caller.close()
    await server.stop()
  }
}
