package import Codec
package import Engine
import Raftstore
package import Runtime

/// Storage on the engine alone: one region over all keys, one replica, durable when acknowledged.
///
/// Requests are checked as a replicated store checks them, so that a client that confuses two stores gets an error.
package struct StandaloneStorage: Storage {
  /// Waiting writes, in number and in bytes. More fail with `serverIsBusy`.
  private static let queueCapacity = 65_536
  private static let queueBytes = 256 << 20

  private let engine: any KVEngine
  private let region: Region
  private let peer: PeerInfo
  private let maxWriteSize: UInt64
  private let writer: Worker<StandaloneWrite>

  /// - Parameters:
  ///   - region: the only region. `peer` is its only peer.
  ///   - maxWriteSize: bytes of keys and values above which a write fails with `raftEntryTooLarge`, as in a replicated
  ///     store.
  ///   - onFatal: called once, on the writer thread, when a write has failed. What is durable is then unknown: the
  ///     process must end.
  package init(
    engine: any KVEngine, region: Region, peer: PeerInfo, host: any WorkerHost,
    maxWriteSize: UInt64 = RaftstoreConfig().maxEntrySize,
    onFatal: @escaping @Sendable (_ reason: String) -> Void
  ) {
    self.engine = engine
    self.region = region
    self.peer = peer
    self.maxWriteSize = maxWriteSize
    let bound = MailboxBound<StandaloneWrite>(
      count: Self.queueCapacity, bytes: Self.queueBytes, cost: { $0.mailboxCost })
    writer = host.spawn(name: "storage-write", bound: bound) { _ in
      StandaloneWriter(engine: engine, onFatal: onFatal)
    }
  }

  /// Blocks until the queued writes are done. Later ones fail with `serverIsBusy`.
  package func stop() { writer.stop() }

  package func tryLocalRead<T>(
    _ context: RequestContext, _ body: (any KVReader, KeyRange) throws(StorageError) -> T
  ) -> Result<T, StorageError>? {
    if let error = check(context) { return .failure(.region(error)) }
    return Result { () throws(StorageError) in try body(engine.snapshot(), region.range) }
  }

  /// Nothing is divided here.
  package func recordRead(
    _ context: RequestContext, from start: [UInt8], to end: [UInt8], keys: Int, bytes: Int,
    busy: Duration
  ) {}

  package func tryLocalGet(
    _ context: RequestContext, _ cf: DataCF, _ key: [UInt8]
  ) -> Result<[UInt8]?, StorageError>? {
    if let error = check(context) ?? (region.contains(key) ? nil : outside(key)) {
      return .failure(.region(error))
    }
    do throws(EngineError) {
      return try engine.getFromMemory(cf.family, key).map { .success($0) }
    } catch {
      return .failure(.engine(error))
    }
  }

  package func read<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> T,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    executor {
      if let error = check(context) { return completion(.failure(.region(error))) }
      completion(
        Result { () throws(StorageError) in try body(engine.snapshot(), region.range) })
    }
  }

  package func write(
    _ context: RequestContext, _ mutations: [Mutation],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    if let error = check(context) ?? refusal(of: mutations) {
      return completion(.failure(.region(error)))
    }
    let busy = Result<Void, StorageError>.failure(
      .region(.serverIsBusy(reason: "too many writes are waiting", backoffMs: 0)))
    let done = Completion<Result<Void, StorageError>>(abandoned: busy, completion)
    if !writer.mailbox.send(StandaloneWrite(mutations: mutations, completion: done)) { done(busy) }
  }

  package func update<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> StorageUpdate<T>,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    read(context, on: executor, body) { result in
      switch result {
      case .failure(let error): completion(.failure(error))
      case .success(let update) where update.mutations.isEmpty: completion(.success(update.value))
      case .success(let update):
        write(context, update.mutations) { completion($0.map { update.value }) }
      }
    }
  }

  package func updateView(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ completion: @escaping @Sendable (Result<UpdateView, StorageError>) -> Void
  ) {
    if let error = check(context) { return completion(.failure(.region(error))) }
    completion(
      .success(
        UpdateView(
          reader: engine.snapshot(), range: region.range, version: region.epoch.version,
          term: nil)))
  }

  package func write(
    _ context: RequestContext, _ mutations: [Mutation], after view: UpdateView,
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    write(context, mutations, completion)
  }

  /// The error of a request with this context; nil if it is valid.
  private func check(_ context: RequestContext) -> RegionError? {
    if context.peer.storeID != peer.storeID {
      return .storeNotMatch(requestStoreID: context.peer.storeID, actualStoreID: peer.storeID)
    }
    if context.regionID != region.id { return .regionNotFound(regionID: context.regionID) }
    if context.peer.id != peer.id {
      return .mismatchPeerID(requestPeerID: context.peer.id, storePeerID: peer.id)
    }
    if context.epoch.version != region.epoch.version {
      return .epochNotMatch(currentRegions: [region])
    }
    return nil
  }

  /// The error of a write of these mutations; nil if it is valid.
  private func refusal(of mutations: [Mutation]) -> RegionError? {
    var size = 0
    for mutation in mutations {
      switch mutation {
      case .put(_, let key, let value):
        size += key.count + value.count
        if !region.contains(key) { return outside(key) }
      case .delete(_, let key):
        size += key.count
        if !region.contains(key) { return outside(key) }
      case .deleteRange(_, let start, let end, _):
        size += start.count + end.count
        if !region.contains(KeyRange(start: start, end: end)) { return outside(start) }
      }
    }
    guard size <= maxWriteSize else {
      return .raftEntryTooLarge(regionID: region.id, entrySize: UInt64(size))
    }
    return nil
  }

  private func outside(_ key: [UInt8]) -> RegionError {
    .keyNotInRegion(key, region.id, region.range)
  }
}
