import Codec
import Protobuf
package import RPC
package import Storage
import Wire

/// The methods of `tikvpb.Tikv` for clients: raw requests and transactions, each as a call or many on one stream.
///
/// Known methods that are not served respond in a way that makes clients fail at once
/// (`UnimplementedMethods`); unknown ones end with UNIMPLEMENTED.
package struct TikvService: Sendable {
  let raw: RawService
  let transactions: TransactionService
  let clusterID: UInt64
  let storeID: UInt64
  let streams: OpenStreams
  let delays = DelayedReplies(limit: 4096)

  package init(
    storage: any Storage, transactions: TransactionCommands, format: RawFormat = .plain,
    clusterID: UInt64, storeID: UInt64, streams: OpenStreams, reads: ReadPool
  ) {
    raw = RawService(commands: RawCommands(storage: storage, format: format), pool: reads)
    let hasTTL = if case .expiring = format { true } else { false }
    self.transactions = TransactionService(commands: transactions, pool: reads, hasTTL: hasTTL)
    self.clusterID = clusterID
    self.storeID = storeID
    self.streams = streams
  }

  /// Adds the client methods of `tikvpb.Tikv` to the router.
  package func register(on router: inout MethodRouter) {
    registerGet(on: &router)
    unary("RawBatchGet", on: &router, raw.batchGet)
    unary("RawScan", on: &router, raw.scan)
    unary("RawBatchScan", on: &router, raw.batchScan)
    unary("RawPut", on: &router, raw.put)
    unary("RawBatchPut", on: &router, raw.batchPut)
    unary("RawDelete", on: &router, raw.delete)
    unary("RawBatchDelete", on: &router, raw.batchDelete)
    unary("RawDeleteRange", on: &router, raw.deleteRange)
    unary("RawGetKeyTTL", on: &router, raw.getKeyTTL)
    unary("RawCompareAndSwap", on: &router, raw.compareAndSwap)
    unary("RawChecksum", on: &router, raw.checksum)
    router.unary("/tikvpb.Tikv/GetHealthFeedback") { _, call in
      call.reply(message: healthFeedback)
    }
    registerTransactions(on: &router)
    UnimplementedMethods.register(on: &router)
    let service = self
    router.stream("/tikvpb.Tikv/BatchCommands") { call in
      BatchCommandsHandler(service: service, call: call)
    }
  }

  var healthFeedback: Kvrpcpb_GetHealthFeedbackResponse {
    var response = Kvrpcpb_GetHealthFeedbackResponse()
    response.healthFeedback.storeID = storeID
    response.healthFeedback.feedbackSeqNo = 1
    response.healthFeedback.slowScore = 1
    return response
  }

  /// Why a request for another cluster is refused; nil if it is for this one or names none (0).
  func problem(with context: Kvrpcpb_Context) -> String? {
    context.problem(inCluster: clusterID)
  }

  /// Adds a method that decodes its request and responds with a message.
  func unary<Request: ContextualRequest, Response: RefusableResponse>(
    _ name: String, on router: inout MethodRouter,
    _ method:
      @escaping @Sendable (
        Request, ReadOrigin, @escaping RawService.Done<Response>
      ) -> Void
  ) {
    router.unary("/tikvpb.Tikv/\(name)", busyReply: Self.busyReply(Response.self)) {
      payload, call in
      guard let request: Request = decode(payload, call) else { return }
      method(request, .unary(call)) { call.reply(message: $0) }
    }
  }

  private static func busyReply<Response: RefusableResponse>(_: Response.Type) -> Payload? {
    do throws(RPCStatus) {
      return try MessageCoding.encode(Response.serverIsBusy)
    } catch {
      // Does not happen for so small a message; without it the call would end with a status.
      return nil
    }
  }

  /// The most frequent request: its response is encoded without a message object.
  private func registerGet(on router: inout MethodRouter) {
    router.unary("/tikvpb.Tikv/RawGet", busyReply: Self.busyReply(Kvrpcpb_RawGetResponse.self)) {
      payload, call in
      guard let request: Kvrpcpb_RawGetRequest = decode(payload, call) else { return }
      let context: RequestContext
      do throws(CodecError) {
        context = try RequestContext(request.context)
      } catch {
        return call.reply(
          message: Kvrpcpb_RawGetResponse(.refused("malformed context: \(error)")))
      }
      raw.get(context, request.cf, [UInt8](request.key), .unary(call)) { result in
        switch result {
        case .success(let value?): call.reply(RawGetResponse.found(value))
        case .success(nil): call.reply(RawGetResponse.notFound)
        case .failure(let error): call.reply(message: Kvrpcpb_RawGetResponse(error))
        }
      }
    }
  }

  private func decode<Request: ContextualRequest>(
    _ payload: Payload, _ call: UnaryCall
  ) -> Request? {
    do throws(RPCStatus) {
      let request: Request = try MessageCoding.decode(payload, malformed: .internal)
      if let problem = problem(with: request.context) {
        throw RPCStatus(.invalidArgument, problem)
      }
      return request
    } catch {
      call.fail(error)
      return nil
    }
  }
}

extension Kvrpcpb_Context {
  /// Why a request with this context is refused by a store of another cluster; nil if it is for that cluster or names
  /// none (0).
  func problem(inCluster id: UInt64) -> String? {
    guard clusterID != 0, clusterID != id else { return nil }
    return "cluster id mismatch: this store belongs to cluster \(id), "
      + "the request is for cluster \(clusterID)"
  }
}
