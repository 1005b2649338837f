/// What a node must have on disk before it tells anyone of it.
package struct HardState: Sendable, Equatable {
  package var term: UInt64
  package var vote: UInt64
  package var commit: UInt64

  package init(term: UInt64 = 0, vote: UInt64 = 0, commit: UInt64 = 0) {
    self.term = term
    self.vote = vote
    self.commit = commit
  }

  /// Whether nothing was ever recorded.
  package var isEmpty: Bool { term == 0 && vote == 0 && commit == 0 }
}
