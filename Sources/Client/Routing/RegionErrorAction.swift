import Codec

/// How the client reacts to a region error: the change of its region cache, and whether it retries.
struct RegionErrorAction: Sendable, Equatable {
  /// The change of the region cache.
  enum CacheUpdate: Sendable, Equatable {
    case nothing
    /// Forget the region: the placement driver knows better.
    case forget
    /// Forget the region and where the store is.
    case forgetStore
    /// This peer leads.
    case leader(PeerInfo)
    /// The peer asked does not lead, and does not know who does.
    case turn
    /// These regions are where the region was.
    case replace([Region])
  }

  var cacheUpdate: CacheUpdate
  /// Nil: asking again would not help.
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

  init(_ error: RegionError, at place: RoutedRegion) {
    let cause = AttemptFailure.region(id: place.region.id, message: error.message)
    switch error {
    case .notLeader(_, let leader?) where leader.id != 0 && leader.id != place.target.id:
      self.init(.leader(leader), nil, cause)
    case .notLeader: self.init(.turn, .noLeader, cause)
    case .epochNotMatch(let regions):
      self.init(Self.cacheUpdate(regions, place), .regionMiss, cause)
    case .regionNotFound:
      // Also what a proposal is completed whose peer is removed before it is applied.
      self.init(.forget, .regionMiss, cause, isUndetermined: true)
    case .keyNotInRegion, .mismatchPeerID, .bucketVersionNotMatch:
      self.init(.forget, .regionMiss, cause)
    case .storeNotMatch: self.init(.forgetStore, .regionMiss, cause)
    case .serverIsBusy(_, let backoffMs):
      self.init(
        .nothing, .serverBusy, cause,
        minimum: .milliseconds(Int64(clamping: min(backoffMs, 60_000))))
    case .staleCommand: self.init(.nothing, .staleCommand, cause, isUndetermined: true)
    case .undeterminedResult: self.init(.nothing, .staleCommand, cause, isUndetermined: true)
    case .readIndexNotReady, .maxTimestampNotSynced, .dataIsNotReady, .proposalInMergingMode:
      self.init(.nothing, .regionMiss, cause)
    case .regionNotInitialized: self.init(.turn, .notInitialized, cause)
    case .isWitness: self.init(.turn, nil, cause)
    case .diskFull: self.init(.nothing, .diskFull, cause)
    case .recoveryInProgress: self.init(.forget, .recovery, cause)
    case .raftEntryTooLarge, .flashbackInProgress, .flashbackNotPrepared:
      self.init(refusing: .nothing)
    case .other:
      // A text tells nothing of when the request failed; TiKV reports a proposal's time-out that way.
      self.init(.forget, .regionMiss, cause, isUndetermined: true)
    }
  }

  /// A store that is behind the placement driver only needs time; one that is ahead tells what is.
  private static func cacheUpdate(_ regions: [Region], _ place: RoutedRegion) -> CacheUpdate {
    if let same = regions.first(where: { $0.id == place.region.id }),
      same.epoch.isStale(comparedTo: place.region.epoch)
    {
      return .nothing
    }
    let known = regions.filter { $0.isInitialized && $0.epoch != RegionEpoch() }
    return known.isEmpty ? .forget : .replace(known)
  }
}
