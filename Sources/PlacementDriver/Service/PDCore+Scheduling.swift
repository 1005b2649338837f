import Codec
import Runtime

// From a region's state to the operator that it needs, and from an operator to the next command.
extension PDCore {
  /// Advances the region's operator, or begins one, and returns the step its leader must carry out now.
  func schedule(_ id: UInt64, _ now: Instant) throws(PDError) -> RegionOperator? {
    guard !isRecovering, let record = regions.record(id: id), record.leader != nil else {
      return nil
    }
    if var running = operators[id] {
      switch progress(of: &running, record, now) {
      case .running:
        return send(running, record, now)
      case .ended(let status):
        operators.end(id, status, at: now)
        // The same operator would most likely time out again: another one may begin first.
        if status == .timeout { return nil }
      }
    }
    if let plan = ReplicaChecker(view: view(at: now)).check(record) {
      guard operators.count(.replica) < config.replicaScheduleLimit else { return nil }
      return try begin(plan, record, now)
    }
    return try checkMerge(record, now)
  }

  private func progress(
    of running: inout Operator, _ record: RegionRecord, _ now: Instant
  ) -> Operator.Progress {
    let progress = running.advance(record, at: now)
    guard progress == .running else { return progress }
    operators.update(running)
    // A store that gets a peer must last: a later step removes a replica that the new one stands in for.
    let needed = running.incomingStores + [running.step?.target].compactMap { $0 }
    if needed.contains(where: { stores[$0]?.isLost(at: now, config) ?? true })
      || isOutdatedMerge(running) || lacksReplicas(running, now)
    {
      return .ended(.cancel)
    }
    return .running
  }

  /// Makes a plan an operator and returns its first command; nil too if the plan cannot begin now.
  func begin(
    _ plan: SchedulingPlan, _ record: RegionRecord, _ now: Instant
  ) throws(PDError) -> RegionOperator? {
    guard let operation = try create(plan, record, now) else { return nil }
    return send(operation, record, now)
  }

  /// Makes a plan an operator, in place of one of lower priority. Nil if another is running, if there is nothing to do,
  /// or if a store's limit does not allow it now.
  func create(
    _ plan: SchedulingPlan, _ record: RegionRecord, _ now: Instant
  ) throws(PDError) -> Operator? {
    if let running = operators[record.id], running.priority >= plan.priority { return nil }
    let view = view(at: now)
    let changes = limited(plan.change, record.region)
    // An administrator's request is not held back, but counts.
    guard plan.kind == .admin || changes.allSatisfy({ view.allows($0, $1, record.approximateSize) })
    else { return nil }
    let steps = try steps(plan.change, record, view)
    guard !steps.isEmpty else { return nil }
    let operation = Operator(plan, steps: steps, record, at: now, config)
    for (direction, store) in changes {
      limits.take(
        view.cost(direction, store, operation.size), store.id, direction,
        rate: store.limit(direction, config), at: now)
    }
    operators.end(record.id, .replace, at: now)
    operators.add(operation)
    return operation
  }

  /// What counts towards stores' limits.
  private func limited(
    _ change: SchedulingPlan.Change, _ region: Region
  ) -> [(StoreLimits.Direction, StoreRecord)] {
    var added: [UInt64] = []
    var removed: [UInt64] = []
    switch change {
    case .add(let store): added = [store]
    case .remove(let peer): removed = [peer.storeID]
    case .move(let peer, let store): (added, removed) = ([store], [peer.storeID])
    case .relocate(let targets, _):
      added = targets.filter { region.peer(onStore: $0) == nil }
      removed = region.peers.map(\.storeID).filter { !targets.contains($0) }
    case .merge(let target):
      added = target.peers.map(\.storeID).filter { region.peer(onStore: $0) == nil }
      removed = region.peers.map(\.storeID).filter { target.peer(onStore: $0) == nil }
    case .promote, .transferLeader, .leaveJoint, .split: break
    }
    return added.compactMap { stores[$0] }.map { (.addPeer, $0) }
      + removed.compactMap { stores[$0] }.map { (.removePeer, $0) }
  }

