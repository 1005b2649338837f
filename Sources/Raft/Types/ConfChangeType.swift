/// One kind of membership change.
package enum ConfChangeType: UInt8, Sendable, Hashable {
  case addNode = 0
  case removeNode = 1
  case updateNode = 2
  case addLearnerNode = 3
}

extension ConfChangeType {
  /// The number in TiKV's `eraftpb`, which has no update and gives learners its place.
  package var wireValue: UInt64 {
    switch self {
    case .addNode: 0
    case .removeNode: 1
    case .addLearnerNode: 2
    case .updateNode: 3
    }
  }

  package init(wireValue: UInt64) throws(RaftError) {
    switch wireValue {
    case 0: self = .addNode
    case 1: self = .removeNode
    case 2: self = .addLearnerNode
    case 3: self = .updateNode
    default: throw .malformed("unexpected conf type \(wireValue)")
    }
  }
}
