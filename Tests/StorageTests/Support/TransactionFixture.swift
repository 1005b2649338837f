import Codec
import Engine
import Runtime
import Storage
import Synchronization
import TestSupport
import Testing
import Transaction

/// The commands over a storage, clock and executor that a test drives. Keys are strings.
final class TransactionFixture: Sendable {
  let engine: MemoryEngine
  let storage: ManualStorage
  let host = ManualHost()
  let commands: TransactionCommands
  let oracle = ManualOracle()
  private let tasks = Mutex<[@Sendable () -> Void]>([])

  static let context = RequestContext(regionID: 2, epoch: .initial)
  let context = TransactionFixture.context

  /// - Parameter range: user keys.
  init(
    from start: String = "", to end: String = "", withOracle: Bool = false,
    _ change: (inout TransactionLimits) -> Void = { _ in }
  ) throws {
    engine = try MemoryEngine()
    storage = ManualStorage(
      engine, range: KeyRange(encodingUserKeys: Array(start.utf8), Array(end.utf8)))
    var limits = TransactionLimits()
    change(&limits)
    let oracle = oracle
    let source: TimestampSource = { oracle.ask($0) }
    commands = TransactionCommands(
      storage: storage, engine: engine, host: host,
      timestamps: withOracle ? source : nil,
      deadlocks: LocalDeadlockDetection(clock: host.clock, timeToLive: limits.lockWaitTimeout),
      limits: limits)
  }

  var executor: StorageExecutor {
    { work in self.tasks.withLock { $0.append(work) } }
  }

  /// Runs what is queued on the executor.
  func run() {
    while let work = tasks.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { work() }
  }

  /// Runs everything, writes included, until nothing is left to do.
  func settle() throws {
    run()
    while try storage.applyNext() { run() }
  }

  /// Calls a command.
  func call<T: Sendable>(
    _ body: (@escaping @Sendable (Result<T, TransactionFailure>) -> Void) -> Void
  ) -> Response<T> {
    let response = Response<T>()
    body { response.fill($0) }
    return response
  }

  // MARK: Commands

  func prewrite(
    _ keys: [String], _ startTS: UInt64, context: RequestContext = TransactionFixture.context,
    _ change: (inout Prewrite) -> Void = { _ in }
  ) -> Response<Prewrite.Response> {
    var command = Prewrite(
      keys.map { PrewriteMutation(.put(Array("\($0)@\(startTS)".utf8)), key: Array($0.utf8)) },
      primary: Array(keys[0].utf8), startTS: Timestamp(startTS))
    command.ttl = 3000
    change(&command)
    return call { commands.prewrite(context, command, on: executor, $0) }
  }

  func commit(_ keys: [String], _ startTS: UInt64, _ commitTS: UInt64) -> Response<Void> {
    let command = Commit(
      keys: keys.map { Array($0.utf8) }, startTS: Timestamp(startTS), commitTS: Timestamp(commitTS))
    return call { commands.commit(context, command, on: executor, $0) }
  }

  func rollBack(_ keys: [String], _ startTS: UInt64) -> Response<Void> {
    let command = BatchRollback(keys: keys.map { Array($0.utf8) }, startTS: Timestamp(startTS))
    return call { commands.batchRollback(context, command, on: executor, $0) }
  }

  func lock(
    _ keys: [String], _ startTS: UInt64, forUpdate: UInt64? = nil, wait: Int64 = 0,
    isFirst: Bool = false, forces: Bool = false
  ) -> Response<[PessimisticLock.Result]> {
    var command = PessimisticLock(
      keys.map { PessimisticLock.Key(Array($0.utf8)) }, primary: Array(keys[0].utf8),
      startTS: Timestamp(startTS), forUpdateTS: Timestamp(forUpdate ?? startTS))
    command.ttl = 3000
    command.forcesLock = forces
    return call {
      commands.pessimisticLock(
        context, command, waitTimeoutMs: wait, isFirstLock: isFirst, on: executor, $0)
    }
  }

  /// A value as a string.
  func get(_ key: String, _ timestamp: UInt64) throws -> String? {
    let command = Get(Array(key.utf8), ReadOptions(at: Timestamp(timestamp)))
    let response: Response<ReadValue?> = call { commands.get(context, command, on: executor, $0) }
    run()
    return try response.get().map { String(decoding: $0.value, as: UTF8.self) }
  }
}

/// The result of a command, if it has one.
final class Response<T: Sendable>: Sendable {
  private let results = Mutex<[Result<T, TransactionFailure>]>([])

  func fill(_ result: Result<T, TransactionFailure>) { results.withLock { $0.append(result) } }

  var isPending: Bool { results.withLock { $0.isEmpty } }

  /// Fails if there is none, or more than one.
  func get() throws -> T {
    let all = results.withLock { $0 }
    try #require(all.count == 1, "a command was completed \(all.count) times")
    return try all[0].get()
  }

  /// Why it has failed.
  var failure: TransactionFailure? {
    results.withLock { results in
      guard results.count == 1, case .failure(let failure) = results[0] else { return nil }
      return failure
    }
  }

  /// The keys that were locked by others.
  var lockedBy: [UInt64] {
    guard case .transaction(.locked(let infos)) = failure else { return [] }
    return infos.map(\.lock.startTS.value)
  }
}

/// A timestamp oracle that a test lets answer.
final class ManualOracle: Sendable {
  private let waiting = Mutex<[@Sendable (Timestamp?) -> Void]>([])

  func ask(_ completion: @escaping @Sendable (Timestamp?) -> Void) {
    waiting.withLock { $0.append(completion) }
  }

  /// The number of questions without a response.
  var pending: Int { waiting.withLock { $0.count } }

  func respond(_ timestamp: UInt64?) {
    let first = waiting.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    first?(timestamp.map { Timestamp($0) })
  }
}
