package import Codec
import Runtime

extension PDCore {
  /// Work that no call asks for; call it a few times a second.
  ///
  /// - Returns: operator steps for leaders, to be sent without waiting for their next heartbeats.
  package func tick(_ reading: ClockReading) throws(PDError) -> [RegionOperator] {
    if let failure { throw failure }
    try oracle.extend(wallMilliseconds: reading.wallMilliseconds, &storage)
    if reading.now - syncedAt >= .seconds(3) {
      try storage.sync()
      syncedAt = reading.now
    }
    guard isBootstrapped else { return [] }
    try settleClaims(at: reading)
    try makeEmptiedTombstones()
    operators.prune(at: reading.now)
    var steps = try pushOperators(reading.now)
    steps += try checkRegions(reading.now)
    steps += try balance(reading)
    return steps
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
    for _ in 0..<min(config.patrolBatch, regions.count) {
      if patrolPosition >= regions.count { patrolPosition = 0 }
      let record = regions[patrolPosition]
      patrolPosition += 1
      guard let record, operators[record.id] == nil else { continue }
      if let step = try schedule(record.id, now) { steps.append(step) }
    }
    return steps
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
    }
  }

  private func plans(_ scheduler: Scheduler, _ now: Instant) -> [(RegionRecord, SchedulingPlan)] {
    let view = view(at: now)
    let leaders = config.leaderScheduleLimit - operators.count(.leader)
    switch scheduler {
    case .balanceLeader: return LeaderBalancer(view: view).plans(limit: leaders)
    case .evictLeader: return LeaderEvictor(view: view).plans(limit: leaders)
    case .balanceRegion:
      let limit = config.balanceScheduleLimit - operators.count(.region)
      return RegionBalancer(view: view).plans(limit: limit)
    }
  }
}
