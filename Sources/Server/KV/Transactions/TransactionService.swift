import Codec
import Protobuf
import Storage
import Transaction
import Wire

/// Requests of transactions as messages. Each method responds exactly once, on any thread, also to malformed requests.
/// Methods are called on event loops: the commands run in the pool, since they read from the disk.
///
/// A request that waits for a lock, a latch or raft holds no thread and is not counted as waiting for one: the commands
/// bound those.
struct TransactionService: Sendable {
  /// Sends the response.
  typealias Done<Response> = RawService.Done<Response>

  let commands: TransactionCommands
  let pool: ReadPool
  /// Whether raw values of this store have an expiry. TiKV serves no transactions then: their values have none, and the
  /// compaction filter that drops expired values would read them.
  let hasTTL: Bool

  /// From so many keys on a command takes long.
  private static let manyKeys = 256

  // MARK: Common steps

  /// Runs a read in the pool. It counts against the limit of its connection until it responds.
  func read<Request: ContextualRequest, Response: TransactionResponse>(
    _ request: Request, _ length: ReadPool.Length, _ origin: ReadOrigin,
    _ done: @escaping Done<Response>,
    _ body:
      @escaping @Sendable (
        RequestContext, @escaping StorageExecutor, @escaping Done<Response>
      ) throws(TransactionError) -> Void
  ) {
    guard let context = context(request, done) else { return }
    let limit =
      length == .long ? ReadPool.longReadsPerConnection : ReadPool.shortReadsPerConnection
    guard origin.beginQueued(limit: limit) else {
      return done(Response(RawService.connectionIsFull))
    }
    let counted: Done<Response> = {
      origin.endQueued()
      done($0)
    }
    let isTaken = pool.run(length) {
      guard !origin.isCancelled else { return counted(Response(.cancelled)) }
      Self.attempt(counted) { () throws(TransactionError) in
        try body(context, pool.executor(length), counted)
      }
    }
    if !isTaken { counted(Response(RawService.poolIsFull)) }
  }

  /// Runs a write in the pool. It counts against the limit of its connection until a thread has begun it.
  ///
  /// - Parameter keys: how many it has, as a measure of how long it takes.
  func write<Request: ContextualRequest, Response: TransactionResponse>(
    _ request: Request, keys: Int, _ origin: ReadOrigin, _ done: @escaping Done<Response>,
    _ body:
      @escaping @Sendable (
        RequestContext, @escaping StorageExecutor, @escaping Done<Response>
      ) throws(TransactionError) -> Void
  ) {
    guard let context = context(request, done) else { return }
    let length: ReadPool.Length = keys >= Self.manyKeys ? .long : .short
    guard origin.beginQueued(limit: ReadPool.shortReadsPerConnection) else {
      return done(Response(RawService.connectionIsFull))
    }
    let isTaken = pool.run(length) {
      origin.endQueued()
      guard !origin.isCancelled else { return done(Response(.cancelled)) }
      Self.attempt(done) { () throws(TransactionError) in
        try body(context, pool.executor(length), done)
      }
    }
    guard !isTaken else { return }
    origin.endQueued()
    done(Response(RawService.poolIsFull))
  }

  /// The slices of a long read, whose deadline counts from now.
  func slicing(_ context: RequestContext, _ origin: ReadOrigin) -> ReadTimeSlicing {
    pool.turns(context) { origin.isCancelled }
  }

  /// Responds with the error of `body`, which then has not responded.
  private static func attempt<Response: TransactionResponse>(
    _ done: Done<Response>, _ body: () throws(TransactionError) -> Void
  ) {
    do throws(TransactionError) {
      try body()
    } catch {
      done(Response(error))
    }
  }

  /// Nil if the request was refused.
  func context<Response: TransactionResponse>(
    _ request: some ContextualRequest, _ done: Done<Response>
  ) -> RequestContext? {
    guard !hasTTL else {
      done(Response(.refused("Api version V1ttl of the storage serves no transactions")))
      return nil
    }
    do throws(CodecError) {
      return try RequestContext(request.context)
    } catch {
      done(Response(.refused("malformed context: \(error)")))
      return nil
    }
  }
}

/// Responds with what `response` makes of a result, or with its error.
func respond<Value, Response: TransactionResponse>(
  _ result: Result<Value, TransactionFailure>, _ done: TransactionService.Done<Response>,
  _ response: (Value) -> Response
) {
  switch result {
  case .success(let value): done(response(value))
  case .failure(let failure): done(Response(failure))
  }
}

/// Responds without a value, or with the error.
func respond<Response: TransactionResponse>(
  _ result: Result<Void, TransactionFailure>, _ done: TransactionService.Done<Response>
) {
  respond(result, done) { Response() }
}
