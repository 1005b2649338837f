package import Raft

/// A change to a region itself, replicated like data: `raft_cmdpb.AdminRequest`.
package enum AdminCommand: Sendable, Hashable {
  /// What a membership change does to its peer; numbers are `eraftpb.ConfChangeType`'s.
  package enum ChangeType: Int, Sendable, Hashable, CaseIterable {
    case addNode = 0
    case removeNode = 1
    case addLearnerNode = 2
  }

  /// One step of a membership change.
  package struct PeerChange: Sendable, Hashable {
    package var type: ChangeType
    package var peer: PeerInfo

    package init(type: ChangeType, peer: PeerInfo) {
      self.type = type
      self.peer = peer
    }
  }

  /// One cut of a split, and the ids of the region it creates.
  package struct Split: Sendable, Hashable {
    /// The first key of the part on the right.
    package var key: [UInt8]
    package var newRegionID: UInt64
    /// One for each peer of the region, in the order of its peers.
    package var newPeerIDs: [UInt64]

    package init(key: [UInt8], newRegionID: UInt64, newPeerIDs: [UInt64]) {
      self.key = key
      self.newRegionID = newRegionID
      self.newPeerIDs = newPeerIDs
    }
  }

  /// Several cuts of one region: `raft_cmdpb.BatchSplitRequest`.
  package struct BatchSplit: Sendable, Hashable {
    /// In ascending order of their keys.
    package var splits: [Split]
    /// The old region keeps the right-most part; otherwise the left-most. The new regions take the other parts
    /// in key order.
    package var rightDerive: Bool
    /// All parts are about equally large, so that each may be taken to have an equal share of the region's size.
    package var sharesSize: Bool

    package init(splits: [Split], rightDerive: Bool, sharesSize: Bool = false) {
      self.splits = splits
      self.rightDerive = rightDerive
      self.sharesSize = sharesSize
    }
  }

  case changePeer(PeerChange)
  /// An empty list leaves the joint configuration.
  case changePeerV2([PeerChange])
  case compactLog(index: UInt64, term: UInt64)
  /// `candidates` are further peers that would do.
  case transferLeader(peer: PeerInfo, candidates: [PeerInfo])
  case batchSplit(BatchSplit)
  case prepareMerge(PrepareMerge)
  case commitMerge(CommitMerge)
  /// Ends a merge that cannot be done any more. `commit` is the index of its `prepareMerge`.
  case rollbackMerge(commit: UInt64)
  /// Every replica computes the hash of the region's data as it is at this entry. `context` says how: see
  /// `ConsistencyContext`.
  case computeHash(context: [UInt8])
  /// A replica whose hash at `index` differs is damaged.
  case verifyHash(index: UInt64, hash: [UInt8], context: [UInt8])
}

extension AdminCommand.ChangeType {
  /// The core's name for the same change.
  package var raftType: Raft.ConfChangeType {
    switch self {
    case .addNode: .addNode
    case .removeNode: .removeNode
    case .addLearnerNode: .addLearnerNode
    }
  }
}
