/// Which region, in which state, a command was made for: `raft_cmdpb.RaftRequestHeader`.
package struct CommandHeader: Sendable, Hashable {
  package var regionID: UInt64
  package var peer: PeerInfo
  package var epoch: RegionEpoch
  package var term: UInt64
  package var syncLog: Bool
  package var uuid: [UInt8]
  package var flags: UInt64

  package init(
    regionID: UInt64 = 0, peer: PeerInfo = PeerInfo(), epoch: RegionEpoch = RegionEpoch(),
    term: UInt64 = 0, syncLog: Bool = false, uuid: [UInt8] = [], flags: UInt64 = 0
  ) {
    self.regionID = regionID
    self.peer = peer
    self.epoch = epoch
    self.term = term
    self.syncLog = syncLog
    self.uuid = uuid
    self.flags = flags
  }
}
