import RPC
import Synchronization
import Wire

/// Gathers the responses of one `BatchCommands` stream: those that are ready at the same time leave in
/// one message. Any thread, but where it says otherwise.
final class BatchReplies: Sendable {
  typealias Answer = Tikvpb_BatchCommandsResponse.Response.OneOf_Cmd

  private struct State {
    var ready = Tikvpb_BatchCommandsResponse()
    /// About how much the reads among them brought; the large ones of them are counted by the call.
    var bytes = 0
    var counted = 0
    var isFlushScheduled = false
    /// Requests completed so far.
    var answered = 0
    /// Set when no more requests will come: the status to end with.
    var end: RPCStatus?
    /// Called once, on the event loop, after the next responses are sent.
    var onAnswer: (@Sendable () -> Void)?
  }

  private let call: StreamCall
  private let state = Mutex(State())
  private let begun = Atomic<Int>(0)
  private let readsDone = Atomic<Int>(0)
  /// `State.bytes`, to be seen without the lock.
  private let readyBytes = Atomic<Int>(0)
  private let readSize = ReplyEstimate(initial: 64 << 10)

  /// Ready responses that are sent before more are made.
  private static let largeMessage = 512 << 10

  init(call: StreamCall) {
    self.call = call
  }

  /// One more request will be completed.
  func expect() { begun.wrappingAdd(1, ordering: .relaxed) }

  /// Reads completed so far.
  var readsAnswered: Int { readsDone.load(ordering: .acquiring) }

  /// What a read brings, as far as one knows.
  var expectedBytes: Int { readSize.value }

  /// Much is ready to be sent.
  var isLarge: Bool { readyBytes.load(ordering: .relaxed) >= Self.largeMessage }

  /// Responds to a request. `nil` is the response to what no one knows.
  func add(_ id: UInt64, _ answer: Answer?) {
    var response = Tikvpb_BatchCommandsResponse.Response()
    response.cmd = answer
    var bytes = Self.readBytes(answer) ?? -1
    let isRead = bytes >= 0
    if isRead { readSize.note(bytes) }
    let isLarge = bytes > StreamCall.smallResponse && !call.isOverdrawn(adding: bytes)
    if isLarge {
      call.count(bytes)
    } else if bytes > StreamCall.smallResponse {
      response.cmd = Self.busy(inPlaceOf: answer)
      bytes = 0
    }
    // Before the response can be sent: who sees the read as under way will be notified of its response.
    if isRead { readsDone.wrappingAdd(1, ordering: .releasing) }
    let mustSchedule = state.withLock { state in
      state.bytes += max(bytes, 0)
      if isLarge { state.counted += bytes }
      readyBytes.store(state.bytes, ordering: .relaxed)
      state.ready.responses.append(response)
      state.ready.requestIds.append(id)
      state.answered += 1
      defer { state.isFlushScheduled = true }
      return !state.isFlushScheduled
    }
    if mustSchedule { call.execute { self.flush() } }
  }

  /// No more requests will be taken: the stream ends after the last response.
  func finishWhenAnswered(_ status: RPCStatus = .ok) {
    state.withLock { $0.end = $0.end ?? status }
    call.execute { self.flush() }
  }

  /// Calls `body`, on the event loop, when one more request has been completed.
  func onAnswer(_ body: @escaping @Sendable () -> Void) {
    state.withLock { $0.onAnswer = body }
  }

  /// On the event loop.
  func flush() {
    let (message, counted, end, next) = state.withLock { state in
      state.isFlushScheduled = false
      var message = Tikvpb_BatchCommandsResponse()
      swap(&message, &state.ready)
      readyBytes.store(0, ordering: .relaxed)
      state.bytes = 0
      let counted = state.counted
      state.counted = 0
      let isLast = state.answered == begun.load(ordering: .relaxed)
      let next = message.responses.isEmpty ? nil : state.onAnswer.take()
      return (message, counted, isLast ? state.end : nil, next)
    }
    if !message.responses.isEmpty { call.send(message: message) }
    if counted > 0 { call.count(-counted) }
    if let end { call.finish(end) }
    next?()
  }

  // MARK: Reads

  /// About how much a read brought; nil for other responses, which are small.
  private static func readBytes(_ answer: Answer?) -> Int? {
    switch answer {
    case .rawGet(let response): 16 + response.value.count
    case .rawScan(let response): bytes(response.kvs)
    case .rawBatchGet(let response): bytes(response.pairs)
    case .rawBatchScan(let response): bytes(response.kvs)
    default: nil
    }
  }

  private static func bytes(_ pairs: [Kvrpcpb_KvPair]) -> Int {
    pairs.reduce(16) { $0 + 16 + $1.key.count + $1.value.count }
  }

  private static func busy(inPlaceOf answer: Answer?) -> Answer? {
    switch answer {
    case .rawGet: .rawGet(.serverIsBusy)
    case .rawScan: .rawScan(.serverIsBusy)
    case .rawBatchGet: .rawBatchGet(.serverIsBusy)
    case .rawBatchScan: .rawBatchScan(.serverIsBusy)
    default: answer
    }
  }
}

extension RefusableResponse {
  /// What a store responds that holds too much already.
  static var serverIsBusy: Self {
    var response = Self()
    response.regionError.message = "the store's limit of unread responses is reached"
    response.regionError.serverIsBusy.reason = "too many bytes queued to be sent"
    return response
  }
}
