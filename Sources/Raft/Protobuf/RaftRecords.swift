package import Protobuf

// `eraftpb`: the raft protocol as TiKV numbers it. Numbers of entry and message types are the
// same as the core's; what is local to a node has no number there and never crosses the network.

extension Entry: ProtoRecord {
  package init() { self.init(type: .normal) }

  @inline(__always)
  package var protoSize: Int {
    ProtoSize.number(Int(type.rawValue)) + ProtoSize.uint64(term) + ProtoSize.uint64(index)
      + ProtoSize.bytes(data)
  }

  package func write(to writer: inout ProtoWriter) {
    writeHeader(to: &writer)
    writer.raw(data)
  }

  /// Writes all but the bytes of `data`. Those are the encoding's end, and may be passed on from where
  /// they are.
  package func writeHeader(to writer: inout ProtoWriter) {
    writer.number(1, Int(type.rawValue))
    writer.uint64(2, term)
    writer.uint64(3, index)
    if !data.isEmpty { writer.header(4, data.count) }
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&type, "raft entry type")
      case 2: try reader.read(&term)
      case 3: try reader.read(&index)
      case 4: try reader.read(&data)
      default: try reader.skip()
      }
    }
  }
}

extension HardState: ProtoRecord {
  package init() { self.init(term: 0) }

  package var protoSize: Int {
    ProtoSize.uint64(term) + ProtoSize.uint64(vote) + ProtoSize.uint64(commit)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, term)
    writer.uint64(2, vote)
    writer.uint64(3, commit)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&term)
      case 2: try reader.read(&vote)
      case 3: try reader.read(&commit)
      default: try reader.skip()
      }
    }
  }
}

extension ConfState: ProtoRecord {
  package init() { self.init(voters: []) }

  package var protoSize: Int {
    ProtoSize.packed(voters) + ProtoSize.packed(learners) + ProtoSize.packed(votersOutgoing)
      + ProtoSize.packed(learnersNext) + ProtoSize.bool(autoLeave)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.packed(1, voters)
    writer.packed(2, learners)
    writer.packed(3, votersOutgoing)
    writer.packed(4, learnersNext)
    writer.bool(5, autoLeave)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.append(to: &voters)
      case 2: try reader.append(to: &learners)
      case 3: try reader.append(to: &votersOutgoing)
      case 4: try reader.append(to: &learnersNext)
      case 5: try reader.read(&autoLeave)
      default: try reader.skip()
      }
    }
  }
}

extension SnapshotMetadata: ProtoRecord {
  package init() { self.init(index: 0) }

  package var protoSize: Int {
    ProtoSize.record(confState) + ProtoSize.uint64(index) + ProtoSize.uint64(term)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.record(1, confState)
    writer.uint64(2, index)
    writer.uint64(3, term)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&confState)
      case 2: try reader.read(&index)
      case 3: try reader.read(&term)
      default: try reader.skip()
      }
    }
  }
}

extension Snapshot: ProtoRecord {
  package init() { self.init(data: []) }

  package var protoSize: Int { ProtoSize.bytes(data) + ProtoSize.record(metadata) }

  package func write(to writer: inout ProtoWriter) {
    writer.bytes(1, data)
    writer.record(2, metadata)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&data)
      case 2: try reader.read(&metadata)
      default: try reader.skip()
      }
    }
  }
}
