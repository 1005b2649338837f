import Foundation
import Raft
import RaftLog
import Runtime
import Testing

/// What is durable when, and what becomes of a store whose disk fails.
struct LogDurabilityTests {
  private func write(
    _ store: any RaftLogStore, _ durability: Durability, _ entries: [Entry]
  ) throws -> LogReceipt {
    var batch = LogBatch()
    batch.append(1, entries)
    batch.append(2, entries)
    return try store.write(batch, durability)
  }

  @Test func d01d02_syncedSurvivesAndBufferedIsLostAsASuffix() throws {
    for kept in 0...5 {
      let store = MemoryLogStore()
      _ = try write(store, .buffered, run(1, 1...1))
      _ = try write(store, .synced, run(1, 2...2))
      for index: UInt64 in 3...6 { _ = try write(store, .buffered, run(1, index...index)) }
      #expect(store.unsyncedWrites == 4)
      let survivor = store.crash(keeping: kept)
      let last = min(6, 2 + UInt64(kept))
      // Both regions end at the same batch: a batch is atomic over all of them.
      #expect(try survivor.all(1) == run(1, 1...last))
      #expect(try survivor.all(2) == run(1, 1...last))
      expect(.closed) { try store.all(1) }
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func d08d12_receiptsReportWhatIsDurable(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    let store = fixture.store
    #expect(try store.sync() == 0)
    let first = try write(store, .buffered, run(1, 1...1))
    #expect((first.lsn, first.durableLSN) == (1, 0))
    let second = try write(store, .synced, run(1, 2...2))
    #expect((second.lsn, second.durableLSN) == (2, 2))
    let third = try write(store, .buffered, run(1, 3...3))
    #expect((third.lsn, third.durableLSN) == (3, 2))
    #expect(try store.sync() == 3)
    if let memory = store as? MemoryLogStore {
      #expect(memory.barriers == 2)
      _ = try store.sync()
      #expect(memory.barriers == 2)
      #expect(memory.crash().lastIndex(1) == 3)
    }
  }

  @Test func d07_aFailedBarrierPoisons() throws {
    let store = MemoryLogStore()
    _ = try write(store, .synced, run(1, 1...1))
    store.inject(.sync)
    #expect(throws: LogStoreError.self) { _ = try write(store, .synced, run(1, 2...2)) }
    expect(.poisoned("injected")) { try write(store, .buffered, run(1, 3...3)) }
    expect(.poisoned("injected")) { try store.sync() }
    #expect(try store.all(1) == run(1, 1...2))
    let survivor = store.crash()
    #expect(try survivor.all(1) == run(1, 1...1))
    _ = try write(survivor, .synced, run(2, 2...2))
  }

  /// In a process of its own, which may not write files above a certain size.
  @Test func d07_aFailedDiskPoisons() async {
    await #expect(processExitsWith: .success) {
      signal(SIGXFSZ, SIG_IGN)
      let fixture = try LogFixture(.rocks)
      try fixture.append(1, run(1, 1...3))
      var limit = rlimit(rlim_cur: 1 << 20, rlim_max: 1 << 20)
      try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
      let large = Entry(term: 1, index: 4, data: [UInt8](repeating: 1, count: 2 << 20))
      var batch = LogBatch()
      batch.append(1, [large])
      #expect(throws: LogStoreError.self) { _ = try fixture.store.write(batch, .synced) }
      #expect(fixture.store.lastIndex(1) == 3)
      let error = #expect(throws: LogStoreError.self) { try fixture.append(1, run(1, 4...4)) }
      guard case .poisoned = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(throws: LogStoreError.self) { try fixture.store.sync() }
      #expect(try fixture.store.all(1) == run(1, 1...3))
      #expect(throws: LogStoreError.self) { try fixture.store.close() }
      let again = try RocksDBLogStore(path: fixture.path)
      #expect(try again.all(1) == run(1, 1...3))
    }
  }

  @Test func f03_aFailedWriteLeavesTheStoreUsable() throws {
    let store = MemoryLogStore()
    store.inject(.write, after: 1)
    _ = try write(store, .synced, run(1, 1...1))
    #expect(throws: LogStoreError.self) { _ = try write(store, .synced, run(1, 2...2)) }
    #expect(store.lastIndex(1) == 1)
    let receipt = try write(store, .synced, run(1, 2...2))
    #expect(receipt.lsn == 2)
    #expect(store.crash().lastIndex(2) == 2)
  }

  @Test(arguments: LogStoreKind.allCases)
  func d13p05_closeKeepsEverythingAndEndsTheStore(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    _ = try write(fixture.store, .buffered, run(1, 1...3))
    let old = fixture.store
    try fixture.reopen()
    #expect(try fixture.store.all(1) == run(1, 1...3))
    try old.close()
    expect(.closed) { try write(old, .buffered, run(1, 4...4)) }
    expect(.closed) { try old.sync() }
    expect(.closed) { try old.purge() }
    expect(.closed) { try old.value(1, key: []) }
    expect(.closed) { try old.verify(deep: false) }
  }

  @Test(arguments: [LogStoreKind.rocks, .segment, .kv, .disk, .etcd])
  func p01_aSecondOpenIsLocked(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    let error = #expect(throws: LogStoreError.self) {
      _ = try fixture.open(checkpoint: fixture.path)
    }
    guard case .locked(let path, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(path == fixture.path)
  }

  @Test func p07_readOnlyBesideTheWriter() throws {
    let fixture = try LogFixture(.rocks)
    try fixture.append(1, run(1, 1...3))
    try fixture.store.sync()
    var options = RocksDBLogStoreOptions()
    options.readOnly = true
    let reader = try RocksDBLogStore(path: fixture.path, options: options)
    #expect(try reader.all(1) == run(1, 1...3))
    #expect(throws: LogStoreError.self) { _ = try write(reader, .buffered, run(1, 4...4)) }
    try reader.close()
    try fixture.append(1, run(1, 4...4))
  }

  @Test func f01_anUnwritableDirectoryIsNamed() throws {
    let error = #expect(throws: LogStoreError.self) {
      try RocksDBLogStore(path: "/proc/apus/raft")
    }
    #expect(error.map { "\($0)" }?.contains("/proc/apus/raft") == true)
  }

