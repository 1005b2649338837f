import Raft

/// The contents of a memory log store.
struct MemoryLogState: Sendable {
  var identity: LogStoreIdentity?
  private(set) var regions: [UInt64: MemoryRegionLog] = [:]
  private(set) var tombstones: [UInt64: [UInt8]] = [:]

  /// The result of a batch: the regions it changes, ascending, in their new state.
  struct Outcome {
    fileprivate var regions: [(id: UInt64, log: MemoryRegionLog?, tombstone: [UInt8]?)]
  }

  /// The result of a batch; nil if it changes nothing. Throws if it breaks a rule of `LogBatch`.
  func outcome(of batch: LogBatch) throws(LogStoreError) -> Outcome? {
    var dryRun = DryRun(self)
    for operation in batch.operations { try dryRun.apply(operation) }
    let touched = dryRun.touched.sorted { $0.key < $1.key }
    for (id, log) in touched {
      guard let log, log.hardState.commit > log.last else { continue }
      throw .invalidBatch(
        region: id, reason: "commit \(log.hardState.commit) is beyond the last index \(log.last)")
    }
    guard dryRun.changed else { return nil }
    return Outcome(regions: touched.map { ($0.key, $0.value, dryRun.tombstones[$0.key]) })
  }

  /// Applies the result of a batch.
  mutating func apply(_ outcome: Outcome) {
    for (id, log, tombstone) in outcome.regions {
      regions[id] = log
      tombstones[id] = tombstone
    }
  }
}

/// A batch applied to copies of the regions it changes.
private struct DryRun {
  private let before: MemoryLogState
  /// By region; nil: destroyed or missing.
  var touched: [UInt64: MemoryRegionLog?] = [:]
  var tombstones: [UInt64: [UInt8]] = [:]
  var changed = false

  init(_ before: MemoryLogState) {
    self.before = before
  }

  mutating func apply(_ operation: LogBatch.Operation) throws(LogStoreError) {
    let region = operation.region
    if touched[region] == nil {
      touched[region] = .some(before.regions[region])
      tombstones[region] = before.tombstones[region]
    }
    if case .destroy(_, let tombstone) = operation {
      changed = changed || current(region) != nil || tombstone != nil || tombstones[region] != nil
      touched[region] = .some(nil)
      tombstones[region] = tombstone
      return
    }
    let old = current(region)
    var log = old ?? MemoryRegionLog()
    guard try Self.apply(operation, to: &log, exists: old != nil) else { return }
    changed = true
    touched[region] = log
    tombstones[region] = nil
  }

  private func current(_ region: UInt64) -> MemoryRegionLog? { touched[region] ?? nil }

  /// Applies one operation. False if it changes nothing.
  private static func apply(
    _ operation: LogBatch.Operation, to log: inout MemoryRegionLog, exists: Bool
  ) throws(LogStoreError) -> Bool {
    switch operation {
    case .append(let region, let entries):
      try log.append(region, entries)
      return entries.contains { $0.index > log.dummyIndex }
    case .setHardState(let region, let state):
      try LogRules.checkStep(region, from: log.hardState, to: state)
      defer { log.hardState = state }
      return state != log.hardState
    case .compact(let region, let index, let term):
      let effective = index > log.dummyIndex
      try log.compact(region, to: index, term: term)
      return effective
    case .reset(let region, let index, let term, let state):
      try log.reset(region, to: index, term: term, state)
    case .put(let region, let key, let value):
      try LogRules.checkKey(region, key)
      log.put(key, value)
    case .delete(_, let key):
      log.delete(key)
      return exists
    case .destroy: break
    }
    return true
  }
}
