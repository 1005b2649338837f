import RPC

/// The call that a read belongs to.
enum ReadOrigin: Sendable {
  case unary(UnaryCall)
  case stream(StreamCall)

  /// Whether the result is no longer needed: the call or its connection has ended, or its deadline has passed.
  /// Any thread.
  var isCancelled: Bool {
    switch self {
    case .unary(let call): call.isCancelled
    case .stream(let call): call.isCancelled
    }
  }

  /// Counts a read that waits for a thread; false if the call's connection already has `limit` of them.
  func beginQueued(limit: Int) -> Bool {
    switch self {
    case .unary(let call): call.beginQueued(limit: limit)
    case .stream(let call): call.beginQueued(limit: limit)
    }
  }

  /// The read has been completed.
  func endQueued() {
    switch self {
    case .unary(let call): call.endQueued()
    case .stream(let call): call.endQueued()
    }
  }
}
