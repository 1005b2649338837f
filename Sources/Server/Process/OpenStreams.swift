import RPC
import Synchronization

/// Open streams without an end of their own, and how to close each at shutdown.
package final class OpenStreams: Sendable {
  private struct State {
    var ends: [UInt64: @Sendable () -> Void] = [:]
    var next: UInt64 = 0
    var isEnding = false
  }

  private let state = Mutex(State())

  package init() {}

  /// Notes a stream; `end` is called at most once, on any thread, to bring it to its end.
  ///
  /// - Returns: a name for `remove`.
  func add(_ end: @escaping @Sendable () -> Void) -> UInt64 {
    let (name, isEnding) = state.withLock { state in
      state.next += 1
      if !state.isEnding { state.ends[state.next] = end }
      return (state.next, state.isEnding)
    }
    if isEnding { end() }
    return name
  }

  /// Ends the call with `unavailable` when the process stops.
  func add(_ call: StreamCall) -> UInt64 {
    add { call.finish(Self.stopping) }
  }

  /// Forgets a stream that has ended.
  func remove(_ name: UInt64) {
    state.withLock { $0.ends[name] = nil }
  }

  /// Ends every stream, and those that come later at once.
  func endAll() {
    let ends = state.withLock { state in
      state.isEnding = true
      defer { state.ends = [:] }
      return state.ends.sorted { $0.key < $1.key }.map(\.value)
    }
    for end in ends { end() }
  }

  /// What the other side is told: it should go elsewhere.
  static let stopping = RPCStatus(.unavailable, "the server is stopping")
}
