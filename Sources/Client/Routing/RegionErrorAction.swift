import Codec

/// How the client reacts to a region error: the change of its region cache, and whether it retries.
struct RegionErrorAction: Sendable, Equatable {
  /// The change of the region cache.
  enum CacheUpdate: Sendable, Equatable {
    case nothing
    /// Remove the region; the placement driver has a newer one.
    case remove
    /// Remove the region, and mark the address of the store as stale.
    case removeAndExpireAddress
    /// Make this peer the target.
    case leader(PeerInfo)
    /// Make the next peer the target: this one does not lead and does not know the leader.
    case nextPeer
    /// Replace the region by these.
    case replace([Region])
  }

  var cacheUpdate: CacheUpdate
  /// Nil if a retry would not help.
  var retryReason: RetryReason?

  private init(
    _ cacheUpdate: CacheUpdate, _ pause: Backoff.Reason?, _ cause: AttemptFailure,
    minimum: Duration = .zero,
    isUndetermined: Bool = false
  ) {
    self.cacheUpdate = cacheUpdate
    retryReason = RetryReason(
      pause: pause, minimum: minimum, cause: cause, isUndetermined: isUndetermined)
  }

  private init(refusing cacheUpdate: CacheUpdate) {
    self.cacheUpdate = cacheUpdate
    retryReason = nil
  }

  /// The reaction to `error`, which the target of `route` returned.
  init(_ error: RegionError, at route: RoutedRegion) {
    let cause = AttemptFailure.region(id: route.region.id, message: error.message)
    switch error {
    case .notLeader(_, let leader?) where leader.id != 0 && leader.id != route.target.id:
      self.init(.leader(leader), nil, cause)
    case .notLeader: self.init(.nextPeer, .noLeader, cause)
    case .epochNotMatch(let regions):
      self.init(Self.cacheUpdate(regions, route), .regionMiss, cause)
    case .regionNotFound:
      // Also returned for a proposal whose peer is removed before it is applied.
      self.init(.remove, .regionMiss, cause, isUndetermined: true)
    case .keyNotInRegion, .mismatchPeerID, .bucketVersionNotMatch:
      self.init(.remove, .regionMiss, cause)
    case .storeNotMatch: self.init(.removeAndExpireAddress, .regionMiss, cause)
    case .serverIsBusy(_, let backoffMs):
      self.init(
        .nothing, .serverBusy, cause,
        minimum: .milliseconds(Int64(clamping: min(backoffMs, 60_000))))
    case .staleCommand: self.init(.nothing, .staleCommand, cause, isUndetermined: true)
    case .undeterminedResult: self.init(.nothing, .staleCommand, cause, isUndetermined: true)
    case .readIndexNotReady, .maxTimestampNotSynced, .dataIsNotReady, .proposalInMergingMode:
      self.init(.nothing, .regionMiss, cause)
    case .regionNotInitialized: self.init(.nextPeer, .notInitialized, cause)
    case .isWitness: self.init(.nextPeer, nil, cause)
    case .diskFull: self.init(.nothing, .diskFull, cause)
    case .recoveryInProgress: self.init(.remove, .recovery, cause)
    case .raftEntryTooLarge, .flashbackInProgress, .flashbackNotPrepared:
      self.init(refusing: .nothing)
    case .other:
      // A text does not say when the request failed; TiKV reports a proposal's timeout that way.
      self.init(.remove, .regionMiss, cause, isUndetermined: true)
    }
  }

  /// A store whose region is older than the cached one needs time; the regions of any other are newer.
  private static func cacheUpdate(_ regions: [Region], _ route: RoutedRegion) -> CacheUpdate {
    if let same = regions.first(where: { $0.id == route.region.id }),
      same.epoch.isStale(comparedTo: route.region.epoch)
    {
      return .nothing
    }
    let known = regions.filter { $0.isInitialized && $0.epoch != RegionEpoch() }
    return known.isEmpty ? .remove : .replace(known)
  }
}
