import Protobuf

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
}

extension ConfChangeV2 {
  /// The change that an entry contains, in either format; nil for a normal entry. Throws `malformed` for
  /// bytes that are none.
  package static func carried(by entry: Entry) throws(RaftError) -> ConfChangeV2? {
    do throws(CodecError) {
      return switch entry.type {
      case .normal: nil
      case .confChange: try ConfChange(decoding: entry.data, strict: true).asV2
      case .confChangeV2: try ConfChangeV2(decoding: entry.data, strict: true)
      }
    } catch {
      throw .malformed("membership change: \(error)")
    }
  }
}
