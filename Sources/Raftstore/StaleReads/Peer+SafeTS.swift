import Codec
import Raft

/// What a peer knows of the timestamps up to which its region's data is complete.
struct SafeTSState {
  var progress = ReadProgress()
  /// The keys that `progress` is about.
  var range: KeyRange?
  /// What `ReadDelegate` was told last.
  var published = ReadDelegate.StaleReads()

  // As leader.

  /// Names the tracker of the region's locks; 0 if there was none.
  var tracker: UInt64 = 0
  /// Whether that tracker has been asked for in the present leadership.
  var isTracking = false
  /// Rounds since then in which the locks were not known.
  var unknownRounds = 0
  /// The oldest start timestamp of a lock as of the applied index; nil if it is not known.
  var oldestLock: UInt64?
  /// What a quorum has confirmed last: followers get it with the next question.
  var confirmed = SafeReadState()
  /// The question under way.
  var proof: LeadershipProof?
}

/// A leader's question to the other stores whether they know of no later leader.
///
/// A member that agrees has granted no vote of a later term when it does. So a quorum that agrees shows that nothing was
/// committed in a later term before the question was sent, and that is after the timestamp was issued: whatever was
/// acknowledged before that was acknowledged by this leader, and it had applied it.
struct LeadershipProof {
  var round: UInt64
  var term: UInt64
  var epoch: RegionEpoch
  /// What becomes safe.
  var state: SafeReadState
  var agreed: Set<UInt64>
}

// Stale reads: the timestamp up to which each replica serves them.
extension Peer {
  var safeTS: SafeTSState {
    _read { yield authority.safeTS }
    _modify { yield &authority.safeTS }
  }

  // MARK: As leader

  /// Begins a round with a timestamp that the placement driver has just issued.
  ///
  /// - Returns: the question for the other members' stores; nil if this peer has nothing to ask.
  func proveLeadership(round: UInt64, timestamp: UInt64) -> LeaderInfo? {
    guard lifecycle == .active, hasAppliedOwnTerm, incomingSnapshot == nil, !isBroadcastingRemoval,
      !isSplitting, !isMerging
    else { return nil }
    if safeTS.oldestLock == nil { safeTS.unknownRounds += 1 }
    // Its memory may have been too small for a time.
    if safeTS.unknownRounds > Self.maxUnknownRounds { safeTS.isTracking = false }
    trackLocks()
    var state = SafeReadState()
    if let oldest = safeTS.oldestLock {
      // A transaction whose lock exists may have its commit timestamp already.
      state = SafeReadState(
        appliedIndex: storage.applyState.appliedIndex,
        safeTS: min(timestamp, oldest == 0 ? 0 : oldest - 1))
    }
    safeTS.proof = LeadershipProof(
      round: round, term: node.term, epoch: region.epoch, state: state, agreed: [info.id])
    concludeProof()
    return LeaderInfo(
      regionID: regionID, peerID: info.id, term: node.term, epoch: region.epoch,
      readState: safeTS.confirmed)
  }

  /// Rounds without knowledge of the locks after which they are scanned again.
  private static let maxUnknownRounds = 30

  private func trackLocks() {
    guard !safeTS.isTracking else { return }
    safeTS.tracker += 1
    safeTS.isTracking = true
    safeTS.unknownRounds = 0
    context.applyMessages.append(
      .trackLocks(regionID: regionID, peerID: info.id, number: safeTS.tracker))
  }

  /// The locks are known from here on.
  func locksTracked(_ number: UInt64, oldest: UInt64?) {
    guard safeTS.isTracking, number == safeTS.tracker else { return }
    // Too many, or the scan has failed: it is tried again.
    if oldest == nil { safeTS.isTracking = false }
    safeTS.oldestLock = oldest
  }

