import Codec
import Runtime

// Merges: two operators, one on each region, that begin and end together.
extension PDCore {
  /// Merges a small region into a neighbor, if it needs nothing else.
  func checkMerge(_ record: RegionRecord, _ now: Instant) throws(PDError) -> RegionOperator? {
    guard isWarm, operators.count(.merge) < config.merging.scheduleLimit,
      now - startedAt >= config.merging.splitMergeInterval
    else { return nil }
    let checker = MergeChecker(view: view(at: now), recentSplits: recentSplits)
    guard let target = checker.target(for: record) else { return nil }
    let reason =
      "\(record.approximateSize >> 20) MiB and \(record.approximateKeys) keys, its neighbor "
      + "\(target.id) has \(target.approximateSize >> 20) MiB"
    let plan = SchedulingPlan(
      "merge-region", reason, .merge, .low, .merge(into: target.region))
    guard let operation = try createMerge(plan, record, target, now) else { return nil }
    return send(operation, record, now)
  }

  /// Merges two regions as an administrator requests.
  func requestMerge(_ source: UInt64, into target: UInt64, _ now: Instant) throws(PDError) {
    guard let from = regions.record(id: source), let into = regions.record(id: target) else {
      let missing = regions.record(id: source) == nil ? source : target
      throw PDError(.notFound, "region \(missing) not found")
    }
    let checker = MergeChecker(view: view(at: now), recentSplits: recentSplits)
    if let reason = checker.refusal(from, into) { throw PDError(.failedPrecondition, reason) }
    let plan = SchedulingPlan(
      "admin-merge-region", "requested", .admin, .urgent, .merge(into: into.region))
    guard try createMerge(plan, from, into, now) != nil else {
      throw PDError(
        .failedPrecondition, "region \(source) or region \(target) has an operator already")
    }
  }

  /// Begins both operators and returns the source's; nil if another one runs on either region, or if a store's limit
  /// does not allow it.
  ///
  /// First the source's replicas are moved to the stores of the target's; the target stays as it is.
  private func createMerge(
    _ plan: SchedulingPlan, _ source: RegionRecord, _ target: RegionRecord, _ now: Instant
  ) throws(PDError) -> Operator? {
    for id in [source.id, target.id] {
      if let running = operators[id], running.priority >= plan.priority { return nil }
    }
    guard var active = try create(plan, source, now) else { return nil }
    let step = OperatorStep.absorb(source: source.region, target: target.region)
    var passive = Operator(
      plan, steps: [step], target, at: now, config,
      // The target waits for all that happens to the source.
      timeouts: [active.timeouts.reduce(.zero, +)])
    (active.partner, passive.partner) = (target.id, source.id)
    operators.update(active)
    operators.end(target.id, .replace, at: now)
    operators.add(passive)
    return active
  }

  /// Whether the target has changed since the merge was decided, so that the merge must end.
  func isOutdatedMerge(_ operation: Operator) -> Bool {
    guard case .merge(_, let target) = operation.steps.last else { return false }
    return regions.record(id: target.id)?.region.epoch != target.epoch
  }

  /// Whether a region of a merge has lost a replica. The merge would wait for it, and making a new one comes first.
  func lacksReplicas(_ operation: Operator, _ now: Instant) -> Bool {
    guard case .merge(_, let target) = operation.step else { return false }
    let checker = ReplicaChecker(view: view(at: now))
    return [operation.regionID, target.id].contains { id in
      regions.record(id: id).flatMap(checker.check)?.priority == .high
    }
  }

  /// Whether a merge must wait: both regions have their replicas on the same stores, and none lacks data.
  func awaitsMerge(_ operation: Operator, _ record: RegionRecord) -> Bool {
    guard case .merge(_, let target) = operation.step else { return false }
    guard let other = regions.record(id: target.id) else { return true }
    return !record.isHealthy || !other.isHealthy
      || Set(record.region.peers.map(\.storeID)) != Set(other.region.peers.map(\.storeID))
  }

  /// Ends the operators of regions that the report of another region has driven out. The source of a merge ends so, with
  /// success.
  func endOperators(of removed: [UInt64], replacedBy record: RegionRecord, _ now: Instant) {
    for id in removed {
      guard let operation = operators[id] else { continue }
      if case .merge(_, let target) = operation.step, target.id == record.id {
        operators.end(id, .success, at: now)
      } else {
        operators.end(id, .cancel, at: now)
      }
    }
  }
}
