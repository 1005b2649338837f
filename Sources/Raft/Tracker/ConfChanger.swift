/// Computes the membership after a change. It works on copies: a change that is refused has no effect.
struct ConfChanger {
  typealias Outcome = (config: TrackerConfig, progress: ProgressMap)

  var config: TrackerConfig
  var progress: ProgressMap
  let maxInflight: Int
  let maxInflightBytes: UInt64
  /// The last index of the node's log, from which a new peer is probed.
  let lastIndex: UInt64

  init(tracker: borrowing Tracker, lastIndex: UInt64) {
    config = tracker.config
    progress = tracker.progress
    maxInflight = tracker.maxInflight
    maxInflightBytes = tracker.maxInflightBytes
    self.lastIndex = lastIndex
  }

  /// The membership after changes of at most one voter. Throws in a joint configuration.
  func simple(_ changes: [ConfChangeSingle]) throws(RaftError) -> Outcome {
    var next = try checked()
    if config.isJoint {
      throw .confChange("can't apply simple config change in joint config")
    }
    try next.apply(changes)
    let altered = config.voters.incoming.symmetricDifferenceCount(next.config.voters.incoming)
    if altered > 1 {
      throw .confChange("more than one voter changed without entering joint config")
    }
    return try next.outcome()
  }

  /// The joint membership after any changes, with the present voters as the outgoing half.
  func enterJoint(
    autoLeave: Bool, _ changes: [ConfChangeSingle]
  ) throws(RaftError) -> Outcome {
    var next = try checked()
    if config.isJoint { throw .confChange("config is already joint") }
    if config.voters.incoming.isEmpty {
      throw .confChange("can't make a zero-voter config joint")
    }
    next.config.voters.outgoing = config.voters.incoming
    try next.apply(changes)
    next.config.autoLeave = autoLeave
    return try next.outcome()
  }

  /// The membership without the outgoing half. Peers that only it contained are dropped.
  func leaveJoint() throws(RaftError) -> Outcome {
    var next = try checked()
    if !config.isJoint { throw .confChange("can't leave a non-joint config") }
    for id in next.config.learnersNext.ids {
      next.config.learners.insert(id)
      if let slot = next.progress.slot(of: id) { next.progress.values[slot].isLearner = true }
    }
    next.config.learnersNext = IDSet()
    for id in next.config.voters.outgoing.ids
    where !next.config.voters.incoming.contains(id) && !next.config.learners.contains(id) {
      next.progress[id] = nil
    }
    next.config.voters.outgoing = IDSet()
    next.config.autoLeave = false
    return try next.outcome()
  }

  /// The membership after a change that an entry carries.
  func change(_ change: ConfChangeV2) throws(RaftError) -> Outcome {
    if change.leavesJoint { return try leaveJoint() }
    let (autoLeave, joint) = change.entersJoint
    if joint { return try enterJoint(autoLeave: autoLeave, change.changes) }
    return try simple(change.changes)
  }

  /// The membership that `state` describes. `self` must be empty.
  mutating func restore(_ state: ConfState) throws(RaftError) -> Outcome {
    func additions(_ ids: [UInt64], _ type: ConfChangeType) -> [ConfChangeSingle] {
      ids.map { ConfChangeSingle(type: type, nodeID: $0) }
    }
    let incoming =
      additions(state.voters, .addNode) + additions(state.learners, .addLearnerNode)
      + additions(state.learnersNext, .addLearnerNode)
    guard !state.votersOutgoing.isEmpty else {
      for change in incoming { (config, progress) = try simple([change]) }
      return (config, progress)
    }
    for id in state.votersOutgoing {
      (config, progress) = try simple([ConfChangeSingle(type: .addNode, nodeID: id)])
    }
    let changes = additions(state.votersOutgoing, .removeNode) + incoming
    return try enterJoint(autoLeave: state.autoLeave, changes)
  }
}

extension ConfChanger {
  private func checked() throws(RaftError) -> ConfChanger {
    try MembershipInvariants.check(config, progress)
    return self
  }

  private func outcome() throws(RaftError) -> Outcome {
    try MembershipInvariants.check(config, progress)
    return (config, progress)
  }

  private mutating func apply(_ changes: [ConfChangeSingle]) throws(RaftError) {
    for change in changes where change.nodeID != NodeID.none {
      switch change.type {
      case .addNode: makeVoter(change.nodeID)
      case .addLearnerNode: makeLearner(change.nodeID)
      case .removeNode: remove(change.nodeID)
      case .updateNode: break
      }
    }
    if config.voters.incoming.isEmpty { throw .confChange("removed all voters") }
  }

  private mutating func makeVoter(_ id: UInt64) {
    guard let slot = progress.slot(of: id) else {
      start(id, isLearner: false)
      return
    }
    progress.values[slot].isLearner = false
    config.learners.remove(id)
    config.learnersNext.remove(id)
    config.voters.incoming.insert(id)
  }

  private mutating func makeLearner(_ id: UInt64) {
    guard let known = progress[id] else {
      start(id, isLearner: true)
      return
    }
    if known.isLearner { return }
    remove(id)
    progress[id] = known
    if config.voters.outgoing.contains(id) {
      config.learnersNext.insert(id)
    } else if let slot = progress.slot(of: id) {
      progress.values[slot].isLearner = true
      config.learners.insert(id)
    }
  }

  private mutating func remove(_ id: UInt64) {
    guard progress.contains(id) else { return }
    config.voters.incoming.remove(id)
    config.learners.remove(id)
    config.learnersNext.remove(id)
    if !config.voters.outgoing.contains(id) { progress[id] = nil }
  }

  private mutating func start(_ id: UInt64, isLearner: Bool) {
    if isLearner { config.learners.insert(id) } else { config.voters.incoming.insert(id) }
    // A new peer counts as active: otherwise the leader might step down before it can respond.
    progress[id] = Progress(
      match: 0, next: max(lastIndex, 1),
      inflights: Inflights(size: maxInflight, maxBytes: maxInflightBytes),
      isLearner: isLearner, recentActive: true)
  }
}
