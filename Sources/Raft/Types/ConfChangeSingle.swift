/// One step of a membership change.
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
