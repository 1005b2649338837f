package import Codec
package import Runtime
import Synchronization

/// What a request thread must know to serve reads of one region without asking the raft worker: a leader's under its
/// lease, and stale reads of any replica. Written by the raft worker that owns the peer, read by any thread.
package final class ReadDelegate: Sendable {
  /// Which stale reads the replica serves.
  package struct StaleReads: Sendable, Equatable {
    /// Whether the replica has its data in place.
    package var isAllowed = false
    /// The highest timestamp.
    package var safeTS: UInt64 = 0

    package init(isAllowed: Bool = false, safeTS: UInt64 = 0) {
      self.isAllowed = isAllowed
      self.safeTS = safeTS
    }
  }

  /// What a stale read was admitted by; it is confirmed after the data was read.
  package struct StaleAdmission: Sendable {
    package var range: KeyRange
    fileprivate var interruptions: UInt64
  }

  private struct State {
    var region: Region
    var peerID: UInt64
    /// Nil without a lease.
    var lease: Lease?
    /// Whether the lease served a read since the raft worker last asked.
    var wasUsed = false
    var staleReads = StaleReads()
    /// How often stale reads were disallowed, or the region's range changed: one of these during a read makes it void.
    var interruptions: UInt64 = 0
    var load: ReadLoad
    /// The part of the reads that the store has reported.
    var reportedByStore = ReadFlow()
  }

  private let state: Mutex<State>
  private let storeID: UInt64

  package init(region: Region, peer: PeerInfo) {
    storeID = peer.storeID
    state = Mutex(
      State(region: region, peerID: peer.id, load: ReadLoad(regionID: region.id, peerID: peer.id)))
  }

  /// Follows a change of the region. Called before the change is acknowledged.
  package func update(region: Region) {
    state.withLock { state in
      if !state.region.range.contains(region.range) { state.staleReads.safeTS = 0 }
      if state.region.range != region.range { state.interruptions += 1 }
      state.region = region
    }
  }

  // MARK: Leases

  /// Grants or extends the lease. Only for a leader that has applied an entry of its own term. The end counts
  /// from the *send* time of a round a quorum has confirmed, and is later than before (`LeaderLease.extend`).
  package func renew(_ lease: Lease) {
    state.withLock { $0.lease = lease }
  }

  /// Ends the lease at once: another peer may lead from now on.
  package func expire() {
    state.withLock { $0.lease = nil }
  }

  /// Whether reads were made under the lease since the last call: it is worth renewing.
  package func consumeUse() -> Bool {
    state.withLock { state in
      let wasUsed = state.wasUsed
      state.wasUsed = false
      return wasUsed
    }
  }

  /// The range of the region.
  package var range: KeyRange { state.withLock { $0.region.range } }

  /// The term whose leadership lets reads made before `now` be served here; nil without a lease. Only
  /// looks: a read that asks is `check`d.
  package func leaseTerm(at now: Instant) -> UInt64? {
    state.withLock { state in
      guard let lease = state.lease, lease.isValid(at: now) else { return nil }
      return lease.term
    }
  }

  /// The peer whose reads are checked here.
  package var peerID: UInt64 { state.withLock { $0.peerID } }

  /// Checks a read, before and after its data is read: nil when the lease does not cover it, so that the raft worker
  /// must be asked; a failure when no leader would serve it. On success the range of the region; it is the same before
  /// and after, since the epoch names it.
  ///
  /// The check afterwards is what makes local reads linearizable: data that was seen before a moment at which
  /// this peer was certainly the leader holds everything acknowledged before the read began. The one before keeps
  /// a read without a lease from being made in vain.
  package func check(
    _ context: RequestContext, now: Instant
  ) -> Result<KeyRange, RegionError>? {
    state.withLock { Self.check(context, now, storeID, &$0) }
  }

  /// The check after the read of one key, which also counts the read.
  ///
  /// - Returns: the load of the region if it is due to be reported.
  func checkRead(
    of key: [UInt8], bytes: Int, _ context: RequestContext, now: Instant,
    _ limits: LoadSplitConfig
  ) -> (outcome: Result<KeyRange, RegionError>?, load: ReadLoadReport?) {
    state.withLock { state in
      let outcome = Self.check(context, now, storeID, &state)
      guard case .success = outcome else { return (outcome, nil) }
      let load = state.load.add(key, key, keys: 1, bytes: bytes, busy: .zero, now: now, limits)
      return (outcome, load)
    }
  }

  private static func check(
    _ context: RequestContext, _ now: Instant, _ storeID: UInt64, _ state: inout State
  ) -> Result<KeyRange, RegionError>? {
    guard let lease = state.lease, lease.isValid(at: now) else { return nil }
    state.wasUsed = true
    let error =
      RequestCheck.store(of: context, is: storeID)
      ?? RequestCheck.peer(of: context, is: state.peerID)
      ?? RequestCheck.term(of: context, at: lease.term)
    if let error { return .failure(error) }
    // A different version may only mean that we lag behind: the raft worker decides.
    if context.epoch.version != state.region.epoch.version { return nil }
    return .success(state.region.range)
  }

  // MARK: Stale reads

  /// Follows what the replica may serve.
  package func publish(_ reads: StaleReads) {
    state.withLock { state in
      if state.staleReads.isAllowed, !reads.isAllowed { state.interruptions += 1 }
      state.staleReads = reads
    }
  }

  /// Which stale reads the replica serves at present.
  package var staleReads: StaleReads { state.withLock { $0.staleReads } }

  /// Admits a stale read before its data is read; nil if the raft worker must be asked, or must refuse it.
  package func admitStale(_ context: RequestContext) -> StaleAdmission? {
    state.withLock { state in
      guard state.staleReads.isAllowed, context.readTS <= state.staleReads.safeTS,
        RequestCheck.store(of: context, is: storeID) == nil,
        RequestCheck.peer(of: context, is: state.peerID) == nil,
        context.epoch.version == state.region.epoch.version
      else { return nil }
      return StaleAdmission(range: state.region.range, interruptions: state.interruptions)
    }
  }

  /// Whether the data that was read since has been in place all the time.
  package func confirmStale(_ admission: StaleAdmission) -> Bool {
    state.withLock { $0.staleReads.isAllowed && $0.interruptions == admission.interruptions }
  }

  // MARK: Load

  /// Counts a read of several keys. Returns the load of the region if it is due to be reported.
  func recordRead(
    _ start: [UInt8], _ end: [UInt8], keys: Int, bytes: Int, busy: Duration, now: Instant,
    _ limits: LoadSplitConfig
  ) -> ReadLoadReport? {
    state.withLock {
      $0.load.add(start, end, keys: keys, bytes: bytes, busy: busy, now: now, limits)
    }
  }

  /// What was read from the peer since it began, on all threads.
  package var readFlow: ReadFlow { state.withLock { $0.load.flow } }

  /// What was read since the last call: the peer's part of the store's report.
  func takeStoreFlow() -> ReadFlow {
    state.withLock { state in
      let flow = state.load.flow
      defer { state.reportedByStore = flow }
      return flow &- state.reportedByStore
    }
  }
}
