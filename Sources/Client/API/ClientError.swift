/// Why a call of the client failed.
public enum ClientError: Error, Sendable, Equatable {
  /// Time ran out and nothing was changed; `last` is what stood in the way until then.
  case deadlineExceeded(last: AttemptFailure)
  /// A write was sent and its outcome never learned: it may have happened, or may happen yet.
  case undetermined(last: AttemptFailure)
  /// The cluster responded, and the response is no: asking again would not help.
  case refused(String)
  /// No placement driver endpoint responds.
  case unreachable(String)
  /// What was asked for does not exist.
  case notFound(String)
  /// An endpoint or argument that cannot be used.
  case invalidArgument(String)
  /// A server responded with something that cannot be understood.
  case malformedResponse(String)
  /// The calling task was cancelled.
  case cancelled
}

extension ClientError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .deadlineExceeded(let last): "timed out: \(last)"
    case .undetermined(let last): "the outcome is unknown, it may have happened: \(last)"
    case .refused(let message): "refused: \(message)"
    case .unreachable(let message): "unreachable: \(message)"
    case .notFound(let message): "not found: \(message)"
    case .invalidArgument(let message): "invalid argument: \(message)"
    case .malformedResponse(let message): "malformed response: \(message)"
    case .cancelled: "cancelled"
    }
  }
}
