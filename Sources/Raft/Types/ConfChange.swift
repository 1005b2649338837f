/// A membership change of one node, in the older form.
package struct ConfChange: Sendable, Equatable {
  package var id: UInt64
  package var type: ConfChangeType
  package var nodeID: UInt64
  package var context: [UInt8]

  package init(
    id: UInt64 = 0, type: ConfChangeType = .addNode, nodeID: UInt64 = 0, context: [UInt8] = []
  ) {
    self.id = id
    self.type = type
    self.nodeID = nodeID
    self.context = context
  }

  /// The same change in the newer form.
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
