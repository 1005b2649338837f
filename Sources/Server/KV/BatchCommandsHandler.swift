import NIOCore
import RPC
import Storage
import Wire

/// One `BatchCommands` stream: many commands, each completed exactly once under its id, in any order. A command
/// that fails does not end the stream.
///
/// Commands of a message are started while there is capacity for their responses. The rest waits, and so does
/// the next message of the stream. Used on the call's event loop.
final class BatchCommandsHandler: StreamHandler {
  let service: TikvService
  private let call: StreamCall
  let replies: BatchReplies
  private let name: UInt64
  /// The message whose commands are being started; nil between messages.
  private var batch: CommandBatch?
  /// The index of the next command of `batch`.
  private var next = 0
  /// The size of `batch`, which counts as received until all its commands are started.
  private var batchBytes = 0
  /// Reads of the stream started so far.
  private var readsBegun = 0
  private var isPaused = false

  /// The most commands started in one turn of the event loop.
  private static let commandsPerTurn = 256
  /// The longest delay of a test's command, in milliseconds.
  private static let maxDelay: UInt64 = 60_000
  /// The most bytes of responses expected from the reads in progress.
  private static let maxExpectedBytes = 16 << 20

  init(service: TikvService, call: StreamCall) {
    self.service = service
    self.call = call
    let replies = BatchReplies(call: call)
    self.replies = replies
    name = service.streams.add { replies.finishAfterResponses(OpenStreams.stopping) }
    // A message counts as received until all its commands are started.
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
    replies.finishAfterResponses()
  }

  func onCancel(_ status: RPCStatus) { batch = nil }

  func onCapacity() { proceed() }

  /// Starts the commands that there is capacity for.
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
        return replies.onResponse(continuation())
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

  /// Whether the reads in progress may fill the capacity. Few run at first, more once their typical size is
  /// known.
  private var isReadingEnough: Bool {
    let inProgress = readsBegun - replies.readsCompleted
    return inProgress > 0 && inProgress * max(replies.expectedBytes, 256) >= Self.maxExpectedBytes
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
    case let other: dispatchTransaction(other, id)
    }
  }

  /// Starts a command that returns data.
  func read<Request: ContextualRequest, Response: RefusableResponse>(
    _ request: Request, _ id: UInt64,
    _ method: (
      Request, ReadOrigin, @escaping RawService.Done<Response>
    ) -> Void,
    _ wrap: @escaping @Sendable (Response) -> Tikvpb_BatchCommandsResponse.Response.OneOf_Cmd
  ) {
    readsBegun += 1
    run(request, id, method, wrap)
  }

  /// Starts a command.
  func run<Request: ContextualRequest, Response: RefusableResponse>(
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

  /// The command `Empty`, for tests of clients: the response contains the test's id and is sent after the
  /// requested milliseconds, at most a minute. At the limit of delayed responses it is sent at once: they take
  /// memory that no other limit counts.
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
