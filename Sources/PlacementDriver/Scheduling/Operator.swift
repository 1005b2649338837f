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
  /// The scheduler that created the operator; each kind has its own limit.
  enum Kind: Int, Sendable, Hashable, CaseIterable {
    /// Replicas are missing, too many, or on lost stores.
    case replica
    /// Replicas are spread unevenly.
    case balance
    /// Leaders are spread unevenly.
    case leader

    var name: String {
      switch self {
      case .replica: "replica"
      case .balance: "balance-region"
      case .leader: "balance-leader"
      }
    }
  }

  /// Where an operator stands after a look at its region.
  enum Progress: Sendable, Hashable {
    case running
    case ended(OperatorStatus)
  }

  let regionID: UInt64
  let kind: Kind
  let steps: [OperatorStep]
  /// The epoch the decision was made for.
  let epoch: RegionEpoch
  /// The members it was made for.
  private let peers: [PeerInfo]
  let createdAt: Instant
  let timeout: Duration
  private(set) var current = 0
  /// When its step was sent last; nil before.
  var sentAt: Instant?

  /// An operator on `region` as it is now. It may take as long as all of its steps together.
  init(
    kind: Kind, steps: [OperatorStep], region: Region, createdAt: Instant, _ config: PDConfig
  ) {
    precondition(!steps.isEmpty, "an operator without steps")
    regionID = region.id
    self.kind = kind
    self.steps = steps
    epoch = region.epoch
    peers = region.peers
    self.createdAt = createdAt
    timeout = steps.reduce(.zero) { $0 + $1.timeout(config) }
  }

  /// The current step; nil when all are done.
  var step: OperatorStep? { current < steps.count ? steps[current] : nil }

  var description: String {
    kind.name + ": " + steps.map(\.description).joined(separator: ", then ")
  }

  /// Skips the steps that the region shows to be done; cancels when another change than its own is seen.
  mutating func advance(_ record: RegionRecord, at now: Instant) -> Progress {
    // A split or merge leaves another region than the one the decision was made for.
    // So does a region that turns out never to have had the epoch.
    guard record.region.epoch.version == epoch.version,
      record.region.epoch.confVersion >= epoch.confVersion
    else { return .ended(.cancel) }
    while let step, step.isFinished(in: record) { current += 1 }
    if hasForeignChange(record) || !hasExpectedPeers(record) { return .ended(.cancel) }
    guard let step else { return .ended(.success) }
    if case .transferLeader(let from, let to) = step,
      let leader = record.leader, leader.storeID != from, leader.id != to.id
    {
      return .ended(.cancel)
    }
    return now - createdAt > timeout ? .ended(.timeout) : .running
  }

  /// Whether the members changed more often than this operator's steps account for.
  private func hasForeignChange(_ record: RegionRecord) -> Bool {
    if steps.contains(.leaveJoint) { return false }
    var explained = steps[..<current].reduce(0) { $0 + $1.confVersionDelta }
    if let step, step.isVisible(in: record) { explained += step.confVersionDelta }
    // Versions come from outside: their difference is computed only where there is one.
    let version = record.region.epoch.confVersion
    return version > epoch.confVersion && version - epoch.confVersion > explained
  }

  /// Whether the members are those the decision was made for, changed by steps of this operator only.
  /// Others show that the decision was made for what the region never was.
  private func hasExpectedPeers(_ record: RegionRecord) -> Bool {
    if steps.contains(.leaveJoint) { return true }
    let found = Set(record.region.peers)
    var expected = peers
    for (index, step) in steps.enumerated() {
      if index >= current, Set(expected) == found { return true }
      step.apply(to: &expected)
    }
    return Set(expected) == found
  }

  // MARK: Effects on stores

  /// The store that is getting a peer.
  var incomingStore: UInt64? {
    for case .addLearner(let peer) in steps { return peer.storeID }
    return nil
  }

  /// The store that is losing a peer.
  var outgoingStore: UInt64? {
    for case .removePeer(let peer) in steps { return peer.storeID }
    return nil
  }

  /// The stores between which a leader moves.
  var leaderMove: (from: UInt64, to: UInt64)? {
    for case .transferLeader(let from, let to) in steps { return (from, to.storeID) }
    return nil
  }
}
