import Codec
import Engine
import Runtime

// Online unsafe recovery: PD's `unsafe remove-failed-stores`. Every store that is left reports its peers, `RecoveryPlanner`
// decides, the failed stores become tombstones, and the stores carry out their plans, which they get in the responses to
// their heartbeats. Meanwhile nothing is scheduled. A dry run ends with the plan.
extension PDCore {
  var recovery: UnsafeRecovery? {
    get { schedulers.recovery }
    set { schedulers.recovery = newValue }
  }

  /// Gives stores up and begins to recover the regions that have lost their quorums with them. Refuses stores that are
  /// connected.
  ///
  /// - Parameters:
  ///   - timeout: after this the recovery has failed.
  ///   - isDryRun: whether it ends with the plan.
  package func removeFailedStores(
    _ ids: [UInt64], timeout: Duration, isDryRun: Bool, _ reading: ClockReading
  ) throws(PDError) {
    try requireBootstrapped()
    guard !ids.isEmpty else {
      throw PDError(refusal: .invalidValue, "no store is named")
    }
    if let running = recovery, running.isRunning, reading.now < running.deadline {
      throw PDError(refusal: .invalidValue, "another recovery is under way")
    }
    let failed = Set(ids)
    for id in failed.sorted() {
      guard let store = stores[id] else {
        throw PDError(refusal: .invalidValue, "store \(id) does not exist")
      }
      guard store.info.state == .tombstone || !store.isHeard(at: reading.now, config) else {
        throw PDError(refusal: .invalidValue, "store \(id) is up and connected")
      }
    }
    guard !survivors(failed).isEmpty else {
      throw PDError(refusal: .invalidValue, "no store would be left")
    }
    recovery = UnsafeRecovery(
      failedStores: failed, isDryRun: isDryRun, deadline: reading.now + timeout,
      step: (recovery?.step ?? 0) + 1)
    note("stores \(ids.map(String.init).joined(separator: ", ")) are given up; waiting for reports")
  }

  /// The state of the last recovery since PD's start.
  package func recoverySummary(at reading: ClockReading) -> RecoverySummary {
    expireRecovery(reading)
    return RecoverySummary(
      isRunning: recovery?.isRunning ?? false, hasFailed: recovery?.stage == .failed,
      lines: recovery?.lines ?? ["No on-going recovery."])
  }

  /// Whether nothing may be scheduled.
  var isRecovering: Bool { recovery?.isRunning == true && recovery?.isDryRun == false }

  /// Takes in a store's report, and returns what the store is to do for the recovery that is under way.
  func recover(
    _ heartbeat: StoreHeartbeat, _ reading: ClockReading
  ) throws(PDError) -> RecoveryPlan? {
    expireRecovery(reading)
    let id = heartbeat.storeID
    guard let running = recovery, running.isRunning, !running.failedStores.contains(id) else {
      return nil
    }
    if let report = heartbeat.report, report.step == running.step {
      recovery?.reports[id] = report
      switch running.stage {
      case .collecting: try decideIfComplete()
      case .executing: finishIfDone(id, report)
      case .finished, .failed: break
      }
    }
    guard let now = recovery, now.isRunning else { return nil }
    if now.stage == .executing, let plan = now.plans[id] { return plan }
    return now.stage == .collecting ? RecoveryPlan(step: now.step) : nil
  }

  private func expireRecovery(_ reading: ClockReading) {
    guard let running = recovery, running.isRunning, reading.now >= running.deadline else { return }
    let silent = survivors(running.failedStores).filter { running.reports[$0] == nil }
    let open = running.stage == .collecting ? silent : running.plans.keys.sorted()
    recovery?.stage = .failed
    note("timeout; not done by stores \(open.map(String.init).joined(separator: ", "))")
  }

  private func survivors(_ failed: Set<UInt64>) -> [UInt64] {
    stores.records.filter { $0.info.state != .tombstone && !failed.contains($0.id) }.map(\.id)
  }

  private func note(_ line: String) { recovery?.lines.append(line) }

  // MARK: The plan

  private func decideIfComplete() throws(PDError) {
    guard let running = recovery else { return }
    let alive = survivors(running.failedStores)
    guard alive.allSatisfy({ running.reports[$0] != nil }) else { return }
    let planner = RecoveryPlanner(failedStores: running.failedStores, reports: running.reports)
    var decision = planner.decide()
    try fillHoles(&decision, alive, running)
    for line in decision.lines { note(line) }
    if running.isDryRun || decision.plans.isEmpty {
      recovery?.stage = .finished
      note(decision.plans.isEmpty ? "no region has lost its quorum" : "dry run: nothing is changed")
      if running.isDryRun { return }
    }
    try bury(running.failedStores)
    try forget(except: decision.healthy)
    guard !decision.plans.isEmpty else { return }
    let step = running.step + 1
    recovery?.stage = .executing
    recovery?.step = step
    recovery?.reports = [:]
    recovery?.plans = decision.plans.mapValues { plan in
      var plan = plan
      plan.step = step
      return plan
    }
  }

  private func fillHoles(
    _ decision: inout RecoveryPlanner.Decision, _ alive: [UInt64], _ running: UnsafeRecovery
  ) throws(PDError) {
    let reported = running.reports.values.flatMap(\.peers).map(\.region)
    for (position, hole) in decision.holes.enumerated() {
      let known =
        regions.records(in: hole).map(\.region) + reported.filter { $0.range.overlaps(hole) }
      let version = known.map(\.epoch.version).max() ?? 0
      let storeID = alive[position % alive.count]
      // A dry run takes no ids.
      let last = running.isDryRun ? 0 : try allocateIDs(2)
      let region = Region(
        id: running.isDryRun ? 0 : last - 1, startKey: hole.start, endKey: hole.end,
        epoch: RegionEpoch(confVersion: 1, version: version + 1),
        peers: [PeerInfo(id: last, storeID: storeID)])
      decision.plans[storeID, default: RecoveryPlan(step: 0)].creates.append(region)
      decision.lines.append("\(hole): nothing is left, an empty region begins on store \(storeID)")
    }
  }

  /// The failed stores never come back.
  private func bury(_ ids: Set<UInt64>) throws(PDError) {
    for id in ids.sorted() {
      guard var store = stores[id], store.info.state != .tombstone else { continue }
      store.info.state = .tombstone
      store.info.nodeState = .removed
      store.info.physicallyDestroyed = true
      try save(store)
    }
  }

  /// What leaders have reported of regions that changed is out of date: they report again.
  private func forget(except healthy: Set<UInt64>) throws(PDError) {
    let stale = regions.all.map(\.id).filter { !healthy.contains($0) }
    guard !stale.isEmpty else { return }
    var batch = WriteBatch()
    for id in stale {
      regions.remove(id: id)
      batch.delete(.raft, PDKeys.region(id))
    }
    try storage.write(batch)
  }

  private func finishIfDone(_ id: UInt64, _ report: StoreReport) {
    guard let plan = recovery?.plans[id], UnsafeRecovery.isDone(plan, report) else { return }
    recovery?.plans[id] = nil
    note("store \(id) has carried out its plan")
    guard recovery?.plans.isEmpty == true else { return }
    recovery?.stage = .finished
    note("finished")
  }
}
