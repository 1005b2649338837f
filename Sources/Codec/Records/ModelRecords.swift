package import Protobuf

// `metapb`: what regions are made of.

extension PeerInfo: ProtoRecord {
  package init() { self.init(id: 0) }

  package var protoSize: Int {
    ProtoSize.uint64(id) + ProtoSize.uint64(storeID) + ProtoSize.number(role.rawValue)
      + ProtoSize.bool(isWitness)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, id)
    writer.uint64(2, storeID)
    writer.number(3, role.rawValue)
    writer.bool(4, isWitness)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&id)
      case 2: try reader.read(&storeID)
      case 3: try reader.read(&role, "peer role")
      case 4: try reader.read(&isWitness)
      default: try reader.skip()
      }
    }
  }
}

extension RegionEpoch: ProtoRecord {
  package init() { self.init(confVersion: 0) }

  package var protoSize: Int { ProtoSize.uint64(confVersion) + ProtoSize.uint64(version) }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, confVersion)
    writer.uint64(2, version)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&confVersion)
      case 2: try reader.read(&version)
      default: try reader.skip()
      }
    }
  }
}

extension Region: ProtoRecord {
  package init() { self.init(id: 0) }

  package var protoSize: Int {
    ProtoSize.uint64(id) + ProtoSize.bytes(startKey) + ProtoSize.bytes(endKey)
      + ProtoSize.record(epoch) + ProtoSize.records(peers)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, id)
    writer.bytes(2, startKey)
    writer.bytes(3, endKey)
    writer.record(4, epoch)
    writer.records(5, peers)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&id)
      case 2: try reader.read(&startKey)
      case 3: try reader.read(&endKey)
      case 4: try reader.read(&epoch)
      case 5: try reader.append(to: &peers)
      default: try reader.skip()
      }
    }
  }
}
