import Codec
import Engine
import Raftstore
import Storage

/// A storage that forwards everything to another one: what a mutant changes is overridden.
///
/// Safety of `@unchecked Sendable`: immutable but for what overrides add, and those belong to the one
/// thread of their scheduler.
class ForwardingStorage: Storage, @unchecked Sendable {
  let base: any Storage

  init(_ base: any Storage) {
    self.base = base
  }

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

  func write(
    _ context: RequestContext, _ mutations: [Mutation],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    base.write(context, mutations, completion)
  }
}
