/// One entry of a region's log, read whole: `raft_cmdpb.RaftCmdRequest`.
///
/// The apply path does not build these; see `CommandCodec.visit`.
package struct Command: Sendable, Hashable {
  package var header: CommandHeader
  package var mutations: [Mutation]
  package var admin: AdminCommand?

  package init(
    header: CommandHeader, mutations: [Mutation] = [], admin: AdminCommand? = nil
  ) {
    self.header = header
    self.mutations = mutations
    self.admin = admin
  }
}

/// Which region, in which state, a command was made for: `raft_cmdpb.RaftRequestHeader`.
package struct CommandHeader: Sendable, Hashable {
  package var regionID: UInt64
  package var peer: PeerInfo
  package var epoch: RegionEpoch
  package var term: UInt64
  /// Kept for TiKV's format, not used; written as false.
  package var syncLog: Bool
  /// Kept for TiKV's format, not used; written as empty.
  package var uuid: [UInt8]
  /// Kept for TiKV's format, not used; written as 0.
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

/// One change to the user data of a region.
package enum Mutation: Sendable, Hashable {
  case put(cf: DataCF, key: [UInt8], value: [UInt8])
  case delete(cf: DataCF, key: [UInt8])
  /// With `notifyOnly` the data stays and only observers are notified.
  case deleteRange(cf: DataCF, start: [UInt8], end: [UInt8], notifyOnly: Bool)
}
