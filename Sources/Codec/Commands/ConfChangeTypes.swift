package import Raft

extension AdminCommand.ChangeType {
  /// The core's name for the same change.
  package var raftType: Raft.ConfChangeType {
    switch self {
    case .addNode: .addNode
    case .removeNode: .removeNode
    case .addLearnerNode: .addLearnerNode
    }
  }
}
