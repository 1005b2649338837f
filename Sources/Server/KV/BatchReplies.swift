import RPC
import Synchronization
import Wire

/// Gathers the answers of one `BatchCommands` stream: those that are ready at the same time leave in
/// one message.
final class BatchReplies: Sendable {
  private struct State {
    var ready = Tikvpb_BatchCommandsResponse()
    var isFlushScheduled = false
    /// Requests not answered yet.
    var owed = 0
    /// Set when no more requests will come: the status to end with.
    var end: RPCStatus?
  }

  private let call: StreamCall
  private let state = Mutex(State())

  init(call: StreamCall) {
    self.call = call
  }

  /// So many more requests will be answered.
  func expect(_ count: Int) {
    state.withLock { $0.owed += count }
  }

  /// Answers a request; callable from any thread. `nil` is the answer to what nobody knows.
  func add(_ id: UInt64, _ answer: Tikvpb_BatchCommandsResponse.Response.OneOf_Cmd?) {
    var response = Tikvpb_BatchCommandsResponse.Response()
    response.cmd = answer
    let mustSchedule = state.withLock { state in
      state.ready.responses.append(response)
      state.ready.requestIds.append(id)
      state.owed -= 1
      defer { state.isFlushScheduled = true }
      return !state.isFlushScheduled
    }
    if mustSchedule { call.execute { self.flush() } }
  }

  /// No more requests will be taken: the stream ends after the last answer.
  func finishWhenAnswered(_ status: RPCStatus = .ok) {
    state.withLock { $0.end = $0.end ?? status }
    call.execute { self.flush() }
  }

  private func flush() {
    let (message, end) = state.withLock { state in
      state.isFlushScheduled = false
      var message = Tikvpb_BatchCommandsResponse()
      swap(&message, &state.ready)
      return (message, state.owed == 0 ? state.end : nil)
    }
    if !message.responses.isEmpty { call.send(message: message) }
    if let end { call.finish(end) }
  }
}
