import NIOCore
import RPC
import Storage
import Wire

/// One `BatchCommands` stream: many requests on one connection, each completed exactly once under its
/// own id, in whatever order the responses come. No command can end the stream.
///
/// The commands of a message are begun while there is capacity for their responses; the rest waits, and
/// the stream's next message with it. On the call's event loop.
final class BatchCommandsHandler: StreamHandler {
  private let service: TikvService
  private let call: StreamCall
  private let replies: BatchReplies
  private let name: UInt64
  /// The message whose commands are being begun, and the next of them.
  private var batch: CommandBatch?
  private var next = 0
  private var batchBytes = 0
  private var readsBegun = 0
  private var isPaused = false

  /// Commands begun in one turn of the event loop.
  private static let commandsPerTurn = 256
  /// Milliseconds.
  private static let maxDelay: UInt64 = 60_000
  /// Responses that reads under way are expected to give.
  private static let maxExpectedBytes = 16 << 20

  init(service: TikvService, call: StreamCall) {
    self.service = service
    self.call = call
    let replies = BatchReplies(call: call)
    self.replies = replies
    name = service.streams.add { replies.finishWhenAnswered(OpenStreams.stopping) }
    // A message is held until all its commands are begun.
    call.holdReceived()
  }

  deinit { service.streams.remove(name) }

  func onMessage(_ message: ByteBuffer) {
    do throws(RPCStatus) {
      batch = try CommandBatch(message)
    } catch {
      return call.finish(error)
    }
    next = 0
    batchBytes = message.readableBytes
    proceed()
  }

  func onHalfClose() {
    service.streams.remove(name)
    replies.finishWhenAnswered()
  }

  func onCancel(_ status: RPCStatus) { batch = nil }

  func onCapacity() { proceed() }

  /// Begins what there is capacity for.
  private func proceed() {
    guard let batch else { return }
    let end = min(batch.count, next + Self.commandsPerTurn)
    while next < end, !call.isCancelled {
      if replies.isLarge { replies.flush() }
      guard call.hasCapacity else {
        pause()
        return call.awaitCapacity()
      }
      guard !isReadingEnough else {
        pause()
        return replies.onAnswer(continuation())
      }
      let index = next
      next += 1
      do throws(RPCStatus) {
        dispatch(try batch.command(index), batch.ids[index])
      } catch {
        self.batch = nil
        return call.finish(error)
      }
    }
    if next < batch.count, !call.isCancelled {
      pause()
      return call.executeAfterIO { self.proceed() }
    }
    self.batch = nil
    call.consumed(batchBytes)
    guard isPaused else { return }
    isPaused = false
    call.resumeReceiving()
  }

  /// The next message waits for the rest of this one.
  private func pause() {
    guard !isPaused else { return }
    isPaused = true
    call.pauseReceiving()
  }

  private func continuation() -> @Sendable () -> Void {
    let bound = NIOLoopBound(self, eventLoop: call.eventLoop)
    return { bound.value.proceed() }
  }

  /// Reads are let go one by one at first, and in numbers once it is known how much they bring.
  private var isReadingEnough: Bool {
    let underWay = readsBegun - replies.readsAnswered
    return underWay > 0 && underWay * max(replies.expectedBytes, 256) >= Self.maxExpectedBytes
  }

  private func dispatch(_ command: CommandBatch.Command?, _ id: UInt64) {
    replies.expect()
    switch command {
    case .rawGet(let request): read(request, id, service.raw.get) { .rawGet($0) }
    case .rawPut(let request): run(request, id, service.raw.put) { .rawPut($0) }
    case .rawDelete(let request): run(request, id, service.raw.delete) { .rawDelete($0) }
    case .rawScan(let request): read(request, id, service.raw.scan) { .rawScan($0) }
    case .rawBatchGet(let request): read(request, id, service.raw.batchGet) { .rawBatchGet($0) }
    case .rawBatchPut(let request): run(request, id, service.raw.batchPut) { .rawBatchPut($0) }
    case .rawBatchDelete(let request):
      run(request, id, service.raw.batchDelete) { .rawBatchDelete($0) }
    case .rawDeleteRange(let request):
      run(request, id, service.raw.deleteRange) { .rawDeleteRange($0) }
    case .rawBatchScan(let request):
      read(request, id, service.raw.batchScan) { .rawBatchScan($0) }
    case .getHealthFeedback: replies.add(id, .getHealthFeedback(service.healthFeedback))
    case .empty(let request): delay(request, id)
    case let other: replies.add(id, UnimplementedCommand.answer(to: other))
    }
  }

  private func read<Request: ContextualRequest, Response: RefusableResponse>(
    _ request: Request, _ id: UInt64,
    _ method: (
      Request, ReadOrigin, @escaping RawService.Done<Response>
    ) -> Void,
    _ wrap: @escaping @Sendable (Response) -> Tikvpb_BatchCommandsResponse.Response.OneOf_Cmd
  ) {
    readsBegun += 1
    run(request, id, method, wrap)
  }

  private func run<Request: ContextualRequest, Response: RefusableResponse>(
    _ request: Request, _ id: UInt64,
    _ method: (
      Request, ReadOrigin, @escaping RawService.Done<Response>
    ) -> Void,
    _ wrap: @escaping @Sendable (Response) -> Tikvpb_BatchCommandsResponse.Response.OneOf_Cmd
  ) {
    if let problem = service.problem(with: request.context) {
      var response = Response()
      response.regionError.message = problem
      return replies.add(id, wrap(response))
    }
    method(request, .stream(call)) { [replies] in replies.add(id, wrap($0)) }
  }

  /// A test's command: completed with its own id, after as many milliseconds as it asks for. A minute
  /// is the longest, and when too many wait, further ones are completed at once: what a client asks for
  /// here costs memory that no other bound counts.
  private func delay(_ request: Tikvpb_BatchCommandsEmptyRequest, _ id: UInt64) {
    let response = Tikvpb_BatchCommandsEmptyResponse.with { $0.testID = request.testID }
    guard request.delayTime > 0, service.delays.begin() else {
      return replies.add(id, .empty(response))
    }
    let wait = TimeAmount.milliseconds(Int64(min(request.delayTime, Self.maxDelay)))
    call.eventLoop.scheduleTask(in: wait) { [replies, delays = service.delays] in
      delays.end()
      replies.add(id, .empty(response))
    }
  }
}