  /// Another store agrees that this peer leads.
  func leadershipConfirmed(round: UInt64, byStore storeID: UInt64) {
    guard lifecycle == .active, node.isLeader, let peer = region.peer(onStore: storeID),
      safeTS.proof?.round == round
    else { return }
    safeTS.proof?.agreed.insert(peer.id)
    concludeProof()
  }

  private func concludeProof() {
    guard let proof = safeTS.proof, proof.term == node.term, proof.epoch == region.epoch,
      region.confState.hasQuorum({ proof.agreed.contains($0) })
    else { return }
    safeTS.proof = nil
    guard proof.state.safeTS > safeTS.confirmed.safeTS else { return }
    safeTS.confirmed = proof.state
    safeTS.progress.add(proof.state, applied: storage.applyState.appliedIndex)
    publishSafeTS()
  }

  /// The timestamp up to which the region is resolved, as a quorum has confirmed; 0 if it is not known, nil if another
  /// peer leads.
  var leaderSafeTS: UInt64? { node.isLeader ? safeTS.confirmed.safeTS : nil }

  /// This peer leads no more, or the region is another one: what it knew as leader does not count any more.
  func endProofs() {
    safeTS.proof = nil
    safeTS.confirmed = SafeReadState()
    safeTS.oldestLock = nil
    guard safeTS.isTracking else { return }
    safeTS.isTracking = false
    context.applyMessages.append(.stopTrackingLocks(regionID: regionID, peerID: info.id))
  }

  // MARK: As any replica

  /// Whether this peer knows of no later leader than `info` says. Takes over what that leader has confirmed.
  func agrees(with info: LeaderInfo) -> Bool {
    guard lifecycle == .active, isInitialized, incomingSnapshot == nil,
      node.leaderID == info.peerID, node.term == info.term, region.epoch == info.epoch
    else { return false }
    if info.readState.safeTS > 0 {
      safeTS.progress.add(info.readState, applied: storage.applyState.appliedIndex)
      publishSafeTS()
    }
    return true
  }

  /// Entries were applied.
  func followSafeTS(_ result: ApplyResult) {
    if safeTS.isTracking { safeTS.oldestLock = result.oldestLock }
    safeTS.progress.applied(through: result.state.appliedIndex)
    publishSafeTS()
  }

  /// Tells readers what they may read. Must be called before data is replaced or removed, at the latest in the batch in
  /// which that is ordered.
  func publishSafeTS() {
    let isReadable = lifecycle == .active && isInitialized && incomingSnapshot == nil
    if !isReadable || safeTS.range?.contains(region.range) != true {
      // Of keys that were not the region's before nothing is known.
      safeTS.progress.reset()
      endProofs()
    }
    safeTS.range = isReadable ? region.range : nil
    let state = ReadDelegate.StaleReads(
      isAllowed: isReadable, safeTS: safeTS.progress.safeTS)
    guard state != safeTS.published else { return }
    safeTS.published = state
    delegate.publish(state)
  }

  /// Serves or refuses a stale read that the reader's thread could not decide on.
  func serveStale(_ request: ReadRequest) {
    let context = request.context
    if let error = refusal(of: context, needsLeader: false, .version) {
      return request.completion(.failure(error))
    }
    publishSafeTS()
    guard context.readTS <= safeTS.progress.safeTS else {
      return request.completion(
        .failure(
          .dataIsNotReady(
            regionID: regionID, peerID: info.id, safeTS: safeTS.progress.safeTS)))
    }
    grant([request], self.context.snapshot())
  }
}

extension ConfState {
  /// Whether the voters for which `agrees` holds are a majority, in a joint configuration of both halves.
  func hasQuorum(_ agrees: (UInt64) -> Bool) -> Bool {
    func isMajority(_ voters: [UInt64]) -> Bool {
      voters.count(where: agrees) >= MajorityConfig.quorum(of: voters.count)
    }
    return isMajority(voters) && (votersOutgoing.isEmpty || isMajority(votersOutgoing))
  }
}
