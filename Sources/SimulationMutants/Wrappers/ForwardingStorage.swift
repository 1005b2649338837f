import Codec
import Engine
import Raftstore
import Storage

/// A storage that forwards everything to another one: what a mutant changes, a type implements itself.
protocol ForwardingStorage: Storage {
  /// Where everything goes that the type does not implement.
  var base: any Storage { get }
}

extension ForwardingStorage {
  func tryLocalRead<T>(
    _ context: RequestContext, _ body: (any KVReader, KeyRange) throws(StorageError) -> T
  ) -> Result<T, StorageError>? {
    base.tryLocalRead(context, body)
  }

  func tryLocalGet(
    _ context: RequestContext, _ cf: DataCF, _ key: [UInt8]
  ) -> Result<[UInt8]?, StorageError>? {
    base.tryLocalGet(context, cf, key)
  }

  func read<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> T,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    base.read(context, on: executor, body, completion)
  }

  func recordRead(
    _ context: RequestContext, from start: [UInt8], to end: [UInt8], keys: Int, bytes: Int,
    busy: Duration
  ) {
    base.recordRead(context, from: start, to: end, keys: keys, bytes: bytes, busy: busy)
  }

  func write(
    _ context: RequestContext, _ mutations: [Mutation],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    base.write(context, mutations, completion)
  }

  func update<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> StorageUpdate<T>,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    base.update(context, on: executor, body, completion)
  }

  func updateView(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ completion: @escaping @Sendable (Result<UpdateView, StorageError>) -> Void
  ) {
    base.updateView(context, on: executor, completion)
  }

  func write(
    _ context: RequestContext, _ mutations: [Mutation], after view: UpdateView,
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    base.write(context, mutations, after: view, completion)
  }

  func failed(_ error: StorageError, _ context: RequestContext) -> StorageError {
    base.failed(error, context)
  }
}
