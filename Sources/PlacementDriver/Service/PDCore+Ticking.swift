import Codec
import Runtime

extension PDCore {
  /// What must be done without being asked; call it a few times a second.
  ///
  /// - Returns: commands for leaders that no heartbeat asked for.
  package func tick(_ reading: ClockReading) throws(PDError) -> [HeartbeatResponse] {
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
    var replies = try pushOperators(reading.now)
    replies += try checkRegions(reading.now)
    replies += try balance(reading.now)
    return replies
  }

  /// Repeats commands whose effect was not seen, and ends operators that take too long.
  private func pushOperators(_ now: Instant) throws(PDError) -> [HeartbeatResponse] {
    var replies: [HeartbeatResponse] = []
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
      if let reply = try schedule(operation.regionID, now) { replies.append(reply) }
    }
    return replies
  }

  /// Looks at the next regions in key order: stores die without any region telling.
  private func checkRegions(_ now: Instant) throws(PDError) -> [HeartbeatResponse] {
    var replies: [HeartbeatResponse] = []
    for _ in 0..<min(config.patrolBatch, regions.count) {
      if patrolPosition >= regions.count { patrolPosition = 0 }
      let record = regions[patrolPosition]
      patrolPosition += 1
      guard let record, operators[record.id] == nil else { continue }
      if let reply = try schedule(record.id, now) { replies.append(reply) }
    }
    return replies
  }

  private func balance(_ now: Instant) throws(PDError) -> [HeartbeatResponse] {
    if !isWarm {
      // Right after a start most leaders are unknown and every count is wrong.
      isWarm = now - startedAt >= config.warmUpTime || regions.ledCount * 10 >= regions.count * 8
      guard isWarm else { return [] }
    }
    var replies: [HeartbeatResponse] = []
    if now - leadersBalancedAt >= config.leaderBalanceInterval {
      leadersBalancedAt = now
      let room = config.leaderScheduleLimit - operators.count(.leader)
      for (record, plan) in LeaderBalancer(view: view(at: now)).plans(limit: room) {
        if let reply = try begin(plan, .leader, record, now) { replies.append(reply) }
      }
    }
    if now - regionsBalancedAt >= config.regionBalanceInterval {
      regionsBalancedAt = now
      let room = config.balanceScheduleLimit - operators.count(.balance)
      for (record, plan) in RegionBalancer(view: view(at: now)).plans(limit: room) {
        if let reply = try begin(plan, .balance, record, now) { replies.append(reply) }
      }
    }
    return replies
  }
}
