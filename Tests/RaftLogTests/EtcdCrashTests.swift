import Raft
import RaftLog
import Runtime
import Testing

/// A scripted run of an `EtcdLogStore` whose every call to the file system is hit once: by a crash before, within or after
/// it, by an I/O error and by a full disk. A batch is atomic in each region only.
struct EtcdCrashTests {
  private static let path = "/log"
  private static let regions: ClosedRange<UInt64> = 1...4

  /// What a region may be found as.
  private struct History {
    /// After each batch that was written, and one that may have been.
    var states: [String]
    /// The first of them that a restart may find.
    var durable = 0
  }

  /// What a script has been told about its batches.
  private final class Progress {
    let oracle = MemoryLogStore()
    var histories: [UInt64: History] = [:]

    init() throws {
      for region in regions {
        histories[region] = History(states: [try contents(oracle, region)])
      }
    }

    /// Writes to the log, and to the oracle if that succeeds. After a failure the batch may be there or not.
    func write(
      _ store: EtcdLogStore, _ durability: Durability, _ fill: (inout LogBatch) -> Void
    ) throws {
      var batch = LogBatch()
      fill(&batch)
      let after = oracle.durable
      _ = try after.write(batch, .synced)
      do throws(LogStoreError) {
        _ = try store.write(batch, durability)
      } catch {
        for region in regions {
          histories[region]?.states.append(try contents(after, region))
        }
        throw error
      }
      _ = try oracle.write(batch, .synced)
      for region in regions { histories[region]?.states.append(try contents(oracle, region)) }
      if durability == .synced { noteDurable() }
    }

    func noteDurable() {
      histories = histories.mapValues { History(states: $0.states, durable: $0.states.count - 1) }
    }
  }

  private static func contents(
    _ store: any RaftLogStore, _ region: UInt64
  ) throws -> String {
    let log = try store.all(region).map { "\($0.term)/\($0.index)/\($0.data)" }
    let tombstone = try store.tombstone(region)
    return "\(store.truncated(region)) \(store.hardState(region)) \(log) "
      + "\(try store.pairs(region)) \(String(describing: tombstone)) "
      + "\(store.regions().contains(region))"
  }

  private static func open(_ files: FaultyFiles) throws(LogStoreError) -> EtcdLogStore {
    var options = EtcdLogStoreOptions()
    options.segmentBytes = 2 << 10
    options.maxOpenFiles = 3
    return try EtcdLogStore(path: path, files: files, options: options)
  }

  private static func data(_ index: UInt64) -> [UInt8] {
    (0..<200).map { UInt8(truncatingIfNeeded: $0 &* index) }
  }

