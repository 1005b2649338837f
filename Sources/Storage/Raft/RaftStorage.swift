package import Codec
package import Engine
package import Raftstore
import Runtime

/// Storage replicated by raft. Reads use the leader lease or a read index, writes the raft log.
package struct RaftStorage: Storage {
  private let router: Router
  private let reader: LocalReader
  private let meta: StoreMeta

  package init(router: Router, reader: LocalReader, meta: StoreMeta) {
    self.router = router
    self.reader = reader
    self.meta = meta
  }

  package func tryLocalRead<T>(
    _ context: RequestContext, _ body: (any KVReader, KeyRange) throws(StorageError) -> T
  ) -> Result<T, StorageError>? {
    guard let range = meta.delegate(context.regionID)?.range else { return nil }
    do throws(EngineError) {
      let outcome = try reader.read(context) { reader in
        Result { () throws(StorageError) in try body(reader, range) }
      }
      switch outcome {
      case nil: return nil
      case .failure(let error): return .failure(.region(error))
      // The region has changed since `body` received its range: the result may contain keys outside of it.
      case .success(let read): return read.range == range ? read.value : nil
      }
    } catch {
      return .failure(.engine(error))
    }
  }

  package func tryLocalGet(
    _ context: RequestContext, _ cf: DataCF, _ key: [UInt8]
  ) -> Result<[UInt8]?, StorageError>? {
    do throws(EngineError) {
      switch try reader.getFromMemory(context, cf.family, key) {
      case nil: return nil
      case .failure(let error): return .failure(.region(error))
      case .success(let read) where read.range.contains(key): return .success(read.value)
      case .success(let read):
        return .failure(.region(.keyNotInRegion(key, context.regionID, read.range)))
      }
    } catch {
      return .failure(.engine(error))
    }
  }

  package func read<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> T,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    let granted = Completion<Result<ReadGrant, RegionError>>(
      abandoned: .failure(.serverIsBusy(reason: "the store is stopping", backoffMs: 0))
    ) { result in
      executor {
        switch result {
        case .failure(let error):
          completion(.failure(.region(error)))
        case .success(let grant):
          completion(
            Result { () throws(StorageError) in try body(grant.snapshot, grant.region.range) })
        }
      }
    }
    router.read(ReadRequest(context: context, completion: granted))
  }

  package func write(
    _ context: RequestContext, _ mutations: [Mutation],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    // A write whose completion was dropped may have been applied: `staleCommand` says that its result is unknown.
    let done = Completion<Result<Void, RegionError>>(abandoned: .failure(.staleCommand)) {
      completion($0.mapError(StorageError.region))
    }
    router.propose(
      WriteRequest(context: context, requests: RequestList(mutations), completion: done))
  }
}
