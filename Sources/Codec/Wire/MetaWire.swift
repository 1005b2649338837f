package import Protobuf
package import Wire

#if canImport(FoundationEssentials)
  package import FoundationEssentials
#else
  package import Foundation
#endif

// Generated messages hold bytes as `Data`; nothing else in here names that type.

extension [UInt8] {
  /// The same bytes as a generated message holds them.
  package var data: Data { Data(self) }
}

// `metapb` messages and the plain types they stand for.

extension PeerRole {
  package init(_ wire: Metapb_PeerRole) throws(CodecError) {
    guard let role = PeerRole(rawValue: wire.rawValue) else {
      throw CodecError(.unknownNumber(UInt64(bitPattern: Int64(wire.rawValue))), "peer role")
    }
    self = role
  }

  package var wire: Metapb_PeerRole {
    switch self {
    case .voter: .voter
    case .learner: .learner
    case .incomingVoter: .incomingVoter
    case .demotingVoter: .demotingVoter
    }
  }
}

extension PeerInfo {
  package init(_ wire: Metapb_Peer) throws(CodecError) {
    self.init(
      id: wire.id, storeID: wire.storeID, role: try PeerRole(wire.role),
      isWitness: wire.isWitness)
  }

  package var wire: Metapb_Peer {
    var wire = Metapb_Peer()
    wire.id = id
    wire.storeID = storeID
    wire.role = role.wire
    wire.isWitness = isWitness
    return wire
  }
}

extension RegionEpoch {
  package init(_ wire: Metapb_RegionEpoch) {
    self.init(confVersion: wire.confVer, version: wire.version)
  }

  package var wire: Metapb_RegionEpoch {
    var wire = Metapb_RegionEpoch()
    wire.confVer = confVersion
    wire.version = version
    return wire
  }
}

extension Region {
  package init(_ wire: Metapb_Region) throws(CodecError) {
    var peers: [PeerInfo] = []
    peers.reserveCapacity(wire.peers.count)
    for peer in wire.peers { peers.append(try PeerInfo(peer)) }
    self.init(
      id: wire.id, startKey: [UInt8](wire.startKey), endKey: [UInt8](wire.endKey),
      epoch: RegionEpoch(wire.regionEpoch), peers: peers)
  }

  package var wire: Metapb_Region {
    var wire = Metapb_Region()
    wire.id = id
    wire.startKey = startKey.data
    wire.endKey = endKey.data
    wire.regionEpoch = epoch.wire
    wire.peers = peers.map(\.wire)
    return wire
  }
}

extension StoreInfo.State {
  package init(_ wire: Metapb_StoreState) throws(CodecError) {
    guard let state = Self(rawValue: wire.rawValue) else {
      throw CodecError(.unknownNumber(UInt64(bitPattern: Int64(wire.rawValue))), "store state")
    }
    self = state
  }

  package var wire: Metapb_StoreState {
    switch self {
    case .up: .up
    case .offline: .offline
    case .tombstone: .tombstone
    }
  }
}

extension StoreInfo.NodeState {
  package init(_ wire: Metapb_NodeState) throws(CodecError) {
    guard let state = Self(rawValue: wire.rawValue) else {
      throw CodecError(.unknownNumber(UInt64(bitPattern: Int64(wire.rawValue))), "node state")
    }
    self = state
  }

  package var wire: Metapb_NodeState {
    switch self {
    case .preparing: .preparing
    case .serving: .serving
    case .removing: .removing
    case .removed: .removed
    }
  }
}

extension StoreInfo {
  package init(_ wire: Metapb_Store) throws(CodecError) {
    self.init(
      id: wire.id, address: wire.address, peerAddress: wire.peerAddress,
      statusAddress: wire.statusAddress, version: wire.version, gitHash: wire.gitHash,
      startTimestamp: wire.startTimestamp, deployPath: wire.deployPath,
      state: try State(wire.state), nodeState: try NodeState(wire.nodeState),
      lastHeartbeat: wire.lastHeartbeat, physicallyDestroyed: wire.physicallyDestroyed,
      labels: wire.labels.map { Label(key: $0.key, value: $0.value) })
  }

  package var wire: Metapb_Store {
    var wire = Metapb_Store()
    wire.id = id
    wire.address = address
    wire.peerAddress = peerAddress
    wire.statusAddress = statusAddress
    wire.version = version
    wire.gitHash = gitHash
    wire.startTimestamp = startTimestamp
    wire.deployPath = deployPath
    wire.state = state.wire
    wire.nodeState = nodeState.wire
    wire.lastHeartbeat = lastHeartbeat
    wire.physicallyDestroyed = physicallyDestroyed
    wire.labels = labels.map { label in
      var wire = Metapb_StoreLabel()
      wire.key = label.key
      wire.value = label.value
      return wire
    }
    return wire
  }
}
