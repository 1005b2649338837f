/// Why a call of the client failed.
public enum ClientError: Error, Sendable, Equatable {
  /// The time is over and nothing was changed; `last` is the failure of the last attempt.
  case deadlineExceeded(last: AttemptFailure)
  /// A write was sent and its outcome is unknown: it may have taken effect, or may do so later.
  case undetermined(last: AttemptFailure)
  /// The cluster rejected the request; a retry would not help.
  case refused(String)
  /// No placement driver endpoint responds.
  case unreachable(String)
  /// The store, region or key does not exist.
  case notFound(String)
  /// An argument or an endpoint is malformed.
  case invalidArgument(String)
  /// A server's response cannot be decoded.
  case malformedResponse(String)
  /// The calling task was cancelled.
  case cancelled
}

extension ClientError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .deadlineExceeded(let last): "timed out: \(last)"
    case .undetermined(let last): "the outcome is unknown, it may have taken effect: \(last)"
    case .refused(let message): "refused: \(message)"
    case .unreachable(let message): "unreachable: \(message)"
    case .notFound(let message): "not found: \(message)"
    case .invalidArgument(let message): "invalid argument: \(message)"
    case .malformedResponse(let message): "malformed response: \(message)"
    case .cancelled: "cancelled"
    }
  }
}

/// Why one attempt failed.
public enum AttemptFailure: Error, Sendable, Equatable {
  /// The store returned a region error.
  case region(id: UInt64, message: String)
  /// The store could not be reached, or the call to it was interrupted.
  case store(address: String, message: String)
  /// The placement driver could not be reached or returned an error.
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
