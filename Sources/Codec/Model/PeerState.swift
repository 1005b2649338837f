/// Where a peer is in its life on this store; numbers are `raft_serverpb.PeerState`'s.
package enum PeerState: Int, Sendable, Hashable, CaseIterable {
  case normal = 0
  /// A snapshot is being applied; a restart must finish it.
  case applying = 1
  /// Removed from the region permanently; its id must never come back.
  case tombstone = 2
  case merging = 3
  case unavailable = 4
}