  /// Appends, replaced tails, compactions, a reset, destructions, keys, cuts, removal of segments and a restart.
  private static func script(_ files: FaultyFiles, _ progress: Progress) throws {
    var store = try open(files)
    try store.bind(LogStoreIdentity(clusterID: 1, storeID: 2))
    try progress.write(store, .synced) { batch in
      for region: UInt64 in 1...4 {
        batch.append(region, run(1, 1...5))
        batch.setHardState(region, HardState(term: 1, vote: 2, commit: 3))
      }
      batch.put(1, key: [1], value: [7])
    }
    for index: UInt64 in 6...26 {
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
    try store.purge()
    try progress.write(store, .buffered) { batch in
      batch.destroy(3)
      batch.append(2, [Entry(term: 2, index: 27, data: data(27))])
    }
    try store.close()
    progress.noteDurable()
    store = try open(files)
    try store.purge()
    for index: UInt64 in 28...33 {
      try progress.write(store, .synced) { batch in
        batch.append(1, [Entry(term: 3, index: index - 1, data: data(index))])
        batch.compact(2, to: index - 5, term: 2)
        batch.append(2, [Entry(term: 2, index: index, data: data(index))])
      }
    }
    try progress.write(store, .synced) { $0.compact(1, to: 26, term: 2) }
    try store.purge()
    try progress.write(store, .buffered) { $0.append(4, run(1, 1...2)) }
    try store.sync()
    progress.noteDurable()
    try store.close()
  }

  /// Checks that each region has one of its states, and that the store can be written to and opened again.
  private static func check(
    _ files: FaultyFiles, _ progress: Progress, _ comment: Comment
  ) throws {
    let store = try open(files)
    for region in regions {
      #expect(store.damage(of: region) == nil, comment)
      let found = try contents(store, region)
      let history = try #require(progress.histories[region])
      #expect(history.states[history.durable...].contains(found), comment)
    }
    try store.verify(deep: true)
    var batch = LogBatch()
    batch.append(9, run(1, 1...3))
    _ = try store.write(batch, .synced)
    try store.purge()
    let after = try regions.map { try contents(store, $0) }
    try store.close()
    let again = try open(files)
    #expect(try regions.map { try contents(again, $0) } == after, comment)
    try again.close()
  }

  private static func calls() throws -> Int {
    let files = FaultyFiles()
    let progress = try Progress()
    try script(files, progress)
    try check(files.copy(), progress, "without a fault")
    return files.calls
  }

  /// Every call in a long run (`APUS_LONG_TESTS`), else a part that differs between the faults.
  private static func selected(_ calls: Int, _ fault: FaultyFiles.Fault) -> [Int] {
    let offset = FaultyFiles.Fault.allCases.firstIndex(of: fault) ?? 0
    let step = LongTests.areOn ? 1 : 79
    return Array(stride(from: 1 + offset % step, through: calls, by: step))
  }

  @Test(arguments: [FaultyFiles.Fault.crashBefore, .crashWithin, .crashAfter])
  func d01d02_aCrashAtAnyCall(fault: FaultyFiles.Fault) throws {
    var random = SplitMix64(seed: 7)
    for call in Self.selected(try Self.calls(), fault) {
      let files = FaultyFiles()
      files.plan(fault, at: call)
      let progress = try Progress()
      do { try Self.script(files, progress) } catch {
        #expect(files.isCrashed, "\(error)")
      }
      for survival in FaultyFiles.Survival.allCases {
        for keepsNames in [false, true] {
          let left = files.survivors(survival, keepsNames: keepsNames, &random)
          try Self.check(left, progress, "\(fault) at call \(call), \(survival), \(keepsNames)")
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
      let progress = try Progress()
      do { try Self.script(files, progress) } catch let error as LogStoreError {
        switch error {
        case .io, .noSpace, .poisoned: break
        default: Issue.record("\(fault) at call \(call): \(error)")
        }
      }
      #expect(files.calls >= call)
      // The process ends, and then the machine does.
      try Self.check(files.copy(), progress, "\(fault) at call \(call)")
      let left = files.survivors(.some, keepsNames: false, &random)
      try Self.check(left, progress, "\(fault) at call \(call), then a crash")
    }
  }

  /// After a failed write the store goes on, and nothing of the batch is there; after a failed barrier it does not.
  @Test func f03_aFailedWriteLeavesTheStoreUsable() throws {
    for offset in 1...14 {
      let files = FaultyFiles()
      let store = try Self.open(files)
      let oracle = MemoryLogStore()
      func append(_ index: UInt64) throws -> Result<LogReceipt, LogStoreError> {
        var batch = LogBatch()
        for region in Self.regions {
          batch.append(region, [Entry(term: 1, index: index, data: Self.data(index))])
        }
        let result = Result { () throws(LogStoreError) in try store.write(batch, .buffered) }
        if case .success = result { _ = try oracle.write(batch, .synced) }
        return result
      }
      for index: UInt64 in 1...7 { _ = try append(index).get() }
      files.plan(.fails, at: files.calls + offset)
      var failures = 0
      for _ in 8...20 {
        if case .failure(let error) = try append(store.lastIndex(1) + 1) {
          failures += 1
          if case .poisoned = error { break }
        }
      }
      #expect(failures > 0)
      for region in Self.regions {
        #expect(try Self.contents(store, region) == Self.contents(oracle, region), "\(offset)")
      }
      let result = Result { () throws(LogStoreError) in try store.sync() }
      guard case .success = result else { continue }
      try store.close()
      let again = try Self.open(files)
      for region in Self.regions {
        #expect(try Self.contents(again, region) == Self.contents(oracle, region), "\(offset)")
      }
    }
  }

  @Test func f05_aFullDiskIsAnErrorUntilThereIsSpace() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    var batch = LogBatch()
    batch.append(1, run(1, 1...3))
    _ = try store.write(batch, .synced)
    files.limitSpace(0)
    batch = LogBatch()
    batch.append(1, [Entry(term: 1, index: 4, data: [UInt8](repeating: 1, count: 9000))])
    let error = #expect(throws: LogStoreError.self) { _ = try store.write(batch, .synced) }
    guard case .noSpace = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try store.all(1) == run(1, 1...3))
    files.limitSpace(nil)
    _ = try store.write(batch, .synced)
    try store.close()
    #expect(try Self.open(files).lastIndex(1) == 4)
  }
}
