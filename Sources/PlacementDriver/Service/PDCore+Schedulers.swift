import Codec
import Engine

// Schedulers and settings, changed at run time and kept over restarts.
extension PDCore {
  /// A scheduler as it is now.
  package struct SchedulerSummary: Sendable, Hashable {
    package var scheduler: Scheduler
    package var state: SchedulerState
    package var isPaused: Bool
  }

  /// The schedulers that were added and not removed, in a fixed order.
  package func schedulerSummaries(_ reading: ClockReading) -> [SchedulerSummary] {
    Scheduler.allCases.compactMap { scheduler in
      let state = schedulers[scheduler]
      guard state.isAdded else { return nil }
      return SchedulerSummary(
        scheduler: scheduler, state: state,
        isPaused: state.isPaused(atMilliseconds: reading.wallMilliseconds))
    }
  }

  /// Adds a scheduler, or a store to the one that evicts leaders.
  package func addScheduler(_ name: String, store: UInt64?) throws(PDError) {
    try requireBootstrapped()
    let scheduler = try scheduler(named: name)
    var state = schedulers[scheduler]
    if scheduler == .evictLeader {
      guard let store else {
        throw PDError(.invalidArgument, "\(name) needs the id of a store")
      }
      guard stores[store] != nil else {
        throw PDError(.notFound, "invalid store ID \(store), not found")
      }
      guard !state.isAdded || !state.stores.contains(store) else {
        throw PDError(.failedPrecondition, "\(name) evicts the leaders of store \(store) already")
      }
      guard state.stores.count < SchedulerState.maxStores else {
        throw PDError(
          .invalidArgument, "\(name) has \(state.stores.count) stores, no more may be added")
      }
      if !state.isAdded { state = SchedulerState(isAdded: true) }
      state.stores = (state.stores + [store]).sorted()
    } else {
      guard !state.isAdded else {
        throw PDError(.failedPrecondition, "scheduler \(name) exists already")
      }
      state = SchedulerState(isAdded: true)
    }
    try save(scheduler, state)
  }

  /// Removes a scheduler, or with `store` one store from the one that evicts leaders; `evict-leader-scheduler-5` is
  /// another name of the latter.
  package func removeScheduler(_ name: String, store: UInt64? = nil) throws(PDError) {
    try requireBootstrapped()
    let prefix = Scheduler.evictLeader.rawValue + "-"
    if store == nil, name.hasPrefix(prefix), let id = UInt64(name.dropFirst(prefix.count)) {
      return try removeScheduler(Scheduler.evictLeader.rawValue, store: id)
    }
    let scheduler = try addedScheduler(named: name)
    var state = schedulers[scheduler]
    if let store {
      guard let index = state.stores.firstIndex(of: store) else {
        throw PDError(.notFound, "scheduler \(name) has no store \(store)")
      }
      state.stores.remove(at: index)
      if state.stores.isEmpty { state = SchedulerState(isAdded: false) }
    } else {
      state = SchedulerState(isAdded: false)
    }
    try save(scheduler, state)
  }

  /// Stops a scheduler for that many seconds; 0 resumes it.
  package func pauseScheduler(
    _ name: String, seconds: UInt64, _ reading: ClockReading
  ) throws(PDError) {
    try requireBootstrapped()
    let paused =
      name == "all"
      ? Scheduler.allCases.filter { schedulers[$0].isAdded } : [try addedScheduler(named: name)]
    let (milliseconds, overflow) = min(seconds, 1 << 40).multipliedReportingOverflow(by: 1000)
    precondition(!overflow, "a bounded number overflowed")
    for scheduler in paused {
      var state = schedulers[scheduler]
      state.pausedUntil = seconds == 0 ? 0 : reading.wallMilliseconds &+ milliseconds
      try save(scheduler, state)
    }
  }

  private func scheduler(named name: String) throws(PDError) -> Scheduler {
    guard let scheduler = Scheduler(rawValue: name) else {
      throw PDError(
        .invalidArgument,
        "unknown scheduler \(name); there are "
          + Scheduler.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return scheduler
  }

  private func addedScheduler(named name: String) throws(PDError) -> Scheduler {
    guard let scheduler = Scheduler(rawValue: name), schedulers[scheduler].isAdded else {
      throw PDError(.notFound, "[PD:scheduler:ErrSchedulerNotFound]scheduler not found")
    }
    return scheduler
  }

  private func save(_ scheduler: Scheduler, _ state: SchedulerState) throws(PDError) {
    try storage.put(PDKeys.scheduler(scheduler.rawValue), state.encoded())
    schedulers[scheduler] = state
  }

  // MARK: Settings

  /// Every setting that can be changed at run time with its value, in a fixed order.
  package var settings: [(setting: PDSetting, value: PDSetting.Value)] {
    var current = config
    current.maxReplicas = maxReplicas
    return PDSetting.all.map { ($0, $0.get(current)) }
  }

  /// Changes settings, all or none.
  package func set(_ changes: [(name: String, value: String)]) throws(PDError) {
    try requireBootstrapped()
    var changed = config
    changed.maxReplicas = maxReplicas
    var batch = WriteBatch()
    for (name, value) in changes {
      // PD's clients name the section or leave it out.
      let short = name.split(separator: ".").last.map(String.init) ?? name
      guard let setting = PDSetting.named(short) else {
        throw PDError(.invalidArgument, "config item \(name) not found")
      }
      try setting.set(&changed, value)
      if short != PDSetting.maxReplicas.name {
        batch.put(.raft, PDKeys.setting(short), Array(value.utf8))
      }
    }
    guard
      changed.replicas.isolationLevel.isEmpty
        || changed.replicas.locationLabels.contains(changed.replicas.isolationLevel)
    else {
      throw PDError(
        .invalidArgument,
        "isolation-level \(changed.replicas.isolationLevel) is not one of location-labels")
    }
    if changed.maxReplicas != maxReplicas {
      batch.put(.raft, PDKeys.cluster, clusterBytes(changed.maxReplicas))
    }
    try storage.write(batch)
    maxReplicas = changed.maxReplicas
    config = changed
    recentSplits = recentSplits.with(interval: config.merging.splitMergeInterval)
  }
}
