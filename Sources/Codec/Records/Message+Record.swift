package import Protobuf
package import Raft

/// `eraftpb.Message`. The vote and the responses of a message to a storage thread are not encoded:
/// those messages never leave their node.
extension Raft.Message: ProtoRecord {
  /// The highest number `eraftpb.MessageType` gives; types above are local to a node.
  private static let lastSharedType = Raft.MessageType.preVoteResponse.rawValue

  package init() { self.init(.hup) }

  package var protoSize: Int {
    let head =
      ProtoSize.number(Int(type.rawValue)) + ProtoSize.uint64(to) + ProtoSize.uint64(from)
      + ProtoSize.uint64(term) + ProtoSize.uint64(logTerm) + ProtoSize.uint64(index)
    let tail =
      ProtoSize.uint64(commit) + ProtoSize.record(snapshot) + ProtoSize.bool(reject)
      + ProtoSize.uint64(rejectHint) + ProtoSize.bytes(context) + ProtoSize.int64(priority)
    return head + ProtoSize.records(entries) + tail
  }

  package func write(to writer: inout ProtoWriter) {
    precondition(
      type.rawValue <= Self.lastSharedType, "a message that is local to its node was encoded")
    writer.number(1, Int(type.rawValue))
    writer.uint64(2, to)
    writer.uint64(3, from)
    writer.uint64(4, term)
    writer.uint64(5, logTerm)
    writer.uint64(6, index)
    writer.records(7, entries)
    writer.uint64(8, commit)
    writer.record(9, snapshot)
    writer.bool(10, reject)
    writer.uint64(11, rejectHint)
    writer.bytes(12, context)
    writer.int64(15, priority)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1:
        let offset = reader.position
        try reader.read(&type, "raft message type")
        guard type.rawValue <= Self.lastSharedType else {
          throw CodecError(
            .unknownNumber(UInt64(type.rawValue)), "raft message type", offset: offset)
        }
      case 2: try reader.read(&to)
      case 3: try reader.read(&from)
      case 4: try reader.read(&term)
      case 5: try reader.read(&logTerm)
      case 6: try reader.read(&index)
      case 7: try reader.append(to: &entries)
      case 8: try reader.read(&commit)
      case 9: try reader.read(&snapshot)
      case 10: try reader.read(&reject)
      case 11: try reader.read(&rejectHint)
      case 12: try reader.read(&context)
      case 15: try reader.read(&priority)
      default: try reader.skip()
      }
    }
  }
}
