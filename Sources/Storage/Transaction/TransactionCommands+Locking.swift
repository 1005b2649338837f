package import Codec
import Engine
package import Transaction

// Pessimistic locks.
extension TransactionCommands {
  /// Locks keys before the transaction knows what it will write. Waits for a lock of another transaction if it may.
  ///
  /// - Parameters:
  ///   - waitTimeoutMs: negative: the request does not wait; 0: as long as the store allows; more is cut to that.
  ///   - isFirstLock: whether the transaction holds no lock yet, so that it cannot be part of a deadlock.
  package func pessimisticLock(
    _ context: RequestContext, _ command: PessimisticLock, waitTimeoutMs: Int64,
    isFirstLock: Bool, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<[PessimisticLock.Result], TransactionFailure>) -> Void
  ) {
    var write = lockCommand(context, command)
    if waitTimeoutMs >= 0 {
      let timeout =
        waitTimeoutMs == 0
        ? limits.lockWaitTimeout : min(limits.lockWaitTimeout, .milliseconds(waitTimeoutMs))
      write.waits = { [self] holder in
        let key = MVCCKey(holder.key)
        let request = LockWaits.Request(
          key: key, keyHash: CommandLatches.hash(key.encoded), primary: command.primary,
          startTS: command.startTS, mode: command.forcesLock ? .forceLock : .retry,
          isFirstLock: isFirstLock, timeout: timeout,
          fail: { failure in executor { done(.failure(failure)) } },
          resume: { [self] token, held in
            executor { [self] in resume(token, held, context, command, on: executor, done) }
          })
        return lockWaits.wait(request, for: holder)
      }
    }
    run(write, on: executor, done)
  }

  private func lockCommand(
    _ context: RequestContext, _ command: PessimisticLock
  ) -> WriteCommand<[PessimisticLock.Result]> {
    self.command(context, userKeys: command.keys.map(\.key)) {
      [concurrency] snapshot throws(TransactionError) in
      try command.execute(snapshot, concurrency)
    }
  }

  /// Executes a request again whose lock was released.
  ///
  /// - Parameter held: the latch of its only key; nil: it has to be acquired.
  private func resume(
    _ token: LockWaits.Token, _ held: CommandLatches.Held?, _ context: RequestContext,
    _ command: PessimisticLock, on executor: @escaping StorageExecutor,
    _ done: @escaping Done<[PessimisticLock.Result]>
  ) {
    var write = lockCommand(context, command)
    write.waits = { [lockWaits] holder in
      lockWaits.waitAgain(token, for: holder)
      return true
    }
    let end: Done<[PessimisticLock.Result]> = { [lockWaits] result in
      lockWaits.end(token, isLocked: command.isLocked(result))
      done(result)
    }
    guard let held else { return run(write, on: executor, end) }
    admission.enterAlways(write.cost)
    run(write, holding: held, on: executor, end)
  }

  /// Removes pessimistic locks of a transaction. Without keys: all in the region.
  package func pessimisticRollback(
    _ context: RequestContext, _ command: PessimisticRollback,
    on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<Void, TransactionFailure>) -> Void
  ) {
    guard command.keys.isEmpty else {
      return run(rollbackCommand(context, command), on: executor, done)
    }
    rollBack(context, command, from: [], on: executor, done)
  }

  private func rollbackCommand(
    _ context: RequestContext, _ command: PessimisticRollback
  ) -> WriteCommand<Void> {
    self.command(context, userKeys: command.keys) { snapshot throws(TransactionError) in
      try command.execute(snapshot)
    }
  }

  /// Removes the locks in the region, from an encoded key on, some at a time.
  private func rollBack(
    _ context: RequestContext, _ command: PessimisticRollback, from start: [UInt8],
    on executor: @escaping StorageExecutor, _ done: @escaping Done<Void>
  ) {
    find(context, from: start, on: executor, done) {
      snapshot, range throws(TransactionError) in
      try PessimisticRollback.findKeys(
        snapshot, in: range, startTS: command.startTS, forUpdateTS: command.forUpdateTS)
    } then: { [self] keys in
      guard let last = keys.last else { return done(.success(())) }
      var batch = command
      batch.keys = keys.map(\.user)
      run(rollbackCommand(context, batch), on: executor) { [self] result in
        guard case .success = result, keys.count >= PessimisticRollback.batchSize else {
          return done(result)
        }
        executor { [self] in
          rollBack(context, command, from: last.encoded + [0], on: executor, done)
        }
      }
    }
  }
}

extension PessimisticLock {
  /// Whether a request of one key has locked it.
  fileprivate func isLocked(
    _ result: Swift.Result<[PessimisticLock.Result], TransactionFailure>
  ) -> Bool {
    switch result {
    case .failure: false
    case .success(let results): !locksOnlyIfExists || results.first != .value(nil)
    }
  }
}
