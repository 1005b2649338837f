import Codec

// Beats between stores: see the page *Hibernation*.
extension StoreWorker {
  mutating func tickLiveness() {
    let due = liveness.tick()
    for beat in due.beats { envelopes.append(.beat(beat, from: storeID)) }
    for silent in due.silent {
      logger.info("nothing is heard from store \(silent), on which regions have hibernated leaders")
      metrics.peers.silentStores.increment()
      router.broadcast(.storeUnreachable(storeID: silent))
    }
  }

  /// A message that belongs to no region.
  mutating func receiveBeat(_ envelope: RaftEnvelope) {
    guard envelope.from.storeID != 0, let extra = envelope.extra,
      extra.kind == .availabilityRequest
    else {
      metrics.dropped.invalid.increment()
      return
    }
    if liveness.heard(envelope.from.storeID, isWatching: extra.index != 0) {
      router.broadcast(.storeHeard(storeID: envelope.from.storeID))
    }
  }
}

extension RaftEnvelope {
  /// A store says that it is alive: a message of no region, from and to stores. Its index says whether a beat is
  /// expected in return.
  fileprivate static func beat(_ beat: StoreLiveness.Beat, from storeID: UInt64) -> RaftEnvelope {
    RaftEnvelope(
      regionID: 0, from: PeerInfo(id: storeID, storeID: storeID),
      to: PeerInfo(id: beat.storeID, storeID: beat.storeID),
      extra: ExtraMessage(kind: .availabilityRequest, index: beat.isWatching ? 1 : 0))
  }

  /// Whether it is from one store to another and about no region.
  var isOfNoRegion: Bool { regionID == 0 }
}
