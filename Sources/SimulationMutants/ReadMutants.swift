import Codec
import Engine
import Raftstore
import Runtime
import SimulationKit
import Storage

/// Reads that return what they must not.
enum ReadMutants {
  static let all: [Mutant] = [
    Mutant("read-local-follower", "Replicas serve reads without a read index of their leader.") {
      $0.faults = [.partition, .transferLeader]
      $0.parts.storage = { part, store, _ in
        LocalReadStorage(part, store) { $0.replicaRead }
      }
    },
    Mutant(
      "read-without-lease",
      "Whoever receives a read as leader serves it without lease or read index."
    ) {
      $0.faults = [.partition, .transferLeader]
      $0.parts.storage = { part, store, _ in
        LocalReadStorage(part, store) { !$0.replicaRead }
      }
    },
    Mutant(
      "lease-not-checked",
      "A store serves reads for as long as it takes itself for the leader, whenever its lease ends."
    ) {
      $0.faults = [.partition, .pause, .transferLeader]
      $0.parts.transport = { part, store, _ in
        AlteredTransport(
          part,
          alter: { envelope in
            // As often as a leader lets others hear of it.
            if let message = envelope.message, message.type == .heartbeat {
              store.store?.meta.delegate(envelope.regionID)?.renew(
                Lease(term: message.term, end: Instant(nanoseconds: .max / 2)))
            }
            return [envelope]
          })
      }
    },
    Mutant("read-stale-cache", "A store caches values for reads; only its own writes renew them.") {
      $0.faults = [.transferLeader]
      $0.parts.storage = { part, _, _ in CachingStorage(part) }
    },
    Mutant("scan-skips-first-key", "A scan from a region's start skips the key that is its start.")
    {
      $0.faults = []
      $0.parts.storage = { part, _, _ in
        ViewStorage(part) { reader, range, _ in OffByOneReader(base: reader, start: range.start) }
      }
    },
    Mutant(
      "batch-get-mixes-snapshots",
      "Half of the keys of a batch are read from an older snapshot than the others."
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

/// Serves some reads from the engine, as it is, without lease or read index.
struct LocalReadStorage: ForwardingStorage {
  let base: any Storage
  private let store: ThreadBound<SimulatedStore>
  private let isLocal: @Sendable (RequestContext) -> Bool

  init(
    _ base: any Storage, _ store: SimulatedStore,
    _ isLocal: @escaping @Sendable (RequestContext) -> Bool
  ) {
    self.base = base
    self.store = ThreadBound(store)
    self.isLocal = isLocal
  }

  func read<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> T,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    let store = store.value
    guard isLocal(context),
      let region = store.store?.meta.held(context.regionID)?.region, region.isInitialized
    else { return base.read(context, on: executor, body, completion) }
    let view = store.disk.engine.snapshot()
    executor {
      completion(Result { () throws(StorageError) in try body(view, region.range) })
    }
  }
}

/// Keeps the values that were read; its own writes drop them, those of other stores do not.
private struct CachingStorage: ForwardingStorage {
  let base: any Storage
  private let values = ThreadBound<[[UInt8]: [UInt8]?]>([:])

  init(_ base: any Storage) {
    self.base = base
  }

  func tryLocalGet(
    _ context: RequestContext, _ cf: DataCF, _ key: [UInt8]
  ) -> Result<[UInt8]?, StorageError>? {
    if let known = values.value[key] { return .success(known) }
    let found = base.tryLocalGet(context, cf, key)
    if case .success(let value) = found { values.value[key] = .some(value) }
    return found
  }

  func write(
    _ context: RequestContext, _ mutations: [Mutation],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    values.value = [:]
    base.write(context, mutations) { result in
      values.value = [:]
      completion(result)
    }
  }
}

/// Passes another reader to reads than the engine's.
private struct ViewStorage: ForwardingStorage {
  typealias Alter = (any KVReader, KeyRange, RequestContext) -> any KVReader

  let base: any Storage
  private let alter: ThreadBound<Alter>

  init(_ base: any Storage, _ alter: @escaping Alter) {
    self.base = base
    self.alter = ThreadBound(alter)
  }

  func tryLocalRead<T>(
    _ context: RequestContext, _ body: (any KVReader, KeyRange) throws(StorageError) -> T
  ) -> Result<T, StorageError>? {
    base.tryLocalRead(context) { reader, range throws(StorageError) in
      try body(alter.value(reader, range, context), range)
    }
  }

  func read<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> T,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    base.read(
      context, on: executor,
      { reader, range throws(StorageError) in
        try body(alter.value(reader, range, context), range)
      }, completion)
  }
}

/// Scans from the start of a region begin behind its first key.
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
    for (index, key) in keys.enumerated() {
      values.append(try (index % 2 == 0 ? base : older).get(family, key))
    }
    return values
  }

  func cursor(
    _ family: ColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, fillCache: Bool
  ) throws(EngineError) -> any KVCursor {
    try base.cursor(family, from: lower, to: upper, fillCache: fillCache)
  }
}
