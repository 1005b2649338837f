/// Why the consensus core refused, or can no longer go on.
package enum RaftError: Error, Sendable, Equatable {
  /// The proposal was not taken; it may be tried again later or elsewhere.
  case proposalDropped
  /// A message that may not come from outside was stepped.
  case stepLocalMessage
  /// A response came from a node that is not tracked.
  case stepPeerNotFound
  /// The configuration of the node makes no sense.
  case invalidConfig(String)
  /// A membership change that does not fit the current membership.
  case confChange(String)
  /// Bytes that are no membership change, or a message that contradicts itself.
  case malformed(String)
  /// A message that no correct member can have sent to this node in its present state.
  case impossible(String)
  /// Storage failed where no response but success allows to go on.
  case storage(LogStorageError)
  /// An invariant does not hold: input or stored state contradicts itself. The node must stop.
  case aborted(String)
}

extension RaftError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .proposalDropped: "raft proposal dropped"
    case .stepLocalMessage: "raft: cannot step raft local message"
    case .stepPeerNotFound: "raft: cannot step as peer not found"
    case .invalidConfig(let text), .confChange(let text), .malformed(let text),
      .impossible(let text), .aborted(let text):
      text
    case .storage(let error): error.description
    }
  }

  /// Whether a message was refused because no correct member can have sent it.
  package var isCausedByMessage: Bool {
    switch self {
    case .malformed, .impossible, .stepLocalMessage: true
    default: false
    }
  }

  /// Whether the node must not be used any more.
  package var isFatal: Bool {
    switch self {
    case .storage, .aborted: true
    default: false
    }
  }
}
