import Codec
import Engine
import Raft
import Runtime

// Members of a region that were out of reach while it was merged. Stores that have the end of the region say so to
// whoever asks for a vote; before anything is given up, the placement driver has to confirm it: the region is unknown,
// and others have all of its keys at later versions.
extension Peer {
  /// A store says that the region was merged.
  func mergedByMessage(_ envelope: RaftEnvelope) {
    guard envelope.to.id == info.id, !envelope.epoch.isStale(comparedTo: region.epoch) else {
      return
    }
    guard hasPromises else { return destroy("its region was merged") }
    let interval = context.config.stalePeers.membershipCheckInterval
    if let last = merging.confirmationAskedAt, context.now - last < interval { return }
    merging.confirmationAskedAt = context.now
    var known = region
    if recovery != nil {
      do throws(StoreError) {
        known = try context.engine.regionState(regionID)?.region ?? region
      } catch {
        return context.logger.warning("region \(regionID): its record cannot be read: \(error)")
      }
    }
    context.logger.info(
      "region \(regionID): store \(envelope.from.storeID) says it was merged; the placement driver is asked"
    )
    context.router.sendToStore(.checkMerge(region: known, peerID: info.id))
  }

  /// Another region has keys of this one at a later version: the members are asked what has become of it.
  func suspectMerge() {
    if isFenced { return askWhetherRemoved() }
    guard lifecycle == .active, isInitialized else { return }
    let interval = context.config.stalePeers.membershipCheckInterval
    if let last = merging.membersAskedAt, context.now - last < interval { return }
    merging.membersAskedAt = context.now
    for peer in region.peers where peer.id != info.id {
      context.envelopes.append(
        RaftEnvelope(
          regionID: regionID, from: info, to: peer, epoch: region.epoch,
          extra: ExtraMessage(kind: .checkStalePeer)))
    }
  }

  /// The placement driver confirms it. A store that is a member of a region that has the keys keeps the data: that
  /// region's log may need it, or its snapshot takes its place.
  func mergeConfirmed(isMember: Bool) {
    if isFenced { return fencedRegionMerged(isMember: isMember) }
    if lifecycle == .awaitingMerge { return stoppedSourceMerged(isMember: isMember) }
    guard lifecycle == .active else { return }
    if recovery != nil { return destroy("its region was merged, and its data is lost") }
    context.meta.noteMerged(regionID)
    guard !isMember, merging.request == nil, incomingSnapshot == nil else { return }
    if let target = merging.prepared?.target.id,
      context.meta.held(target)?.region.isInitialized == true
    {
      return
    }
    destroy("its region was merged, and this store has no part in what has its keys")
  }

  // MARK: As a source whose target was lost

  /// Whether this peer has stopped for a merge that its target will not apply here: the target's peer was fenced since,
  /// or is gone. A new peer of the target gets the data of both by a snapshot.
  private var hasLostTarget: Bool {
    guard merging.isStopped, merging.release == nil, let target = merging.prepared?.target.id
    else { return false }
    return context.meta.held(target) == nil || context.meta.isDamaged(target)
  }

  func tickStoppedSource() {
    guard hasLostTarget else { return }
    let interval = context.config.stalePeers.membershipCheckInterval
    if let last = merging.confirmationAskedAt, context.now - last < interval { return }
    merging.confirmationAskedAt = context.now
    context.router.sendToStore(.checkMerge(region: region, peerID: info.id))
  }

  /// The placement driver confirms that the merge took place: the target's snapshot may take the keys. A store that
  /// is no member of what has them needs the data no more.
  private func stoppedSourceMerged(isMember: Bool) {
    guard hasLostTarget else { return }
    merging.request = nil
    context.meta.noteMerged(regionID)
    if !isMember { reclaimSource() }
  }

  // MARK: As the one that takes its place

  /// Whether no other region of this store has keys of the snapshot that was taken. Those that have were merged, and
  /// are asked to make way.
  func areSourcesReleased() -> Bool {
    guard let snapshot = incomingSnapshot else { return true }
    var isReleased = true
    for id in context.meta.overlapping(snapshot.region.range, except: regionID)
    where !snapshot.released.contains(id) {
      isReleased = false
      if snapshot.asked.contains(id) { continue }
      guard context.meta.isMerged(id) else {
        // A split of it was applied here meanwhile.
        context.router.post(.suspectMerge(regionID: id), to: id)
        continue
      }
      incomingSnapshot?.asked.insert(id)
      context.router.post(
        .releaseSource(
          SourceRelease(
            sourceRegionID: id, targetRegionID: regionID, targetPeerID: info.id)), to: id)
    }
    return isReleased
  }

  func sourceReleased(_ release: SourceRelease) {
    guard incomingSnapshot?.asked.contains(release.sourceRegionID) == true else { return }
    incomingSnapshot?.released.insert(release.sourceRegionID)
  }

  /// The ends of those whose keys the snapshot has, for the batch that makes this region *applying*.
  func endSources(_ snapshot: IncomingSnapshot, _ data: inout WriteBatch) {
    for source in context.meta.table.overlapping(snapshot.region.range) where source.id != regionID
    {
      let end = RegionLocalState(
        state: .tombstone, region: source, merge: MergeState(target: snapshot.region))
      data.put(.raft, KeyLayout.regionState(regionID: source.id), end.encoded())
      data.delete(.raft, KeyLayout.applyState(regionID: source.id))
      data.delete(.raft, KeyLayout.snapshotRaftState(regionID: source.id))
      data.delete(.raft, KeyLayout.installedEpoch(regionID: source.id))
      data.delete(.raft, KeyLayout.damage(regionID: source.id))
    }
  }

  /// That batch is durable: the peers end. What of their data the snapshot does not replace goes.
  func removeSources(_ snapshot: IncomingSnapshot) {
    for source in context.meta.table.overlapping(snapshot.region.range) where source.id != regionID
    {
      if let held = context.meta.held(source.id) {
        context.meta.remove(source.id, delegate: held.delegate)
      }
      destroyLeftovers(of: source, after: snapshot.region)
      context.router.post(.sourceMerged(regionID: source.id), to: source.id)
      context.metrics.changes.merges.increment()
    }
  }

  /// The snapshot will not be applied: those that have made way for it end by themselves.
  func reclaimSources() {
    for id in incomingSnapshot?.asked.sorted() ?? [] {
      context.router.post(.reclaimSource(regionID: id), to: id)
    }
  }

  // MARK: As the target whose source is lost

  /// The source's data is not here, so the merge cannot be applied: this peer gets everything anew.
  func sourceLost() {
    guard lifecycle == .active || lifecycle == .awaitingApply else { return }
    context.logger.error("region \(regionID): the source of a merge has no data on this store")
    context.applyMessages.append(.abandonMerge(regionID: regionID, peerID: info.id))
    guard lifecycle == .active else { return }
    if let incomingSnapshot {
      abandonSnapshot(incomingSnapshot.key)
      reclaimSources()
      self.incomingSnapshot = nil
    }
    if wasLeader {
      wasLeader = false
      context.metrics.peers.leaders.add(-1)
    }
    startOver()
  }
}
