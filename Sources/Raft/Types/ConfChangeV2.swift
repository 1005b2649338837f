/// A membership change of any number of nodes, in etcd's second format. Without steps it leaves a joint
/// configuration.
package struct ConfChangeV2: Sendable, Equatable {
  package var transition: ConfChangeTransition
  package var changes: [ConfChangeSingle]
  /// Opaque to raft; for the owner.
  package var context: [UInt8]

  package init(
    transition: ConfChangeTransition = .auto, changes: [ConfChangeSingle] = [],
    context: [UInt8] = []
  ) {
    self.transition = transition
    self.changes = changes
    self.context = context
  }

  /// Whether applying it leaves a joint configuration.
  package var leavesJoint: Bool { transition == .auto && changes.isEmpty }

  /// Whether applying it enters a joint configuration, and if so whether that is left automatically.
  package var entersJoint: (autoLeave: Bool, joint: Bool) {
    guard transition != .auto || changes.count > 1 else { return (false, false) }
    return (transition != .jointExplicit, true)
  }

  /// The data of an entry of type `confChangeV2`.
  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    writer.varint(field: 1, UInt64(transition.rawValue))
    for change in changes {
      var single = ProtobufWriter()
      single.varint(field: 1, change.type.wireValue)
      single.varint(field: 2, change.nodeID)
      writer.message(field: 2, single.output)
    }
    writer.bytes(field: 3, context)
    return writer.output
  }

  package init(decoding bytes: [UInt8]) throws(RaftError) {
    self.init()
    var reader = ProtobufReader(bytes[...])
    while let field = try reader.next() {
      switch field {
      case 1:
        let number = try reader.varint()
        guard let raw = UInt8(exactly: number), let value = ConfChangeTransition(rawValue: raw)
        else { throw .malformed("unexpected conf change transition \(number)") }
        transition = value
      case 2: changes.append(try ConfChangeSingle(decoding: try reader.bytes()))
      case 3: context = Array(try reader.bytes())
      default: try reader.skip()
      }
    }
  }
}

extension ConfChangeV2 {
  /// The change that an entry contains, in either format; nil for a normal entry. Throws `malformed` for
  /// bytes that are none.
  package static func carried(by entry: Entry) throws(RaftError) -> ConfChangeV2? {
    switch entry.type {
    case .normal: nil
    case .confChange: try ConfChange(decoding: entry.data).asV2
    case .confChangeV2: try ConfChangeV2(decoding: entry.data)
    }
  }
}
