package import Codec
import Runtime

extension PDCore {
  /// Work that no call asks for; call it a few times a second.
  ///
  /// - Returns: operator steps for leaders, to be sent without waiting for their next heartbeats.
  package func tick(_ reading: ClockReading) throws(PDError) -> [RegionOperator] {
    if let failure { throw failure }
    try timestamps.extend(wallMilliseconds: reading.wallMilliseconds)
    if reading.now - syncedAt >= .seconds(3) {
      try storage.sync()
      syncedAt = reading.now
    }
    guard isBootstrapped else { return [] }
    try settleClaims(at: reading)
    try makeEmptiedTombstones()
    operators.prune(at: reading.now)
    refreshHotRegions(reading.now)
    var steps = try pushOperators(reading.now)
    steps += try checkRegions(reading.now)
    steps += try balance(reading)
    return steps
  }

  private func refreshHotRegions(_ now: Instant) {
    // Leaders report once a minute at least.
    let memory = max(.seconds(180), config.hotRegions.interval * 3)
    let leader = { [regions] (id: UInt64) in regions.record(id: id)?.leader?.storeID }
    hotRegions.read.refresh(at: now, memory: memory, leader: leader)
    hotRegions.write.refresh(at: now, memory: memory, leader: leader)
  }

  /// Repeats steps whose effect was not seen, and ends operators that take too long.
  private func pushOperators(_ now: Instant) throws(PDError) -> [RegionOperator] {
    var steps: [RegionOperator] = []
    for operation in operators.running.values {
      let wait = operation.sentAt.map { now - $0 } ?? config.resendInterval
      let isOverdue = operation.isOverdue(at: now)
      guard isOverdue || wait >= config.resendInterval else { continue }
      guard let record = regions.record(id: operation.regionID) else {
        operators.end(operation.regionID, .cancel, at: now)
        continue
      }
      if isOverdue, record.leader == nil {
        operators.end(operation.regionID, .timeout, at: now)
        continue
      }
      if let step = try schedule(operation.regionID, now) { steps.append(step) }
    }
    return steps
  }

  /// Checks the next regions in key order: no heartbeat reports that a store is lost.
  private func checkRegions(_ now: Instant) throws(PDError) -> [RegionOperator] {
    var steps: [RegionOperator] = []
    for _ in 0..<min(patrolBatch(now), regions.count) {
      if patrolPosition >= regions.count { patrolPosition = 0 }
      let record = regions[patrolPosition]
      patrolPosition += 1
      guard let record, operators[record.id] == nil else { continue }
      if let step = try schedule(record.id, now) { steps.append(step) }
    }
    return steps
  }

  /// Regions that a tick checks: in a large cluster more, so that a round does not take longer and longer. While all stores
  /// are up and no operator runs, a round takes `quietPatrolTicks`: it finds something only after a change of settings.
  private func patrolBatch(_ now: Instant) -> Int {
    let busy = max(config.replicas.patrolBatch, min(20 * 8192, 20 * (regions.count / 1024)))
    let isQuiet = stores.records.allSatisfy {
      $0.info.state == .tombstone || $0.isUsable(at: now, config)
    }
    guard isQuiet, operators.running.isEmpty else { return busy }
    let rules = config.replicas
    return min(busy, max(rules.quietPatrolBatch, regions.count / rules.quietPatrolTicks))
  }

  private func balance(_ reading: ClockReading) throws(PDError) -> [RegionOperator] {
    let now = reading.now
    if !isWarm {
      // Right after a start most leaders are unknown and every count is wrong.
      isWarm = now - startedAt >= config.warmUpTime || regions.ledCount * 10 >= regions.count * 8
      guard isWarm else { return [] }
    }
    var steps: [RegionOperator] = []
    for scheduler in Scheduler.allCases {
      let last = schedulers.runAt[scheduler] ?? startedAt
      guard now - last >= interval(scheduler),
        schedulers[scheduler].isRunning(atMilliseconds: reading.wallMilliseconds)
      else { continue }
      schedulers.runAt[scheduler] = now
      for (record, plan) in plans(scheduler, now) {
        if let step = try begin(plan, record, now) { steps.append(step) }
      }
    }
    return steps
  }

  private func interval(_ scheduler: Scheduler) -> Duration {
    switch scheduler {
    case .balanceLeader, .evictLeader: config.leaderBalanceInterval
    case .balanceRegion: config.regionBalanceInterval
    case .balanceHotRegion: config.hotRegions.scheduleInterval
    }
  }

  private func plans(_ scheduler: Scheduler, _ now: Instant) -> [(RegionRecord, SchedulingPlan)] {
    let view = view(at: now)
    let leaders = config.leaderScheduleLimit - operators.count(.leader)
    switch scheduler {
    case .balanceLeader:
      var balancer = LeaderBalancer(view: view)
      return balancer.plans(limit: leaders, &cursors)
    case .evictLeader: return LeaderEvictor(view: view).plans(limit: leaders, &cursors)
    case .balanceRegion:
      let limit = config.balanceScheduleLimit - operators.count(.region)
      var balancer = RegionBalancer(view: view)
      return balancer.plans(limit: limit, &cursors)
    case .balanceHotRegion:
      guard operators.count(.hotRegion) < config.hotRegions.scheduleLimit else { return [] }
      defer { hotRegions.isWriteTurn.toggle() }
      let balancer = HotRegionBalancer(view: view, kind: hotRegions.isWriteTurn ? .write : .read)
      return balancer.plan().map { [$0] } ?? []
    }
  }
}
