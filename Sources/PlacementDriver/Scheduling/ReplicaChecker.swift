import Codec

/// Brings a region to its number of voters on stores that are not lost, as far apart as the location labels allow.
///
/// It keeps no state: every plan follows from the region as it is, so that work which began before a restart goes on.
/// A replacement is complete before what it replaces is removed, unless the replaced peer's store is the only one
/// that can take the new peer.
struct ReplicaChecker {
  let view: SchedulingView

  /// What the region needs next; nil when it needs nothing, or nothing can be done now.
  func check(_ record: RegionRecord) -> SchedulingPlan? {
    guard record.leader != nil else { return nil }
    if record.isJoint {
      return plan(
        "leave-joint-state", "a membership change was left half done", .high, .leaveJoint)
    }
    let peers = record.region.peers
    // PD does not know the store: its own state may be incomplete, so the region is left alone.
    guard peers.allSatisfy({ view.stores[$0.storeID] != nil }) else { return nil }

    let lost = peers.filter { isLost($0, record) }
    if let learner = lost.first(where: \.isLearner) { return removeLost(learner, record) }
    let live = peers.filter { !isLost($0, record) }
    let learners = live.filter(\.isLearner)
    let voters = live.count - learners.count
    if voters < view.maxReplicas {
      return view.config.replicas.makesUpReplicas || !lost.isEmpty
        ? fill(record, lost, learners) : nil
    }
    if let lost = lost.first { return removeLost(lost, record) }
    if voters > view.maxReplicas, view.config.replicas.removesExtraReplicas,
      let extra = worst(record, live)
    {
      return plan(
        "remove-extra-replica", "\(voters) voters, \(view.maxReplicas) wanted", .low,
        .remove(extra))
    }
    if let learner = learners.first {
      return plan("remove-extra-replica", "no voter is missing", .low, .remove(learner))
    }
    return betterLocation(record)
  }

  private func plan(
    _ name: String, _ reason: String, _ priority: Operator.Priority,
    _ change: SchedulingPlan.Change
  ) -> SchedulingPlan {
    SchedulingPlan(name, reason, .replica, priority, change)
  }

  // MARK: Lost replicas

  /// Whether the peer must be replaced: its store is lost, or the peer itself has not responded for as long on a
  /// store that is not.
  private func isLost(_ peer: PeerInfo, _ record: RegionRecord) -> Bool {
    if isOffline(peer) { return view.config.replicas.replacesOfflineReplicas }
    guard view.config.replicas.removesDownReplicas else { return false }
    return view.isLost(peer.storeID) || isSilent(peer, record)
  }

  private func isOffline(_ peer: PeerInfo) -> Bool { view.stores[peer.storeID]?.info.state != .up }

  /// Whether the leader has not heard from the peer for as long as a store may be down.
  private func isSilent(_ peer: PeerInfo, _ record: RegionRecord) -> Bool {
    guard peer.id != record.leader?.id, let seconds = record.downSeconds(peer) else { return false }
    return seconds >= UInt64(clamping: view.config.maxStoreDownTime.components.seconds)
  }

  private func cause(_ peer: PeerInfo, _ record: RegionRecord) -> String {
    if isOffline(peer) { return "store \(peer.storeID) of peer \(peer.id) is being removed" }
    if view.isLost(peer.storeID) { return "store \(peer.storeID) of peer \(peer.id) is down" }
    let seconds = record.downSeconds(peer) ?? 0
    return "peer \(peer.id) on store \(peer.storeID) has not responded for \(seconds) s"
  }

  private func removeLost(_ peer: PeerInfo, _ record: RegionRecord) -> SchedulingPlan {
    plan(
      isOffline(peer) ? "remove-extra-offline-replica" : "remove-extra-down-replica",
      cause(peer, record), .high, .remove(peer))
  }

  // MARK: Missing replicas

