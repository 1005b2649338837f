import Raft
package import RaftLog
import Runtime

/// A store's raft log as a segment log in simulated files, beside a store in memory with what the log must contain.
///
/// Each write goes to both. A read compares them, and so does each start and each crash: of the writes that were not synced
/// any first part may be left, and the last one that failed may be there or not.
package final class SegmentLogDisk {
  private static let path = "raft-segment"

  private let name: String
  private let seed: UInt64
  package private(set) var files = SimulatedLogFiles()
  /// What the log contains, with what of it is durable at least.
  package private(set) var expected = MemoryLogStore()
  /// A write that failed: it may be found when the log is opened again.
  private var failed: LogBatch?
  /// The regions that damage has taken from the log and that were not destroyed since.
  private var lost: Set<UInt64> = []
  /// Whether a bit has turned over, ever.
  private var hasDecayed = false
  /// How the log differs from what was written; nil: it does not.
  package private(set) var violation: String?
  private var starts: UInt64 = 0
  private var running: SegmentLogStore?

  /// - Parameter name: of the machine.
  init(_ name: String, seed: UInt64) {
    self.name = name
    self.seed = seed
  }

  private func options() -> SegmentLogOptions {
    var options = SegmentLogOptions()
    options.mode = .salvage
    options.segmentBytes = 64 << 10
    options.compressionThreshold = 512
    // Reads are of files, not of what was written a moment ago.
    options.cacheBytes = 0
    options.softBudgetBytes = 192 << 10
    options.hardBudgetBytes = 256 << 10
    options.rewriteBytesPerPurge = 64 << 10
    options.seed = seed &+ starts
    return options
  }

  // MARK: A process

  /// Opens the log for a process.
  ///
  /// - Parameter files: the files as the process reaches them.
  func open(
    _ files: any RandomAccessFileSystem, _ disk: DiskAccess
  ) throws(LogStoreError) -> any RaftLogStore {
    starts += 1
    let store: SegmentLogStore
    do throws(LogStoreError) {
      store = try SegmentLogStore(path: Self.path, files: files, options: options())
    } catch {
      if case .corrupted = error, !hasDecayed { report("cannot be opened: \(error)") }
      throw error
    }
    noteDamage(disk)
    noteLost(store)
    // Opening has made all durable that was found.
    synced()
    running = store
    return ComparedLogStore(store, self, disk)
  }

  /// Writes below all faults, while no process runs.
  func writeOffline(_ batch: LogBatch) throws(LogStoreError) {
    starts += 1
    let store = try SegmentLogStore(path: Self.path, files: files, options: options())
    _ = try store.write(batch, .synced)
    _ = try expected.write(batch, .synced)
    try store.close()
  }

  /// The process stops in good order.
  func close() {
    do throws(LogStoreError) {
      try running?.close()
    } catch {
      // The disk has failed: what is durable shows when the log is opened again.
      return
    }
  }

  /// The process died: what was written stays, and is lost still if the machine dies before the log is opened again.
  func processDied() {
    running = nil
    files.unlock()
    defer { failed = nil }
    inspect { store throws(LogStoreError) in
      guard let difference = try LogCopy.difference(expected, store, ignoring: lost.contains) else {
        return
      }
      guard let failed else { return report("is not what was written: \(difference)") }
      _ = try expected.write(failed, .buffered)
      if let found = try LogCopy.difference(expected, store, ignoring: lost.contains) {
        report("is not what was written: \(difference); with the write that failed: \(found)")
      }
    }
  }

  /// The machine died: finds out which of the writes that were not synced are left.
  func machineDied(_ random: inout SplitMix64) {
    running = nil
    files = files.crash(&random)
    let unsynced = expected.unsyncedWrites
    let all = expected.crash(keeping: unsynced)
    settle([all] + withFailed(all) + (0..<unsynced).map { expected.crash(keeping: $0) })
  }

  private func withFailed(_ store: MemoryLogStore) -> [MemoryLogStore] {
    guard let failed else { return [] }
    let copy = store.durable
    do throws(LogStoreError) {
      _ = try copy.write(failed, .synced)
      return [copy]
    } catch {
      // Not a write that could have reached the disk.
      return []
    }
  }

  /// Replaces what is expected by the candidate that a start would find.
  private func settle(_ candidates: [MemoryLogStore]) {
    defer { failed = nil }
    if let first = candidates.first { expected = first }
    inspect { store throws(LogStoreError) in
      var differences: [String] = []
      for candidate in candidates {
        guard let found = try LogCopy.difference(candidate, store, ignoring: lost.contains) else {
          expected = candidate
          return
        }
        differences.append(found)
      }
      report(
        "is none of the states that it may have: \(differences.joined(separator: "; "))")
    }
  }

  /// Calls `body` with the log as a start would find it.
  private func inspect(_ body: (SegmentLogStore) throws(LogStoreError) -> Void) {
    starts += 1
    do throws(LogStoreError) {
      let store = try SegmentLogStore(path: Self.path, files: files.copy(), options: options())
      noteLost(store)
      try body(store)
    } catch {
      if !hasDecayed { report("cannot be read after the end of a process: \(error)") }
    }
  }

  /// Notes the regions that damage has taken.
  private func noteLost(_ store: SegmentLogStore) {
    let damaged = Set(expected.regions() + store.regions()).filter { store.damage(of: $0) != nil }
    lost.formUnion(damaged)
    guard !damaged.isEmpty, !hasDecayed else { return }
    report("has damaged regions \(damaged.sorted()), and no bit has turned over")
  }

  fileprivate func report(_ difference: String) {
    if violation == nil { violation = "the raft log of \(name) \(difference)" }
  }

  // MARK: Writes of a process

  fileprivate func wrote(_ batch: LogBatch, _ durability: Durability) {
    failed = nil
    do throws(LogStoreError) {
      _ = try expected.write(batch, durability)
    } catch {
      report("accepted a batch that must be refused: \(error)")
    }
    for case .destroy(let region, _) in batch.operations { lost.remove(region) }
  }

  fileprivate func failedToWrite(_ batch: LogBatch, _ error: LogStoreError) {
    switch error {
    case .noSpace, .io, .poisoned, .denied: failed = batch
    case .gap, .invalidBatch, .snapshotOutOfDate:
      do throws(LogStoreError) {
        _ = try expected.durable.write(batch, .synced)
      } catch {
        return
      }
      if expected.unsyncedWrites == 0 { report("refused a batch: \(error)") }
    default: break
    }
  }

  fileprivate func synced() {
    do throws(LogStoreError) {
      try expected.sync()
    } catch {
      preconditionFailure("a store in memory cannot sync: \(error)")
    }
  }

  fileprivate func bound(_ identity: LogStoreIdentity) {
    do throws(LogStoreError) {
      try expected.bind(identity)
    } catch {
      report("is bound again: \(error)")
    }
  }

  fileprivate func check(_ found: [Entry], _ region: UInt64, _ from: UInt64) {
    if lost.contains(region) { return }
    do throws(LogStoreError) {
      let written = try expected.entries(
        region, from: from, to: from + UInt64(found.count), maxBytes: .max)
      if found == written { return }
    } catch {
      return report("returned entries of region \(region) that are not there: \(error)")
    }
    report("returned other entries of region \(region) from \(from) than were written")
  }

  // MARK: Damage

  /// Turns over a bit of the frame with an entry. False if that cannot be told from a write that a crash has cut off, or
  /// no process runs.
  func decay(_ region: UInt64, _ index: UInt64, _ randomValue: UInt64) throws(LogStoreError) -> Bool
  {
    guard let running, let (path, range) = try running.frame(of: region, at: index) else {
      return false
    }
    let offset = range.lowerBound + randomValue % UInt64(range.count)
    guard files.decay(path, offset: offset, bit: randomValue >> 32) else { return false }
    hasDecayed = true
    return true
  }

  fileprivate func noteDamage(_ disk: DiskAccess) {
    if files.takeReadDecay() { disk.foundDamage("a file of the raft log") }
  }
}

