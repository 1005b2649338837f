/// A leader's report of its region: `pdpb.RegionHeartbeatRequest`.
package struct RegionHeartbeat: Sendable, Hashable {
  package var region: Region
  package var leader: PeerInfo
  /// The leader's raft term; 0 if it is unknown.
  package var term: UInt64
  /// Peers that lack entries the leader's log no longer holds: they wait for a snapshot.
  package var pendingPeers: [PeerInfo]
  package var downPeers: [DownPeer]
  /// Bytes, estimated.
  package var approximateSize: UInt64
  package var approximateKeys: UInt64
  /// Since the leader's previous report.
  package var bytesWritten: UInt64
  package var keysWritten: UInt64
  package var bytesRead: UInt64
  package var keysRead: UInt64

  package init(
    region: Region, leader: PeerInfo, term: UInt64, pendingPeers: [PeerInfo] = [],
    downPeers: [DownPeer] = [], approximateSize: UInt64 = 0, approximateKeys: UInt64 = 0,
    bytesWritten: UInt64 = 0, keysWritten: UInt64 = 0, bytesRead: UInt64 = 0, keysRead: UInt64 = 0
  ) {
    self.region = region
    self.leader = leader
    self.term = term
    self.pendingPeers = pendingPeers
    self.downPeers = downPeers
    self.approximateSize = approximateSize
    self.approximateKeys = approximateKeys
    self.bytesWritten = bytesWritten
    self.keysWritten = keysWritten
    self.bytesRead = bytesRead
    self.keysRead = keysRead
  }
}

/// A leader's report that PD has refused, because it contradicts what PD knows.
package struct RefusedHeartbeat: Sendable, Hashable {
  package var regionID: UInt64
  /// The leader that reported.
  package var peerID: UInt64

  package init(regionID: UInt64, peerID: UInt64) {
    self.regionID = regionID
    self.peerID = peerID
  }
}

/// A peer that has not responded to its leader for `seconds`.
package struct DownPeer: Sendable, Hashable {
  package var peer: PeerInfo
  package var seconds: UInt64

  package init(peer: PeerInfo, seconds: UInt64) {
    self.peer = peer
    self.seconds = seconds
  }
}

/// A store's report of itself: `pdpb.StoreStats`. Sizes are in bytes.
package struct StoreHeartbeat: Sendable, Hashable {
  package var storeID: UInt64
  package var capacity: UInt64
  package var available: UInt64
  package var usedSize: UInt64
  package var regionCount: UInt64
  package var sendingSnapshots: UInt64
  package var receivingSnapshots: UInt64
  package var applyingSnapshots: UInt64
  /// When the store's process started, in seconds since 1970; 0 if it is unknown.
  package var startTime: UInt64
  package var isBusy: Bool
  /// Read from all peers of the store since its previous report.
  package var bytesRead: UInt64
  package var keysRead: UInt64
  /// Regions whose peer on this store is fenced because its log or data is damaged. PD only shows them: the leaders'
  /// reports have such peers as down.
  package var damagedRegions: [UInt64]
  /// All peers of the store, if the placement driver has asked for them (`RecoveryPlan`). Not part of `received`.
  package var report: StoreReport?
  /// The report as it was received, in protobuf: PD returns it unchanged to clients that ask for the store,
  /// with the fields that PD does not read. Empty if the report was not received over the network.
  package var received: [UInt8]

  package init(
    storeID: UInt64, capacity: UInt64, available: UInt64, usedSize: UInt64 = 0,
    regionCount: UInt64 = 0, sendingSnapshots: UInt64 = 0, receivingSnapshots: UInt64 = 0,
    applyingSnapshots: UInt64 = 0, startTime: UInt64 = 0, isBusy: Bool = false,
    bytesRead: UInt64 = 0, keysRead: UInt64 = 0, damagedRegions: [UInt64] = [],
    report: StoreReport? = nil, received: [UInt8] = []
  ) {
    self.storeID = storeID
    self.capacity = capacity
    self.available = available
    self.usedSize = usedSize
    self.regionCount = regionCount
    self.sendingSnapshots = sendingSnapshots
    self.receivingSnapshots = receivingSnapshots
    self.applyingSnapshots = applyingSnapshots
    self.startTime = startTime
    self.isBusy = isBusy
    self.bytesRead = bytesRead
    self.keysRead = keysRead
    self.damagedRegions = damagedRegions
    self.report = report
    self.received = received
  }
}
