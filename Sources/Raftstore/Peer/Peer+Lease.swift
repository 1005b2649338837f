import Codec
import Raft
import Runtime

// The leader lease. It counts from the time at which a round that a quorum has confirmed was *sent*:
// whoever confirmed it keeps to this leader for an election timeout after that, which is longer.
extension Peer {
  /// A quorum has confirmed this leader in a round sent at `start`.
  func renewLease(from start: Instant) {
    // Before an entry of the own term is applied, this leader may lack what its predecessor
    // acknowledged. Once leadership was offered to another one, that one may take it at any time.
    guard hasAppliedOwnTerm, node.leadTransferee == NodeID.none, leaseSuspendedTerm != node.term,
      incoming == nil
    else { return }
    let end = start + context.config.maxLeaderLease
    if let lease, lease.term == node.term, lease.end >= end { return }
    lease = Lease(term: node.term, end: end)
    delegate.renew(term: node.term, until: end)
  }

  /// Whether a read of data that was taken before `now` needs no further word.
  func isLeaseValid(at now: Instant) -> Bool {
    guard let lease else { return false }
    return hasAppliedOwnTerm && lease.term == node.term && now < lease.end
  }

  func dropLease() {
    lease = nil
    delegate.expire()
  }

  /// No leases for the rest of this term: another peer was notified that it may take over, and no one
  /// can say when it will hear that.
  func endLeases() {
    leaseSuspendedTerm = node.term
    dropLease()
  }

  /// Keeps a lease alive that is being used, before it runs out.
  func renewUsedLease() {
    guard let lease, lease.term == node.term, node.isLeader, delegate.consumeUse() else { return }
    let remaining = lease.end - context.now
    guard remaining < context.config.maxLeaderLease / 2, !reads.isRenewing else { return }
    startRound([], isRenewal: true)
  }
}
