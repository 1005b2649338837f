package import Codec

/// The messages of the store worker.
package enum StoreMessage: Sendable {
  /// A raft message for a region this store has no peer of.
  case raft(RaftEnvelope)
  case tick(StoreTick)
  /// A split has created the region's peer: messages kept for it can be delivered.
  case childCreated(regionID: UInt64)
  /// A leader's report, to be completed with the region's size and sent on.
  case regionHeartbeat(RegionHeartbeat)
  /// Have a region measured; completed by `RaftWorkerMessage.splitChecked`.
  case checkSplit(SplitCheck)
  /// Ask the placement driver for ids; completed by `RaftWorkerMessage.splitIDs`.
  case askSplit(SplitQuestion)
  /// Report the regions that a split has made, in key order.
  case reportSplit([Region])
  /// Ask the placement driver whether a peer without a leader is still a member; completed by
  /// `RaftWorkerMessage.membershipChecked`.
  /// The region is as the peer knows it; of one that never learnt it, at least the newest epoch it
  /// heard of.
  case checkMembership(region: Region, peerID: UInt64)
  /// What the placement driver said to that.
  case membershipFetched(
    regionID: UInt64, peerID: UInt64, knownConfVersion: UInt64, Result<Region?, PDClientError>)
  /// Ask the placement driver whether the region was merged; completed by `RaftWorkerMessage.mergeConfirmed`.
  case checkMerge(region: Region, peerID: UInt64)
  /// A raft worker has its first hibernated follower of a leader on the store, or none any more.
  case watchStore(storeID: UInt64, begins: Bool)
  /// A range of values was deleted at once; may be refused by a full mailbox.
  case rangeDeleted(KeyRange)
  /// What the placement driver wants done for the recovery of regions.
  case recover(RecoveryPlan)
  /// One raft worker's part of the report for a step of that.
  case peersInspected(step: UInt64, [RegionStatus])
  /// The lowest timestamp up to which a raft worker's leaders have their regions resolved, in a round of `advanceSafeTS`:
  /// 0 if one does not know, nil without leaders.
  case shardResolved(round: UInt64, UInt64?)
}

extension StoreMessage {
  /// About the memory it keeps while it waits, in bytes.
  var mailboxCost: Int {
    switch self {
    case .raft(let envelope): envelope.approximateSize
    case .rangeDeleted(let range): 256 + range.start.count + range.end.count
    default: 256
    }
  }
}

/// The timers of a store.
package enum StoreTick: Sendable {
  case heartbeat
  case checkDisk
  case gcSnapshots
  case purgeLogs
  /// Beats between stores (`StoreLiveness`).
  case liveness
  case advanceSafeTS
  /// Look for ranges with many deletions (`CompactionWorker`).
  case checkCompaction
  case checkConsistency
}
