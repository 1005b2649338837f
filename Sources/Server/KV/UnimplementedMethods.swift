import NIOCore
import RPC
import SwiftProtobuf
import Wire

/// Known unary methods of `tikvpb.Tikv` that are not served.
///
/// The status UNIMPLEMENTED makes client-go retry on all replicas for 20 to 40 s. A response with an error text
/// in its field makes all clients fail at once. A response without such a field gets `raft_entry_too_large`,
/// the region error that no client retries.
enum UnimplementedMethods {
  private static let text = "this store does not serve the request"

  /// Adds the methods to the router.
  static func register(on router: inout MethodRouter) {
    registerRaw(on: &router)
    registerTransactions(on: &router)
    respond("RawCoprocessor", .rawCoprocessor(.init()), on: &router)
    respond("Coprocessor", .coprocessor(.init()), on: &router)
  }

  /// Adds the methods that only a store in a cluster serves.
  static func registerClustered(on router: inout MethodRouter) {
    // Stale reads at a timestamp are not served: 0 means that none is safe.
    respond("GetStoreSafeTS", Kvrpcpb_StoreSafeTSResponse(), on: &router)
    respond(
      "ReadIndex",
      Kvrpcpb_ReadIndexResponse.with {
        $0.regionError.message = text
        $0.regionError.raftEntryTooLarge = Errorpb_RaftEntryTooLarge()
      }, on: &router)
    respond(
      "SplitRegion",
      Kvrpcpb_SplitRegionResponse.with {
        $0.regionError.message = text
        $0.regionError.raftEntryTooLarge = Errorpb_RaftEntryTooLarge()
      }, on: &router)
  }

  private static func registerRaw(on router: inout MethodRouter) {
    respond(
      "UnsafeDestroyRange", Kvrpcpb_UnsafeDestroyRangeResponse.with { $0.error = text },
      on: &router)
    respond("MvccGetByKey", Kvrpcpb_MvccGetByKeyResponse.with { $0.error = text }, on: &router)
    respond(
      "MvccGetByStartTs", Kvrpcpb_MvccGetByStartTsResponse.with { $0.error = text }, on: &router)
    respond(
      "GetLockWaitInfo", Kvrpcpb_GetLockWaitInfoResponse.with { $0.error = text }, on: &router)
  }

  /// With the same responses as in `BatchCommands`.
  private static func registerTransactions(on router: inout MethodRouter) {
    respond("KvGet", .get(.init()), on: &router)
    respond("KvScan", .scan(.init()), on: &router)
    respond("KvPrewrite", .prewrite(.init()), on: &router)
    respond("KvPessimisticLock", .pessimisticLock(.init()), on: &router)
    respond("KVPessimisticRollback", .pessimisticRollback(.init()), on: &router)
    respond("KvTxnHeartBeat", .txnHeartBeat(.init()), on: &router)
    respond("KvCheckTxnStatus", .checkTxnStatus(.init()), on: &router)
    respond("KvCheckSecondaryLocks", .checkSecondaryLocks(.init()), on: &router)
    respond("KvCommit", .commit(.init()), on: &router)
    respond("KvImport", .import(.init()), on: &router)
    respond("KvCleanup", .cleanup(.init()), on: &router)
    respond("KvBatchGet", .batchGet(.init()), on: &router)
    respond("KvBatchRollback", .batchRollback(.init()), on: &router)
    respond("KvScanLock", .scanLock(.init()), on: &router)
    respond("KvResolveLock", .resolveLock(.init()), on: &router)
    respond("KvGC", .gc(.init()), on: &router)
    respond("KvDeleteRange", .deleteRange(.init()), on: &router)
    respond("KvFlush", .flush(.init()), on: &router)
    respond("KvBufferBatchGet", .bufferBatchGet(.init()), on: &router)
    respond("KvFlashbackToVersion", .flashbackToVersion(.init()), on: &router)
    respond("KvPrepareFlashbackToVersion", .prepareFlashbackToVersion(.init()), on: &router)
    respond("BroadcastTxnStatus", .broadcastTxnStatus(.init()), on: &router)
  }

  private static func respond(
    _ name: String, _ command: UnimplementedCommand.Request, on router: inout MethodRouter
  ) {
    guard let response = UnimplementedCommand.response(to: command) else { return }
    respond(name, response.message, on: &router)
  }

  private static func respond(
    _ name: String, _ response: any Message & Sendable, on router: inout MethodRouter
  ) {
    router.unary("/tikvpb.Tikv/\(name)") { _, call in call.reply(message: response) }
  }
}

extension UnimplementedCommand.Response {
  /// The message of the response, for a unary call.
  fileprivate var message: any Message & Sendable {
    switch self {
    case .get(let message): message
    case .scan(let message): message
    case .prewrite(let message): message
    case .commit(let message): message
    case .import(let message): message
    case .cleanup(let message): message
    case .batchGet(let message): message
    case .batchRollback(let message): message
    case .scanLock(let message): message
    case .resolveLock(let message): message
    case .gc(let message): message
    case .deleteRange(let message): message
    case .rawGet(let message): message
    case .rawBatchGet(let message): message
    case .rawPut(let message): message
    case .rawBatchPut(let message): message
    case .rawDelete(let message): message
    case .rawBatchDelete(let message): message
    case .rawScan(let message): message
    case .rawDeleteRange(let message): message
    case .rawBatchScan(let message): message
    case .coprocessor(let message): message
    case .pessimisticLock(let message): message
    case .pessimisticRollback(let message): message
    case .checkTxnStatus(let message): message
    case .txnHeartBeat(let message): message
    case .checkSecondaryLocks(let message): message
    case .rawCoprocessor(let message): message
    case .flashbackToVersion(let message): message
    case .prepareFlashbackToVersion(let message): message
    case .flush(let message): message
    case .bufferBatchGet(let message): message
    case .getHealthFeedback(let message): message
    case .broadcastTxnStatus(let message): message
    case .empty(let message): message
    }
  }
}
