/// An error of the consensus core. `isFatal` tells one that ends the node from a refused input.
package enum RaftError: Error, Sendable, Equatable {
  /// The proposal was dropped: no leader is known, a transfer is in progress, or a limit is reached. It may be
  /// retried later or at another node.
  case proposalDropped
  /// A local message came from another node.
  case stepLocalMessage
  /// A response came from a node outside the membership.
  case stepPeerNotFound
  /// The configuration of the node is invalid.
  case invalidConfig(String)
  /// A membership change does not fit the current membership.
  case confChange(String)
  /// Bytes are not a membership change, or a message contradicts itself.
  case malformed(String)
  /// No correct member can have sent this message to this node in its present state.
  case impossible(String)
  /// Storage failed. The node must stop.
  case storage(LogStorageError)
  /// An invariant does not hold: input or stored state contradicts itself. The node must stop. The text is
  /// etcd's.
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

  /// Whether a message was refused because no correct member can have sent it: the sender is faulty.
  package var isCausedByMessage: Bool {
    switch self {
    case .malformed, .impossible, .stepLocalMessage: true
    default: false
    }
  }

  /// Whether the node must not be used any further.
  package var isFatal: Bool {
    switch self {
    case .storage, .aborted: true
    default: false
    }
  }
}
