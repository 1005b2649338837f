import Codec
import Engine
import NIOCore
import RPC
import Server
import Synchronization
import TestSupport
import Testing
import Wire

struct StandaloneServerTests {
  @Test("Serves both roles on one port and keeps its data")
  func bothRoles() async throws {
    let scratch = try TemporaryDirectory("server")
    let first = try await start(scratch.path)
    var caller = RawCaller(first.address)
    var (context, _) = try await caller.context()
    #expect(try await caller.put([1], [2], context) == Kvrpcpb_RawPutResponse())
    #expect(try await caller.get([1], context).value == [2].data)
    #expect(try await caller.get([9], context).notFound)
    let region = context.regionID
    caller.close()
    await first.stop()

    let second = try await start(scratch.path)
    #expect(second.identity == first.identity)
    caller = RawCaller(second.address)
    (context, _) = try await caller.context()
    #expect(context.regionID == region)
    #expect(try await caller.get([1], context).value == [2].data)
    caller.close()
    await second.stop()
  }

  @Test("A directory in use is an error with a remedy")
  func directoryInUse() async throws {
    let scratch = try TemporaryDirectory("server")
    let server = try await start(scratch.path)
    let error = await #expect(throws: StartError.self) { try await start(scratch.path) }
    #expect(error?.description.contains(scratch.path) == true)
    #expect(error?.description.contains("--data-dir") == true)
    await server.stop()
  }

  @Test("A port in use is an error before it is advertised")
  func portInUse() async throws {
    let (one, two) = (try TemporaryDirectory("server"), try TemporaryDirectory("server"))
    let server = try await start(one.path)
    var configuration = NodeConfiguration.test(two.path)
    configuration.address = server.address
    let error = await #expect(throws: StartError.self) {
      try await StandaloneServer.start(configuration, logger: quiet) { _ in }
    }
    #expect(error?.description.contains("\(server.address)") == true)
    await server.stop()
  }

  @Test("A store's data is not served stand-alone")
  func clusterData() async throws {
    let scratch = try TemporaryDirectory("server")
    do {
      let engine = try RocksEngine(path: scratch.path + "/db")
      var batch = WriteBatch()
      batch.put(.raft, KeyLayout.storeIdent, StoreIdent(clusterID: 1, storeID: 4).encoded())
      try engine.write(batch, .synced)
      try engine.close()
    }
    let error = await #expect(throws: StartError.self) { try await start(scratch.path) }
    #expect(error?.description.contains("--pd-endpoints") == true)
  }

  @Test("Requests for another cluster are refused")
  func otherCluster() async throws {
    let scratch = try TemporaryDirectory("server")
    let server = try await start(scratch.path)
    let caller = RawCaller(server.address)
    var (context, _) = try await caller.context()
    context.clusterID = 77
    let status = await #expect(throws: RPCStatus.self) {
      try await caller.put([1], [1], context)
    }
    #expect(status?.code == .invalidArgument)
    caller.close()
    await server.stop()
  }

  @Test("Every command of a batch is completed once, and the stream continues")
  func batchCommands() async throws {
    let scratch = try TemporaryDirectory("server")
    let server = try await start(scratch.path)
    let caller = RawCaller(server.address)
    let (context, _) = try await caller.context()
    let stream = caller.channel.openAsyncStream("/tikvpb.Tikv/BatchCommands")
    var responses: [UInt64: Tikvpb_BatchCommandsResponse.Response] = [:]
    var iterator = stream.messages.makeAsyncIterator()
    for round in 0..<2 as Range<UInt64> {
      try await stream.send(message: Self.batch(context, firstID: round * 100))
      while responses.count < Int(round + 1) * 6 {
        guard let payload = try await iterator.next() else { break }
        let batch: Tikvpb_BatchCommandsResponse = try MessageCoding.decode(payload)
        #expect(batch.responses.count == batch.requestIds.count)
        for (id, response) in zip(batch.requestIds, batch.responses) {
          #expect(responses.updateValue(response, forKey: id) == nil, "request \(id)")
        }
      }
    }
    #expect(responses[100]?.rawPut == Kvrpcpb_RawPutResponse())
    #expect(responses[101]?.rawGet.value == [7].data)
    #expect(responses[102]?.cmd == nil)
    #expect(responses[103]?.gc.error.abort.isEmpty == false)
    #expect(responses[104]?.empty.testID == 4)
    #expect(responses[105]?.rawDelete.error == "invalid cf name: nope")
    stream.finish()
    #expect(try await iterator.next() == nil)
    caller.close()
    await server.stop()
  }

  /// Timers that clients ask for are bounded over all streams, also those of streams that are gone; beyond
  /// the bound, replies come at once.
  @Test("Delayed commands are limited over all streams")
  func delayedCommands() async throws {
    let scratch = try TemporaryDirectory("server")
    let server = try await start(scratch.path)
    let caller = RawCaller(server.address)
    let limit = 4096
    var completed = 0
    for round in 0..<3 {
      let stream = caller.channel.openAsyncStream("/tikvpb.Tikv/BatchCommands")
      // The last two streams find all places taken by the first, which is gone.
      let batch = Tikvpb_BatchCommandsRequest.with { batch in
        batch.requests = (0..<limit + 10).map { _ in
          .with { $0.empty = .with { $0.delayTime = .max } }
        }
        batch.requestIds = (0..<UInt64(limit + 10)).map { $0 }
      }
      try await stream.send(message: batch)
      var replies = 0
      var iterator = stream.messages.makeAsyncIterator()
      while replies < (round == 0 ? 10 : limit + 10), let payload = try await iterator.next() {
        let batch: Tikvpb_BatchCommandsResponse = try MessageCoding.decode(payload)
        replies += batch.requestIds.count
      }
      stream.cancel()
      completed += replies
    }
    #expect(completed == 10 + 2 * (limit + 10))
    caller.close()
    await server.stop()
  }

  private static func batch(
    _ context: Kvrpcpb_Context, firstID: UInt64
  ) -> Tikvpb_BatchCommandsRequest {
    typealias Request = Tikvpb_BatchCommandsRequest.Request
    var put = Kvrpcpb_RawPutRequest()
    put.context = context
    put.key = [5].data
    put.value = [7].data
    var get = Kvrpcpb_RawGetRequest()
    get.context = context
    get.key = [5].data
    var delete = Kvrpcpb_RawDeleteRequest()
    delete.context = context
    delete.cf = "nope"
    let commands: [Request.OneOf_Cmd?] = [
      .rawPut(put), .rawGet(get), nil, .gc(Kvrpcpb_GCRequest()),
      .empty(
        .with {
          $0.testID = 4
          $0.delayTime = 20
        }), .rawDelete(delete),
    ]
    return .with {
      $0.requests = commands.map { command in .with { $0.cmd = command } }
      $0.requestIds = (0..<UInt64(commands.count)).map { firstID + $0 }
    }
  }

  private func start(_ path: String) async throws(StartError) -> StandaloneServer {
    try await StandaloneServer.start(.test(path), logger: quiet) { _ in }
  }
}
