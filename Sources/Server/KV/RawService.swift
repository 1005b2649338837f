import Codec
import Engine
import Protobuf
import Storage
import Wire

/// Raw requests and responses as messages. Each method responds exactly once, on any thread, also to malformed
/// requests. Methods are called on event loops: what is not in memory is read in the pool.
struct RawService: Sendable {
  /// Sends the response.
  typealias Done<Response> = @Sendable (Response) -> Void

  let commands: RawCommands
  let pool: ReadPool

  func get(
    _ request: Kvrpcpb_RawGetRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_RawGetResponse>
  ) {
    guard let context = context(request, done) else { return }
    get(context, request.cf, [UInt8](request.key), origin) { result in
      switch result {
      case .success(let value):
        var response = Kvrpcpb_RawGetResponse()
        if let value { response.value = value.data } else { response.notFound = true }
        done(response)
      case .failure(let error): done(Kvrpcpb_RawGetResponse(error))
      }
    }
  }

  /// The value of a key: on the calling thread if it is in memory, else in the pool.
  func get(
    _ context: RequestContext, _ cf: String, _ key: [UInt8], _ origin: ReadOrigin,
    _ completion: @escaping @Sendable (Result<[UInt8]?, StorageError>) -> Void
  ) {
    if let result = commands.tryGet(context, cf: cf, key: key) { return completion(result) }
    guard origin.beginQueued(limit: ReadPool.shortReadsPerConnection) else {
      return completion(.failure(Self.connectionIsFull))
    }
    let counted: @Sendable (Result<[UInt8]?, StorageError>) -> Void = {
      origin.endQueued()
      completion($0)
    }
    let isTaken = pool.run(.short) {
      guard !origin.isCancelled else { return counted(.failure(.cancelled)) }
      commands.get(context, cf: cf, key: key, on: pool.executor(.short), counted)
    }
    if !isTaken { counted(.failure(Self.poolIsFull)) }
  }

  func batchGet(
    _ request: Kvrpcpb_RawBatchGetRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_RawBatchGetResponse>
  ) {
    guard let context = context(request, done) else { return }
    read(context, origin, done) { executor, turns, done in
      commands.batchGet(
        context, cf: request.cf, keys: request.keys.map { [UInt8]($0) }, on: executor,
        slicing: turns
      ) { result in
        respond(result, done) { $0.pairs = $1.map(\.wire) }
      }
    }
  }

  func scan(
    _ request: Kvrpcpb_RawScanRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_RawScanResponse>
  ) {
    guard let context = context(request, done) else { return }
    let scan = RawScan(
      start: [UInt8](request.startKey), end: [UInt8](request.endKey), limit: Int(request.limit),
      keyOnly: request.keyOnly, isReverse: request.reverse)
    read(context, origin, done) { executor, turns, done in
      commands.scan(context, cf: request.cf, scan, on: executor, slicing: turns) { result in
        respond(result, done) { $0.kvs = $1.map(\.wire) }
      }
    }
  }

  func batchScan(
    _ request: Kvrpcpb_RawBatchScanRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_RawBatchScanResponse>
  ) {
    guard let context = context(request, done) else { return }
    read(context, origin, done) { executor, turns, done in
      commands.batchScan(
        context, cf: request.cf, ranges: request.ranges.map(KeyRange.init),
        eachLimit: Int(request.eachLimit), keyOnly: request.keyOnly, reverse: request.reverse,
        on: executor, slicing: turns
      ) { result in
        respond(result, done) { $0.kvs = $1.map(\.wire) }
      }
    }
  }

  func put(
    _ request: Kvrpcpb_RawPutRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_RawPutResponse>
  ) {
    guard let context = context(request, done) else { return }
    commands.put(
      context, cf: request.cf, key: [UInt8](request.key), value: [UInt8](request.value),
      ttl: request.ttl
    ) { respond($0, done) }
  }

  func batchPut(
    _ request: Kvrpcpb_RawBatchPutRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_RawBatchPutResponse>
  ) {
    guard let context = context(request, done) else { return }
    let pairs = request.pairs.map { KeyValue(key: [UInt8]($0.key), value: [UInt8]($0.value)) }
    commands.batchPut(
      context, cf: request.cf, pairs: pairs,
      ttls: request.ttls.isEmpty ? request.ttl : request.ttls
    ) { respond($0, done) }
  }

  func delete(
    _ request: Kvrpcpb_RawDeleteRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_RawDeleteResponse>
  ) {
    guard let context = context(request, done) else { return }
    commands.delete(context, cf: request.cf, keys: [[UInt8](request.key)]) { respond($0, done) }
  }

  func batchDelete(
    _ request: Kvrpcpb_RawBatchDeleteRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_RawBatchDeleteResponse>
  ) {
    guard let context = context(request, done) else { return }
    commands.delete(context, cf: request.cf, keys: request.keys.map { [UInt8]($0) }) {
      respond($0, done)
    }
  }

  func deleteRange(
    _ request: Kvrpcpb_RawDeleteRangeRequest, _ origin: ReadOrigin,
    _ done: @escaping Done<Kvrpcpb_RawDeleteRangeResponse>
  ) {
    guard let context = context(request, done) else { return }
    commands.deleteRange(
      context, cf: request.cf, start: [UInt8](request.startKey), end: [UInt8](request.endKey)
    ) { respond($0, done) }
  }

  // MARK: Common steps

  /// Runs a long read in the pool, in time slices, unless it is cancelled before it starts. Its deadline counts
  /// from now.
  func read<Response: RefusableResponse>(
    _ context: RequestContext, _ origin: ReadOrigin, _ done: @escaping Done<Response>,
    _ body:
      @escaping @Sendable (
        @escaping StorageExecutor, ReadTimeSlicing, @escaping Done<Response>
      ) -> Void
  ) {
    guard origin.beginQueued(limit: ReadPool.longReadsPerConnection) else {
      return done(Response(Self.connectionIsFull))
    }
    let counted: Done<Response> = {
      origin.endQueued()
      done($0)
    }
    let turns = pool.turns(context) { origin.isCancelled }
    let isTaken = pool.run(.long) {
      guard !origin.isCancelled else { return counted(Response(.cancelled)) }
      body(pool.executor(.long), turns, counted)
    }
    if !isTaken { counted(Response(Self.poolIsFull)) }
  }

  static let connectionIsFull = StorageError.region(
    .serverIsBusy(reason: "too many reads of this connection are waiting", backoffMs: 0))

  static let poolIsFull = StorageError.region(
    .serverIsBusy(reason: "too many reads are waiting", backoffMs: 0))

  func context<Response: RefusableResponse>(
    _ request: some ContextualRequest, _ done: Done<Response>
  ) -> RequestContext? {
    do throws(CodecError) {
      return try RequestContext(request.context)
    } catch {
      done(Response(.refused("malformed context: \(error)")))
      return nil
    }
  }
}

private func respond<Value, Response: RefusableResponse>(
  _ result: Result<Value, StorageError>, _ done: RawService.Done<Response>,
  _ fill: (inout Response, Value) -> Void
) {
  switch result {
  case .success(let value):
    var response = Response()
    fill(&response, value)
    done(response)
  case .failure(let error): done(Response(error))
  }
}

private func respond<Response: RefusableResponse>(
  _ result: Result<Void, StorageError>, _ done: RawService.Done<Response>
) {
  switch result {
  case .success: done(Response())
  case .failure(let error): done(Response(error))
  }
}

extension KeyValue {
  fileprivate var wire: Kvrpcpb_KvPair {
    var pair = Kvrpcpb_KvPair()
    pair.key = key.data
    pair.value = value.data
    return pair
  }
}
