import Raft
import RaftLog
import Runtime
import Testing

/// A scripted run whose every call to the file system is hit once: by a crash before, within or after it, by an I/O error
/// and by a full disk.
struct SegmentCrashTests {
  /// What a script has been told about its batches.
  private final class Progress {
    /// A store with the batches that were written, one after each: what may be found after a crash.
    var states: [MemoryLogStore] = [MemoryLogStore()]
    /// How many of them are durable.
    var durable = 0
    let oracle = MemoryLogStore()

    /// Writes to the log, and to the oracle if that succeeds.
    func write(
      _ store: SegmentLogStore, _ durability: Durability, _ fill: (inout LogBatch) -> Void
    ) throws(LogStoreError) {
      var batch = LogBatch()
      fill(&batch)
      do throws(LogStoreError) {
        _ = try store.write(batch, durability)
      } catch {
        pending = pending ?? batch
        throw error
      }
      _ = try oracle.write(batch, .synced)
      states.append(oracle.durable)
      if durability == .synced { durable = states.count - 1 }
    }

    /// The batch whose write has failed: after a crash it may be there.
    var pending: LogBatch?

    /// The states that a restart may find.
    func candidates() throws -> [MemoryLogStore] {
      var found = Array(states[durable...])
      guard let pending, let last = states.last?.durable else { return found }
      _ = try last.write(pending, .synced)
      found.append(last.durable)
      return found
    }
  }

  private static let path = "/log"

  private static var options: SegmentLogOptions {
    var options = SegmentLogOptions()
    options.segmentBytes = 8 << 10
    options.compressionThreshold = 256
    options.cacheBytes = 1 << 10
    options.hardBudgetBytes = 24 << 10
    return options
  }

  private static func open(_ files: FaultyFiles) throws(LogStoreError) -> SegmentLogStore {
    try SegmentLogStore(path: path, files: files, options: options)
  }

  private static func data(_ index: UInt64) -> [UInt8] {
    (0..<200).map { UInt8(truncatingIfNeeded: $0 &* index) }
  }

  /// Appends, replaced tails, compactions, a reset, a destruction, keys, rotations, garbage collection and a restart.
  private static func script(
    _ files: FaultyFiles, _ progress: Progress
  ) throws(LogStoreError) {
    var store = try open(files)
    try progress.write(store, .synced) { batch in
      for region: UInt64 in 1...4 {
        batch.append(region, run(1, 1...5))
        batch.setHardState(region, HardState(term: 1, vote: 2, commit: 3))
      }
      batch.put(1, key: [1], value: [7])
    }
    for index: UInt64 in 6...30 {
      try progress.write(store, index % 3 == 0 ? .synced : .buffered) { batch in
        batch.append(1, [Entry(term: 2, index: index, data: data(index))])
        batch.append(2, [Entry(term: 2, index: index, data: data(index))])
        if index % 7 == 0 { batch.append(3, run(index / 7 + 1, 4...6)) }
        batch.put(2, key: [UInt8(index % 3)], value: [UInt8(index)])
        if index % 10 == 0 { batch.compact(2, to: index - 4, term: 2) }
      }
      if index % 8 == 0 { try store.purge() }
    }
    try progress.write(store, .buffered) { $0.destroy(4, tombstone: [9]) }
    try progress.write(store, .synced) { batch in
      batch.reset(3, index: 50, term: 9, hardState: HardState(term: 9))
      batch.delete(1, key: [1])
    }
    try store.close()
    progress.durable = progress.states.count - 1
    store = try open(files)
    for index: UInt64 in 31...36 {
      try progress.write(store, .synced) { batch in
        batch.append(1, [Entry(term: 3, index: index, data: data(index))])
        batch.compact(2, to: index - 5, term: 2)
        batch.append(2, [Entry(term: 2, index: index, data: data(index))])
      }
    }
    try progress.write(store, .synced) { $0.compact(1, to: 30, term: 2) }
    try store.purge()
    try progress.write(store, .buffered) { $0.append(4, run(1, 1...2)) }
    try store.sync()
    progress.durable = progress.states.count - 1
    try store.close()
  }

  private static func contents(_ store: any RaftLogStore) throws -> [String] {
    try store.regions().map { region in
      let log = try store.all(region).map { "\($0.term)/\($0.index)/\($0.data)" }
      return "\(region) \(store.truncated(region)) \(store.hardState(region)) \(log) "
        + "\(try store.pairs(region))"
    } + (1...4 as ClosedRange<UInt64>).map { "\(String(describing: try store.tombstone($0)))" }
  }