/// A segment log that compares what it returns with what was written.
private final class ComparedLogStore: ForwardingLogStore {
  let base: any RaftLogStore
  private let owner: ThreadBound<SegmentLogDisk>
  private let disk: DiskAccess

  init(_ base: SegmentLogStore, _ owner: SegmentLogDisk, _ disk: DiskAccess) {
    self.base = base
    self.owner = ThreadBound(owner)
    self.disk = disk
  }

  func bind(_ identity: LogStoreIdentity) throws(LogStoreError) {
    try base.bind(identity)
    owner.value.bound(identity)
  }

  func write(_ batch: LogBatch, _ durability: Durability) throws(LogStoreError) -> LogReceipt {
    do throws(LogStoreError) {
      let receipt = try base.write(batch, durability)
      owner.value.wrote(batch, durability)
      return receipt
    } catch {
      owner.value.failedToWrite(batch, error)
      throw error
    }
  }

  @discardableResult
  func sync() throws(LogStoreError) -> UInt64 {
    let lsn = try base.sync()
    owner.value.synced()
    return lsn
  }

  func entries(
    _ region: UInt64, from: UInt64, to: UInt64, maxBytes: UInt64
  ) throws(LogStoreError) -> [Entry] {
    defer { owner.value.noteDamage(disk) }
    let found = try base.entries(region, from: from, to: to, maxBytes: maxBytes)
    owner.value.check(found, region, from)
    return found
  }
}
