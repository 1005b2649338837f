package import Codec
import Engine
package import Transaction

// Write commands of given keys.
extension TransactionCommands {
  /// Locks keys with their new values, or commits them at once.
  package func prewrite(
    _ context: RequestContext, _ command: Prewrite, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<Prewrite.Response, TransactionFailure>) -> Void
  ) {
    let bytes = command.mutations.reduce(0) { $0 + $1.valueCount + 256 }
    var write = self.command(
      context, userKeys: command.mutations.map(\.key), bytes: bytes
    ) { [self] snapshot throws(TransactionError) in
      var command = command
      // A first request that was overtaken by its own retry and the commit must not lock again.
      if command.isPessimistic, !command.isRetry { command.isRetry = isCommitted(command.startTS) }
      return try command.execute(snapshot, concurrency)
    }
    write.needsMaxTS = command.needsMaxTS
    run(write, on: executor, done)
  }

  /// Whether a transaction has committed on this store a short while ago.
  private func isCommitted(_ startTS: Timestamp) -> Bool {
    statuses.withLock { $0.commitTS(of: startTS) != nil }
  }

  /// Commits keys of a transaction.
  package func commit(
    _ context: RequestContext, _ command: Commit, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<Void, TransactionFailure>) -> Void
  ) {
    let write = self.command(context, userKeys: command.keys) { snapshot throws(TransactionError) in
      try command.execute(snapshot)
    }
    run(write, on: executor, done)
  }

  /// Rolls back one key if its lock has expired.
  package func cleanup(
    _ context: RequestContext, _ command: Cleanup, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<Void, TransactionFailure>) -> Void
  ) {
    let write = self.command(context, userKeys: [command.key]) {
      [concurrency] snapshot throws(TransactionError) in
      try command.execute(snapshot, concurrency)
    }
    run(write, on: executor, done)
  }

  /// Rolls back keys of a transaction.
  package func batchRollback(
    _ context: RequestContext, _ command: BatchRollback, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<Void, TransactionFailure>) -> Void
  ) {
    let write = self.command(context, userKeys: command.keys) { snapshot throws(TransactionError) in
      try command.execute(snapshot)
    }
    run(write, on: executor, done)
  }

  /// Returns the state of a transaction by its primary key.
  package func checkTxnStatus(
    _ context: RequestContext, _ command: CheckTxnStatus, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<TxnStatus, TransactionFailure>) -> Void
  ) {
    let write = self.command(context, userKeys: [command.primary]) {
      [concurrency] snapshot throws(TransactionError) in
      try command.execute(snapshot, concurrency)
    }
    run(write, on: executor, done)
  }

  /// Returns the state of an async commit transaction by its secondary keys.
  package func checkSecondaryLocks(
    _ context: RequestContext, _ command: CheckSecondaryLocks,
    on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<SecondaryLocksStatus, TransactionFailure>) -> Void
  ) {
    let write = self.command(context, userKeys: command.keys) {
      [concurrency] snapshot throws(TransactionError) in
      try command.execute(snapshot, concurrency)
    }
    run(write, on: executor, done)
  }

  /// Extends the life of a transaction. Returns the lock as it is afterwards.
  package func txnHeartBeat(
    _ context: RequestContext, _ command: TxnHeartBeat, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<Lock, TransactionFailure>) -> Void
  ) {
    let write = self.command(context, userKeys: [command.key]) {
      snapshot throws(TransactionError) in
      try command.execute(snapshot)
    }
    run(write, on: executor, done)
  }

  /// Commits or rolls back keys of one transaction.
  package func resolveLockLite(
    _ context: RequestContext, _ command: ResolveLockLite, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<Void, TransactionFailure>) -> Void
  ) {
    let write = self.command(context, userKeys: command.keys) { snapshot throws(TransactionError) in
      try command.execute(snapshot)
    }
    run(write, on: executor, done)
  }

  /// Deletes old versions of keys. Returns the number of keys that are done: less than all if the changes have become
  /// large.
  package func collectGarbage(
    _ context: RequestContext, _ command: CollectGarbage, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<Int, TransactionFailure>) -> Void
  ) {
    let write = self.command(context, userKeys: command.keys) { snapshot throws(TransactionError) in
      try command.execute(snapshot)
    }
    run(write, on: executor, done)
  }
}

extension PrewriteMutation {
  /// Bytes of its value.
  fileprivate var valueCount: Int {
    switch operation {
    case .put(let value), .insert(let value): value.count
    case .delete, .lock, .checkNotExists: 0
    }
  }
}
