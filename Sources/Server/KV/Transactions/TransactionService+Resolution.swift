import Codec
import Storage
import Transaction
import Wire

/// What other transactions and administrators do about transactions and their locks.
extension TransactionService {
  /// Returns what has become of a transaction, and rolls it back if it has expired.
  func checkTxnStatus(
    _ request: Kvrpcpb_CheckTxnStatusRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_CheckTxnStatusResponse>
  ) {
    write(request, keys: 1, origin, done) {
      (context, executor, done) throws(TransactionError) in
      guard !request.isTxnFile else { throw Self.transactionFiles }
      let command = CheckTxnStatus(
        primary: [UInt8](request.primaryKey), lockTS: Timestamp(request.lockTs),
        callerStartTS: Timestamp(request.callerStartTs), currentTS: Timestamp(request.currentTs),
        rollsBackIfMissing: request.rollbackIfNotExist,
        forcesSyncCommit: request.forceSyncCommit,
        resolvesPessimisticLock: request.resolvingPessimisticLock,
        verifiesPrimary: request.verifyIsPrimary)
      commands.checkTxnStatus(context, command, on: executor) { result in
        respond(result, done) { Kvrpcpb_CheckTxnStatusResponse($0, primary: command.primary) }
      }
    }
  }

  /// Returns whether an async commit transaction has locked all of its secondary keys; rolls back those that it has not.
  func checkSecondaryLocks(
    _ request: Kvrpcpb_CheckSecondaryLocksRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_CheckSecondaryLocksResponse>
  ) {
    write(request, keys: request.keys.count, origin, done) { context, executor, done in
      let command = CheckSecondaryLocks(
        keys: request.keys.map { [UInt8]($0) }, startTS: Timestamp(request.startVersion))
      commands.checkSecondaryLocks(context, command, on: executor) { result in
        respond(result, done) { Kvrpcpb_CheckSecondaryLocksResponse($0) }
      }
    }
  }

  /// Commits or rolls back the locks of transactions whose fate is known: those of the keys, or all of the region.
  func resolveLock(
    _ request: Kvrpcpb_ResolveLockRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_ResolveLockResponse>
  ) {
    write(request, keys: request.keys.isEmpty ? .max : request.keys.count, origin, done) {
      (context, executor, done) throws(TransactionError) in
      guard !request.isTxnFile, !request.txnInfos.contains(where: \.isTxnFile) else {
        throw Self.transactionFiles
      }
      let startTS = Timestamp(request.startVersion)
      let commitTS = Timestamp(request.commitVersion)
      guard request.keys.isEmpty else {
        let command = ResolveLockLite(
          keys: request.keys.map { [UInt8]($0) }, startTS: startTS, commitTS: commitTS)
        return commands.resolveLockLite(context, command, on: executor) { respond($0, done) }
      }
      var transactions: [Timestamp: Timestamp] = [:]
      if startTS != .zero {
        transactions[startTS] = commitTS
      } else {
        for info in request.txnInfos { transactions[Timestamp(info.txn)] = Timestamp(info.status) }
      }
      commands.resolveLock(context, ResolveLock(transactions), on: executor) { respond($0, done) }
    }
  }

  // MARK: Ranges

  /// Deletes a range of a region, whatever transactions it belongs to.
  func deleteRange(
    _ request: Kvrpcpb_DeleteRangeRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_DeleteRangeResponse>
  ) {
    write(request, keys: 1, origin, done) {
      (context, executor, done) throws(TransactionError) in
      let command = DeleteRange(
        range: KeyRange(
          encodingUserKeys: [UInt8](request.startKey), [UInt8](request.endKey)),
        notifyOnly: request.notifyOnly)
      guard !command.range.isEmpty else {
        throw .invalidRequest("a range whose start is not before its end")
      }
      commands.deleteRange(context, command, on: executor) { respond($0, done) }
    }
  }

  /// Destroys a range of this store, whatever regions it belongs to.
  func unsafeDestroyRange(
    _ request: Kvrpcpb_UnsafeDestroyRangeRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_UnsafeDestroyRangeResponse>
  ) {
    write(request, keys: .max, origin, done) {
      (_, executor, done) throws(TransactionError) in
      let command = try UnsafeDestroyRange(
        start: [UInt8](request.startKey), end: [UInt8](request.endKey))
      commands.unsafeDestroyRange(command, on: executor) { respond($0, done) }
    }
  }

  /// The first phase of a flashback: rolls back the locks of the range and marks it.
  func prepareFlashback(
    _ request: Kvrpcpb_PrepareFlashbackToVersionRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_PrepareFlashbackToVersionResponse>
  ) {
    write(request, keys: .max, origin, done) {
      (context, executor, done) throws(TransactionError) in
      let command = try Self.flashback(
        request.startKey, request.endKey, version: request.version, startTS: request.startTs)
      commands.prepareFlashback(context, command, on: executor) { respond($0, done) }
    }
  }

  /// The second phase of a flashback: writes what the range was.
  func flashback(
    _ request: Kvrpcpb_FlashbackToVersionRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_FlashbackToVersionResponse>
  ) {
    write(request, keys: .max, origin, done) {
      (context, executor, done) throws(TransactionError) in
      let command = try Self.flashback(
        request.startKey, request.endKey, version: request.version, startTS: request.startTs)
      let commitTS = Timestamp(request.commitTs)
      guard commitTS > command.startTS, commitTS != .max else {
        throw .invalidTimestampOrder(startTS: command.startTS, commitTS: commitTS)
      }
      commands.flashback(context, command, commitTS: commitTS, on: executor) {
        respond($0, done)
      }
    }
  }

  private static func flashback(
    _ start: some Sequence<UInt8>, _ end: some Sequence<UInt8>, version: UInt64, startTS: UInt64
  ) throws(TransactionError) -> FlashbackToVersion {
    try check(startTS: Timestamp(startTS))
    guard version < startTS else {
      throw .invalidRequest("a flashback to version \(version) at \(startTS)")
    }
    return FlashbackToVersion(
      range: KeyRange(encodingUserKeys: [UInt8](start), [UInt8](end)),
      version: Timestamp(version), startTS: Timestamp(startTS))
  }
}
