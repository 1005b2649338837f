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
    steps += try balance(reading.now)
    return steps
  }

  /// Repeats steps whose effect was not seen, and ends operators that take too long.
  private func pushOperators(_ now: Instant) throws(PDError) -> [RegionOperator] {
    var steps: [RegionOperator] = []
    for operation in operators.running.values {
      let wait = operation.sentAt.map { now - $0 } ?? config.resendInterval
      let isOverdue = now - operation.createdAt > operation.timeout
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

  private func balance(_ now: Instant) throws(PDError) -> [RegionOperator] {
    if !isWarm {
      // Right after a start most leaders are unknown and every count is wrong.
      isWarm = now - startedAt >= config.warmUpTime || regions.ledCount * 10 >= regions.count * 8
      guard isWarm else { return [] }
    }
    var steps: [RegionOperator] = []
    if now - leadersBalancedAt >= config.leaderBalanceInterval {
      leadersBalancedAt = now
      let limit = config.leaderScheduleLimit - operators.count(.leader)
      for (record, plan) in LeaderBalancer(view: view(at: now)).plans(limit: limit) {
        if let step = try begin(plan, .leader, record, now) { steps.append(step) }
      }
    }
    if now - regionsBalancedAt >= config.regionBalanceInterval {
      regionsBalancedAt = now
      let limit = config.balanceScheduleLimit - operators.count(.balance)
      for (record, plan) in RegionBalancer(view: view(at: now)).plans(limit: limit) {
        if let step = try begin(plan, .balance, record, now) { steps.append(step) }
      }
    }
    return steps
  }
}
