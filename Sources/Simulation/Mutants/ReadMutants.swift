import Codec
import Engine
import Raftstore
import Runtime
import Storage

/// Reads that are completed from where they must not be.
enum ReadMutants {
  static let all: [Mutant] = [
    Mutant("read-follower-at-once", "Replicas answer reads without asking their leader.") {
      $0.faults = [.partition, .transferLeader]
      $0.parts.storage = { part, store, _ in
        StaleReadStorage(part, store) { $0.replicaRead }
      }
    },
    Mutant("read-without-lease", "Whoever is asked as leader answers as one.") {
      $0.faults = [.partition, .transferLeader]
      $0.parts.storage = { part, store, _ in
        StaleReadStorage(part, store) { !$0.replicaRead }
      }
    },
    Mutant("read-from-cache", "A store keeps values for reads; only its own writes renew them.") {
      $0.faults = [.transferLeader]
      $0.parts.storage = { part, _, _ in CachingStorage(part) }
    },
    Mutant("scan-misses-first", "A scan from a region's start misses the key that is its start.") {
      $0.faults = []
      $0.parts.storage = { part, _, _ in
        ViewStorage(part) { reader, range, _ in OffByOneReader(base: reader, start: range.start) }
      }
    },
    Mutant(
      "batch-get-mixes-moments",
      "Half of the keys of a batch are read from an older view than the others."
    ) {
      $0.faults = []
      $0.parts.storage = { part, store, _ in
        var old: [UInt64: any KVReader] = [:]
        return ViewStorage(part) { reader, _, context in
          let view = store.disk.engine.snapshot()
          defer { old[context.regionID] = view }
          guard let older = old[context.regionID] else { return reader }
          return MixedReader(base: reader, older: older)
        }
      }
    },
  ]
}

/// Serves some reads from the engine, as it is, without asking anyone.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
private final class StaleReadStorage: ForwardingStorage, @unchecked Sendable {
  private unowned let store: SimulatedStore
  private let isHasty: (RequestContext) -> Bool

  init(
    _ base: any Storage, _ store: SimulatedStore, _ isHasty: @escaping (RequestContext) -> Bool
  ) {
    self.store = store
    self.isHasty = isHasty
    super.init(base)
  }

  override func read<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> T,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    guard isHasty(context),
      let region = store.store?.meta.held(context.regionID)?.region, region.isInitialized
    else { return base.read(context, on: executor, body, completion) }
    let view = store.disk.engine.snapshot()
    executor {
      completion(Result { () throws(StorageError) in try body(view, region.range) })
    }
  }
}

/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
private final class CachingStorage: ForwardingStorage, @unchecked Sendable {
  private var values: [[UInt8]: [UInt8]?] = [:]

  override func tryLocalGet(
    _ context: RequestContext, _ cf: DataCF, _ key: [UInt8]
  ) -> Result<[UInt8]?, StorageError>? {
    if let known = values[key] { return .success(known) }
    let found = base.tryLocalGet(context, cf, key)
    if case .success(let value) = found { values[key] = .some(value) }
    return found
  }

  override func write(
    _ context: RequestContext, _ mutations: [Mutation],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    values = [:]
    base.write(context, mutations) { [self] result in
      values = [:]
      completion(result)
    }
  }
}

/// Shows readers something else than the data.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
private final class ViewStorage: ForwardingStorage, @unchecked Sendable {
  typealias Alter = (any KVReader, KeyRange, RequestContext) -> any KVReader

  private let alter: Alter

  init(_ base: any Storage, _ alter: @escaping Alter) {
    self.alter = alter
    super.init(base)
  }

  override func tryLocalRead<T>(
    _ context: RequestContext, _ body: (any KVReader, KeyRange) throws(StorageError) -> T
  ) -> Result<T, StorageError>? {
    base.tryLocalRead(context) { reader, range throws(StorageError) in
      try body(alter(reader, range, context), range)
    }
  }

  override func read<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> T,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    base.read(
      context, on: executor,
      { [self] reader, range throws(StorageError) in
        try body(alter(reader, range, context), range)
      }, completion)
  }
}

/// Begins behind the first key of a region.
private struct OffByOneReader: KVReader {
  let base: any KVReader
  let start: [UInt8]

  func get(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]? {
    try base.get(family, key)
  }

  func multiGet(
    _ family: ColumnFamily, _ keys: [[UInt8]]
  ) throws(EngineError) -> [[UInt8]?] {
    try base.multiGet(family, keys)
  }

  func cursor(
    _ family: ColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, fillCache: Bool
  ) throws(EngineError) -> any KVCursor {
    let isFirst = lower == start && !start.isEmpty
    return try base.cursor(
      family, from: isFirst ? start + [0] : lower, to: upper, fillCache: fillCache)
  }
}

/// Reads every other key of a batch from an older view.
private struct MixedReader: KVReader {
  let base: any KVReader
  let older: any KVReader

  func get(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]? {
    try base.get(family, key)
  }

  func multiGet(
    _ family: ColumnFamily, _ keys: [[UInt8]]
  ) throws(EngineError) -> [[UInt8]?] {
    var values: [[UInt8]?] = []
    for (place, key) in keys.enumerated() {
      values.append(try (place % 2 == 0 ? base : older).get(family, key))
    }
    return values
  }

  func cursor(
    _ family: ColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, fillCache: Bool
  ) throws(EngineError) -> any KVCursor {
    try base.cursor(family, from: lower, to: upper, fillCache: fillCache)
  }
}