  /// Checks that a log has one of the states, and that it can be written to and opened again.
  private static func check(
    _ files: FaultyFiles, _ candidates: [MemoryLogStore], _ comment: Comment
  ) throws {
    let store = try open(files)
    let found = try contents(store)
    #expect(try candidates.contains { try contents($0) == found }, comment)
    try store.verify(deep: true)
    var batch = LogBatch()
    batch.append(9, run(1, 1...3))
    _ = try store.write(batch, .synced)
    try store.purge()
    let after = try contents(store)
    try store.close()
    let again = try open(files)
    #expect(try contents(again) == after, comment)
    try again.close()
  }

  private static func calls() throws -> Int {
    let files = FaultyFiles()
    let progress = Progress()
    try script(files, progress)
    try check(files.copy(), [progress.oracle], "without a fault")
    return files.calls
  }

  /// Every call in a long run (`APUS_LONG_TESTS`), else a part that differs between the faults.
  private static func selected(_ calls: Int, _ fault: FaultyFiles.Fault) -> [Int] {
    let offset = FaultyFiles.Fault.allCases.firstIndex(of: fault) ?? 0
    let step = LongTests.areOn ? 1 : 13
    return Array(stride(from: 1 + offset % step, through: calls, by: step))
  }

  @Test(arguments: [FaultyFiles.Fault.crashBefore, .crashWithin, .crashAfter])
  func d01d02_aCrashAtAnyCall(fault: FaultyFiles.Fault) throws {
    var random = SplitMix64(seed: 7)
    for call in Self.selected(try Self.calls(), fault) {
      let files = FaultyFiles()
      files.plan(fault, at: call)
      let progress = Progress()
      do throws(LogStoreError) { try Self.script(files, progress) } catch {
        #expect(files.isCrashed, "\(error)")
      }
      for survival in FaultyFiles.Survival.allCases {
        for keepsNames in [false, true] {
          let left = files.survivors(survival, keepsNames: keepsNames, &random)
          try Self.check(
            left, progress.candidates(), "\(fault) at call \(call), \(survival), \(keepsNames)")
        }
      }
    }
  }

  @Test(arguments: [FaultyFiles.Fault.fails, .isFull])
  func f03d07_anErrorOfAnyCall(fault: FaultyFiles.Fault) throws {
    var random = SplitMix64(seed: 8)
    for call in Self.selected(try Self.calls(), fault) {
      let files = FaultyFiles()
      files.plan(fault, at: call)
      let progress = Progress()
      do throws(LogStoreError) { try Self.script(files, progress) } catch {
        switch error {
        case .io, .noSpace, .poisoned: break
        default: Issue.record("\(fault) at call \(call): \(error)")
        }
      }
      #expect(files.calls >= call)
      // The process ends, and then the machine does.
      try Self.check(files.copy(), progress.candidates(), "\(fault) at call \(call)")
      let left = files.survivors(.some, keepsNames: false, &random)
      try Self.check(left, progress.candidates(), "\(fault) at call \(call), then a crash")
    }
  }

  /// An error of the first write, which also notes in the lock file that the log exists: a batch whose write has failed
  /// does not appear behind others.
  @Test func f03_anErrorOfTheFirstWrite() throws {
    for call in 1...24 {
      let files = FaultyFiles()
      files.plan(.fails, at: call)
      let progress = Progress()
      do throws(LogStoreError) {
        let store = try Self.open(files)
        for term: UInt64 in 1...3 {
          do throws(LogStoreError) {
            try progress.write(store, .synced) { batch in
              batch.append(1, run(term, 1...term))
              batch.put(1, key: [UInt8(term)], value: [1])
            }
            progress.pending = nil
          } catch {
            continue
          }
        }
        try store.close()
      } catch {
        #expect(files.calls >= call, "\(error)")
      }
      try Self.check(files.copy(), progress.candidates(), "call \(call)")
    }
  }

  /// The store goes on after a failed write; after a failed barrier it does not.
  @Test func f03_aFailedWriteLeavesTheStoreUsable() throws {
    for call in Self.selected(try Self.calls(), .fails) {
      let files = FaultyFiles()
      let progress = Progress()
      let store = try Self.open(files)
      try progress.write(store, .synced) { $0.append(1, run(1, 1...9)) }
      let before = files.calls
      files.plan(.fails, at: before + 1 + call % 4)
      var isPoisoned = false
      for index: UInt64 in 10...40 {
        do throws(LogStoreError) {
          try progress.write(store, .synced) {
            $0.append(1, [Entry(term: 1, index: store.lastIndex(1) + 1, data: Self.data(index))])
          }
        } catch {
          if case .poisoned = error { isPoisoned = true }
        }
      }
      #expect(try Self.contents(store) == Self.contents(progress.oracle))
      if isPoisoned { continue }
      progress.pending = nil
      try store.close()
      try Self.check(files, [progress.oracle], "call \(call)")
    }
  }
}
