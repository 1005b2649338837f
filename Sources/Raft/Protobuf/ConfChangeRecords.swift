package import Protobuf

// `eraftpb`: membership changes, the data of entries of type `confChange` and `confChangeV2`.

extension ConfChange: ProtoRecord {
  package init() { self.init(id: 0) }

  package var protoSize: Int {
    ProtoSize.uint64(id) + ProtoSize.uint64(type.wireValue) + ProtoSize.uint64(nodeID)
      + ProtoSize.bytes(context)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, id)
    writer.uint64(2, type.wireValue)
    writer.uint64(3, nodeID)
    writer.bytes(4, context)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&id)
      case 2: try type.merge(from: &reader)
      case 3: try reader.read(&nodeID)
      case 4: try reader.read(&context)
      default: try reader.skip()
      }
    }
  }
}

extension ConfChangeSingle: ProtoRecord {
  package init() { self.init(nodeID: 0) }

  package var protoSize: Int {
    ProtoSize.uint64(type.wireValue) + ProtoSize.uint64(nodeID)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, type.wireValue)
    writer.uint64(2, nodeID)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try type.merge(from: &reader)
      case 2: try reader.read(&nodeID)
      default: try reader.skip()
      }
    }
  }
}

extension ConfChangeV2: ProtoRecord {
  package init() { self.init(changes: []) }

  package var protoSize: Int {
    ProtoSize.number(Int(transition.rawValue)) + ProtoSize.records(changes)
      + ProtoSize.bytes(context)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.number(1, Int(transition.rawValue))
    writer.records(2, changes)
    writer.bytes(3, context)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&transition, "membership change transition")
      case 2: try reader.append(to: &changes)
      case 3: try reader.read(&context)
      default: try reader.skip()
      }
    }
  }
}

extension ConfChangeType {
  /// Reads the present field; its numbers are not the raw values.
  fileprivate mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    let offset = reader.position
    var number = wireValue
    try reader.read(&number)
    guard let type = ConfChangeType(wireValue: number) else {
      throw CodecError(.unknownNumber(number), "membership change type", offset: offset)
    }
    self = type
  }
}
