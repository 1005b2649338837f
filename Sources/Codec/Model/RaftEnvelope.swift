package import Raft

/// One message between the peers of a region on two stores: `raft_serverpb.RaftMessage`.
package struct RaftEnvelope: Sendable, Equatable {
  package var regionID: UInt64
  package var from: PeerInfo
  package var to: PeerInfo
  /// Absent when the envelope carries an extra message or a tombstone notice only.
  package var message: Raft.Message?
  package var epoch: RegionEpoch
  /// Notifies the receiver that its peer was removed from the region.
  package var isTombstone: Bool
  /// The region's range, so that a receiver which lacks the peer knows whether it overlaps
  /// another; only sent with the messages that may create a peer.
  package var startKey: [UInt8]
  package var endKey: [UInt8]
  /// The region that a source peer was merged into, for the receiver to check.
  package var mergeTarget: Region?
  package var extra: ExtraMessage?

  package init(
    regionID: UInt64, from: PeerInfo, to: PeerInfo, message: Raft.Message? = nil,
    epoch: RegionEpoch = RegionEpoch(), isTombstone: Bool = false, startKey: [UInt8] = [],
    endKey: [UInt8] = [], mergeTarget: Region? = nil, extra: ExtraMessage? = nil
  ) {
    self.regionID = regionID
    self.from = from
    self.to = to
    self.message = message
    self.epoch = epoch
    self.isTombstone = isTombstone
    self.startKey = startKey
    self.endKey = endKey
    self.mergeTarget = mergeTarget
    self.extra = extra
  }
}

extension RaftEnvelope {
  /// Bytes on the wire, more or less: entries are what counts.
  package var approximateSize: Int {
    var size = 64 + startKey.count + endKey.count
    if let message {
      size += message.context.count + (message.snapshot?.data.count ?? 0)
      for entry in message.entries { size += entry.data.count + 24 }
    }
    return size
  }
}
