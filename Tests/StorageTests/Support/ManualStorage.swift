import Codec
import Engine
import Storage
import Synchronization

/// A storage over memory whose writes wait until a test applies or fails them, and whose leader's term it sets.
final class ManualStorage: Storage {
  typealias Written = @Sendable (Result<Void, StorageError>) -> Void

  private struct State {
    var range: KeyRange
    var term: UInt64 = 5
    var version: UInt64 = 1
    var waiting: [(mutations: [Mutation], completion: Written)] = []
  }

  let engine: MemoryEngine
  private let state: Mutex<State>

  init(_ engine: MemoryEngine, range: KeyRange) {
    self.engine = engine
    state = Mutex(State(range: range))
  }

  /// The term of the leader.
  var term: UInt64 {
    get { state.withLock { $0.term } }
    set { state.withLock { $0.term = newValue } }
  }
  var version: UInt64 {
    get { state.withLock { $0.version } }
    set { state.withLock { $0.version = newValue } }
  }
  /// The writes that wait.
  var pending: Int { state.withLock { $0.waiting.count } }

  /// Applies the first write that waits. False if there is none.
  func applyNext() throws -> Bool {
    guard let first = takeFirst() else { return false }
    var batch = WriteBatch()
    for mutation in first.mutations {
      switch mutation {
      case .put(let cf, let key, let value): batch.put(cf.family, key, value)
      case .delete(let cf, let key): batch.delete(cf.family, key)
      case .deleteRange(let cf, let start, let end, let notifyOnly):
        if !notifyOnly { batch.deleteRange(cf.family, from: start, to: end) }
      }
    }
    try engine.write(batch, .buffered)
    first.completion(.success(()))
    return true
  }

  /// Fails the first write that waits.
  func failNext(_ error: RegionError) {
    takeFirst()?.completion(.failure(.region(error)))
  }

  private func takeFirst() -> (mutations: [Mutation], completion: Written)? {
    state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
  }

  // MARK: Storage

  func tryLocalRead<T>(
    _ context: RequestContext, _ body: (any KVReader, KeyRange) throws(StorageError) -> T
  ) -> Result<T, StorageError>? {
    let range = state.withLock { $0.range }
    return Result { () throws(StorageError) in try body(engine.snapshot(), range) }
  }

  func tryLocalGet(
    _ context: RequestContext, _ cf: DataCF, _ key: [UInt8]
  ) -> Result<[UInt8]?, StorageError>? { nil }

  func read<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> T,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    let range = state.withLock { $0.range }
    executor {
      completion(Result { () throws(StorageError) in try body(self.engine.snapshot(), range) })
    }
  }

  func recordRead(
    _ context: RequestContext, from start: [UInt8], to end: [UInt8], keys: Int, bytes: Int,
    busy: Duration
  ) {}

  func write(
    _ context: RequestContext, _ mutations: [Mutation], _ completion: @escaping Written
  ) {
    state.withLock { $0.waiting.append((mutations, completion)) }
  }

  func update<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> StorageUpdate<T>,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    read(context, on: executor, body) { [self] result in
      switch result {
      case .failure(let error): completion(.failure(error))
      case .success(let update):
        write(context, update.mutations) { completion($0.map { update.value }) }
      }
    }
  }

  func updateView(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ completion: @escaping @Sendable (Result<UpdateView, StorageError>) -> Void
  ) {
    let view = state.withLock {
      UpdateView(
        reader: engine.snapshot(), range: $0.range, version: $0.version, term: $0.term)
    }
    completion(.success(view))
  }

  func write(
    _ context: RequestContext, _ mutations: [Mutation], after view: UpdateView,
    _ completion: @escaping Written
  ) {
    guard view.term == term else {
      return completion(.failure(.region(.notLeader(regionID: context.regionID, leader: nil))))
    }
    write(context, mutations, completion)
  }
}
