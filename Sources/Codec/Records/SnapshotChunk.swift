package import Protobuf

/// One piece of a snapshot stream: `raft_serverpb.SnapshotChunk`. The first carries the message,
/// every later one a run of the files' bytes.
package struct SnapshotChunk: Sendable, Equatable {
  package var message: RaftEnvelope?
  package var data: [UInt8]

  package init(message: RaftEnvelope? = nil, data: [UInt8] = []) {
    self.message = message
    self.data = data
  }
}

extension SnapshotChunk: ProtoRecord {
  package init() { self.init(data: []) }

  package var protoSize: Int { ProtoSize.record(message) + ProtoSize.bytes(data) }

  package func write(to writer: inout ProtoWriter) {
    writer.record(1, message)
    writer.bytes(2, data)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&message)
      case 2: try reader.read(&data)
      default: try reader.skip()
      }
    }
  }
}
