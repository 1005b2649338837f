import NIOCore
import RPC
import SwiftProtobuf
import Wire

/// Unary methods of `tikvpb.Tikv` that this store knows of but does not serve.
///
/// The status UNIMPLEMENTED makes client-go try every replica over and over for 20 to 40 s. A response
/// that says what is wrong in the field for it fails at once in all clients; a response that has no such
/// field gets `raft_entry_too_large`, the region error that none of them tries again.
enum UnimplementedMethods {
  private static let text = "this store does not serve the request"

  static func register(on router: inout MethodRouter) {
    registerRaw(on: &router)
    registerTransactions(on: &router)
    answer("RawCoprocessor", .rawCoprocessor(.init()), on: &router)
    answer("Coprocessor", .coprocessor(.init()), on: &router)
  }

  private static func registerRaw(on router: inout MethodRouter) {
    answer("RawCompareAndSwap", Kvrpcpb_RawCASResponse.with { $0.error = text }, on: &router)
    answer("RawChecksum", Kvrpcpb_RawChecksumResponse.with { $0.error = text }, on: &router)
    answer(
      "UnsafeDestroyRange", Kvrpcpb_UnsafeDestroyRangeResponse.with { $0.error = text },
      on: &router)
    answer(
      "SplitRegion",
      Kvrpcpb_SplitRegionResponse.with {
        $0.regionError.message = text
        $0.regionError.raftEntryTooLarge = Errorpb_RaftEntryTooLarge()
      }, on: &router)
    answer("MvccGetByKey", Kvrpcpb_MvccGetByKeyResponse.with { $0.error = text }, on: &router)
    answer(
      "MvccGetByStartTs", Kvrpcpb_MvccGetByStartTsResponse.with { $0.error = text }, on: &router)
    answer("GetLockWaitInfo", Kvrpcpb_GetLockWaitInfoResponse.with { $0.error = text }, on: &router)
  }

  /// As these commands are completed on a stream of many.
  private static func registerTransactions(on router: inout MethodRouter) {
    answer("KvGet", .get(.init()), on: &router)
    answer("KvScan", .scan(.init()), on: &router)
    answer("KvPrewrite", .prewrite(.init()), on: &router)
    answer("KvPessimisticLock", .pessimisticLock(.init()), on: &router)
    answer("KVPessimisticRollback", .pessimisticRollback(.init()), on: &router)
    answer("KvTxnHeartBeat", .txnHeartBeat(.init()), on: &router)
    answer("KvCheckTxnStatus", .checkTxnStatus(.init()), on: &router)
    answer("KvCheckSecondaryLocks", .checkSecondaryLocks(.init()), on: &router)
    answer("KvCommit", .commit(.init()), on: &router)
    answer("KvImport", .import(.init()), on: &router)
    answer("KvCleanup", .cleanup(.init()), on: &router)
    answer("KvBatchGet", .batchGet(.init()), on: &router)
    answer("KvBatchRollback", .batchRollback(.init()), on: &router)
    answer("KvScanLock", .scanLock(.init()), on: &router)
    answer("KvResolveLock", .resolveLock(.init()), on: &router)
    answer("KvGC", .gc(.init()), on: &router)
    answer("KvDeleteRange", .deleteRange(.init()), on: &router)
    answer("KvFlush", .flush(.init()), on: &router)
    answer("KvBufferBatchGet", .bufferBatchGet(.init()), on: &router)
    answer("KvFlashbackToVersion", .flashbackToVersion(.init()), on: &router)
    answer("KvPrepareFlashbackToVersion", .prepareFlashbackToVersion(.init()), on: &router)
    answer("BroadcastTxnStatus", .broadcastTxnStatus(.init()), on: &router)
  }

  private static func answer(
    _ name: String, _ command: UnimplementedCommand.Request, on router: inout MethodRouter
  ) {
    guard let response = UnimplementedCommand.answer(to: command) else { return }
    answer(name, response.message, on: &router)
  }

  private static func answer(
    _ name: String, _ response: any Message & Sendable, on router: inout MethodRouter
  ) {
    router.unary("/tikvpb.Tikv/\(name)") { _, call in call.reply(message: response) }
  }
}

extension UnimplementedCommand.Response {
  /// The response by itself, as it is without a stream around it.
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