  @Test(arguments: LogStoreKind.allCases)
  func s18p04_readersSeeWholeBatches(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    let store = fixture.store
    try fixture.write {
      $0.append(1, run(1, 1...1))
      $0.setHardState(1, HardState(term: 1, vote: 0, commit: 1))
    }
    let writer = Thread {
      do {
        for index: UInt64 in 2...400 {
          var batch = LogBatch()
          batch.append(1, run(1, index...index))
          batch.setHardState(1, HardState(term: 1, vote: 0, commit: index))
          if index % 50 == 0 { batch.compact(1, to: index - 20, term: 1) }
          _ = try store.write(batch, .buffered)
        }
      } catch {
        Issue.record(error)
      }
    }
    writer.start()
    var reads = 0
    while store.lastIndex(1) < 400, !writer.isFinished || reads == 0 {
      let commit = store.hardState(1).commit
      #expect(store.lastIndex(1) >= commit)
      if let entries = try committed(store, commit) {
        #expect(entries.last == entry(1, commit))
        #expect(entries == run(1, entries[0].index...commit))
      }
      reads += 1
    }
    #expect(reads > 0)
    while !writer.isFinished { sched_yield() }
    #expect(store.lastIndex(1) == 400)
  }

  /// The entries up to `commit`; nil when the start has moved between two calls.
  private func committed(
    _ store: any RaftLogStore, _ commit: UInt64
  ) throws(LogStoreError) -> [Entry]? {
    do throws(LogStoreError) {
      let first = store.firstIndex(1)
      guard first <= commit else { return nil }
      return try store.entries(1, from: first, to: commit + 1, maxBytes: .max)
    } catch {
      if case .compacted = error { return nil }
      throw error
    }
  }
}
