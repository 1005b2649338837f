package import Raft

/// Which store of which cluster a data directory belongs to: `raft_serverpb.StoreIdent`.
package struct StoreIdent: Sendable, Hashable {
  package var clusterID: UInt64
  package var storeID: UInt64

  package init(clusterID: UInt64 = 0, storeID: UInt64 = 0) {
    self.clusterID = clusterID
    self.storeID = storeID
  }
}

/// Where a peer is in its life on this store; numbers are `raft_serverpb.PeerState`'s.
package enum PeerState: Int, Sendable, Hashable, CaseIterable {
  case normal = 0
  /// A snapshot is being applied; a restart must finish it.
  case applying = 1
  /// Removed from the region permanently; its id must never come back.
  case tombstone = 2
  /// A merge into another region is prepared: it will end, or the merge is rolled back.
  case merging = 3
  case unavailable = 4
}

/// What a store remembers of a region between restarts: `raft_serverpb.RegionLocalState`.
package struct RegionLocalState: Sendable, Hashable {
  package var state: PeerState
  package var region: Region
  /// Of a peer that is *merging*: its merge. Of a tombstone: the merge by which the region ended; nil when the peer
  /// was removed.
  package var merge: MergeState?

  package init(state: PeerState = .normal, region: Region = Region(), merge: MergeState? = nil) {
    self.state = state
    self.region = region
    self.merge = merge
  }
}

/// A merge as its source remembers it: `raft_serverpb.MergeState`.
package struct MergeState: Sendable, Hashable {
  /// All members of the source hold its log in front of this index.
  package var minIndex: UInt64
  /// The region that the source is merged into, as it was when the merge was prepared.
  package var target: Region
  /// The index of the `prepareMerge`.
  package var commit: UInt64

  package init(minIndex: UInt64 = 0, target: Region = Region(), commit: UInt64 = 0) {
    self.minIndex = minIndex
    self.target = target
    self.commit = commit
  }
}

/// What a log store that keeps its state as records must remember of a region's log:
/// `raft_serverpb.RaftLocalState`.
package struct RaftLocalState: Sendable, Equatable {
  package var hardState: Raft.HardState
  package var lastIndex: UInt64

  package init(hardState: Raft.HardState = Raft.HardState(), lastIndex: UInt64 = 0) {
    self.hardState = hardState
    self.lastIndex = lastIndex
  }
}

/// How far the log is applied and how far it is cut off: `raft_serverpb.RaftApplyState`.
package struct ApplyState: Sendable, Hashable {
  package var appliedIndex: UInt64
  /// The last entry that compaction removed, and its term.
  package var truncatedIndex: UInt64
  package var truncatedTerm: UInt64
  package var lastCommitIndex: UInt64
  /// The highest entry known to be committed when this was written, and its term.
  package var commitIndex: UInt64
  package var commitTerm: UInt64

  package init(
    appliedIndex: UInt64 = 0, truncatedIndex: UInt64 = 0, truncatedTerm: UInt64 = 0,
    lastCommitIndex: UInt64 = 0, commitIndex: UInt64 = 0, commitTerm: UInt64 = 0
  ) {
    self.appliedIndex = appliedIndex
    self.truncatedIndex = truncatedIndex
    self.truncatedTerm = truncatedTerm
    self.lastCommitIndex = lastCommitIndex
    self.commitIndex = commitIndex
    self.commitTerm = commitTerm
  }
}

/// Why a peer is fenced. Ours; kept until the peer is destroyed.
package struct PeerDamage: Sendable, Hashable {
  package var peerID: UInt64
  package var reason: String

  package init(peerID: UInt64 = 0, reason: String = "") {
    self.peerID = peerID
    self.reason = reason
  }
}
