import Codec
import Raft
import Runtime

// The leader lease. It counts from the time at which a round that a quorum has confirmed was *sent*:
// whoever confirmed it keeps to this leader for an election timeout after that, which is longer.
extension Peer {
  var lease: LeaderLease {
    _read { yield authority.lease }
    _modify { yield &authority.lease }
  }

  /// A quorum has confirmed this leader in a round sent at `start`.
  func renewLease(from start: Instant) {
    // Before an entry of the own term is applied, this leader may lack what its predecessor
    // acknowledged. Once leadership was offered to another one, that one may take it at any time.
    guard hasAppliedOwnTerm, node.leadTransferee == NodeID.none, incomingSnapshot == nil,
      !isSplitting, !isMerging
    else {
      return
    }
    let end = start + context.config.maxLeaderLease
    if let extended = lease.extend(term: node.term, to: end) { delegate.renew(extended) }
  }

  /// Whether the lease covers a read of data that was taken before `now`.
  func isLeaseValid(at now: Instant) -> Bool {
    hasAppliedOwnTerm && lease.isValid(term: node.term, at: now)
  }

  func dropLease() {
    lease.drop()
    delegate.expire()
  }

  /// No leases for the rest of this term: another peer was notified that it may take over, and no one
  /// can say when it will hear that.
  func endLeases() {
    lease.suspend(term: node.term)
    delegate.expire()
  }

  /// Keeps a lease alive that is being used, before it runs out.
  func renewUsedLease() {
    guard node.isLeader, let remaining = lease.remaining(term: node.term, at: context.now),
      delegate.consumeUse()
    else { return }
    guard remaining < context.config.maxLeaderLease / 2, !reads.isRenewing else { return }
    startRound([], isRenewal: true)
  }
}
