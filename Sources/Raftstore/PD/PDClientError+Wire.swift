package import Wire

extension PDClientError {
  /// A refusal in the header of a response.
  package init(_ error: Pdpb_Error) {
    switch error.type {
    case .alreadyBootstrapped: self = .alreadyBootstrapped
    case .notBootstrapped: self = .notBootstrapped
    case .duplicatedEntry: self = .replaced(error.message)
    case .storeTombstone: self = .storeTombstone(error.message)
    default: self = .refused(error.message)
    }
  }
}