  private func steps(
    _ change: SchedulingPlan.Change, _ record: RegionRecord, _ view: SchedulingView
  ) throws(PDError) -> [OperatorStep] {
    let peers = record.region.peers
    switch change {
    case .add(let store):
      let peer = PeerInfo(id: try ids.take(1, &storage), storeID: store, role: .learner)
      return [.addLearner(peer), .promoteLearner(peer)]
    case .promote(let peer):
      return [.promoteLearner(peer)]
    case .remove(let peer):
      let rest = peers.filter { $0.id != peer.id }
      // The builder knows how one of two voters goes.
      if peer.role == .voter, rest.count == 1, rest[0].role == .voter {
        return try relocation([rest[0].storeID], nil, record, view)
      }
      return [.removePeer(peer)]
    case .move(let old, let store):
      if config.replicas.usesJointConsensus, peers.allSatisfy({ $0.role == .voter }) {
        let rest = peers.filter { $0.id != old.id }.map(\.storeID)
        return try relocation(rest + [store], nil, record, view)
      }
      let peer = PeerInfo(id: try ids.take(1, &storage), storeID: store, role: .learner)
      return [.addLearner(peer), .promoteLearner(peer), .removePeer(old)]
    case .relocate(let targets, let leader):
      return try relocation(targets, leader, record, view)
    case .transferLeader(let from, let target):
      return [.transferLeader(from: from, to: target)]
    case .leaveJoint:
      return [.leaveJoint(JointChange(unfinishedIn: record.region))]
    case .merge(let target):
      let aligned = try relocation(target.peers.map(\.storeID), nil, record, view)
      return aligned + [.merge(source: record.region, target: target)]
    case .split(let keys):
      return [.split(record.region, keys: keys)]
    }
  }

  /// The steps to voters on exactly `targets`.
  private func relocation(
    _ targets: [UInt64], _ leader: UInt64?, _ record: RegionRecord, _ view: SchedulingView
  ) throws(PDError) -> [OperatorStep] {
    let builder = OperatorBuilder(
      region: record.region, leader: record.leader,
      usesJointConsensus: config.replicas.usesJointConsensus,
      prefersLeader: { view.leaderRank($0) < view.leaderRank($1) })
    return try builder.steps(to: targets, leader: leader) { () throws(PDError) in
      try ids.take(1, &storage)
    }
  }

  /// Whether a promotion or a removal must wait, until the step times out, because a peer that the operator added is
  /// silent or behind: it would count in the quorum without helping.
  private func awaitsNewPeer(
    _ operation: Operator, _ record: RegionRecord, _ now: Instant
  ) -> Bool {
    switch operation.step {
    case .promoteLearner, .enterJoint, .removePeer: break
    default: return false
    }
    let added = operation.incomingStores
    return record.region.peers.contains { peer in
      guard added.contains(peer.storeID) else { return false }
      let isUsable = stores[peer.storeID]?.isUsable(at: now, config) ?? false
      return !isUsable || record.isDown(peer) || record.isPending(peer)
    }
  }

  /// The present command of an operator for the leader's store; nil when it is to wait.
  func send(_ operation: Operator, _ record: RegionRecord, _ now: Instant) -> RegionOperator? {
    let view = view(at: now)
    if awaitsNewPeer(operation, record, now) || awaitsMerge(operation, record) { return nil }
    guard let leader = record.leader,
      let step = operation.step?.command(for: record, successor: view.successor)
    else { return nil }
    var sent = operation
    sent.sentAt = now
    operators.update(sent)
    statistics.commands += 1
    return RegionOperator(
      regionID: record.id, epoch: record.region.epoch, leader: leader, step: step)
  }
}
