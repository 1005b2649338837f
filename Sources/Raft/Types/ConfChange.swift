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

extension ConfChangeSingle {
  init(decoding bytes: ArraySlice<UInt8>) throws(RaftError) {
    self.init()
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: type = try ConfChangeType(wireValue: try reader.varint())
      case 2: nodeID = try reader.varint()
      default: try reader.skip()
      }
    }
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

  /// The data of an entry of type `confChange`.
  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    writer.varint(field: 1, id)
    writer.varint(field: 2, type.wireValue)
    writer.varint(field: 3, nodeID)
    writer.bytes(field: 4, context)
    return writer.output
  }

  package init(decoding bytes: [UInt8]) throws(RaftError) {
    self.init()
    var reader = ProtobufReader(bytes[...])
    while let field = try reader.next() {
      switch field {
      case 1: id = try reader.varint()
      case 2: type = try ConfChangeType(wireValue: try reader.varint())
      case 3: nodeID = try reader.varint()
      case 4: context = Array(try reader.bytes())
      default: try reader.skip()
      }
    }
  }
}
