import RPC
import Wire

extension TikvService {
  /// Adds the methods of transactions to the router.
  func registerTransactions(on router: inout MethodRouter) {
    unary("KvGet", on: &router, transactions.get)
    unary("KvBatchGet", on: &router, transactions.batchGet)
    unary("KvBufferBatchGet", on: &router, transactions.bufferBatchGet)
    unary("KvScan", on: &router, transactions.scan)
    unary("KvPrewrite", on: &router, transactions.prewrite)
    unary("KvFlush", on: &router, transactions.flush)
    unary("KvCommit", on: &router, transactions.commit)
    unary("KvBatchRollback", on: &router, transactions.batchRollback)
    unary("KvCleanup", on: &router, transactions.cleanup)
    unary("KvPessimisticLock", on: &router, transactions.pessimisticLock)
    unary("KVPessimisticRollback", on: &router, transactions.pessimisticRollback)
    unary("KvTxnHeartBeat", on: &router, transactions.txnHeartBeat)
    unary("KvCheckTxnStatus", on: &router, transactions.checkTxnStatus)
    unary("KvCheckSecondaryLocks", on: &router, transactions.checkSecondaryLocks)
    unary("KvScanLock", on: &router, transactions.scanLock)
    unary("KvResolveLock", on: &router, transactions.resolveLock)
    unary("KvDeleteRange", on: &router, transactions.deleteRange)
    unary("UnsafeDestroyRange", on: &router, transactions.unsafeDestroyRange)
    unary("KvPrepareFlashbackToVersion", on: &router, transactions.prepareFlashback)
    unary("KvFlashbackToVersion", on: &router, transactions.flashback)
    unary("MvccGetByKey", on: &router, transactions.mvccGetByKey)
    unary("MvccGetByStartTs", on: &router, transactions.mvccGetByStartTS)
    unary("GetLockWaitInfo", on: &router, transactions.lockWaitInfo)
  }
}

extension BatchCommandsHandler {
  /// Starts a command of transactions, or completes one that is not served.
  func dispatchTransaction(_ command: CommandBatch.Command?, _ id: UInt64) {
    let transactions = service.transactions
    switch command {
    case .get(let request): read(request, id, transactions.get) { .get($0) }
    case .batchGet(let request): read(request, id, transactions.batchGet) { .batchGet($0) }
    case .bufferBatchGet(let request):
      read(request, id, transactions.bufferBatchGet) { .bufferBatchGet($0) }
    case .scan(let request): read(request, id, transactions.scan) { .scan($0) }
    case .scanLock(let request): read(request, id, transactions.scanLock) { .scanLock($0) }
    case .prewrite(let request): run(request, id, transactions.prewrite) { .prewrite($0) }
    case .flush(let request): run(request, id, transactions.flush) { .flush($0) }
    case .commit(let request): run(request, id, transactions.commit) { .commit($0) }
    case .batchRollback(let request):
      run(request, id, transactions.batchRollback) { .batchRollback($0) }
    case .cleanup(let request): run(request, id, transactions.cleanup) { .cleanup($0) }
    case .pessimisticLock(let request):
      run(request, id, transactions.pessimisticLock) { .pessimisticLock($0) }
    case .pessimisticRollback(let request):
      run(request, id, transactions.pessimisticRollback) { .pessimisticRollback($0) }
    case .txnHeartBeat(let request):
      run(request, id, transactions.txnHeartBeat) { .txnHeartBeat($0) }
    case .checkTxnStatus(let request):
      run(request, id, transactions.checkTxnStatus) { .checkTxnStatus($0) }
    case .checkSecondaryLocks(let request):
      run(request, id, transactions.checkSecondaryLocks) { .checkSecondaryLocks($0) }
    case .resolveLock(let request):
      run(request, id, transactions.resolveLock) { .resolveLock($0) }
    case .deleteRange(let request):
      run(request, id, transactions.deleteRange) { .deleteRange($0) }
    case .prepareFlashbackToVersion(let request):
      run(request, id, transactions.prepareFlashback) { .prepareFlashbackToVersion($0) }
    case .flashbackToVersion(let request):
      run(request, id, transactions.flashback) { .flashbackToVersion($0) }
    case let other: replies.add(id, UnimplementedCommand.response(to: other))
    }
  }
}
