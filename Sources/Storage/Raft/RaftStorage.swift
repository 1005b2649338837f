package import Codec
package import Engine
package import Raftstore
import Runtime

/// Storage replicated by raft. Reads use the leader lease or a read index, writes the raft log.
package struct RaftStorage: Storage {
  private let router: Router
  private let reader: LocalReader

  package init(router: Router, reader: LocalReader) {
    self.router = router
    self.reader = reader
  }

  package func tryLocalRead<T>(
    _ context: RequestContext, _ body: (any KVReader, KeyRange) throws(StorageError) -> T
  ) -> Result<T, StorageError>? {
    do throws(EngineError) {
      let outcome = try reader.read(context) { reader, range in
        Result { () throws(StorageError) in try body(reader, range) }
      }
      switch outcome {
      case nil: return nil
      case .failure(let error): return .failure(.region(error))
      case .success(let read): return read.mapError { failed($0, context) }
      }
    } catch {
      return .failure(failed(.engine(error), context))
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
      return .failure(failed(.engine(error), context))
    }
  }

  package func read<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> T,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    view(context, on: executor) { view in
      let result = Result { () throws(StorageError) in
        let grant = try view.get()
        return try body(grant.snapshot, grant.region.range)
      }
      completion(result.mapError { failed($0, context) })
    }
  }

  /// A read that finds data damaged has the peer fenced. Another replica can serve the client, if there is one.
  package func failed(_ error: StorageError, _ context: RequestContext) -> StorageError {
    guard case .engine(let cause) = error, cause.kind == .corruption else { return error }
    return reader.reportDamage(cause, context).map { .region($0) } ?? error
  }

  /// Requests a snapshot from the raft worker; `completion` runs on the executor.
  private func view(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ completion: @escaping @Sendable (Result<ReadGrant, StorageError>) -> Void
  ) {
    let granted = Completion<Result<ReadGrant, RegionError>>(
      abandoned: .failure(.serverIsBusy(reason: "the store is stopping", backoffMs: 0))
    ) { result in
      executor { completion(result.mapError(StorageError.region)) }
    }
    router.read(ReadRequest(context: context, completion: granted))
  }

  package func update<T: Sendable>(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ body: @escaping @Sendable (any KVReader, KeyRange) throws(StorageError) -> StorageUpdate<T>,
    _ completion: @escaping @Sendable (Result<T, StorageError>) -> Void
  ) {
    let context = Self.leaderOnly(context)
    view(context, on: executor) { view in
      do throws(StorageError) {
        let grant = try view.get()
        let update = try body(grant.snapshot, grant.region.range)
        if update.mutations.isEmpty { return completion(.success(update.value)) }
        let term = try Self.writeTerm(of: grant)
        write(context, update.mutations, requiredTerm: term) { result in
          completion(result.map { update.value }.mapError(Self.undetermined))
        }
      } catch {
        completion(.failure(failed(error, context)))
      }
    }
  }

  package func updateView(
    _ context: RequestContext, on executor: @escaping StorageExecutor,
    _ completion: @escaping @Sendable (Result<UpdateView, StorageError>) -> Void
  ) {
    let context = Self.leaderOnly(context)
    switch reader.view(context) {
    case .success(let view):
      return completion(
        .success(
          UpdateView(
            reader: view.snapshot, range: view.range, version: context.epoch.version,
            term: view.term)))
    case .failure(let error): return completion(.failure(.region(error)))
    case nil: break
    }
    view(context, on: executor) { view in
      do throws(StorageError) {
        let grant = try view.get()
        completion(
          .success(
            UpdateView(
              reader: grant.snapshot, range: grant.region.range,
              version: grant.region.epoch.version, term: try Self.writeTerm(of: grant))))
      } catch {
        completion(.failure(failed(error, context)))
      }
    }
  }

  package func write(
    _ context: RequestContext, _ mutations: [Mutation], after view: UpdateView,
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    write(Self.leaderOnly(context), mutations, requiredTerm: view.term, completion)
  }

  /// Only the leader can propose a write.
  private static func leaderOnly(_ context: RequestContext) -> RequestContext {
    var context = context
    context.replicaRead = false
    context.staleRead = false
    context.readTS = 0
    return context
  }

  /// The term of a write that depends on a view.
  private static func writeTerm(of grant: ReadGrant) throws(StorageError) -> UInt64 {
    // The peer no longer leads, or has not applied all entries of earlier terms. Nothing was written.
    guard let term = grant.writeTerm else {
      throw .region(.notLeader(regionID: grant.region.id, leader: nil))
    }
    return term
  }

  /// The result of a stale command is unknown. A client may repeat a plain write then, but not an update: it could read
  /// its own write.
  private static func undetermined(_ error: StorageError) -> StorageError {
    guard error == .region(.staleCommand) else { return error }
    return .region(
      .undeterminedResult(message: "leadership changed before the update was applied here"))
  }

  package func recordRead(
    _ context: RequestContext, from start: [UInt8], to end: [UInt8], keys: Int, bytes: Int,
    busy: Duration
  ) {
    reader.recordRead(context, from: start, to: end, keys: keys, bytes: bytes, busy: busy)
  }

  package func write(
    _ context: RequestContext, _ mutations: [Mutation],
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    write(context, mutations, requiredTerm: nil, completion)
  }

  private func write(
    _ context: RequestContext, _ mutations: [Mutation], requiredTerm: UInt64?,
    _ completion: @escaping @Sendable (Result<Void, StorageError>) -> Void
  ) {
    // A write whose completion was dropped may have been applied: `staleCommand` says that its result is unknown.
    let done = Completion<Result<Void, RegionError>>(abandoned: .failure(.staleCommand)) {
      completion($0.mapError(StorageError.region))
    }
    router.propose(
      WriteRequest(
        context: context, requests: RequestList(mutations), requiredTerm: requiredTerm,
        completion: done))
  }
}
