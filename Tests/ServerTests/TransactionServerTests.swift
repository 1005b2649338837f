import Codec
import RPC
import Runtime
import Server
import TestSupport
import Testing
import Wire

/// Transactions of a stand-alone store, over the network.
struct TransactionServerTests {
  private func start(_ path: String) async throws(StartError) -> StandaloneServer {
    try await StandaloneServer.start(.test(path), logger: quiet) { _ in }
  }

  private static func prewrite(
    _ context: Kvrpcpb_Context, _ key: [UInt8], _ startTS: UInt64
  ) -> Kvrpcpb_PrewriteRequest {
    .with {
      $0.context = context
      $0.mutations = [.with { $0.key = key.data }]
      $0.primaryLock = key.data
      $0.startVersion = startTS
      $0.lockTtl = 3000
      $0.useAsyncCommit = true
    }
  }

  @Test("No transaction commits below a read of before a restart", .timeLimit(.minutes(1)))
  func restart() async throws {
    let scratch = try TemporaryDirectory("server")
    let first = try await start(scratch.path)
    var caller = RawCaller(first.address)
    var (context, _) = try await caller.context()
    let host = ThreadHost()
    defer { host.shutdown() }
    let readTS = host.clock.wallMilliseconds << Timestamp.logicalBits
    let read: Kvrpcpb_GetResponse = try await caller.channel.unary(
      "/tikvpb.Tikv/KvGet",
      Kvrpcpb_GetRequest.with {
        $0.context = context
        $0.key = [1].data
        $0.version = readTS
      })
    #expect(read.notFound)
    caller.close()
    await first.stop()

    let second = try await start(scratch.path)
    caller = RawCaller(second.address)
    (context, _) = try await caller.context()
    let locked: Kvrpcpb_PrewriteResponse = try await caller.channel.unary(
      "/tikvpb.Tikv/KvPrewrite", Self.prewrite(context, [1], readTS - 1))
    #expect(locked.errors.isEmpty && !locked.hasRegionError)
    #expect(locked.minCommitTs > readTS)
    caller.close()
    await second.stop()
  }

  @Test("A store whose values expire serves no transactions", .timeLimit(.minutes(1)))
  func expiringValues() async throws {
    let scratch = try TemporaryDirectory("server")
    var configuration = NodeConfiguration.test(scratch.path)
    configuration.enablesTTL = true
    let server = try await StandaloneServer.start(configuration, logger: quiet) { _ in }
    let caller = RawCaller(server.address)
    let (context, _) = try await caller.context()
    let refused: Kvrpcpb_PrewriteResponse = try await caller.channel.unary(
      "/tikvpb.Tikv/KvPrewrite", Self.prewrite(context, [1], 5))
    #expect(refused.errors.first?.abort.contains("V1ttl") == true)
    let unread: Kvrpcpb_ScanResponse = try await caller.channel.unary(
      "/tikvpb.Tikv/KvScan", Kvrpcpb_ScanRequest.with { $0.context = context })
    #expect(!unread.error.abort.isEmpty && unread.pairs.first?.error == unread.error)
    caller.close()
    await server.stop()
  }
}
