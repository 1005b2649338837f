package import Runtime

/// The time for which a leader may serve reads alone: until `end`, within one term.
package struct Lease: Equatable, Sendable {
  package var term: UInt64
  package var end: Instant

  package init(term: UInt64, end: Instant) {
    self.term = term
    self.end = end
  }

  /// Whether it covers a read of data that was taken before `now`.
  func isValid(at now: Instant) -> Bool { now < end }
}

/// What a peer may serve without asking others: reads of a leader under its lease, and stale reads.
struct ReadAuthority {
  var lease: LeaderLease
  var safeTS = SafeTSState()
}

/// The lease of a leader (dissertation, section 6.4.1).
///
/// A lease belongs to a term and only grows within it. Once it is suspended in a term, because another peer
/// was notified that it may take over, that term has no lease any more.
struct LeaderLease {
  private(set) var current: Lease?
  /// A term in which leadership was offered to another peer.
  private var suspendedTerm: UInt64 = 0
  /// No votes before this: an earlier process on this store, or the peer that a child of a split has replaced, may
  /// have confirmed a leader's lease.
  let votesAllowedAfter: Instant

  init(votesAllowedAfter: Instant) { self.votesAllowedAfter = votesAllowedAfter }

  /// Makes the lease of `term` last until `end`. Returns the new lease; nil if it would not last longer.
  mutating func extend(term: UInt64, to end: Instant) -> Lease? {
    guard suspendedTerm != term else { return nil }
    if let current, current.term == term, current.end >= end { return nil }
    current = Lease(term: term, end: end)
    return current
  }

  /// Whether a leader of `term` may serve a read of data that was taken before `now`.
  func isValid(term: UInt64, at now: Instant) -> Bool {
    guard let current else { return false }
    return current.term == term && current.isValid(at: now)
  }

  /// How long the lease of `term` still lasts; nil when there is none.
  func remaining(term: UInt64, at now: Instant) -> Duration? {
    guard let current, current.term == term else { return nil }
    return current.end - now
  }

  mutating func drop() { current = nil }

  /// No leases for the rest of `term`.
  mutating func suspend(term: UInt64) {
    suspendedTerm = term
    current = nil
  }
}
