import Codec
import Server
import TestSupport
import Testing
import Wire

/// Compare-and-swap and checksums on the wire.
struct RawUpdateTests {
  private func start(_ directory: String) async throws -> StandaloneServer {
    try await StandaloneServer.start(NodeConfiguration.test(directory), logger: quiet) { _ in }
  }

  private static func swap(
    _ caller: RawCaller, _ context: Kvrpcpb_Context,
    _ fill: (inout Kvrpcpb_RawCASRequest) -> Void
  ) async throws -> Kvrpcpb_RawCASResponse {
    var request = Kvrpcpb_RawCASRequest()
    request.context = context
    request.key = [1].data
    fill(&request)
    return try await caller.channel.unary("/tikvpb.Tikv/RawCompareAndSwap", request)
  }

  @Test func swapsTellTheValueBefore() async throws {
    let scratch = try TemporaryDirectory("server")
    let server = try await start(scratch.path)
    let caller = RawCaller(server.address)
    let (context, _) = try await caller.context()
    let created = try await Self.swap(caller, context) {
      $0.previousNotExist = true
      $0.value = [2].data
    }
    #expect(created == .with { ($0.succeed, $0.previousNotExist) = (true, true) })
    let failed = try await Self.swap(caller, context) {
      $0.previousValue = [9].data
      $0.value = [3].data
    }
    #expect(failed == .with { $0.previousValue = [2].data })
    let removed = try await Self.swap(caller, context) {
      $0.previousValue = [2].data
      $0.delete = true
    }
    #expect(removed == .with { ($0.succeed, $0.previousValue) = (true, [2].data) })
    #expect(try await caller.get([1], context).notFound)
    let expiring = try await Self.swap(caller, context) {
      $0.previousNotExist = true
      $0.ttl = 5
    }
    #expect(expiring == .with { $0.error = "ttl is not enabled, but get put request with ttl" })
    var stale = context
    stale.regionEpoch.version += 1
    let refused = try await Self.swap(caller, stale) { $0.previousNotExist = true }
    #expect(refused.regionError.hasEpochNotMatch)
    caller.close()
    await server.stop()
  }

  @Test func checksumsAreCRC64OfKeysAndValues() async throws {
    let scratch = try TemporaryDirectory("server")
    let server = try await start(scratch.path)
    let caller = RawCaller(server.address)
    let (context, _) = try await caller.context()
    _ = try await caller.put(Array("12345".utf8), Array("6789".utf8), context)
    var request = Kvrpcpb_RawChecksumRequest.with {
      $0.context = context
      $0.ranges = [Kvrpcpb_KeyRange()]
    }
    let sum: Kvrpcpb_RawChecksumResponse = try await caller.channel.unary(
      "/tikvpb.Tikv/RawChecksum", request)
    #expect(sum.checksum == 0x995D_C9BB_DF19_39FA)
    #expect(sum.totalKvs == 1 && sum.totalBytes == 9)
    request.algorithm = .UNRECOGNIZED(7)
    let refused: Kvrpcpb_RawChecksumResponse = try await caller.channel.unary(
      "/tikvpb.Tikv/RawChecksum", request)
    #expect(refused.error.contains("unknown checksum algorithm"))
    caller.close()
    await server.stop()
  }

  @Test func coprocessorPluginsAreRefused() async throws {
    let scratch = try TemporaryDirectory("server")
    let server = try await start(scratch.path)
    let caller = RawCaller(server.address)
    let response: Kvrpcpb_RawCoprocessorResponse = try await caller.channel.unary(
      "/tikvpb.Tikv/RawCoprocessor", Kvrpcpb_RawCoprocessorRequest())
    #expect(response.error == "Coprocessor plugin is disabled!")
    caller.close()
    await server.stop()
  }
}
