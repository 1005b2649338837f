package import Raft

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