  private func fill(
    _ record: RegionRecord, _ lost: [PeerInfo], _ learners: [PeerInfo]
  ) -> SchedulingPlan? {
    let name =
      lost.first.map { isOffline($0) ? "replace-offline-replica" : "replace-down-replica" }
      ?? "make-up-replica"
    let reason = lost.first.map { cause($0, record) } ?? "a voter is missing"
    if let ready = learners.first(where: { !record.isPending($0) && !record.isDown($0) }) {
      return plan(name, reason, .high, .promote(ready))
    }
    let target = view.target(for: record, replacing: lost.first)
    guard let waiting = learners.first(where: { !view.isLagging($0, record) }) else {
      if !learners.isEmpty { return giveUp(learners, record, name, target) }
      if let target { return plan(name, reason, .high, .add(store: target.id)) }
      return rebuild(lost, record)
    }
    // A learner whose store went silent is given up only when another store can take its place.
    guard !view.isUsable(waiting.storeID), target != nil else { return nil }
    return plan(
      name, "store \(waiting.storeID) of learner \(waiting.id) is silent", .high, .remove(waiting))
  }

  /// None of the learners has caught up in time. Another store is tried first: the late one may still catch up. With
  /// no other store, or two late learners, the first is removed, so that a new peer can take its place.
  private func giveUp(
    _ learners: [PeerInfo], _ record: RegionRecord, _ name: String, _ target: StoreRecord?
  ) -> SchedulingPlan? {
    let late = learners[0]
    let reason = "learner \(late.id) on store \(late.storeID) does not catch up"
    if learners.count == 1, let target { return plan(name, reason, .high, .add(store: target.id)) }
    guard target != nil || view.isUsable(late.storeID) else { return nil }
    return plan("remove-late-learner", reason, .high, .remove(late))
  }

  /// Without a spare store a silent peer on a live one is removed first: a new peer on the same store replaces it. Only
  /// where every other voter follows, because the region is one replica short until then.
  private func rebuild(_ lost: [PeerInfo], _ record: RegionRecord) -> SchedulingPlan? {
    guard lost.count == 1, let peer = lost.first, view.isUsable(peer.storeID) else { return nil }
    let others = record.region.peers.filter { $0.id != peer.id }
    guard others.count > 1, others.allSatisfy({ !record.isPending($0) && !record.isDown($0) })
    else { return nil }
    return plan("rebuild-down-replica", cause(peer, record), .high, .remove(peer))
  }

  // MARK: Extra and badly placed replicas

  /// The voter that is missed least.
  private func worst(_ record: RegionRecord, _ peers: [PeerInfo]) -> PeerInfo? {
    func rank(_ peer: PeerInfo) -> (Int, Int, Int, Double, Int, UInt64) {
      (
        record.isDown(peer) ? 1 : 0, record.isPending(peer) ? 1 : 0,
        view.isUsable(peer.storeID) ? 0 : 1, -view.isolation(of: peer, in: record.region),
        view.plannedPeers(peer.storeID), peer.id
      )
    }
    return peers.filter { !$0.isLearner && $0.id != record.leader?.id }
      .max { rank($0) < rank($1) }
  }

  /// Moves the replica that is isolated least to where it is isolated more.
  private func betterLocation(_ record: RegionRecord) -> SchedulingPlan? {
    let labels = view.config.replicas.locationLabels
    guard !labels.isEmpty, view.config.replicas.replacesForLocation, record.isHealthy else {
      return nil
    }
    let region = record.region
    let ranked = region.peers.map { (score: view.isolation(of: $0, in: region), peer: $0) }
    guard let least = ranked.min(by: { ($0.score, $0.peer.id) < ($1.score, $1.peer.id) }),
      let target = view.target(for: record, replacing: least.peer),
      view.isolation(ofStore: target.id, in: region, without: least.peer) > least.score
    else { return nil }
    return plan(
      "move-to-better-location",
      "store \(target.id) is isolated better from the other replicas than store \(least.peer.storeID)",
      .low, .move(least.peer, store: target.id))
  }
}
