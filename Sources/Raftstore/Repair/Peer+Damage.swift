import Codec
import Engine
import Raft
import RaftLog
import Runtime

// A damaged peer is fenced: it does nothing any more that others could build on. It serves no read, appends and
// acknowledges nothing, votes for no one, and its log and data stay as they are until it is destroyed. To the other
// members it is like one whose machine is down, which Raft bears while they are a majority. It says why; the
// leader reports it as down for long enough to be replaced at once, and the placement driver has it removed and a new
// peer made, if the others are a majority. The record of the damage is durable, so a restart does not revive it.
extension Peer {
  var isFenced: Bool { lifecycle == .fenced }

  var recovery: DataRecovery? {
    get { health.recovery }
    set { health.recovery = newValue }
  }

  /// Something that this peer stands for is not what was written.
  func damaged(_ kind: DamageKind, _ reason: String) {
    guard lifecycle == .active, isInitialized else { return }
    if isBroadcastingRemoval { return destroy("it was removed from the region, and it is damaged") }
    if let stage = incomingSnapshot?.stage, stage != .stepped {
      // The log and the data that are damaged are being replaced.
      context.logger.warning("region \(regionID): damaged while a snapshot replaces it: \(reason)")
      return
    }
    context.metrics.damage.found.increment()
    guard kind != .data || hasOtherVoters else {
      // What of it can be read is all there is.
      context.logger.critical(
        "region \(regionID): the only replica is damaged and cannot be rebuilt: \(reason)")
      return
    }
    fence(reason)
  }

  private var hasOtherVoters: Bool {
    region.peers.contains { $0.id != info.id && $0.role != .learner }
  }

  private func fence(_ reason: String) {
    context.logger.error(
      "region \(regionID): peer \(info.id) is fenced, it is damaged: \(reason)")
    health.damage = PeerDamage(peerID: info.id, reason: String(reason.prefix(1024)))
    lifecycle = .fenced
    // From here on nothing is read: neither under a lease, nor at a safe timestamp.
    dropLease()
    publishSafeTS()
    stopSending()
    if wasLeader {
      wasLeader = false
      context.metrics.peers.leaders.add(-1)
    }
    failPending(.regionNotFound(regionID: regionID))
    endConsistencyCheck()
    localSteps = []
    if let incomingSnapshot {
      context.meta.release(regionID)
      abandonSnapshot(incomingSnapshot.key)
      reclaimSources()
      self.incomingSnapshot = nil
    }
    // The target of its merge gets the data of both from elsewhere.
    if let request = merging.request.take() { context.lost(request) }
    context.applyMessages.append(.stop(regionID: regionID, peerID: info.id))
    beginFenced()
  }

  /// Makes the damage known: on disk, to the members, and to the placement driver. Also for a peer that was loaded
  /// as a damaged one.
  func beginFenced() {
    guard let damage = health.damage else { return }
    context.meta.noteDamage(regionID, delegate: delegate)
    var data = WriteBatch()
    data.put(.raft, KeyLayout.damage(regionID: regionID), damage.encoded())
    var task = LogWriteTask(
      regionID: regionID, peerID: info.id, number: 0, data: data, log: LogBatch(),
      durability: .synced)
    post(&task)
    announceDamage()
    context.router.sendToStore(.tick(.heartbeat))
  }

  private func announceDamage() {
    for peer in region.peers { announceDamage(to: peer) }
  }

  private func announceDamage(to peer: PeerInfo) {
    guard peer.id != info.id else { return }
    health.announcedAt = context.now
    context.envelopes.append(
      RaftEnvelope(
        regionID: regionID, from: info, to: peer, epoch: region.epoch,
        extra: ExtraMessage(kind: .peerDamaged)))
  }

  // MARK: A fenced peer

  /// What a fenced peer still makes of a message: whether it was removed, and who leads and must hear of the damage.
  func stepFenced(_ envelope: RaftEnvelope) {
    guard envelope.to.storeID == context.storeID, envelope.from.storeID != context.storeID else {
      return
    }
    if envelope.to.id > info.id {
      askWhetherRemoved()
      return
    }
    let isFromLeader = envelope.message?.type == .heartbeat || envelope.message?.type == .append
    guard isFromLeader, region.peer(id: envelope.from.id) != nil else { return }
    if let last = health.announcedAt, context.now - last < Self.announcementInterval { return }
    announceDamage(to: envelope.from)
  }

  func tickFenced() {
    askWhetherRemoved(atLeastAfter: context.config.stalePeers.membershipCheckInterval)
    // Members that are hibernated send nothing that could be responded to.
    if let last = health.announcedAt, context.now - last < Self.repetitionInterval { return }
    announceDamage()
  }

  /// Asks the placement driver whether this peer was removed, and whether its region has ended by a merge.
  func askWhetherRemoved(atLeastAfter interval: Duration = announcementInterval) {
    if let last = health.askedAt, context.now - last < interval { return }
    health.askedAt = context.now
    checkMembership()
    context.router.sendToStore(.checkMerge(region: region, peerID: info.id))
  }

  private static let announcementInterval = Duration.milliseconds(500)
  /// How often the damage is announced to all members although they have sent nothing.
  private static let repetitionInterval = Duration.seconds(5)

  /// The region has ended by a merge: PD does not know it any more.
  ///
  /// - Parameter isMember: whether this store is a member of what has the keys. If it is, the data is replaced by a
  ///   snapshot of that, which this peer makes way for (`makeWay`).
  func fencedRegionMerged(isMember: Bool) {
    context.meta.noteMerged(regionID)
    if !isMember { destroy("it is damaged, and its region was merged") }
  }

  // MARK: As leader

  /// A member says that it is fenced.
  func peerIsDamaged(_ peer: PeerInfo) {
    guard region.peer(id: peer.id)?.storeID == peer.storeID, peer.id != info.id else { return }
    // A hibernated leader has to report it. Hibernated followers of the damaged one elect another.
    if isAsleep { wake(inDoubt: peer.id == node.leaderID) }
    guard activity.noteDamage(of: peer.id) else { return }
    context.logger.warning("region \(regionID): peer \(peer.id) says that it is damaged")
    if node.isLeader { sendHeartbeat() }
  }

  /// For how long a damaged member is reported as down: longer than the placement driver waits for any to come back.
  static let damagedSeconds = UInt64(UInt32.max)
}
