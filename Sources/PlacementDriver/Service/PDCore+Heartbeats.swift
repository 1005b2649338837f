import Codec
import Engine
import Runtime
package import Wire

extension PDCore {
  /// One message of a `RegionHeartbeat` stream: takes in what the leader reports and returns what
  /// is to be done. What is refused is completed with an error on the same stream.
  package func regionHeartbeat(
    _ request: Pdpb_RegionHeartbeatRequest, _ reading: ClockReading
  ) throws(PDError) -> [HeartbeatResponse] {
    try admit(request.header.clusterID)
    do {
      try requireCluster()
      let record = try record(of: request, reading)
      try refuseStale(record, reading)
      try store(record)
      recordLeaderStoreHeartbeat(record, reading)
      statistics.heartbeats += 1
      return try schedule(record.id, reading.now).map { [$0] } ?? []
    } catch {
      guard let type = error.headerType else { throw error }
      statistics.refusedHeartbeats += 1
      var response = Pdpb_RegionHeartbeatResponse()
      response.header = header(type, error.message)
      if request.hasRegion {
        response.regionID = request.region.id
        response.regionEpoch = request.region.regionEpoch
      }
      if request.hasLeader { response.targetPeer = request.leader }
      return [HeartbeatResponse(storeID: request.leader.storeID, response: response)]
    }
  }

  // MARK: Taking in

  /// The report as a record, if it makes sense.
  private func record(
    of request: Pdpb_RegionHeartbeatRequest, _ reading: ClockReading
  ) throws(PDError) -> RegionRecord {
    guard request.hasRegion, request.region.id != 0 else {
      throw PDError(header: .unknown, "invalid region heartbeat: missing region")
    }
    let id = request.region.id
    guard request.hasLeader, request.leader.id != 0 else {
      throw PDError(header: .unknown, "invalid region heartbeat: region \(id) has no leader")
    }
    guard request.region.hasRegionEpoch else {
      throw PDError(header: .unknown, "invalid region heartbeat: region \(id) has no epoch")
    }
    let region = try checked(request.region)
    let leader = try plain(request.leader)
    guard region.peer(id: leader.id)?.storeID == leader.storeID else {
      throw PDError(
        header: .unknown, "invalid region heartbeat: the leader is not a peer of \(region)")
    }
    guard let store = stores[leader.storeID] else {
      throw PDError(
        header: .unknown, "invalid store ID \(leader.storeID), not found")
    }
    try refuseTombstone(store)
    try requireAllocated(region)

    var record = RegionRecord(region)
    record.leader = region.peer(id: leader.id)
    record.term = request.term
    record.approximateSize = request.approximateSize
    record.approximateKeys = request.approximateKeys
    record.confirmedAt = reading.now
    // A peer named twice counts once: the lists are as short as the region's own.
    for peer in request.pendingPeers {
      guard let known = region.peer(id: peer.id), !record.isPending(known) else { continue }
      record.pendingPeers.append(known)
    }
    for down in request.downPeers {
      guard let known = region.peer(id: down.peer.id), !record.isDown(known) else { continue }
      record.downPeers.append(DownPeer(peer: known, seconds: down.downSeconds))
    }
    return record
  }

  /// A region as plain values whose parts make sense together.
  func checked(_ message: Metapb_Region) throws(PDError) -> Region {
    let region = try plain(message)
    guard !region.range.isEmpty else {
      throw PDError(header: .unknown, "invalid region: no key fits into \(region)")
    }
    let limits = config.limits
    guard region.peers.count <= limits.peers else {
      throw PDError(
        header: .invalidValue,
        "invalid region: \(region.peers.count) peers, more than \(limits.peers)")
    }
    let longest = max(region.startKey.count, region.endKey.count)
    guard longest <= limits.keyBytes else {
      throw PDError(
        header: .invalidValue,
        "invalid region: a key of \(longest) bytes, more than \(limits.keyBytes)")
    }
    guard !region.peers.isEmpty,
      region.peers.allSatisfy({ $0.id != 0 && $0.storeID != 0 }),
      Set(region.peers.map(\.id)).count == region.peers.count,
      Set(region.peers.map(\.storeID)).count == region.peers.count
    else {
      throw PDError(header: .unknown, "invalid region: peers of \(region)")
    }
    return region
  }

  /// Keeps a record in memory and, when the region itself changed, on disk.
  func store(_ record: RegionRecord) throws(PDError) {
    let isNew = regions.record(id: record.id)?.region != record.region
    let removed = regions.put(record)
    guard isNew || !removed.isEmpty else { return }
    var batch = WriteBatch()
    for id in removed { batch.delete(.raft, PDKeys.region(id)) }
    batch.put(.raft, PDKeys.region(record.id), record.region.encoded())
    // Heartbeats come again: waiting for the disk would buy nothing.
    try storage.write(batch, synced: false)
  }

  private func recordLeaderStoreHeartbeat(_ record: RegionRecord, _ reading: ClockReading) {
    guard let leader = record.leader else { return }
    stores.update(leader.storeID) { $0.recordHeartbeat(at: reading) }
  }

  // MARK: Deciding

  /// Moves the region's operator on, or finds it one, and returns what its leader must do.
  func schedule(_ id: UInt64, _ now: Instant) throws(PDError) -> HeartbeatResponse? {
    guard let record = regions.record(id: id), record.leader != nil else { return nil }
    if var running = operators[id] {
      switch progress(of: &running, record, now) {
      case .running:
        return send(running, record, now)
      case .ended(let status):
        operators.end(id, status, at: now)
        // Give way for a while to others: the same would most likely fail again.
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
    if let target = running.step?.target, stores[target]?.isTombstone(at: now, config) ?? true {
      return .ended(.cancel)
    }
    return .running
  }

  /// Makes a plan an operator and returns its first command.
  func begin(
    _ plan: SchedulingPlan, _ kind: Operator.Kind, _ record: RegionRecord, _ now: Instant
  ) throws(PDError) -> HeartbeatResponse? {
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
  func send(_ operation: Operator, _ record: RegionRecord, _ now: Instant) -> HeartbeatResponse? {
    let view = view(at: now)
    guard let leader = record.leader,
      let command = operation.step?.command(for: record, successor: view.successor)
    else { return nil }
    var sent = operation
    sent.sentAt = now
    operators.update(sent)
    var response = Pdpb_RegionHeartbeatResponse()
    response.header = header
    response.regionID = record.id
    response.regionEpoch = record.region.epoch.wire
    response.targetPeer = leader.wire
    command.fill(&response)
    statistics.commands += 1
    return HeartbeatResponse(storeID: leader.storeID, response: response)
  }
}

extension OperatorCommand {
  func fill(_ response: inout Pdpb_RegionHeartbeatResponse) {
    func change(_ type: Eraftpb_ConfChangeType, _ peer: PeerInfo, _ role: PeerRole)
      -> Pdpb_ChangePeer
    {
      var peer = peer
      peer.role = role
      var wire = Pdpb_ChangePeer()
      wire.peer = peer.wire
      wire.changeType = type
      return wire
    }
    switch self {
    case .addLearner(let peer):
      response.changePeer = change(.addLearnerNode, peer, .learner)
    case .addVoter(let peer):
      response.changePeer = change(.addNode, peer, .voter)
    case .removePeer(let peer):
      response.changePeer = change(.removeNode, peer, peer.role)
    case .transferLeader(let peer):
      response.transferLeader.peer = peer.wire
      response.transferLeader.peers = [peer.wire]
    case .leaveJoint:
      response.changePeerV2 = Pdpb_ChangePeerV2()
    }
  }
}
