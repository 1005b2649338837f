/// Why a request was refused, in a form by which clients find the right place: `errorpb.Error`.
package enum RegionError: Error, Sendable, Hashable {
  case notLeader(regionID: UInt64, leader: PeerInfo?)
  case regionNotFound(regionID: UInt64)
  case keyNotInRegion(key: [UInt8], regionID: UInt64, start: [UInt8], end: [UInt8])
  /// The region as it is now first, then those known to have been split from it.
  case epochNotMatch(currentRegions: [Region])
  case serverIsBusy(reason: String, backoffMs: UInt64)
  case staleCommand
  case storeNotMatch(requestStoreID: UInt64, actualStoreID: UInt64)
  case raftEntryTooLarge(regionID: UInt64, entrySize: UInt64)
  case maxTimestampNotSynced
  case readIndexNotReady(reason: String, regionID: UInt64)
  case proposalInMergingMode(regionID: UInt64)
  case dataIsNotReady(regionID: UInt64, peerID: UInt64, safeTS: UInt64)
  case regionNotInitialized(regionID: UInt64)
  case diskFull(storeIDs: [UInt64], reason: String)
  case recoveryInProgress(regionID: UInt64)
  case flashbackInProgress(regionID: UInt64, flashbackStartTS: UInt64)
  case flashbackNotPrepared(regionID: UInt64)
  case isWitness(regionID: UInt64)
  case mismatchPeerID(requestPeerID: UInt64, storePeerID: UInt64)
  case bucketVersionNotMatch(version: UInt64, keys: [[UInt8]])
  case undeterminedResult(message: String)
  /// An error that carries its text only.
  case other(message: String)
}

extension RegionError: CustomStringConvertible {
  package var description: String { message }

  /// One line for people and logs; never empty for an error of our own.
  package var message: String {
    switch self {
    case .notLeader(let id, let leader):
      if let leader {
        "peer is not leader for region \(id), leader is \(leader)"
      } else {
        "peer is not leader for region \(id), leader is unknown"
      }
    case .regionNotFound(let id): "region \(id) not found"
    case .keyNotInRegion(let key, let id, let start, let end):
      "key \(key.hex) is not in region \(id) \(KeyRange(start: start, end: end))"
    case .epochNotMatch(let regions):
      regions.first.map { "epoch not match, current epoch of region \($0.id) is \($0.epoch)" }
        ?? "epoch not match"
    case .serverIsBusy(let reason, _): "server is busy: \(reason)"
    case .staleCommand: "stale command"
    case .storeNotMatch(let asked, let actual):
      "request is for store \(asked), this is store \(actual)"
    case .raftEntryTooLarge(let id, let size):
      "raft entry of \(size) bytes is too large for region \(id)"
    case .maxTimestampNotSynced: "max timestamp is not synced"
    case .readIndexNotReady(let reason, let id):
      "read index of region \(id) is not ready: \(reason)"
    default: rareMessage
    }
  }

  private var rareMessage: String {
    switch self {
    case .proposalInMergingMode(let id): "region \(id) is in merging mode"
    case .dataIsNotReady(let id, let peer, let safeTS):
      "data of region \(id) on peer \(peer) is ready up to timestamp \(safeTS) only"
    case .regionNotInitialized(let id): "region \(id) is not initialized yet"
    case .diskFull(let stores, let reason): "disk full on stores \(stores): \(reason)"
    case .recoveryInProgress(let id): "region \(id) is in recovery"
    case .flashbackInProgress(let id, let start): "region \(id) is in flashback since \(start)"
    case .flashbackNotPrepared(let id): "flashback of region \(id) is not prepared"
    case .isWitness(let id): "the peer of region \(id) is a witness"
    case .mismatchPeerID(let asked, let actual):
      "request is for peer \(asked), this store holds peer \(actual)"
    case .bucketVersionNotMatch(let version, _):
      "bucket version not match, current version is \(version)"
    case .undeterminedResult(let message): "result is undetermined: \(message)"
    case .other(let message): message.isEmpty ? "unknown region error" : message
    default: "region error"
    }
  }
}
