package import Raft
package import Runtime
import Synchronization

/// Raft logs in memory: the reference implementation of the conformance tests and the log store of simulations. It
/// can simulate a crash, which loses what was not synced, and failures.
package final class MemoryLogStore: RaftLogStore {
  /// A failure to inject.
  package enum Fault: Sendable, Hashable {
    /// A write fails without effect. The store stays usable.
    case write
    /// A sync fails: the store is poisoned.
    case sync
  }

  private struct Shared {
    var current: MemoryLogState
    /// `current` without `unsynced`: what a crash leaves.
    var durable: MemoryLogState
    /// Batches written since the last barrier.
    var unsynced: [LogBatch] = []
    var lsn: UInt64 = 0
    var durableLSN: UInt64 = 0
    var barriers: UInt64 = 0
    var poison: String?
    var closed = false
    var holds = LogHolds()
    /// How many more of each succeed before one fails; nil: all.
    var writesBeforeFailure: Int?
    var syncsBeforeFailure: Int?
    var checkpoints: [String: MemoryLogState] = [:]

    init(_ state: MemoryLogState) {
      current = state
      durable = state
    }
  }

  private let maxBatchBytes: Int
  private let shared: Mutex<Shared>

  package convenience init(maxBatchBytes: Int = 512 << 20) {
    self.init(MemoryLogState(), maxBatchBytes: maxBatchBytes)
  }

  private init(_ state: MemoryLogState, maxBatchBytes: Int) {
    self.maxBatchBytes = maxBatchBytes
    shared = Mutex(Shared(state))
  }

  package var capabilities: LogStoreCapabilities {
    [.crossRegionAtomic, .sharedBarrier, .onlineCheckpoint]
  }

  // MARK: Fault injection

  /// The number of writes that a crash may lose.
  package var unsyncedWrites: Int { shared.withLock { $0.unsynced.count } }

  /// A store with what a crash at this moment would leave at least.
  package var durable: MemoryLogStore {
    MemoryLogStore(shared.withLock { $0.durable }, maxBatchBytes: maxBatchBytes)
  }

  /// The number of barriers. Syncs with nothing to sync are not counted.
  package var barriers: UInt64 { shared.withLock { $0.barriers } }

  /// Makes one operation fail, after `successes` more of its kind have succeeded.
  package func inject(_ fault: Fault, after successes: Int = 0) {
    shared.withLock {
      switch fault {
      case .write: $0.writesBeforeFailure = successes
      case .sync: $0.syncsBeforeFailure = successes
      }
    }
  }

  /// Simulates a crash of the machine: closes this store and returns the one that a restart opens. Of the writes
  /// that were not synced the first `kept` survive.
  package func crash(keeping kept: Int = 0) -> MemoryLogStore {
    let state = shared.withLock { shared in
      shared.closed = true
      var state = shared.durable
      for batch in shared.unsynced.prefix(kept) { Self.replay(batch, on: &state) }
      return state
    }
    return MemoryLogStore(state, maxBatchBytes: maxBatchBytes)
  }

  /// Closes this store and returns the one that a restart of the process opens: nothing is lost.
  package func reopen() -> MemoryLogStore {
    let state = shared.withLock { shared in
      shared.closed = true
      return shared.current
    }
    return MemoryLogStore(state, maxBatchBytes: maxBatchBytes)
  }

  /// The store in the checkpoint at `path`; nil if there is none.
  package func open(checkpoint path: String) -> MemoryLogStore? {
    shared.withLock { $0.checkpoints[path] }
      .map { MemoryLogStore($0, maxBatchBytes: maxBatchBytes) }
  }

  /// Applies a batch that was accepted before to the same state.
  private static func replay(_ batch: LogBatch, on state: inout MemoryLogState) {
    do throws(LogStoreError) {
      if let outcome = try state.outcome(of: batch) { state.apply(outcome) }
    } catch {
      preconditionFailure("an accepted batch is refused in replay: \(error)")
    }
  }

  // MARK: Writing

  package func write(
    _ batch: LogBatch, _ durability: Durability
  ) throws(LogStoreError) -> LogReceipt {
    guard batch.byteSize <= maxBatchBytes else { throw .batchTooLarge(limit: maxBatchBytes) }
    return try changing { (shared) throws(LogStoreError) in
      guard let outcome = try shared.current.outcome(of: batch) else {
        return LogReceipt(lsn: shared.lsn, durableLSN: shared.durableLSN, bytes: 0)
      }
      try Self.countDown(&shared.writesBeforeFailure, "write")
      shared.current.apply(outcome)
      shared.unsynced.append(batch)
      shared.lsn += 1
      if durability == .synced { try Self.barrier(&shared) }
      return LogReceipt(lsn: shared.lsn, durableLSN: shared.durableLSN, bytes: batch.byteSize)
    }
  }

  @discardableResult
  package func sync() throws(LogStoreError) -> UInt64 {
    try changing { (shared) throws(LogStoreError) in
      if shared.durableLSN < shared.lsn { try Self.barrier(&shared) }
      return shared.durableLSN
    }
  }

  package func close() throws(LogStoreError) {
    try shared.withLock { (shared) throws(LogStoreError) in
      guard !shared.closed else { return }
      shared.closed = true
      if let poison = shared.poison { throw .poisoned(poison) }
      if shared.durableLSN < shared.lsn { try Self.barrier(&shared) }
    }
  }

  private func changing<R>(
    _ body: (inout Shared) throws(LogStoreError) -> R
  ) throws(LogStoreError) -> R {
    try shared.withLock { (shared) throws(LogStoreError) in
      if shared.closed { throw .closed }
      if let poison = shared.poison { throw .poisoned(poison) }
      return try body(&shared)
    }
  }

  private static func barrier(_ shared: inout Shared) throws(LogStoreError) {
    do throws(LogStoreError) {
      try countDown(&shared.syncsBeforeFailure, "sync")
    } catch {
      shared.poison = "injected"
      throw error
    }
    shared.barriers += 1
    for batch in shared.unsynced { replay(batch, on: &shared.durable) }
    shared.unsynced.removeAll()
    shared.durableLSN = shared.lsn
  }

  private static func countDown(
    _ successes: inout Int?, _ operation: String
  ) throws(LogStoreError) {
    guard let left = successes else { return }
    successes = left == 0 ? nil : left - 1
    if left == 0 { throw .io(operation: operation, reason: "injected") }
  }

  // MARK: Identity

  package func identity() throws(LogStoreError) -> LogStoreIdentity? {
    try reading { $0.identity }
  }

  package func bind(_ identity: LogStoreIdentity) throws(LogStoreError) {
    try changing { (shared) throws(LogStoreError) in
      if let found = shared.current.identity {
        guard found == identity else { throw .foreignStore(expected: identity, found: found) }
        return
      }
      shared.current.identity = identity
      shared.durable.identity = identity
    }
  }

  // MARK: Reading

  private func log(of region: UInt64) -> MemoryRegionLog {
    shared.withLock { $0.current.regions[region] } ?? MemoryRegionLog()
  }

  private func reading<R>(_ body: (MemoryLogState) -> R) throws(LogStoreError) -> R {
    try shared.withLock { (shared) throws(LogStoreError) in
      if shared.closed { throw .closed }
      return body(shared.current)
    }
  }

  package func firstIndex(_ region: UInt64) -> UInt64 { log(of: region).first }
  package func lastIndex(_ region: UInt64) -> UInt64 { log(of: region).last }

  package func term(_ region: UInt64, at index: UInt64) throws(LogStoreError) -> UInt64 {
    try log(of: region).term(at: index)
  }

  package func hardState(_ region: UInt64) -> HardState { log(of: region).hardState }

  package func truncated(_ region: UInt64) -> (index: UInt64, term: UInt64) {
    let log = log(of: region)
    return (log.dummyIndex, log.dummyTerm)
  }

  package func openedBytes(_ region: UInt64) -> UInt64 {
    log(of: region).entries.reduce(0) { $0 + UInt64($1.data.count) + 32 }
  }

  package func entries(
    _ region: UInt64, from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry] {
    let log = try reading { $0.regions[region] } ?? MemoryRegionLog()
    return try log.entries(from: from, to: to, maxBytes: maxBytes)
  }

  package func value(_ region: UInt64, key: [UInt8]) throws(LogStoreError) -> [UInt8]? {
    try reading { $0.regions[region]?.value(key) }
  }

  package func tombstone(_ region: UInt64) throws(LogStoreError) -> [UInt8]? {
    try reading { $0.tombstones[region] }
  }

  package func scan(
    _ region: UInt64, from: [UInt8], to: [UInt8]?, _ body: ([UInt8], [UInt8]) -> Bool
  ) throws(LogStoreError) {
    for pair in try reading({ $0.regions[region]?.pairs }) ?? [] {
      if pair.key.lexicographicallyPrecedes(from) { continue }
      if let to, !pair.key.lexicographicallyPrecedes(to) { return }
      guard body(pair.key, pair.value) else { return }
    }
  }

  package func regions() -> [UInt64] {
    shared.withLock { $0.current.regions.keys.sorted() }
  }

  package func tombstones() -> [UInt64] {
    shared.withLock { $0.current.tombstones.keys.sorted() }
  }

  // MARK: Maintenance

  package func hold(_ region: UInt64, from index: UInt64) -> LogHold {
    shared.withLock { $0.holds.hold(region, from: index) }
  }

  package func release(_ hold: LogHold) {
    shared.withLock { $0.holds.release(hold) }
  }

  /// Without effect: `compact` frees memory at once.
  @discardableResult
  package func purge() throws(LogStoreError) -> [LogPurgeAdvice] {
    try reading { _ in [] }
  }

  @discardableResult
  package func checkpoint(to path: String) throws(LogStoreError) -> UInt64 {
    try changing { (shared) throws(LogStoreError) in
      guard shared.checkpoints[path] == nil else {
        throw .io(operation: "checkpoint to \(path)", reason: "it exists already")
      }
      shared.checkpoints[path] = shared.current
      return shared.lsn
    }
  }

  package func verify(deep: Bool) throws(LogStoreError) {
    let regions = try reading { $0.regions }
    for region in regions.keys.sorted() {
      guard let log = regions[region] else { continue }
      for (position, entry) in log.entries.enumerated()
      where entry.index != log.first + UInt64(position) {
        throw .corrupted(
          location: "region \(region)", reason: "entry \(entry.index) is out of place")
      }
    }
  }

  package func usedBytes() throws(LogStoreError) -> UInt64 {
    try reading { state in
      state.regions.values.reduce(into: 0) { sum, log in
        sum += EntryLimits.encodedSize(of: log.entries) + 32
      }
    }
  }
}
