package import Protobuf
import Raft

// `raft_serverpb`: what a store keeps on disk for itself and for each region.

extension StoreIdent: ProtoRecord {
  package init() { self.init(clusterID: 0) }

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

extension RegionLocalState: ProtoRecord {
  package init() { self.init(state: .normal) }

  package var protoSize: Int {
    ProtoSize.number(state.rawValue) + ProtoSize.record(region) + ProtoSize.record(merge)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.number(1, state.rawValue)
    writer.record(2, region)
    writer.record(3, merge)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&state, "peer state")
      case 2: try reader.read(&region)
      case 3: try reader.read(&merge)
      default: try reader.skip()
      }
    }
  }
}

extension MergeState: ProtoRecord {
  package init() { self.init(commit: 0) }

  package var protoSize: Int {
    ProtoSize.uint64(minIndex) + ProtoSize.record(target) + ProtoSize.uint64(commit)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, minIndex)
    writer.record(2, target)
    writer.uint64(3, commit)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&minIndex)
      case 2: try reader.read(&target)
      case 3: try reader.read(&commit)
      default: try reader.skip()
      }
    }
  }
}

extension ApplyState: ProtoRecord {
  package init() { self.init(appliedIndex: 0) }

  private var truncatedSize: Int {
    ProtoSize.uint64(truncatedIndex) + ProtoSize.uint64(truncatedTerm)
  }

  package var protoSize: Int {
    ProtoSize.uint64(appliedIndex) + ProtoSize.body(truncatedSize)
      + ProtoSize.uint64(lastCommitIndex) + ProtoSize.uint64(commitIndex)
      + ProtoSize.uint64(commitTerm)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, appliedIndex)
    writer.header(2, truncatedSize)
    writer.uint64(1, truncatedIndex)
    writer.uint64(2, truncatedTerm)
    writer.uint64(3, lastCommitIndex)
    writer.uint64(4, commitIndex)
    writer.uint64(5, commitTerm)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&appliedIndex)
      case 2:
        guard var nested = try reader.message() else { continue }
        while try nested.next() {
          switch nested.field {
          case 1: try nested.read(&truncatedIndex)
          case 2: try nested.read(&truncatedTerm)
          default: try nested.skip()
          }
        }
      case 3: try reader.read(&lastCommitIndex)
      case 4: try reader.read(&commitIndex)
      case 5: try reader.read(&commitTerm)
      default: try reader.skip()
      }
    }
  }
}

extension RaftLocalState: ProtoRecord {
  package init() { self.init(lastIndex: 0) }

  package var protoSize: Int { ProtoSize.record(hardState) + ProtoSize.uint64(lastIndex) }

  package func write(to writer: inout ProtoWriter) {
    writer.record(1, hardState)
    writer.uint64(2, lastIndex)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&hardState)
      case 2: try reader.read(&lastIndex)
      default: try reader.skip()
      }
    }
  }
}

extension PeerDamage: ProtoRecord {
  package init() { self.init(peerID: 0) }

  package var protoSize: Int { ProtoSize.uint64(peerID) + ProtoSize.string(reason) }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, peerID)
    writer.string(2, reason)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    var text: [UInt8] = []
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&peerID)
      case 2: try reader.read(&text)
      default: try reader.skip()
      }
    }
    reason = String(decoding: text, as: UTF8.self)
  }
}
