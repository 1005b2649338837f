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
