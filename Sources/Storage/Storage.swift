package import Codec
package import Engine

/// The data of a node for its request handlers: reads are linearizable, writes are atomic and durable.
///
/// Every call checks the request's context (store, region, peer, epoch) and fails with the `RegionError` that TiKV
/// returns. `RaftStorage` replicates by raft; `StandaloneStorage` uses the engine alone. Any thread may call.
package protocol Storage: Sendable {
  /// Reads on the calling thread if the store may serve the read without other stores: it holds a lease, or nothing
  /// is replicated. May wait for the disk, so it is not for event loops.
  ///
  /// - Parameter body: receives a snapshot of the data and the range of the region, outside of which it must not read.
  ///   Its result may be discarded.
  /// - Returns: nil if the read needs `read`.
  func tryLocalRead<T>(
    _ context: RequestContext, _ body: (any KVReader, KeyRange) throws(StorageError) -> T
  ) -> Result<T, StorageError>?

  /// The value of one key, as `tryLocalRead` would return it, if it is in memory: for event loops. Nil if the read
  /// needs `read` or the disk. The inner optional is nil if there is no value.
  func tryLocalGet(
    _ context: RequestContext, _ cf: DataCF, _ key: [UInt8]
  ) -> Result<[UInt8]?, StorageError>?

  /// Reads a snapshot that contains every write acknowledged before the call.
  ///
  /// - Parameters:
  ///   - executor: runs `body` and `completion`, so that they do not run on a worker of the store.
  ///   - completion: called exactly once.
  func read<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> T,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void)

  /// Counts a read that was served, other than by `tryLocalGet`, so that a region with much load can be divided.
  ///
  /// - Parameters:
  ///   - end: equal to `start` for a single key, empty for no bound.
  ///   - keys: how many were returned.
  ///   - busy: how long a thread has worked on it; zero for reads of few keys.
  func recordRead(
    _ context: RequestContext, from start: [UInt8], to end: [UInt8], keys: Int, bytes: Int,
    busy: Duration)

  /// Applies the mutations atomically. When `completion` is called with success they are durable and visible to
  /// every later read. On `staleCommand` and on an engine error the write may have been applied.
  ///
  /// - Parameter completion: called exactly once, on any thread; it must not block.
  func write(
    _ context: RequestContext, _ mutations: [Mutation],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void)

  /// Reads a snapshot that contains every write acknowledged before the call, and applies the mutations that `body`
  /// returns for it. No write of another leader is applied between the read and the write. Writes through this storage
  /// are: the caller must not start any of the same keys before `completion`, and none whose completion has not been
  /// called may be in progress. A write that failed with an unknown result does not count: if it is applied at all,
  /// then before the read.
  ///
  /// - Parameters:
  ///   - executor: runs `body`, and `completion` if nothing is written.
  ///   - completion: called exactly once, on any thread; it must not block. On success the mutations are durable and
  ///     visible to every later read. On `undeterminedResult` and on an engine error they may have been applied.
  func update<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> StorageUpdate<T>,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void)

  /// Returns a view for a write that depends on it: as `update`, for callers that do more between the read and the
  /// write than one function can. Runs `completion` on the calling thread if the view needs no other store.
  ///
  /// - Parameter executor: runs `completion` otherwise.
  func updateView(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ completion: @escaping @Sendable (Result<UpdateView, StorageError>) -> Void)

  /// Applies mutations that depend on a view, unless another leader may have written since. As `write`, with a
  /// `staleCommand` for an unknown result.
  ///
  /// - Parameter context: that of the view.
  func write(
    _ context: RequestContext, _ mutations: [Mutation], after view: UpdateView,
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void)

  /// What the client gets for an error of a read that went on after `read` or `tryLocalRead` had returned its snapshot.
  func failed(_ error: StorageError, _ context: RequestContext) -> StorageError
}

extension Storage {
  /// The default is for a storage with one copy of the data.
  package func failed(_ error: StorageError, _ context: RequestContext) -> StorageError { error }
}

/// The mutations of an update, with its result.
package struct StorageUpdate<Value: Sendable>: Sendable {
  /// Empty: nothing is written.
  package var mutations: [Mutation]
  package var value: Value

  package init(_ value: Value, _ mutations: [Mutation]) {
    self.value = value
    self.mutations = mutations
  }
}

/// What a write depends on.
package struct UpdateView: Sendable {
  package var reader: any KVReader
  /// The range of the region, outside of which nothing may be read.
  package var range: KeyRange
  /// The version of the region's epoch.
  package var version: UInt64
  /// The term in which the write must be proposed; nil: nothing is replicated.
  package var term: UInt64?

  package init(reader: any KVReader, range: KeyRange, version: UInt64, term: UInt64?) {
    self.reader = reader
    self.range = range
    self.version = version
    self.term = term
  }
}

/// Runs work asynchronously, for example on the event loop of a request.
package typealias StorageExecutor = @Sendable (@escaping @Sendable () -> Void) -> Void
