import Codec
import Runtime

/// How an operator ended, or that it is running.
package enum OperatorStatus: Int, Sendable, Hashable, CaseIterable {
  case success
  case timeout
  case cancel
  case replace
  case running

  /// The name in metrics.
  var name: String {
    switch self {
    case .success: "finish"
    case .timeout: "timeout"
    case .cancel: "cancel"
    case .replace: "replace"
    case .running: "create"
    }
  }
}

/// A sequence of steps on one region, executed by its leader.
struct Operator: Sendable {
  /// What the operator is counted as: each kind has its own limit.
  enum Kind: Int, Sendable, Hashable, CaseIterable {
    /// Requested by an administrator; not limited.
    case admin
    /// Replicas are missing, too many, badly placed, or on lost stores.
    case replica
    /// Replicas are spread unevenly.
    case region
    /// Leaders are spread unevenly, or must leave a store.
    case leader
    /// Regions are small.
    case merge
    /// Clients read or write some regions much more than others.
    case hotRegion
  }

  /// An operator of higher priority replaces the running one of its region.
  enum Priority: Int, Sendable, Hashable, Comparable {
    case low
    /// The region lacks a replica.
    case high
    /// Requested by an administrator.
    case urgent

    static func < (left: Priority, right: Priority) -> Bool { left.rawValue < right.rawValue }
  }

  /// Where an operator stands after a look at its region.
  enum Progress: Sendable, Hashable {
    case running
    case ended(OperatorStatus)
  }

  let regionID: UInt64
  /// What it does, under PD's names: `balance-leader`, `make-up-replica`.
  let name: String
  /// Why it was created, for people.
  let reason: String
  let kind: Kind
  let priority: Priority
  let steps: [OperatorStep]
  /// The epoch the decision was made for.
  let epoch: RegionEpoch
  /// Bytes of the region when the operator was created, as its leader estimated.
  let size: UInt64
  /// The members it was made for.
  private let peers: [PeerInfo]
  let createdAt: Instant
  /// How long each step may take.
  let timeouts: [Duration]
  private(set) var current = 0
  /// When the current step began.
  private(set) var stepStartedAt: Instant
  /// When its step was sent last; nil before.
  var sentAt: Instant?
  /// The other region of a merge, whose operator ends with this one; nil for what is no merge.
  var partner: UInt64?

  /// An operator on a region as it is now.
  ///
  /// - Parameter timeouts: one for each step; nil for those of the steps.
  init(
    _ plan: SchedulingPlan, steps: [OperatorStep], _ record: RegionRecord, at now: Instant,
    _ config: PDConfig, timeouts: [Duration]? = nil
  ) {
    precondition(!steps.isEmpty, "an operator without steps")
    regionID = record.id
    name = plan.name
    reason = plan.reason
    kind = plan.kind
    priority = plan.priority
    self.steps = steps
    epoch = record.region.epoch
    size = record.approximateSize
    peers = record.region.peers
    createdAt = now
    stepStartedAt = now
    self.timeouts = timeouts ?? steps.map { $0.timeout(config, bytes: record.approximateSize) }
  }

  /// The current step; nil when all are done.
  var step: OperatorStep? { current < steps.count ? steps[current] : nil }

  var description: String {
    "\(name): \(reason): " + steps.map(\.description).joined(separator: ", then ")
  }

  /// The kind in PD's words.
  var kindText: String {
    switch kind {
    case .admin: "admin," + effect
    case .replica: "replica,region"
    case .region: "region"
    case .leader: "leader"
    case .merge: changesMembers ? "merge,region" : "merge"
    case .hotRegion: changesMembers ? "hot-region,region" : "hot-region,leader"
    }
  }

  private var effect: String {
    switch steps.last {
    case .merge, .absorb: changesMembers ? "merge,region" : "merge"
    case .split: "split"
    default: changesMembers ? "region" : "leader"
    }
  }

  private var changesMembers: Bool {
    steps.contains { step in
      switch step {
      case .transferLeader, .merge, .absorb, .split: false
      default: true
      }
    }
  }

  /// Whether the current step takes longer than it may.
  func isOverdue(at now: Instant) -> Bool {
    current < timeouts.count && now - stepStartedAt > timeouts[current]
  }

  /// Skips the steps that the region shows to be done; cancels when another change than its own is seen.
  mutating func advance(_ record: RegionRecord, at now: Instant) -> Progress {
    // A split or merge leaves another region than the one the decision was made for.
    // So does a region that turns out never to have had the epoch.
    guard record.region.epoch.confVersion >= epoch.confVersion, explainsVersion(of: record) else {
      return .ended(.cancel)
    }
    if case .absorb = step, record.region.epoch.version != epoch.version { return .ended(.success) }
    while let step, step.isFinished(in: record) {
      current += 1
      stepStartedAt = now
    }
    if hasForeignChange(record) || !hasExpectedPeers(record) { return .ended(.cancel) }
    guard let step else { return .ended(.success) }
    if case .transferLeader(let from, let to) = step,
      let leader = record.leader, leader.storeID != from, leader.id != to.id
    {
      return .ended(.cancel)
    }
    return isOverdue(at: now) ? .ended(.timeout) : .running
  }

  /// Whether the region's version is the one the decision was made for, or the current step has changed it.
  private func explainsVersion(of record: RegionRecord) -> Bool {
    let version = record.region.epoch.version
    if version == epoch.version { return true }
    guard version > epoch.version, let step else { return false }
    return switch step {
    // A merge that was rolled back has raised it twice.
    case .merge: version - epoch.version == 1
    case .absorb, .split: step.isVisible(in: record)
    default: false
    }
  }

  /// Whether the members changed more often than this operator's steps account for.
  private func hasForeignChange(_ record: RegionRecord) -> Bool {
    var explained = steps[..<current].reduce(0) { $0 + $1.confVersionDelta }
    if let step, step.isVisible(in: record) { explained += step.confVersionDelta }
    // Versions come from outside: their difference is computed only where there is one.
    let version = record.region.epoch.confVersion
    return version > epoch.confVersion && version - epoch.confVersion > explained
  }

  /// Whether the members are those the decision was made for, changed by steps of this operator only.
  /// Others show that the decision was made for what the region never was.
  private func hasExpectedPeers(_ record: RegionRecord) -> Bool {
    let found = Set(record.region.peers)
    var expected = peers
    for (index, step) in steps.enumerated() {
      if index >= current, Set(expected) == found { return true }
      step.apply(to: &expected)
    }
    return Set(expected) == found
  }

  // MARK: Effects on stores

  /// The stores that get a peer.
  var incomingStores: [UInt64] {
    steps.compactMap { step in
      if case .addLearner(let peer) = step { return peer.storeID }
      return nil
    }
  }

  /// The stores that lose a peer.
  var outgoingStores: [UInt64] {
    steps.compactMap { step in
      if case .removePeer(let peer) = step { return peer.storeID }
      return nil
    }
  }

  /// The stores between which a leader moves.
  var leaderMove: (from: UInt64, to: UInt64)? {
    for case .transferLeader(let from, let to) in steps { return (from, to.storeID) }
    return nil
  }
}
