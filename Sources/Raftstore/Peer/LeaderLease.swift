import Runtime

/// The time for which a leader may serve reads alone: until `end`, within one term.
struct Lease: Equatable {
  var term: UInt64
  var end: Instant
}

/// What a leader holds of leases (dissertation, section 6.4.1).
///
/// A lease belongs to a term and only grows within it. Once it is suspended in a term, because another peer
/// was notified that it may take over, that term has no lease any more.
struct LeaderLease {
  private(set) var current: Lease?
  /// A term in which leadership was offered to another peer.
  private var suspendedTerm: UInt64 = 0
  /// No votes before this: an earlier process on this store may have promised them to a leader with a lease.
  let votesAllowedAfter: Instant

  init(votesAllowedAfter: Instant) { self.votesAllowedAfter = votesAllowedAfter }

  /// Makes the lease of `term` last until `end`. Returns whether it lasts longer than before.
  mutating func extend(term: UInt64, to end: Instant) -> Bool {
    guard suspendedTerm != term else { return false }
    if let current, current.term == term, current.end >= end { return false }
    current = Lease(term: term, end: end)
    return true
  }

  /// Whether a leader of `term` may serve a read of data that was taken before `now`.
  func isValid(term: UInt64, at now: Instant) -> Bool {
    guard let current else { return false }
    return current.term == term && now < current.end
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
