package import Protobuf

// `kvrpcpb`: what stores ask each other about leaders.

extension SafeReadState: ProtoRecord {
  package init() { self.init(appliedIndex: 0) }

  package var protoSize: Int { ProtoSize.uint64(appliedIndex) + ProtoSize.uint64(safeTS) }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, appliedIndex)
    writer.uint64(2, safeTS)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&appliedIndex)
      case 2: try reader.read(&safeTS)
      default: try reader.skip()
      }
    }
  }
}

extension LeaderInfo: ProtoRecord {
  package init() { self.init(regionID: 0) }

  package var protoSize: Int {
    ProtoSize.uint64(regionID) + ProtoSize.uint64(peerID) + ProtoSize.uint64(term)
      + ProtoSize.record(epoch) + ProtoSize.record(readState)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, regionID)
    writer.uint64(2, peerID)
    writer.uint64(3, term)
    writer.record(4, epoch)
    writer.record(5, readState)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&regionID)
      case 2: try reader.read(&peerID)
      case 3: try reader.read(&term)
      case 4: try reader.read(&epoch)
      case 5: try reader.read(&readState)
      default: try reader.skip()
      }
    }
  }
}

extension LeaderCheck: ProtoRecord {
  package init() { self.init(leaders: []) }

  package var protoSize: Int { ProtoSize.records(leaders) }

  package func write(to writer: inout ProtoWriter) { writer.records(1, leaders) }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.append(to: &leaders)
      default: try reader.skip()
      }
    }
  }
}

extension LeaderCheckResponse: ProtoRecord {
  package init() { self.init(regionIDs: []) }

  package var protoSize: Int { ProtoSize.packed(regionIDs) }

  package func write(to writer: inout ProtoWriter) { writer.packed(1, regionIDs) }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.append(to: &regionIDs)
      default: try reader.skip()
      }
    }
  }
}
