package import Protobuf

/// `raft_cmdpb.CmdType`, as far as the log holds such requests.
enum RequestNumber: UInt32 {
  case put = 3
  case delete = 4
  case deleteRange = 7
}

/// `raft_cmdpb.AdminCmdType`.
enum AdminNumber: Int {
  case changePeer = 1
  case compactLog = 3
  case transferLeader = 4
  case batchSplit = 10
  case changePeerV2 = 11
  case prepareMerge = 7
  case commitMerge = 8
  case rollbackMerge = 9
  case computeHash = 5
  case verifyHash = 6
}

// `raft_cmdpb`: the header of a log entry and the changes to the region itself.

extension CommandHeader: ProtoRecord {
  package init() { self.init(regionID: 0) }

  package var protoSize: Int {
    ProtoSize.uint64(regionID) + ProtoSize.record(peer) + ProtoSize.bytes(uuid)
      + ProtoSize.record(epoch) + ProtoSize.uint64(term) + ProtoSize.bool(syncLog)
      + ProtoSize.uint64(flags)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, regionID)
    writer.record(2, peer)
    writer.bytes(4, uuid)
    writer.record(5, epoch)
    writer.uint64(6, term)
    writer.bool(7, syncLog)
    writer.uint64(10, flags)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&regionID)
      case 2: try reader.read(&peer)
      case 4: try reader.read(&uuid)
      case 5: try reader.read(&epoch)
      case 6: try reader.read(&term)
      case 7: try reader.read(&syncLog)
      case 10: try reader.read(&flags)
      default: try reader.skip()
      }
    }
  }
}

extension AdminCommand.PeerChange: ProtoRecord {
  package init() { self.init(type: .addNode, peer: PeerInfo()) }

  package var protoSize: Int { ProtoSize.number(type.rawValue) + ProtoSize.record(peer) }

  package func write(to writer: inout ProtoWriter) {
    writer.number(1, type.rawValue)
    writer.record(2, peer)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&type, "membership change type")
      case 2: try reader.read(&peer)
      default: try reader.skip()
      }
    }
  }
}

extension AdminCommand.Split: ProtoRecord {
  package init() { self.init(key: [], newRegionID: 0, newPeerIDs: []) }

  package var protoSize: Int {
    ProtoSize.bytes(key) + ProtoSize.uint64(newRegionID) + ProtoSize.packed(newPeerIDs)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.bytes(1, key)
    writer.uint64(2, newRegionID)
    writer.packed(3, newPeerIDs)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&key)
      case 2: try reader.read(&newRegionID)
      case 3: try reader.append(to: &newPeerIDs)
      default: try reader.skip()
      }
    }
  }
}

extension AdminCommand.BatchSplit: ProtoRecord {
  package init() { self.init(splits: [], rightDerive: false) }

  package var protoSize: Int {
    ProtoSize.records(splits) + ProtoSize.bool(rightDerive) + ProtoSize.bool(sharesSize)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.records(1, splits)
    writer.bool(2, rightDerive)
    writer.bool(3, sharesSize)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.append(to: &splits)
      case 2: try reader.read(&rightDerive)
      case 3: try reader.read(&sharesSize)
      default: try reader.skip()
      }
    }
  }
}
