import NIOCore
import RPC
import Storage
import Wire

/// One `BatchCommands` stream: many requests on one connection, each answered exactly once under its
/// own id, in whatever order the answers come. No command can end the stream.
final class BatchCommandsHandler: StreamHandler {
  private let service: TikvService
  private let call: StreamCall
  private let replies: BatchReplies
  private let name: UInt64

  init(service: TikvService, call: StreamCall) {
    self.service = service
    self.call = call
    let replies = BatchReplies(call: call)
    self.replies = replies
    name = service.streams.add { replies.finishWhenAnswered(LiveStreams.stopping) }
  }

  deinit { service.streams.remove(name) }

  func onMessage(_ message: ByteBuffer) {
    let batch: Tikvpb_BatchCommandsRequest
    do throws(RPCStatus) {
      // The batch, its requests, and the command in each.
      batch = try RequestCoding.decode(message, depth: 3)
      guard batch.requests.count == batch.requestIds.count else {
        throw RPCStatus(
          .invalidArgument,
          "\(batch.requests.count) requests came with \(batch.requestIds.count) ids")
      }
    } catch {
      return call.finish(error)
    }
    replies.expect(batch.requests.count)
    for (request, id) in zip(batch.requests, batch.requestIds) { dispatch(request.cmd, id) }
  }

  func onHalfClose() {
    service.streams.remove(name)
    replies.finishWhenAnswered()
  }

  func onCancel(_ status: RPCStatus) {}

  private func dispatch(_ command: Tikvpb_BatchCommandsRequest.Request.OneOf_Cmd?, _ id: UInt64) {
    switch command {
    case .rawGet(let request): run(request, id, service.raw.get) { .rawGet($0) }
    case .rawPut(let request): run(request, id, service.raw.put) { .rawPut($0) }
    case .rawDelete(let request): run(request, id, service.raw.delete) { .rawDelete($0) }
    case .rawScan(let request): run(request, id, service.raw.scan) { .rawScan($0) }
    case .rawBatchGet(let request): run(request, id, service.raw.batchGet) { .rawBatchGet($0) }
    case .rawBatchPut(let request): run(request, id, service.raw.batchPut) { .rawBatchPut($0) }
    case .rawBatchDelete(let request):
      run(request, id, service.raw.batchDelete) { .rawBatchDelete($0) }
    case .rawDeleteRange(let request):
      run(request, id, service.raw.deleteRange) { .rawDeleteRange($0) }
    case .rawBatchScan(let request):
      run(request, id, service.raw.batchScan) { .rawBatchScan($0) }
    case .getHealthFeedback: replies.add(id, .getHealthFeedback(service.healthFeedback))
    case .empty(let request): delay(request, id)
    case let other: replies.add(id, UnservedCommand.answer(to: other))
    }
  }

  private func run<Request: ContextualRequest, Response: RefusableResponse>(
    _ request: Request, _ id: UInt64,
    _ method: (
      Request, @escaping StorageExecutor, @escaping RawService.Done<Response>
    ) -> Void,
    _ wrap: @escaping @Sendable (Response) -> Tikvpb_BatchCommandsResponse.Response.OneOf_Cmd
  ) {
    if let problem = service.problem(with: request.context) {
      var response = Response()
      response.regionError.message = problem
      return replies.add(id, wrap(response))
    }
    method(request, call.execute) { [replies] in replies.add(id, wrap($0)) }
  }

  /// A test's command: answered with its own id, after as many milliseconds as it asks for.
  private func delay(_ request: Tikvpb_BatchCommandsEmptyRequest, _ id: UInt64) {
    let response = Tikvpb_BatchCommandsEmptyResponse.with { $0.testID = request.testID }
    guard request.delayTime > 0 else { return replies.add(id, .empty(response)) }
    let wait = TimeAmount.milliseconds(Int64(min(request.delayTime, 60_000)))
    call.eventLoop.scheduleTask(in: wait) { [replies] in replies.add(id, .empty(response)) }
  }
}
