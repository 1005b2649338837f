package import Protobuf

// `raft_serverpb`: what stores send each other.

extension ExtraMessage: ProtoRecord {
  package init() { self.init(kind: .regionWakeUp) }

  package var protoSize: Int {
    ProtoSize.number(kind.rawValue) + ProtoSize.uint64(index) + ProtoSize.records(checkPeers)
      + ProtoSize.bool(waitData) + ProtoSize.bool(forcelyAwaken)
      + ProtoSize.record(checkGCPeer) + ProtoSize.bool(snapGenPrecheckPassed)
      + ProtoSize.bool(isCertain)
      + ProtoSize.bytes(hash)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.number(1, kind.rawValue)
    writer.uint64(2, index)
    writer.records(3, checkPeers)
    writer.bool(4, waitData)
    writer.bool(5, forcelyAwaken)
    writer.record(6, checkGCPeer)
    writer.bool(10, snapGenPrecheckPassed)
    writer.bool(15, isCertain)
    writer.bytes(14, hash)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&kind, "extra message type")
      case 2: try reader.read(&index)
      case 3: try reader.append(to: &checkPeers)
      case 4: try reader.read(&waitData)
      case 5: try reader.read(&forcelyAwaken)
      case 6: try reader.read(&checkGCPeer)
      case 10: try reader.read(&snapGenPrecheckPassed)
      case 15: try reader.read(&isCertain)
      case 14: try reader.read(&hash)
      default: try reader.skip()
      }
    }
  }
}

extension ExtraMessage.CheckGCPeer: ProtoRecord {
  package init() { self.init(fromRegionID: 0) }

  package var protoSize: Int {
    ProtoSize.uint64(fromRegionID) + ProtoSize.uint64(checkRegionID)
      + ProtoSize.record(checkRegionEpoch) + ProtoSize.record(checkPeer)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, fromRegionID)
    writer.uint64(2, checkRegionID)
    writer.record(3, checkRegionEpoch)
    writer.record(4, checkPeer)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&fromRegionID)
      case 2: try reader.read(&checkRegionID)
      case 3: try reader.read(&checkRegionEpoch)
      case 4: try reader.read(&checkPeer)
      default: try reader.skip()
      }
    }
  }
}

extension RaftEnvelope: ProtoRecord {
  package init() { self.init(regionID: 0, from: PeerInfo(), to: PeerInfo()) }

  package var protoSize: Int {
    let route =
      ProtoSize.uint64(regionID) + ProtoSize.record(from) + ProtoSize.record(to)
      + ProtoSize.record(epoch)
    let rest =
      ProtoSize.bool(isTombstone) + ProtoSize.bytes(startKey) + ProtoSize.bytes(endKey)
      + ProtoSize.record(mergeTarget) + ProtoSize.record(extra)
    return route + ProtoSize.record(message) + rest
  }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, regionID)
    writer.record(2, from)
    writer.record(3, to)
    writer.record(4, message)
    writer.record(5, epoch)
    writer.bool(6, isTombstone)
    writer.bytes(7, startKey)
    writer.bytes(8, endKey)
    writer.record(9, mergeTarget)
    writer.record(10, extra)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&regionID)
      case 2: try reader.read(&from)
      case 3: try reader.read(&to)
      case 4: try reader.read(&message)
      case 5: try reader.read(&epoch)
      case 6: try reader.read(&isTombstone)
      case 7: try reader.read(&startKey)
      case 8: try reader.read(&endKey)
      case 9: try reader.read(&mergeTarget)
      case 10: try reader.read(&extra)
      default: try reader.skip()
      }
    }
  }
}
