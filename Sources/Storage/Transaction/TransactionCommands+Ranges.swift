package import Codec
import Engine
package import Transaction

// Write commands over ranges. They look for their keys without latches, and then execute commands of these keys, one
// after another.
extension TransactionCommands {
  /// Commits or rolls back all locks of transactions in the region. On an error what was done before stays.
  package func resolveLock(
    _ context: RequestContext, _ command: ResolveLock, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<Void, TransactionFailure>) -> Void
  ) {
    resolve(context, command, from: [], on: executor, done)
  }

  private func resolve(
    _ context: RequestContext, _ command: ResolveLock, from start: [UInt8],
    on executor: @escaping StorageExecutor, _ done: @escaping Done<Void>
  ) {
    find(context, from: start, on: executor, done) {
      snapshot, range throws(TransactionError) in
      try command.findLocks(snapshot, in: range)
    } then: { [self] targets in
      guard let last = targets.last else { return done(.success(())) }
      let write = WriteCommand(
        context, keys: targets.map(\.key.encoded), deadline: deadline(of: context)
      ) { snapshot throws(TransactionError) in try command.execute(snapshot, targets) }
      run(write, on: executor) { [self] result in
        let next: [UInt8]
        switch result {
        case .failure(let failure): return done(.failure(failure))
        case .success(let resolved) where resolved < targets.count:
          next = targets[resolved].key.encoded
        case .success where targets.count < ResolveLock.batchSize: return done(.success(()))
        case .success: next = last.key.encoded + [0]
        }
        executor { [self] in resolve(context, command, from: next, on: executor, done) }
      }
    }
  }

  /// Reads a batch of keys of the region, from an encoded key on. `done` gets the error if that fails.
  func find<T: Sendable>(
    _ context: RequestContext, from start: [UInt8], in range: KeyRange = .all,
    on executor: @escaping StorageExecutor, _ done: @escaping Done<Void>,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(TransactionError) -> T,
    then next: @escaping @Sendable (T) -> Void
  ) {
    if let refusal = Self.refusal(of: context) { return done(.failure(refusal)) }
    storage.updateView(context, on: executor) { [self] result in
      do throws(TransactionError) {
        let view: UpdateView
        switch result {
        case .success(let found): view = found
        case .failure(let error): return done(.failure(.storage(error)))
        }
        let rest = KeyRange(start: start).intersect(range).intersect(view.range)
        next(try body(view.reader, rest))
      } catch {
        done(.failure(failure(error, context)))
      }
    }
  }

  // MARK: Deleting

  /// Deletes a range, whatever transactions its contents belong to.
  package func deleteRange(
    _ context: RequestContext, _ command: DeleteRange, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<Void, TransactionFailure>) -> Void
  ) {
    if let refusal = Self.refusal(of: context) { return done(.failure(refusal)) }
    let changes = command.execute().changes
    if changes.isEmpty { return done(.success(())) }
    storage.write(context, changes.mutations) { done($0.mapError(TransactionFailure.storage)) }
  }

  /// Destroys a range on this store alone, regions and raft aside. Works on the executor, for long.
  package func unsafeDestroyRange(
    _ command: UnsafeDestroyRange, on executor: @escaping StorageExecutor,
    _ done: @escaping @Sendable (Result<Void, TransactionFailure>) -> Void
  ) {
    executor { [engine] in
      do throws(EngineError) {
        try command.execute(engine)
        done(.success(()))
      } catch {
        done(.failure(.storage(.engine(error))))
      }
    }
  }
}
