import Codec

/// Decides how regions go on of which a majority of voters is lost for good.
///
/// Of each such region the survivor with the newest log becomes the only member, and the other survivors are
/// destroyed: the replica checker makes new ones. What only lost replicas had is gone. Of regions whose ranges overlap
/// the one with the newest version stays. Ranges of which nothing is left become empty regions.
struct RecoveryPlanner {
  let failedStores: Set<UInt64>
  /// By store: all that are not failed.
  let reports: [UInt64: StoreReport]

  /// What is done with one region.
  struct Choice {
    var region: Region
    /// The peer that goes on alone; nil if the region has its quorum and is left as it is.
    var survivor: PeerReport?
  }

  struct Decision {
    /// By store; without steps.
    var plans: [UInt64: RecoveryPlan] = [:]
    /// For people, one line for each region that is changed.
    var lines: [String] = []
    /// Regions that go on without a change.
    var healthy: Set<UInt64> = []
    /// Ranges that no region is left of.
    var holes: [KeyRange] = []
  }

  func decide() -> Decision {
    var decision = Decision()
    let groups = Dictionary(grouping: reports.values.flatMap(\.peers), by: \.region.id)
    let choices = groups.keys.sorted().compactMap { choose(groups[$0] ?? []) }
    // The newest first: what overlaps it is older than the split or merge that it has applied.
    let order = choices.sorted {
      ($1.region.epoch.version, $0.region.id) < ($0.region.epoch.version, $1.region.id)
    }
    var kept: [Region] = []
    for choice in order {
      let overlapped = kept.first { $0.range.overlaps(choice.region.range) }
      if choice.survivor == nil {
        decision.healthy.insert(choice.region.id)
        kept.append(choice.region)
      } else if let overlapped {
        destroy(groups[choice.region.id] ?? [], "region \(overlapped.id) is newer", &decision)
      } else if let survivor = choice.survivor {
        keep(survivor, of: groups[choice.region.id] ?? [], &decision)
        kept.append(choice.region)
      }
    }
    decision.holes = KeyRange.all.subtracting(kept.map(\.range))
    return decision
  }

  /// Nil if there is no peer that could go on.
  private func choose(_ peers: [PeerReport]) -> Choice? {
    guard let newest = peers.max(by: { Self.age($0) < Self.age($1) }) else { return nil }
    if hasQuorum(newest.region, peers) { return Choice(region: newest.region, survivor: nil) }
    let usable = peers.filter { $0.state == .normal || $0.state == .applying }
    guard
      let survivor = usable.max(by: { left, right in
        (left.lastTerm, left.lastIndex, left.appliedIndex, right.peer.id)
          < (right.lastTerm, right.lastIndex, right.appliedIndex, left.peer.id)
      })
    else { return nil }
    return Choice(region: survivor.region, survivor: survivor)
  }

  private static func age(_ peer: PeerReport) -> (UInt64, UInt64) {
    (peer.region.epoch.version, peer.region.epoch.confVersion)
  }

  /// Whether a majority of voters is alive, of both configurations in a joint one.
  private func hasQuorum(_ region: Region, _ peers: [PeerReport]) -> Bool {
    let alive = Set(peers.filter { $0.state != .unavailable }.map(\.peer.id))
    let state = region.confState
    return [state.voters, state.votersOutgoing].allSatisfy { voters in
      voters.isEmpty || voters.count(where: alive.contains) > voters.count / 2
    }
  }

  // MARK: Plans

  private func keep(
    _ survivor: PeerReport, of peers: [PeerReport], _ decision: inout Decision
  ) {
    let (region, peer) = (survivor.region, survivor.peer)
    let others = region.peers.filter { $0.id != peer.id }
    decision.plans[peer.storeID, default: RecoveryPlan(step: 0)].demotes.append(
      RecoveryPlan.Demotion(regionID: region.id, failedVoters: others))
    let lost = others.filter { failedStores.contains($0.storeID) }.map { "\($0.id)" }
    decision.lines.append(
      "region \(region.id): peer \(peer.id) on store \(peer.storeID) goes on alone, with log index "
        + "\(survivor.lastIndex) of term \(survivor.lastTerm); lost: \(lost.joined(separator: ", "))"
    )
    destroy(peers.filter { $0.peer.id != peer.id }, "peer \(peer.id) goes on", &decision)
  }

  private func destroy(_ peers: [PeerReport], _ reason: String, _ decision: inout Decision) {
    for report in peers {
      decision.plans[report.peer.storeID, default: RecoveryPlan(step: 0)].tombstones.append(
        report.region.id)
      decision.lines.append(
        "region \(report.region.id): peer \(report.peer.id) on store \(report.peer.storeID) is "
          + "destroyed: \(reason)")
    }
  }
}
