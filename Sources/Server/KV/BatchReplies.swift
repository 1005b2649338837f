import RPC
import Synchronization
import Wire

/// The responses of one `BatchCommands` stream: those that are ready at the same time are sent in one message.
/// Any thread, except where noted.
final class BatchReplies: Sendable {
  typealias Command = Tikvpb_BatchCommandsResponse.Response.OneOf_Cmd

  private struct State {
    var ready = Tikvpb_BatchCommandsResponse()
    /// The approximate size of the results of reads and pessimistic locks in `ready`.
    var bytes = 0
    /// The part of `bytes` in large responses, which is counted against the call's limit.
    var counted = 0
    var isFlushScheduled = false
    /// Commands completed so far.
    var completed = 0
    /// The status to end with, once no more commands will come.
    var end: RPCStatus?
    /// Called once, on the event loop, after the next responses are sent.
    var onResponse: (@Sendable () -> Void)?
  }

  private let call: StreamCall
  private let state = Mutex(State())
  private let begun = Atomic<Int>(0)
  private let readsDone = Atomic<Int>(0)
  /// `State.bytes`, readable without the lock.
  private let readyBytes = Atomic<Int>(0)
  private let readSize = ReplyEstimate(initial: 64 << 10)

  /// Bytes of ready responses that are sent before more commands start.
  private static let largeMessage = 512 << 10

  init(call: StreamCall) {
    self.call = call
  }

  /// Counts a command that is going to be completed.
  func expect() { begun.wrappingAdd(1, ordering: .relaxed) }

  /// Reads completed so far.
  var readsCompleted: Int { readsDone.load(ordering: .acquiring) }

  /// The estimated size of a read's response, in bytes.
  var expectedBytes: Int { readSize.value }

  /// Whether the ready responses should be sent now.
  var isLarge: Bool { readyBytes.load(ordering: .relaxed) >= Self.largeMessage }

  /// Completes a command; nil is the response to an unknown one.
  func add(_ id: UInt64, _ command: Command?) {
    var response = Tikvpb_BatchCommandsResponse.Response()
    response.cmd = command
    let readBytes = Self.readBytes(command)
    let isRead = readBytes != nil
    var bytes = readBytes ?? Self.lockBytes(command) ?? -1
    if isRead { readSize.note(bytes) }
    let isLarge = bytes > StreamCall.smallResponse && !call.isOverdrawn(adding: bytes)
    if isLarge {
      call.count(bytes)
    } else if bytes > StreamCall.smallResponse {
      response.cmd = Self.busy(inPlaceOf: command)
      bytes = 0
    }
    // Before the response can be sent: code that counts the read as in progress is called after its response.
    if isRead { readsDone.wrappingAdd(1, ordering: .releasing) }
    let mustSchedule = state.withLock { state in
      state.bytes += max(bytes, 0)
      if isLarge { state.counted += bytes }
      readyBytes.store(state.bytes, ordering: .relaxed)
      state.ready.responses.append(response)
      state.ready.requestIds.append(id)
      state.completed += 1
      defer { state.isFlushScheduled = true }
      return !state.isFlushScheduled
    }
    if mustSchedule { call.execute { self.flush() } }
  }

  /// Ends the stream after the last response; no more commands are accepted. The first status counts.
  func finishAfterResponses(_ status: RPCStatus = .ok) {
    state.withLock { $0.end = $0.end ?? status }
    call.execute { self.flush() }
  }

  /// Calls `body` once, on the event loop, after the next responses are sent.
  func onResponse(_ body: @escaping @Sendable () -> Void) {
    state.withLock { $0.onResponse = body }
  }

  /// Sends the ready responses. On the event loop.
  func flush() {
    let (message, counted, end, next) = state.withLock { state in
      state.isFlushScheduled = false
      var message = Tikvpb_BatchCommandsResponse()
      swap(&message, &state.ready)
      readyBytes.store(0, ordering: .relaxed)
      state.bytes = 0
      let counted = state.counted
      state.counted = 0
      let isLast = state.completed == begun.load(ordering: .relaxed)
      let next = message.responses.isEmpty ? nil : state.onResponse.take()
      return (message, counted, isLast ? state.end : nil, next)
    }
    if !message.responses.isEmpty { call.send(message: message) }
    if counted > 0 { call.count(-counted) }
    if let end { call.finish(end) }
    next?()
  }

  // MARK: Reads

  /// The approximate size of a read's result; nil for other responses, which are small.
  private static func readBytes(_ command: Command?) -> Int? {
    switch command {
    case .rawGet(let response): 16 + response.value.count
    case .rawScan(let response): bytes(response.kvs)
    case .rawBatchGet(let response): bytes(response.pairs)
    case .rawBatchScan(let response): bytes(response.kvs)
    case .get(let response): 16 + response.value.count
    case .scan(let response): bytes(response.pairs)
    case .batchGet(let response): bytes(response.pairs)
    case .bufferBatchGet(let response): bytes(response.pairs)
    case .scanLock(let response): bytes(response.locks)
    default: nil
    }
  }

  /// The approximate size of the values that a pessimistic lock returns; nil for other responses. It is no read: a
  /// stream that waits for its end would not receive the commit for which it waits.
  private static func lockBytes(_ command: Command?) -> Int? {
    guard case .pessimisticLock(let response) = command else { return nil }
    return response.values.reduce(16) { $0 + 8 + $1.count }
      + response.results.reduce(0) { $0 + 16 + $1.value.count }
  }

  private static func bytes(_ pairs: [Kvrpcpb_KvPair]) -> Int {
    pairs.reduce(16) { $0 + 16 + $1.key.count + $1.value.count }
  }

  private static func bytes(_ locks: [Kvrpcpb_LockInfo]) -> Int {
    locks.reduce(16) { total, lock in
      lock.secondaries.reduce(total + 64 + lock.key.count + lock.primaryLock.count) {
        $0 + 4 + $1.count
      }
    }
  }

  private static func busy(inPlaceOf command: Command?) -> Command? {
    switch command {
    case .rawGet: .rawGet(.serverIsBusy)
    case .rawScan: .rawScan(.serverIsBusy)
    case .rawBatchGet: .rawBatchGet(.serverIsBusy)
    case .rawBatchScan: .rawBatchScan(.serverIsBusy)
    case .get: .get(.serverIsBusy)
    case .scan: .scan(.serverIsBusy)
    case .batchGet: .batchGet(.serverIsBusy)
    case .bufferBatchGet: .bufferBatchGet(.serverIsBusy)
    case .scanLock: .scanLock(.serverIsBusy)
    case .pessimisticLock: .pessimisticLock(.serverIsBusy)
    default: command
    }
  }
}

extension RefusableResponse {
  /// The response of a store at its limit of unsent responses.
  static var serverIsBusy: Self {
    var response = Self()
    response.regionError.message = "the store's limit of unread responses is reached"
    response.regionError.serverIsBusy.reason = "too many bytes queued to be sent"
    return response
  }
}
