import Codec
import Engine
import Raft

// Messages for regions this store has no peer of: most are late, few create a peer.
extension StoreWorker {
  /// First votes kept at a time.
  private static let maxPendingVotes = 100
  /// Bytes of one; a first vote has no entries.
  private static let pendingVotesSize = 64 << 10

  mutating func receive(_ envelope: RaftEnvelope) {
    guard envelope.to.storeID == storeID, envelope.from.storeID != storeID else {
      metrics.dropped.wrongStore.increment()
      return
    }
    if envelope.isOfNoRegion { return receiveBeat(envelope) }
    if let held = meta.held(envelope.regionID), held.region.id == envelope.regionID {
      // It came into being meanwhile; one that is being destroyed drops what it gets.
      router.deliver([envelope])
      return
    }
    // Nothing to collect here, and no one to ask.
    if envelope.isTombstone { return }
    do throws(StoreError) {
      guard try canCreate(envelope) else { return }
    } catch {
      onFatal("region \(envelope.regionID): \(error)")
      return
    }
    guard let message = envelope.message, message.mayCreatePeer else {
      metrics.dropped.noPeer.increment()
      return
    }
    let range = KeyRange(start: envelope.startKey, end: envelope.endKey)
    let others = meta.overlapping(range, except: envelope.regionID).filter { !meta.isMerged($0) }
    if !others.isEmpty {
      // A split that frees space for it may not have been applied here yet.
      if message.isFirstVote { holdVote(envelope) }
      suspectMerges(of: others, version: envelope.epoch.version)
      metrics.dropped.overlap.increment()
      return
    }
    router.post(
      .createPeer(regionID: envelope.regionID, peer: envelope.to, cause: envelope),
      to: envelope.regionID)
    deliverPendingVotes(envelope.regionID)
  }

  /// The region has a peer: it gets the votes that were kept for it.
  mutating func deliverPendingVotes(_ regionID: UInt64) {
    let waiting = pendingVotes.filter { $0.regionID == regionID }
    if waiting.isEmpty { return }
    pendingVotes.removeAll { $0.regionID == regionID }
    router.deliver(waiting)
  }

  /// Whether what is remembered of the region allows a new peer of it. Responds to senders that were
  /// removed.
  private mutating func canCreate(_ envelope: RaftEnvelope) throws(StoreError) -> Bool {
    guard let local = try engine.regionState(envelope.regionID) else { return true }
    guard local.state == .tombstone else {
      // Its peer is being loaded, or is being destroyed: both end soon.
      if envelope.message?.isFirstVote == true { holdVote(envelope) }
      return false
    }
    if answerForMerged(envelope, local) { return false }
    let region = local.region
    if envelope.epoch.isStale(comparedTo: region.epoch) {
      let isMember = region.peer(onStore: envelope.from.storeID) != nil
      if envelope.requestsTombstone && !isMember { sendTombstone(envelope, region) }
      return false
    }
    if envelope.epoch.confVersion == region.epoch.confVersion,
      region.epoch.confVersion > 0
    {
      // The membership by which this store lost its peer: no one newer was added since.
      return false
    }
    if let last = region.peer(onStore: storeID), last.id >= envelope.to.id { return false }
    return true
  }

  private mutating func sendTombstone(_ envelope: RaftEnvelope, _ region: Region) {
    envelopes.append(
      RaftEnvelope(
        regionID: envelope.regionID, from: envelope.to, to: envelope.from, epoch: region.epoch,
        isTombstone: true))
  }

  private mutating func holdVote(_ envelope: RaftEnvelope) {
    guard envelope.approximateSize <= Self.pendingVotesSize else { return }
    if pendingVotes.count >= Self.maxPendingVotes { pendingVotes.removeFirst() }
    pendingVotes.append(envelope)
  }
}
