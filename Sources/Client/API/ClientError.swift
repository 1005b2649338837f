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

/// The reason for which one attempt failed.
public enum AttemptFailure: Error, Sendable, Equatable {
  /// A store would not serve the region.
  case region(id: UInt64, message: String)
  /// A store could not be reached, or the call to it broke off.
  case store(address: String, message: String)
  /// The placement driver could not be reached or could not tell.
  case pd(String)
}

extension AttemptFailure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .region(let id, let message): "region \(id): \(message)"
    case .store(let address, let message): "store at \(address): \(message)"
    case .pd(let message): "placement driver: \(message)"
    }
  }
}
