import Synchronization

/// Joins a task's cancellation with a call that may not have begun yet.
final class CallCanceller: Sendable {
  private struct State {
    var call: ClientStream?
    var isCancelled = false
  }

  private let state = Mutex(State())

  func set(_ call: ClientStream) {
    let isCancelled = state.withLock { state in
      state.call = call
      return state.isCancelled
    }
    if isCancelled { call.cancel() }
  }

  func cancel() {
    let call = state.withLock { state in
      state.isCancelled = true
      return state.call
    }
    call?.cancel()
  }
}
