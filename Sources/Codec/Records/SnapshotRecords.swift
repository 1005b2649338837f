package import Protobuf

// `raft_serverpb`: what describes a snapshot, on disk and in the message that announces it.

extension SnapshotFile: ProtoRecord {
  package init() { self.init(cf: "") }

  package var protoSize: Int {
    ProtoSize.string(cf) + ProtoSize.uint64(size) + ProtoSize.uint32(checksum)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.string(1, cf)
    writer.uint64(2, size)
    writer.uint32(3, checksum)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1:
        let offset = reader.position
        guard let range = try reader.range() else { continue }
        guard let name = String(validating: reader.slice(range), as: UTF8.self) else {
          throw CodecError(.malformed, "snapshot file's column family", offset: offset)
        }
        cf = name
      case 2: try reader.read(&size)
      case 3: try reader.read(&checksum)
      default: try reader.skip()
      }
    }
  }
}

extension SnapshotMeta: ProtoRecord {
  package init() { self.init(files: []) }

  package var protoSize: Int {
    ProtoSize.records(files) + ProtoSize.bool(forBalance) + ProtoSize.bool(forWitness)
      + ProtoSize.uint64(start) + ProtoSize.uint64(generateDurationSeconds)
      + ProtoSize.uint64(commitIndexHint)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.records(1, files)
    writer.bool(2, forBalance)
    writer.bool(3, forWitness)
    writer.uint64(4, start)
    writer.uint64(5, generateDurationSeconds)
    writer.uint64(7, commitIndexHint)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.append(to: &files)
      case 2: try reader.read(&forBalance)
      case 3: try reader.read(&forWitness)
      case 4: try reader.read(&start)
      case 5: try reader.read(&generateDurationSeconds)
      case 7: try reader.read(&commitIndexHint)
      default: try reader.skip()
      }
    }
  }
}

extension RaftSnapshotData: ProtoRecord {
  /// Version 0, as bytes that do not name one mean it.
  package init() { self.init(version: 0) }

  package var protoSize: Int {
    ProtoSize.record(region) + ProtoSize.uint64(fileSize) + ProtoSize.uint64(version)
      + ProtoSize.record(meta)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.record(1, region)
    writer.uint64(2, fileSize)
    writer.uint64(4, version)
    writer.record(5, meta)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&region)
      case 2: try reader.read(&fileSize)
      case 4: try reader.read(&version)
      case 5: try reader.read(&meta)
      default: try reader.skip()
      }
    }
  }
}
