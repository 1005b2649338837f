package import Codec
import Engine
import Runtime

extension PDCore {
  /// Takes in what a leader reports of its region, and returns the operator step it must carry out now, if there
  /// is one. An error that is a refusal concerns this report only.
  package func regionHeartbeat(
    _ heartbeat: RegionHeartbeat, _ reading: ClockReading
  ) throws(PDError) -> RegionOperator? {
    do {
      try requireBootstrapped()
      let record = try record(of: heartbeat, reading)
      try refuseStale(record, reading)
      try save(record)
      stores.update(heartbeat.leader.storeID) { $0.recordHeartbeat(at: reading) }
      statistics.heartbeats += 1
      return try schedule(record.id, reading.now)
    } catch {
      if error.refusal != nil { statistics.refusedHeartbeats += 1 }
      throw error
    }
  }

  /// Counts a report that was refused before it reached `regionHeartbeat`.
  package func countMalformedHeartbeat() { statistics.refusedHeartbeats += 1 }

  // MARK: Taking in

  /// The report as a record, if it makes sense.
  private func record(
    of heartbeat: RegionHeartbeat, _ reading: ClockReading
  ) throws(PDError) -> RegionRecord {
    let (region, leader) = (heartbeat.region, heartbeat.leader)
    guard region.id != 0 else {
      throw PDError(refusal: .unknown, "invalid region heartbeat: missing region")
    }
    guard leader.id != 0 else {
      throw PDError(
        refusal: .unknown, "invalid region heartbeat: region \(region.id) has no leader")
    }
    try check(region)
    guard region.peer(id: leader.id)?.storeID == leader.storeID else {
      throw PDError(
        refusal: .unknown, "invalid region heartbeat: the leader is not a peer of \(region)")
    }
    guard let store = stores[leader.storeID] else {
      throw PDError(
        refusal: .unknown, "invalid store ID \(leader.storeID), not found")
    }
    try refuseTombstone(store)
    try requireAllocated(region)

    var record = RegionRecord(region)
    record.leader = region.peer(id: leader.id)
    record.term = heartbeat.term
    record.approximateSize = heartbeat.approximateSize
    record.approximateKeys = heartbeat.approximateKeys
    record.confirmedAt = reading.now
    // A peer named twice counts once: the lists are as short as the region's own.
    for peer in heartbeat.pendingPeers {
      guard let known = region.peer(id: peer.id), !record.isPending(known) else { continue }
      record.pendingPeers.append(known)
    }
    for down in heartbeat.downPeers {
      guard let known = region.peer(id: down.peer.id), !record.isDown(known) else { continue }
      record.downPeers.append(DownPeer(peer: known, seconds: down.seconds))
    }
    return record
  }

  /// Keeps a record in memory and, when the region itself changed, on disk.
  func save(_ record: RegionRecord) throws(PDError) {
    let isNew = regions.record(id: record.id)?.region != record.region
    let removed = regions.put(record)
    guard isNew || !removed.isEmpty else { return }
    var batch = WriteBatch()
    for id in removed { batch.delete(.raft, PDKeys.region(id)) }
    batch.put(.raft, PDKeys.region(record.id), record.region.encoded())
    // A heartbeat brings the region again if a crash loses it, so the write is not synced.
    try storage.write(batch, synced: false)
  }

  // MARK: Deciding

  /// Advances the region's operator, or begins one, and returns the step its leader must carry out now.
  func schedule(_ id: UInt64, _ now: Instant) throws(PDError) -> RegionOperator? {
    guard let record = regions.record(id: id), record.leader != nil else { return nil }
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
    guard operators.count(.replica) < config.replicaScheduleLimit,
      let plan = ReplicaChecker(view: view(at: now)).check(record)
    else { return nil }
    return try begin(plan, .replica, record, now)
  }

  private func progress(
    of running: inout Operator, _ record: RegionRecord, _ now: Instant
  ) -> Operator.Progress {
    let progress = running.advance(record, at: now)
    guard progress == .running else { return progress }
    operators.update(running)
    if let target = running.step?.target, stores[target]?.isLost(at: now, config) ?? true {
      return .ended(.cancel)
    }
    return .running
  }

  /// Makes a plan an operator and returns its first command.
  func begin(
    _ plan: SchedulingPlan, _ kind: Operator.Kind, _ record: RegionRecord, _ now: Instant
  ) throws(PDError) -> RegionOperator? {
    let operation = Operator(
      kind: kind, steps: try steps(plan), region: record.region, createdAt: now, config)
    operators.add(operation)
    return send(operation, record, now)
  }

  private func steps(_ plan: SchedulingPlan) throws(PDError) -> [OperatorStep] {
    switch plan {
    case .add(let store):
      let peer = PeerInfo(id: try ids.take(1, &storage), storeID: store, role: .learner)
      return [.addLearner(peer), .promoteLearner(peer)]
    case .promote(let peer):
      return [.promoteLearner(peer)]
    case .remove(let peer):
      return [.removePeer(peer)]
    case .move(let old, let store):
      let peer = PeerInfo(id: try ids.take(1, &storage), storeID: store, role: .learner)
      return [.addLearner(peer), .promoteLearner(peer), .removePeer(old)]
    case .transferLeader(let from, let target):
      return [.transferLeader(from: from, to: target)]
    case .leaveJoint:
      return [.leaveJoint]
    }
  }

  /// The present command of an operator for the leader's store; nil when it is to wait.
  func send(_ operation: Operator, _ record: RegionRecord, _ now: Instant) -> RegionOperator? {
    let view = view(at: now)
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
