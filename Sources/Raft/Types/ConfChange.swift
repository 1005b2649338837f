/// The kind of a change of one node. Numbers are etcd's.
package enum ConfChangeType: UInt8, Sendable, Hashable {
  /// Adds a voter, or makes a learner one.
  case addNode = 0
  case removeNode = 1
  /// Changes the context of a node; no effect on the membership.
  case updateNode = 2
  /// Adds a learner, or makes a voter one.
  case addLearnerNode = 3
}

extension ConfChangeType {
  /// The number in TiKV's `eraftpb`: learners have the number that etcd gives to updates, which TiKV
  /// does not have.
  package var wireValue: UInt64 {
    switch self {
    case .addNode: 0
    case .removeNode: 1
    case .addLearnerNode: 2
    case .updateNode: 3
    }
  }

  /// Nil for a number without meaning.
  package init?(wireValue: UInt64) {
    switch wireValue {
    case 0: self = .addNode
    case 1: self = .removeNode
    case 2: self = .addLearnerNode
    case 3: self = .updateNode
    default: return nil
    }
  }
}

/// Whether a change goes through a joint configuration, and how that is left. Numbers are etcd's.
package enum ConfChangeTransition: UInt8, Sendable, Hashable {
  /// Joint only if the change has more than one step; left automatically.
  case auto = 0
  /// Joint, left automatically.
  case jointImplicit = 1
  /// Joint until an empty change is proposed.
  case jointExplicit = 2
}

/// One step of a membership change: a change of one node.
package struct ConfChangeSingle: Sendable, Equatable {
  package var type: ConfChangeType
  package var nodeID: UInt64

  package init(type: ConfChangeType = .addNode, nodeID: UInt64 = 0) {
    self.type = type
    self.nodeID = nodeID
  }
}

/// A membership change of one node, in etcd's first format.
package struct ConfChange: Sendable, Equatable {
  /// An id of the change for its owner. Raft does not use it.
  package var id: UInt64
  package var type: ConfChangeType
  package var nodeID: UInt64
  /// Opaque to raft; for the owner.
  package var context: [UInt8]

  package init(
    id: UInt64 = 0, type: ConfChangeType = .addNode, nodeID: UInt64 = 0, context: [UInt8] = []
  ) {
    self.id = id
    self.type = type
    self.nodeID = nodeID
    self.context = context
  }

  /// The same change in the second format.
  package var asV2: ConfChangeV2 {
    ConfChangeV2(changes: [ConfChangeSingle(type: type, nodeID: nodeID)], context: context)
  }
}
