package import Protobuf
package import Wire

// `errorpb` and region errors. What is written always carries the text too: clients log it, and
// some distinguish errors by it.

extension RegionError {
  package var wire: Errorpb_Error {
    var wire = Errorpb_Error()
    wire.message = message
    switch self {
    case .notLeader(let id, let leader):
      wire.notLeader.regionID = id
      if let leader { wire.notLeader.leader = leader.wire }
    case .regionNotFound(let id): wire.regionNotFound.regionID = id
    case .keyNotInRegion(let key, let id, let start, let end):
      wire.keyNotInRegion.key = key.data
      wire.keyNotInRegion.regionID = id
      wire.keyNotInRegion.startKey = start.data
      wire.keyNotInRegion.endKey = end.data
    case .epochNotMatch(let regions):
      wire.epochNotMatch.currentRegions = regions.map(\.wire)
    case .serverIsBusy(let reason, let backoffMs):
      wire.serverIsBusy.reason = reason
      wire.serverIsBusy.backoffMs = backoffMs
    case .staleCommand: wire.staleCommand = Errorpb_StaleCommand()
    case .storeNotMatch(let asked, let actual):
      wire.storeNotMatch.requestStoreID = asked
      wire.storeNotMatch.actualStoreID = actual
    case .raftEntryTooLarge(let id, let size):
      wire.raftEntryTooLarge.regionID = id
      wire.raftEntryTooLarge.entrySize = size
    case .mismatchPeerID(let asked, let actual):
      wire.mismatchPeerID.requestPeerID = asked
      wire.mismatchPeerID.storePeerID = actual
    default: fillRare(&wire)
    }
    return wire
  }

  private func fillRare(_ wire: inout Errorpb_Error) {
    switch self {
    case .maxTimestampNotSynced:
      wire.maxTimestampNotSynced = Errorpb_MaxTimestampNotSynced()
    case .readIndexNotReady(let reason, let id):
      wire.readIndexNotReady.reason = reason
      wire.readIndexNotReady.regionID = id
    case .proposalInMergingMode(let id): wire.proposalInMergingMode.regionID = id
    case .dataIsNotReady(let id, let peer, let safeTS):
      wire.dataIsNotReady.regionID = id
      wire.dataIsNotReady.peerID = peer
      wire.dataIsNotReady.safeTs = safeTS
    case .regionNotInitialized(let id): wire.regionNotInitialized.regionID = id
    case .diskFull(let stores, let reason):
      wire.diskFull.storeID = stores
      wire.diskFull.reason = reason
    case .recoveryInProgress(let id): wire.recoveryInProgress.regionID = id
    case .flashbackInProgress(let id, let start):
      wire.flashbackInProgress.regionID = id
      wire.flashbackInProgress.flashbackStartTs = start
    case .flashbackNotPrepared(let id): wire.flashbackNotPrepared.regionID = id
    case .isWitness(let id): wire.isWitness.regionID = id
    case .bucketVersionNotMatch(let version, let keys):
      wire.bucketVersionNotMatch.version = version
      wire.bucketVersionNotMatch.keys = keys.map(\.data)
    case .undeterminedResult(let message): wire.undeterminedResult.message = message
    default: break
    }
  }

  /// The first kind that is set, in the order of the field numbers; without any, the text.
  package init(_ wire: Errorpb_Error) throws(CodecError) {
    if wire.hasNotLeader {
      let found = wire.notLeader
      self = .notLeader(
        regionID: found.regionID, leader: found.hasLeader ? try PeerInfo(found.leader) : nil)
    } else if wire.hasRegionNotFound {
      self = .regionNotFound(regionID: wire.regionNotFound.regionID)
    } else if wire.hasKeyNotInRegion {
      let found = wire.keyNotInRegion
      self = .keyNotInRegion(
        key: [UInt8](found.key), regionID: found.regionID, start: [UInt8](found.startKey),
        end: [UInt8](found.endKey))
    } else if wire.hasEpochNotMatch {
      var regions: [Region] = []
      for region in wire.epochNotMatch.currentRegions { regions.append(try Region(region)) }
      self = .epochNotMatch(currentRegions: regions)
    } else if wire.hasServerIsBusy {
      self = .serverIsBusy(
        reason: wire.serverIsBusy.reason, backoffMs: wire.serverIsBusy.backoffMs)
    } else if wire.hasStaleCommand {
      self = .staleCommand
    } else if wire.hasStoreNotMatch {
      self = .storeNotMatch(
        requestStoreID: wire.storeNotMatch.requestStoreID,
        actualStoreID: wire.storeNotMatch.actualStoreID)
    } else if wire.hasRaftEntryTooLarge {
      self = .raftEntryTooLarge(
        regionID: wire.raftEntryTooLarge.regionID, entrySize: wire.raftEntryTooLarge.entrySize)
    } else {
      self = Self.rare(wire)
    }
  }

  private static func rare(_ wire: Errorpb_Error) -> RegionError {
    if wire.hasMaxTimestampNotSynced { return .maxTimestampNotSynced }
    if wire.hasReadIndexNotReady {
      let found = wire.readIndexNotReady
      return .readIndexNotReady(reason: found.reason, regionID: found.regionID)
    }
    if wire.hasProposalInMergingMode {
      return .proposalInMergingMode(regionID: wire.proposalInMergingMode.regionID)
    }
    if wire.hasDataIsNotReady {
      let found = wire.dataIsNotReady
      return .dataIsNotReady(
        regionID: found.regionID, peerID: found.peerID, safeTS: found.safeTs)
    }
    if wire.hasRegionNotInitialized {
      return .regionNotInitialized(regionID: wire.regionNotInitialized.regionID)
    }
    if wire.hasDiskFull {
      return .diskFull(storeIDs: wire.diskFull.storeID, reason: wire.diskFull.reason)
    }
    if wire.hasRecoveryInProgress {
      return .recoveryInProgress(regionID: wire.recoveryInProgress.regionID)
    }
    if wire.hasFlashbackInProgress {
      let found = wire.flashbackInProgress
      return .flashbackInProgress(
        regionID: found.regionID, flashbackStartTS: found.flashbackStartTs)
    }
    if wire.hasFlashbackNotPrepared {
      return .flashbackNotPrepared(regionID: wire.flashbackNotPrepared.regionID)
    }
    if wire.hasIsWitness { return .isWitness(regionID: wire.isWitness.regionID) }
    if wire.hasMismatchPeerID {
      let found = wire.mismatchPeerID
      return .mismatchPeerID(
        requestPeerID: found.requestPeerID, storePeerID: found.storePeerID)
    }
    if wire.hasBucketVersionNotMatch {
      let found = wire.bucketVersionNotMatch
      return .bucketVersionNotMatch(version: found.version, keys: found.keys.map { [UInt8]($0) })
    }
    if wire.hasUndeterminedResult {
      return .undeterminedResult(message: wire.undeterminedResult.message)
    }
    return .other(message: wire.message)
  }
}
