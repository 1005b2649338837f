import Codec
import Storage
import Transaction
import Wire

extension TransactionService {
  /// Locks the keys of a transaction with their new values, or commits them at once.
  func prewrite(
    _ request: Kvrpcpb_PrewriteRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_PrewriteResponse>
  ) {
    write(request, keys: request.mutations.count, origin, done) {
      (context, executor, done) throws(TransactionError) in
      let command = try Prewrite(request)
      try Self.check(startTS: command.startTS)
      commands.prewrite(context, command, on: executor) { result in
        respond(result, done) { outcome in
          .with {
            $0.minCommitTs = outcome.minCommitTS.value
            $0.onePcCommitTs = outcome.onePhaseCommitTS.value
          }
        }
      }
    }
  }

  /// Locks keys of a pipelined transaction, which replaces what it has flushed of them before.
  func flush(
    _ request: Kvrpcpb_FlushRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_FlushResponse>
  ) {
    write(request, keys: request.mutations.count, origin, done) {
      (context, executor, done) throws(TransactionError) in
      let command = try Prewrite(request)
      commands.prewrite(context, command, on: executor) { result in
        respond(result, done) { _ in Kvrpcpb_FlushResponse() }
      }
    }
  }

  /// Commits keys of a transaction.
  func commit(
    _ request: Kvrpcpb_CommitRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_CommitResponse>
  ) {
    write(request, keys: request.keys.count, origin, done) {
      (context, executor, done) throws(TransactionError) in
      guard !request.isTxnFile else { throw Self.transactionFiles }
      let command = Commit(
        keys: request.keys.map { [UInt8]($0) }, startTS: Timestamp(request.startVersion),
        commitTS: Timestamp(request.commitVersion))
      guard command.commitTS != .max else {
        throw .invalidTimestampOrder(startTS: command.startTS, commitTS: command.commitTS)
      }
      commands.commit(context, command, on: executor) { result in
        respond(result, done) { .with { $0.commitVersion = request.commitVersion } }
      }
    }
  }

  /// Rolls back keys of a transaction, as its client wishes.
  func batchRollback(
    _ request: Kvrpcpb_BatchRollbackRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_BatchRollbackResponse>
  ) {
    write(request, keys: request.keys.count, origin, done) {
      (context, executor, done) throws(TransactionError) in
      guard !request.isTxnFile else { throw Self.transactionFiles }
      let command = BatchRollback(
        keys: request.keys.map { [UInt8]($0) }, startTS: Timestamp(request.startVersion))
      commands.batchRollback(context, command, on: executor) { respond($0, done) }
    }
  }

  /// Rolls back one key of a transaction whose lock has expired. If the transaction has committed, the response contains
  /// the timestamp, which is no error.
  func cleanup(
    _ request: Kvrpcpb_CleanupRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_CleanupResponse>
  ) {
    write(request, keys: 1, origin, done) { context, executor, done in
      let command = Cleanup(
        key: [UInt8](request.key), startTS: Timestamp(request.startVersion),
        currentTS: Timestamp(request.currentTs))
      commands.cleanup(context, command, on: executor) { result in
        if case .failure(.transaction(.committed(_, _, let commitTS))) = result {
          return done(.with { $0.commitVersion = commitTS.value })
        }
        respond(result, done)
      }
    }
  }

  // MARK: Pessimistic locks

  /// Locks keys before the transaction knows what it will write. Waits for the locks of others.
  func pessimisticLock(
    _ request: Kvrpcpb_PessimisticLockRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_PessimisticLockResponse>
  ) {
    write(request, keys: request.mutations.count, origin, done) {
      (context, executor, done) throws(TransactionError) in
      let command = try PessimisticLock(request)
      try Self.check(startTS: command.startTS)
      commands.pessimisticLock(
        context, command, waitTimeoutMs: request.waitTimeout, isFirstLock: request.isFirstLock,
        on: executor
      ) { result in
        switch result {
        case .success(let results):
          done(Kvrpcpb_PessimisticLockResponse(results, of: command))
        case .failure(let failure):
          var response = Kvrpcpb_PessimisticLockResponse(failure)
          if command.forcesLock, !response.errors.isEmpty {
            response.results = [.with { $0.type = .lockResultFailed }]
          }
          done(response)
        }
      }
    }
  }

  /// Removes pessimistic locks of a transaction: those of the keys, or all of the region.
  func pessimisticRollback(
    _ request: Kvrpcpb_PessimisticRollbackRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_PessimisticRollbackResponse>
  ) {
    write(request, keys: request.keys.isEmpty ? .max : request.keys.count, origin, done) {
      context, executor, done in
      let command = PessimisticRollback(
        keys: request.keys.map { [UInt8]($0) }, startTS: Timestamp(request.startVersion),
        forUpdateTS: Timestamp(request.forUpdateTs))
      commands.pessimisticRollback(context, command, on: executor) { respond($0, done) }
    }
  }

  /// Extends the life of a transaction.
  func txnHeartBeat(
    _ request: Kvrpcpb_TxnHeartBeatRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_TxnHeartBeatResponse>
  ) {
    write(request, keys: 1, origin, done) {
      (context, executor, done) throws(TransactionError) in
      guard !request.isTxnFile else { throw Self.transactionFiles }
      let command = TxnHeartBeat(
        key: [UInt8](request.primaryLock), startTS: Timestamp(request.startVersion),
        ttl: request.adviseLockTtl, minCommitTS: Timestamp(request.minCommitTs))
      commands.txnHeartBeat(context, command, on: executor) { result in
        respond(result, done) { lock in .with { $0.lockTtl = lock.ttl } }
      }
    }
  }

  // MARK: Refusals

  static var transactionFiles: TransactionError {
    .invalidRequest("transaction files are not supported")
  }

  /// Timestamps after the start timestamp must exist.
  static func check(startTS: Timestamp) throws(TransactionError) {
    guard startTS != .max else { throw .invalidRequest("a start timestamp above all others") }
  }
}
