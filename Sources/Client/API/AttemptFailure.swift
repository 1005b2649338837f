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
