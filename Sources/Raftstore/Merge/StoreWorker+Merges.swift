import Codec
import Logging
import Runtime

extension StoreWorker {
  /// Whether a region that has ended by a merge is what the message is about: then whoever needs to know is told.
  mutating func answerForMerged(_ envelope: RaftEnvelope, _ local: RegionLocalState) -> Bool {
    guard let merge = local.merge else { return false }
    if envelope.requestsTombstone || envelope.message?.type == .heartbeat,
      !local.region.epoch.isStale(comparedTo: envelope.epoch)
    {
      envelopes.append(
        RaftEnvelope(
          regionID: envelope.regionID, from: envelope.to, to: envelope.from,
          epoch: local.region.epoch, isTombstone: true, mergeTarget: merge.target))
    }
    return true
  }

  /// Regions of this store that keep another one, at a later version, from coming to life here.
  func suspectMerges(of regions: [UInt64], version: UInt64) {
    for id in regions {
      guard let held = meta.held(id), held.region.epoch.version < version else { continue }
      router.post(.suspectMerge(regionID: id), to: id)
    }
  }

  /// Asks the placement driver whether the region was merged; completed by `RaftWorkerMessage.mergeConfirmed`, or by
  /// nothing: whoever wants to know asks again.
  func checkMerge(_ region: Region, _ peerID: UInt64) {
    let inquiry = MergeInquiry(
      region: region, peerID: peerID, storeID: storeID, pd: pd, router: router, logger: logger)
    inquiry.askForRegion()
  }
}

/// One question whether a region was merged: it is unknown to the placement driver, and others have all of its keys at
/// later versions. Versions of the regions that have a key only grow.
private struct MergeInquiry: Sendable {
  let region: Region
  let peerID: UInt64
  let storeID: UInt64
  let pd: any PDClient
  let router: Router
  let logger: Logger

  func askForRegion() {
    pd.region(id: region.id) { result in
      switch result {
      case .success(nil): askForOwner(of: region.startKey, isMember: false)
      case .success: logger.info("region \(region.id): the placement driver knows it")
      case .failure(let error):
        logger.info("region \(region.id): cannot ask whether it was merged: \(error)")
      }
    }
  }

  /// - Parameter isMember: whether this store is a member of an owner of the keys in front.
  private func askForOwner(of key: [UInt8], isMember: Bool) {
    pd.region(containing: key) { result in
      guard case .success(let found?) = result, found.id != region.id, found.contains(key),
        found.epoch.version > region.epoch.version
      else {
        logger.info("region \(region.id): its merge is not confirmed")
        return
      }
      let isMember = isMember || found.peer(onStore: storeID) != nil
      let isLast =
        found.endKey.isEmpty
        || !region.endKey.isEmpty && !precedes(found.endKey, region.endKey)
      if !isLast { return askForOwner(of: found.endKey, isMember: isMember) }
      router.post(
        .mergeConfirmed(regionID: region.id, peerID: peerID, isMember: isMember), to: region.id)
    }
  }
}
