import Codec

/// What a region error means to the client: what to change in the table, and whether to ask again.
struct RegionVerdict: Sendable, Equatable {
  /// What was learned of the region.
  enum Lesson: Sendable, Equatable {
    case nothing
    /// Forget the region: the placement driver knows better.
    case forget
    /// Forget the region and where the store is.
    case forgetStore
    /// This peer leads.
    case leader(Peer)
    /// The peer asked does not lead, and does not know who does.
    case turn
    /// These regions are where the region was.
    case replace([Region])
  }

  var lesson: Lesson
  /// Nil: asking again would not help.
  var setback: Setback?

  private init(
    _ lesson: Lesson, _ pause: Backoff.Reason?, _ cause: ClientCause, minimum: Duration = .zero,
    mayHaveHappened: Bool = false
  ) {
    self.lesson = lesson
    setback = Setback(
      pause: pause, minimum: minimum, cause: cause, mayHaveHappened: mayHaveHappened)
  }

  private init(refusing lesson: Lesson) {
    self.lesson = lesson
    setback = nil
  }

  init(_ error: RegionError, at place: RoutedRegion) {
    let cause = ClientCause.region(id: place.region.id, message: error.message)
    switch error {
    case .notLeader(_, let leader?) where leader.id != 0 && leader.id != place.target.id:
      self.init(.leader(leader), nil, cause)
    case .notLeader: self.init(.turn, .noLeader, cause)
    case .epochNotMatch(let regions): self.init(Self.lesson(regions, place), .regionMiss, cause)
    case .regionNotFound:
      // Also what a proposal is answered whose peer is removed before it is applied.
      self.init(.forget, .regionMiss, cause, mayHaveHappened: true)
    case .keyNotInRegion, .mismatchPeerID, .bucketVersionNotMatch:
      self.init(.forget, .regionMiss, cause)
    case .storeNotMatch: self.init(.forgetStore, .regionMiss, cause)
    case .serverIsBusy(_, let backoffMs):
      self.init(
        .nothing, .serverBusy, cause,
        minimum: .milliseconds(Int64(clamping: min(backoffMs, 60_000))))
    case .staleCommand: self.init(.nothing, .staleCommand, cause, mayHaveHappened: true)
    case .undeterminedResult: self.init(.nothing, .staleCommand, cause, mayHaveHappened: true)
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
      self.init(.forget, .regionMiss, cause, mayHaveHappened: true)
    }
  }

  /// A store that is behind the placement driver only needs time; one that is ahead tells what is.
  private static func lesson(_ regions: [Region], _ place: RoutedRegion) -> Lesson {
    if let same = regions.first(where: { $0.id == place.region.id }),
      same.epoch.isStale(comparedTo: place.region.epoch)
    {
      return .nothing
    }
    let known = regions.filter { $0.isInitialized && $0.epoch != RegionEpoch() }
    return known.isEmpty ? .forget : .replace(known)
  }
}
