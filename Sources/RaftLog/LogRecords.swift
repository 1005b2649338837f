package import Protobuf
import Raft

// What the log database holds beside entries. Only this program writes there, so that bytes are read
// strictly: a known field of another wire type is damage.

/// `raft_serverpb.RaftLocalState`.
struct LogState: ProtoRecord {
  var hardState = HardState()
  /// The index of the last entry; where there is none, the one before the log's start.
  var last: UInt64 = 0

  var protoSize: Int { ProtoSize.record(hardState) + ProtoSize.uint64(last) }

  func write(to writer: inout ProtoWriter) {
    writer.record(1, hardState)
    writer.uint64(2, last)
  }

  mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&hardState)
      case 2: try reader.read(&last)
      default: try reader.skip()
      }
    }
  }
}

/// `raft_serverpb.RaftTruncatedState`: the entry before a log's start.
struct LogStart: ProtoRecord {
  var index: UInt64 = 0
  var term: UInt64 = 0

  var protoSize: Int { ProtoSize.uint64(index) + ProtoSize.uint64(term) }

  func write(to writer: inout ProtoWriter) {
    writer.uint64(1, index)
    writer.uint64(2, term)
  }

  mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&index)
      case 2: try reader.read(&term)
      default: try reader.skip()
      }
    }
  }
}

/// `raft_serverpb.StoreIdent`.
extension LogStoreIdentity: ProtoRecord {
  package init() { self.init(clusterID: 0, storeID: 0) }

  package var protoSize: Int { ProtoSize.uint64(clusterID) + ProtoSize.uint64(storeID) }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, clusterID)
    writer.uint64(2, storeID)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&clusterID)
      case 2: try reader.read(&storeID)
      default: try reader.skip()
      }
    }
  }
}

/// Term and index of a stored entry, read without its data.
struct StoredEntryID {
  var term: UInt64 = 0
  var index: UInt64 = 0

  init(of entry: Entry) {
    term = entry.term
    index = entry.index
  }

  init(decoding bytes: UnsafeRawBufferPointer) throws(CodecError) {
    var reader = ProtoReader(bytes, strict: true)
    while try reader.next() {
      switch reader.field {
      case 2: try reader.read(&term)
      case 3: try reader.read(&index)
      default: try reader.skip()
      }
    }
  }
}
