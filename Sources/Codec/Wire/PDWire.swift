package import Protobuf
package import Wire

// `pdpb` messages for which there is a plain type.

extension Timestamp {
  /// The two parts must fit their bits.
  package init(_ wire: Pdpb_Timestamp) throws(CodecError) {
    guard let physical = UInt64(exactly: wire.physical), physical < 1 << (64 - Self.logicalBits),
      let logical = UInt64(exactly: wire.logical), logical <= Self.maxLogical
    else {
      throw CodecError(.malformed, "timestamp \(wire.physical)/\(wire.logical)")
    }
    self.init(physical: physical, logical: logical)
  }

  package var wire: Pdpb_Timestamp {
    var wire = Pdpb_Timestamp()
    wire.physical = Int64(physical)
    wire.logical = Int64(logical)
    return wire
  }
}

extension AdminCommand.ChangeType {
  package init(_ wire: Eraftpb_ConfChangeType) throws(CodecError) {
    guard let type = Self(rawValue: wire.rawValue) else {
      throw CodecError(
        .unknownNumber(UInt64(bitPattern: Int64(wire.rawValue))), "membership change type")
    }
    self = type
  }

  package var wire: Eraftpb_ConfChangeType {
    switch self {
    case .addNode: .addNode
    case .removeNode: .removeNode
    case .addLearnerNode: .addLearnerNode
    }
  }
}

extension AdminCommand.PeerChange {
  /// One step of an operator that changes members.
  package init(_ wire: Pdpb_ChangePeer) throws(CodecError) {
    self.init(
      type: try AdminCommand.ChangeType(wire.changeType), peer: try PeerInfo(wire.peer))
  }

  package var wire: Pdpb_ChangePeer {
    var wire = Pdpb_ChangePeer()
    wire.changeType = type.wire
    wire.peer = peer.wire
    return wire
  }
}

extension KeyRange {
  package init(_ wire: Pdpb_KeyRange) {
    self.init(start: [UInt8](wire.startKey), end: [UInt8](wire.endKey))
  }

  package init(_ wire: Kvrpcpb_KeyRange) {
    self.init(start: [UInt8](wire.startKey), end: [UInt8](wire.endKey))
  }

  package var pdWire: Pdpb_KeyRange {
    var wire = Pdpb_KeyRange()
    wire.startKey = start.data
    wire.endKey = end.data
    return wire
  }

  package var wire: Kvrpcpb_KeyRange {
    var wire = Kvrpcpb_KeyRange()
    wire.startKey = start.data
    wire.endKey = end.data
    return wire
  }
}
