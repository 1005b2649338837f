import Codec
import Engine

/// A store's report of its peers, gathered from its raft workers.
struct RecoveryReporting {
  var step: UInt64 = 0
  /// Raft workers that have not responded yet.
  var awaited = 0
  var peers: [PeerReport] = []
}

// What the placement driver has a store do when regions have lost their quorums. See `RecoveryPlanner`.
extension StoreWorker {
  /// Carries out a plan, as far as that was not done before, and reports.
  mutating func recover(_ plan: RecoveryPlan) {
    for id in plan.tombstones { router.post(.recoverPeer(regionID: id, .destroy), to: id) }
    for demotion in plan.demotes {
      router.post(
        .recoverPeer(
          regionID: demotion.regionID, .continueAlone(without: demotion.failedVoters)),
        to: demotion.regionID)
    }
    for region in plan.creates { regionWorker.post(.createEmpty(region, storeID: storeID)) }
    recovery = RecoveryReporting(step: plan.step, awaited: max(1, config.shards))
    let (router, step) = (router, plan.step)
    router.inspect(nil) { router.postToStore(.peersInspected(step: step, $0)) }
  }

  mutating func peersInspected(_ step: UInt64, _ statuses: [RegionStatus]) {
    guard step == recovery.step, recovery.awaited > 0 else { return }
    recovery.awaited -= 1
    for status in statuses where status.region.isInitialized && status.peerState != .tombstone {
      recovery.peers.append(
        PeerReport(
          region: status.region, peer: status.peer, state: status.peerState,
          lastTerm: status.lastTerm, lastIndex: status.lastIndex, appliedIndex: status.applied))
    }
    guard recovery.awaited == 0 else { return }
    let report = StoreReport(step: step, peers: recovery.peers)
    recovery.peers = []
    heartbeat(report)
  }
}

/// Creates the only peer of a region of which nothing is left.
struct EmptyRegionMaker {
  let engine: any KVEngine
  let meta: StoreMeta

  /// Writes the records of the region. Doing it again changes nothing.
  ///
  /// - Returns: the peer; nil if the region or others in its range are here.
  func make(_ region: Region, storeID: UInt64) throws(StoreError) -> SplitChild? {
    guard let info = region.peer(onStore: storeID), region.peers.count == 1,
      EnvelopeCheck.problem(of: region) == nil, meta.held(region.id) == nil,
      meta.overlapping(region.range, except: region.id).isEmpty,
      try engine.regionState(region.id) == nil
    else { return nil }
    var batch = WriteBatch()
    batch.put(
      .raft, KeyLayout.regionState(regionID: region.id),
      RegionLocalState(state: .normal, region: region).encoded())
    batch.put(
      .raft, KeyLayout.applyState(regionID: region.id), BootstrapRegion.applyState.encoded())
    do throws(EngineError) {
      try RangeDeleter(engine: engine).delete(region.range)
      try engine.write(batch, .synced)
    } catch {
      throw .engine(error)
    }
    let delegate = ReadDelegate(region: region, peer: info)
    meta.set(region, delegate: delegate)
    return SplitChild(region: region, info: info, delegate: delegate, isParentLeader: true)
  }
}
