package import Protobuf

/// All raft messages that leave for one store together: `tikvpb.BatchRaftMessage`.
package struct RaftBatch: Sendable, Equatable {
  package var messages: [RaftEnvelope]
  /// The sender's clock when it last received something from the receiver; 0 when unknown.
  package var lastObservedTime: UInt64

  package init(messages: [RaftEnvelope] = [], lastObservedTime: UInt64 = 0) {
    self.messages = messages
    self.lastObservedTime = lastObservedTime
  }
}

extension RaftBatch: ProtoRecord {
  package init() { self.init(messages: []) }

  package var protoSize: Int {
    ProtoSize.records(messages) + ProtoSize.uint64(lastObservedTime)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.records(1, messages)
    writer.uint64(13, lastObservedTime)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.append(to: &messages)
      case 13: try reader.read(&lastObservedTime)
      default: try reader.skip()
      }
    }
  }
}
