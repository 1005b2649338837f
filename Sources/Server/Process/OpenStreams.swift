import RPC
import Synchronization

/// The open streams that clients do not end, each with a closure that ends it at shutdown. Any thread.
package final class OpenStreams: Sendable {
  private struct State {
    var ends: [UInt64: @Sendable () -> Void] = [:]
    var next: UInt64 = 0
    var isEnding = false
  }

  private let state = Mutex(State())

  package init() {}

  /// Adds a stream. `end` is called at most once, on any thread, and must end the stream; it is called at once
  /// after `endAll`.
  ///
  /// - Returns: an id for `remove`.
  func add(_ end: @escaping @Sendable () -> Void) -> UInt64 {
    let (name, isEnding) = state.withLock { state in
      state.next += 1
      if !state.isEnding { state.ends[state.next] = end }
      return (state.next, state.isEnding)
    }
    if isEnding { end() }
    return name
  }

  /// Adds a call, which is ended with `unavailable`.
  func add(_ call: StreamCall) -> UInt64 {
    add { call.finish(Self.stopping) }
  }

  /// Removes a stream that has ended.
  func remove(_ name: UInt64) {
    state.withLock { $0.ends[name] = nil }
  }

  /// Ends every stream, also those that are added later.
  func endAll() {
    let ends = state.withLock { state in
      state.isEnding = true
      defer { state.ends = [:] }
      return state.ends.sorted { $0.key < $1.key }.map(\.value)
    }
    for end in ends { end() }
  }

  /// The status of streams at shutdown.
  static let stopping = RPCStatus(.unavailable, "the server is stopping")
}
