package import Codec
package import Runtime
import Synchronization

/// What a request thread must know to serve a leader's reads of one region without asking the raft
/// worker. Written by the raft worker that owns the peer, read by any thread.
package final class ReadDelegate: Sendable {
  private struct State {
    var region: Region
    var peerID: UInt64
    /// Nil without a lease.
    var lease: Lease?
    /// Whether the lease served a read since the raft worker last asked.
    var wasUsed = false
  }

  private let state: Mutex<State>
  private let storeID: UInt64

  package init(region: Region, peer: PeerInfo) {
    storeID = peer.storeID
    state = Mutex(State(region: region, peerID: peer.id))
  }

  /// Follows a change of the region. Called before the change is acknowledged.
  package func update(region: Region) {
    state.withLock { $0.region = region }
  }

  /// Grants or extends the lease. Only for a leader that has applied an entry of its own term. The end counts
  /// from the *send* time of a round a quorum has confirmed, and is later than before (`LeaderLease.extend`).
  package func renew(_ lease: Lease) {
    state.withLock { $0.lease = lease }
  }

  /// Ends the lease at once: another peer may lead from now on.
  package func expire() {
    state.withLock { $0.lease = nil }
  }

  /// Whether reads were made under the lease, or would have been, since the last call: it is worth
  /// renewing.
  package func consumeUse() -> Bool {
    state.withLock { state in
      let wasUsed = state.wasUsed
      state.wasUsed = false
      return wasUsed
    }
  }

  /// The range of the region.
  package var range: KeyRange { state.withLock { $0.region.range } }

  /// The peer whose reads are checked here.
  package var peerID: UInt64 { state.withLock { $0.peerID } }

  /// The term whose leadership lets reads made before `now` be served here; nil without a lease. Only
  /// looks: a read that asks is `check`d.
  package func leaseTerm(at now: Instant) -> UInt64? {
    state.withLock { state in
      guard let lease = state.lease, lease.isValid(at: now) else { return nil }
      return lease.term
    }
  }

  /// Checks a read that was made *before* this call: nil when the lease does not cover it, so that
  /// the raft worker must be asked; a failure when no leader would serve it.
  ///
  /// The order is what makes local reads linearizable: data that was seen before a moment at which
  /// this peer was certainly the leader holds everything acknowledged before the read began.
  package func check(
    _ context: RequestContext, now: Instant
  ) -> Result<KeyRange, RegionError>? {
    state.withLock { state in
      state.wasUsed = true
      guard let lease = state.lease, lease.isValid(at: now) else { return nil }
      let error =
        RequestCheck.store(of: context, is: storeID)
        ?? RequestCheck.peer(of: context, is: state.peerID)
        ?? RequestCheck.term(of: context, at: lease.term)
      if let error { return .failure(error) }
      // A different version may only mean that we lag behind: the raft worker decides.
      if context.epoch.version != state.region.epoch.version { return nil }
      return .success(state.region.range)
    }
  }
}
