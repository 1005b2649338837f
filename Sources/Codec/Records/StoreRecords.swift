package import Protobuf

// `metapb`: stores and the cluster, as the placement driver keeps them on disk.

extension StoreInfo.Label: ProtoRecord {
  package init() { self.init(key: "", value: "") }

  package var protoSize: Int { ProtoSize.string(key) + ProtoSize.string(value) }

  package func write(to writer: inout ProtoWriter) {
    writer.string(1, key)
    writer.string(2, value)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&key, "label name")
      case 2: try reader.read(&value, "label value")
      default: try reader.skip()
      }
    }
  }
}

extension StoreInfo: ProtoRecord {
  package init() { self.init(id: 0) }

  package var protoSize: Int {
    let texts =
      ProtoSize.string(address) + ProtoSize.string(version) + ProtoSize.string(peerAddress)
      + ProtoSize.string(statusAddress) + ProtoSize.string(gitHash) + ProtoSize.string(deployPath)
    let numbers =
      ProtoSize.uint64(id) + ProtoSize.number(state.rawValue) + ProtoSize.int64(startTimestamp)
      + ProtoSize.int64(lastHeartbeat) + ProtoSize.bool(physicallyDestroyed)
      + ProtoSize.number(nodeState.rawValue)
    return texts + numbers + ProtoSize.records(labels)
  }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, id)
    writer.string(2, address)
    writer.number(3, state.rawValue)
    writer.records(4, labels)
    writer.string(5, version)
    writer.string(6, peerAddress)
    writer.string(7, statusAddress)
    writer.string(8, gitHash)
    writer.int64(9, startTimestamp)
    writer.string(10, deployPath)
    writer.int64(11, lastHeartbeat)
    writer.bool(12, physicallyDestroyed)
    writer.number(13, nodeState.rawValue)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&id)
      case 2: try reader.read(&address, "store address")
      case 3: try reader.read(&state, "store state")
      case 4: try reader.append(to: &labels)
      case 5: try reader.read(&version, "store version")
      case 6: try reader.read(&peerAddress, "store peer address")
      case 7: try reader.read(&statusAddress, "store status address")
      case 8: try reader.read(&gitHash, "store git hash")
      case 9: try reader.read(&startTimestamp)
      case 10: try reader.read(&deployPath, "store path")
      case 11: try reader.read(&lastHeartbeat)
      case 12: try reader.read(&physicallyDestroyed)
      case 13: try reader.read(&nodeState, "node state")
      default: try reader.skip()
      }
    }
  }
}

extension ClusterInfo: ProtoRecord {
  package init() { self.init(id: 0, maxPeerCount: 0) }

  package var protoSize: Int { ProtoSize.uint64(id) + ProtoSize.uint32(maxPeerCount) }

  package func write(to writer: inout ProtoWriter) {
    writer.uint64(1, id)
    writer.uint32(2, maxPeerCount)
  }

  package mutating func merge(from reader: inout ProtoReader) throws(CodecError) {
    while try reader.next() {
      switch reader.field {
      case 1: try reader.read(&id)
      case 2: try reader.read(&maxPeerCount)
      default: try reader.skip()
      }
    }
  }
}

extension ProtoReader {
  /// Text, which is valid UTF-8 in protobuf.
  fileprivate mutating func read(
    _ value: inout String, _ subject: StaticString
  ) throws(CodecError) {
    guard let range = try range() else { return }
    guard let text = String(validating: slice(range), as: UTF8.self) else {
      throw CodecError(.malformed, "\(subject)")
    }
    value = text
  }
}
