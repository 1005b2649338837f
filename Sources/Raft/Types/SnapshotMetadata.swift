/// Where in the log a snapshot stands, and the membership there.
package struct SnapshotMetadata: Sendable, Equatable {
  package var confState: ConfState
  package var index: UInt64
  package var term: UInt64

  package init(confState: ConfState = ConfState(), index: UInt64 = 0, term: UInt64 = 0) {
    self.confState = confState
    self.index = index
    self.term = term
  }
}
