import Codec
import Engine
import Runtime
import Transaction

/// A write command on its way through latches, view, execution and log.
struct WriteCommand<Response: Sendable>: Sendable {
  let context: RequestContext
  /// Its encoded keys, whose latches it holds.
  let keys: [[UInt8]]
  /// About its bytes of memory.
  let cost: Int
  /// When it fails if it has not begun to execute; nil: never.
  let deadline: Instant?
  /// Whether it computes a commit timestamp, which must be above those of the reads of earlier leaders.
  var needsMaxTS = false
  /// Receives a lock of another transaction while the latches are held. True if the request waits for it, and will be
  /// completed some other way.
  var waits: (@Sendable (LockInfo) -> Bool)?
  let execute: @Sendable (any KVReader) throws(TransactionError) -> CommandOutput<Response>

  init(
    _ context: RequestContext, keys: [[UInt8]], bytes: Int = 0, deadline: Instant?,
    _ execute:
      @escaping @Sendable (any KVReader) throws(TransactionError) -> CommandOutput<
        Response
      >
  ) {
    self.context = context
    self.keys = keys
    self.deadline = deadline
    cost = keys.reduce(bytes + 512) { $0 + 2 * $1.count + 128 }
    self.execute = execute
  }
}

extension TransactionCommands {
  typealias Done<T: Sendable> = @Sendable (Result<T, TransactionFailure>) -> Void

  /// A command of these user keys.
  func command<Response: Sendable>(
    _ context: RequestContext, userKeys: [[UInt8]], bytes: Int = 0,
    _ execute:
      @escaping @Sendable (any KVReader) throws(TransactionError) -> CommandOutput<
        Response
      >
  ) -> WriteCommand<Response> {
    WriteCommand(
      context, keys: userKeys.map { MVCCKey($0).encoded }, bytes: bytes,
      deadline: deadline(of: context), execute)
  }

  func deadline(of context: RequestContext) -> Instant? {
    guard context.maxExecutionMs > 0 else { return nil }
    return host.clock.now + .milliseconds(Int64(clamping: context.maxExecutionMs))
  }

  /// Executes a command and completes it exactly once, unless it waits for a lock.
  func run<Response: Sendable>(
    _ command: WriteCommand<Response>, on executor: @escaping StorageExecutor,
    _ done: @escaping Done<Response>
  ) {
    if let refusal = Self.refusal(of: command.context) { return done(.failure(refusal)) }
    guard admit(command) else { return done(.failure(.storage(Self.tooBusy))) }
    latches.acquire(command.keys.map(CommandLatches.hash), on: executor) { [self] held in
      run(command, holding: held, on: executor, done)
    }
  }

  private func admit<Response>(_ command: WriteCommand<Response>) -> Bool {
    guard command.context.priority == .high else { return admission.enter(command.cost) }
    admission.enterAlways(command.cost)
    return true
  }

  /// Executes a command that was admitted and holds its latches.
  func run<Response: Sendable>(
    _ command: WriteCommand<Response>, holding held: CommandLatches.Held,
    on executor: @escaping StorageExecutor, _ done: @escaping Done<Response>
  ) {
    let fail: @Sendable (StorageError) -> Void = { [self] error in
      end(command, held)
      done(.failure(.storage(error)))
    }
    if let deadline = command.deadline, host.clock.now >= deadline {
      return fail(.deadlineExceeded)
    }
    let context = command.context
    storage.updateView(context, on: executor) { [self] result in
      let view: UpdateView
      switch result {
      case .success(let found): view = found
      case .failure(let error): return fail(error)
      }
      if let key = command.keys.first(where: { !view.range.contains($0) }) {
        return fail(.region(.keyNotInRegion(key, context.regionID, view.range)))
      }
      guard command.needsMaxTS else { return execute(command, view, held, done) }
      maxTSSync.whenSynced(context.regionID, view, on: executor) { [self] isSynced in
        guard isSynced else { return fail(.region(.maxTimestampNotSynced)) }
        execute(command, view, held, done)
      }
    }
  }

  private func execute<Response: Sendable>(
    _ command: WriteCommand<Response>, _ view: UpdateView, _ held: CommandLatches.Held,
    _ done: @escaping Done<Response>
  ) {
    let output: CommandOutput<Response>
    do throws(TransactionError) {
      output = try command.execute(view.reader)
    } catch {
      var isWaiting = false
      if case .locked(let infos) = error, let info = infos.first, let waits = command.waits {
        isWaiting = waits(info)
      }
      end(command, held)
      if !isWaiting { done(.failure(failure(error, command.context))) }
      return
    }
    let changes = output.changes
    if changes.isEmpty {
      applied(changes, of: command, held)
      return done(.success(output.response))
    }
    storage.write(command.context, changes.mutations, after: view) { [self] result in
      switch result {
      case .success:
        applied(changes, of: command, held)
        done(.success(output.response))
      case .failure(let error):
        concurrency.release(changes.memoryLocks)
        end(command, held)
        done(.failure(.storage(error)))
      }
    }
  }

  /// The changes of a command are in the engine: reads see its locks there, and others may take what it has released.
  private func applied<Response>(
    _ changes: TransactionChanges, of command: WriteCommand<Response>,
    _ held: CommandLatches.Held
  ) {
    concurrency.release(changes.memoryLocks)
    if !changes.committed.isEmpty {
      let now = host.clock.now.milliseconds
      statuses.withLock { statuses in
        for one in changes.committed {
          statuses.insert(one.startTS, commitTS: one.commitTS, now: now)
        }
      }
    }
    let resumed = changes.released.isEmpty ? [] : lockWaits.released(changes.released)
    if !changes.locked.isEmpty { lockWaits.locked(changes.locked) }
    if resumed.count == 1, let one = resumed.first {
      // Nobody comes between the release of the lock and the request that is to take it.
      admission.leave(command.cost)
      one.resume(latches.release(held, keeping: one.keyHash))
    } else {
      end(command, held)
      for one in resumed { one.resume(nil) }
    }
  }

  private func end<Response>(_ command: WriteCommand<Response>, _ held: CommandLatches.Held) {
    admission.leave(command.cost)
    latches.release(held)
  }

  // MARK: Errors

  static let tooBusy = StorageError.region(
    .serverIsBusy(reason: "scheduler is busy", backoffMs: 0))

  /// Why a request is refused before anything is done.
  static func refusal(of context: RequestContext) -> TransactionFailure? {
    guard context.apiVersion != .v1 else { return nil }
    return .storage(
      .refused(
        "Api version in request does not match with TiKV storage, storage: V1, request: "
          + "\(context.apiVersion)"))
  }

  func failure(_ error: TransactionError, _ context: RequestContext) -> TransactionFailure {
    guard case .engine(let cause) = error else { return .transaction(error) }
    return .storage(storage.failed(.engine(cause), context))
  }
}
