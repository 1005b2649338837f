import Raft
import RaftLog
import Runtime
import Testing

/// A scripted run of a `DiskLogStore` whose every call to the file system is hit once: by a crash before, within or after
/// it, by an I/O error and by a full disk. One region: batches of several are not atomic as a whole.
struct DiskCrashTests {
  /// What the script knows of its batches.
  private final class Progress {
    /// A store after each batch: what may be found after a crash.
    var states: [MemoryLogStore] = [MemoryLogStore()]
    /// How many of them are durable.
    var durable = 0
    let oracle = MemoryLogStore()
    /// The batch whose write has failed: after a crash it may be there.
    var pending: LogBatch?

    func write(
      _ store: DiskLogStore, _ durability: Durability, _ fill: (inout LogBatch) -> Void
    ) throws(LogStoreError) {
      var batch = LogBatch()
      fill(&batch)
      do throws(LogStoreError) {
        _ = try store.write(batch, durability)
      } catch {
        pending = batch
        throw error
      }
      _ = try oracle.write(batch, .synced)
      states.append(oracle.durable)
      if durability == .synced { durable = states.count - 1 }
    }

    func candidates() throws -> [MemoryLogStore] {
      var found = Array(states[durable...])
      guard let pending, let last = states.last?.durable else { return found }
      _ = try last.write(pending, .synced)
      found.append(last.durable)
      return found
    }
  }

  private static func open(_ files: FaultyFiles) throws(LogStoreError) -> DiskLogStore {
    var options = DiskStorageOptions()
    options.slotsPerFile = 8
    return try DiskLogStore(path: "/log", files: files, options: options)
  }

  private static func data(_ index: UInt64) -> [UInt8] {
    [UInt8](repeating: UInt8(index), count: Int(index * 37 % 900))
  }

  private static func script(
    _ files: FaultyFiles, _ progress: Progress
  ) throws(LogStoreError) {
    var store = try open(files)
    try progress.write(store, .synced) { batch in
      batch.append(1, run(1, 1...5))
      batch.setHardState(1, HardState(term: 1, vote: 2, commit: 3))
      batch.put(1, key: [1], value: [7])
    }
    for index: UInt64 in 6...22 {
      try progress.write(store, index % 4 == 0 ? .synced : .buffered) { batch in
        let term = 2 + index / 9 * 3
        batch.append(1, [Entry(term: term, index: index, data: data(index))])
        if index % 9 == 0 { batch.append(1, run(term, index - 2...index)) }
        if index % 10 == 0 { batch.compact(1, to: index - 4, term: index == 10 ? 2 : 8) }
      }
    }
    // More than the state's slots hold.
    try progress.write(store, .buffered) { batch in
      batch.put(1, key: [2], value: [UInt8](repeating: 3, count: 5000))
    }
    try store.purge()
    progress.durable = progress.states.count - 1
    try progress.write(store, .buffered) { batch in
      batch.reset(1, index: 50, term: 9, hardState: HardState(term: 9))
      batch.append(1, run(9, 51...53))
    }
    try store.close()
    progress.durable = progress.states.count - 1
    store = try open(files)
    try progress.write(store, .synced) { $0.append(1, run(10, 53...60)) }
    try progress.write(store, .buffered) { $0.destroy(1, tombstone: [9]) }
    try store.sync()
    progress.durable = progress.states.count - 1
    try progress.write(store, .synced) { $0.append(1, run(1, 1...3)) }
    try progress.write(store, .synced) { $0.destroy(1) }
    try progress.write(store, .buffered) { $0.append(1, run(2, 1...2)) }
    try store.close()
    progress.durable = progress.states.count - 1
  }

  private static func contents(_ store: any RaftLogStore) throws -> [String] {
    try store.regions().map { region in
      let log = try store.all(region).map { "\($0.term)/\($0.index)/\($0.data)" }
      return "\(region) \(store.truncated(region)) \(store.hardState(region)) \(log) "
        + "\(try store.pairs(region))"
    } + ["\(String(describing: try store.tombstone(1)))"]
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
    batch.append(1, [Entry(term: 90, index: store.lastIndex(1) + 1)])
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
    let step = LongTests.areOn ? 1 : 9
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
      try Self.check(files.copy(), progress.candidates(), "\(fault) at call \(call)")
      let left = files.survivors(.some, keepsNames: false, &random)
      try Self.check(left, progress.candidates(), "\(fault) at call \(call), then a crash")
    }
  }

  /// A full disk refuses entries and nothing else; when there is space again, writing goes on.
  @Test func f05_aFullDisk() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    let oracle = MemoryLogStore()
    var batch = LogBatch()
    batch.append(1, run(1, 1...9))
    for log: any RaftLogStore in [store, oracle] { _ = try log.write(batch, .synced) }
    files.limitSpace(0)
    batch.removeAll()
    batch.append(1, [Entry(term: 2, index: 5, data: Self.data(24))])
    let error = #expect(throws: LogStoreError.self) { _ = try store.write(batch, .synced) }
    guard case .noSpace = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try Self.contents(store) == Self.contents(oracle))
    files.limitSpace(nil)
    for log: any RaftLogStore in [store, oracle] { _ = try log.write(batch, .synced) }
    #expect(try Self.contents(store) == Self.contents(oracle))
    try store.close()
    #expect(try Self.contents(Self.open(files)) == Self.contents(oracle))
  }
}
