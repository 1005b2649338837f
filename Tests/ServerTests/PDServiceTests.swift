import NIOCore
import RPC
import Server
import TestSupport
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

  /// A stream that named a store by mistake or by intent, and went away, does not take the commands for
  /// that store with it.
  @Test func commandsGoToTheStreamOfTheLastMessage() async throws {
    try await withServer { caller, header in
      let peer = Metapb_Peer.with { ($0.id, $0.storeID) = (3, 1) }
      var report = Pdpb_RegionHeartbeatRequest.with {
        $0.header = header
        $0.region.id = 2
        $0.region.regionEpoch = .with { ($0.confVer, $0.version) = (1, 1) }
        $0.region.peers = [peer]
        $0.leader = peer
      }
      func put(_ id: UInt64) -> Metapb_Store {
        .with { ($0.id, $0.address) = (id, "127.0.0.1:\(id)") }
      }
      let _: Pdpb_AllocIDResponse = try await caller.channel.unary(
        "/pdpb.PD/AllocID",
        Pdpb_AllocIDRequest.with { ($0.header, $0.count) = (header, 100) })
      let founded: Pdpb_BootstrapResponse = try await caller.channel.unary(
        "/pdpb.PD/Bootstrap",
        Pdpb_BootstrapRequest.with {
          ($0.header, $0.store, $0.region) = (header, put(1), report.region)
        })
      #expect(!founded.header.hasError)
      let own = caller.channel.openAsyncStream(
        "/pdpb.PD/RegionHeartbeat", options: CallOptions(timeout: .seconds(60)))
      try await own.send(message: report)
      let other = caller.channel.openAsyncStream("/pdpb.PD/RegionHeartbeat")
      try await other.send(message: report)
      other.finish()
      for try await _ in other.messages {}
      report.pendingPeers = [peer]
      try await own.send(message: report)
      var found = Pdpb_GetRegionResponse()
      while found.pendingPeers.isEmpty {
        found = try await caller.channel.unary(
          "/pdpb.PD/GetRegion", Pdpb_GetRegionRequest.with { $0.header = header })
      }
      // Another store: now there is something to do, and no heartbeat asks for it.
      let _: Pdpb_PutStoreResponse = try await caller.channel.unary(
        "/pdpb.PD/PutStore",
        Pdpb_PutStoreRequest.with { ($0.header, $0.store) = (header, put(4)) })
      for try await payload in own.messages {
        let command: Pdpb_RegionHeartbeatResponse = try MessageCoding.decode(payload)
        #expect(command.changePeer.peer.storeID == 4)
        break
      }
      own.finish()
    }
  }

  private func withServer(
    _ body: (RawCaller, Pdpb_RequestHeader) async throws -> Void
  ) async throws {
    let scratch = try TemporaryDirectory("server")
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
