import Foundation
import Raft
import RaftLog
import Runtime
import Synchronization
import Testing

/// Group commit, garbage collection, recycling and full disks of the segment log.
struct SegmentCollectionTests {
  private static let path = "/log"

  private static func open(
    _ files: FaultyFiles, _ change: (inout SegmentLogOptions) -> Void = { _ in }
  ) throws(LogStoreError) -> SegmentLogStore {
    var options = SegmentLogOptions.small
    options.segmentBytes = 16 << 10
    options.softBudgetBytes = 1 << 30
    options.hardBudgetBytes = 1 << 30
    change(&options)
    return try SegmentLogStore(path: path, files: files, options: options)
  }

  private static func entry(_ index: UInt64, bytes: Int = 400) -> Entry {
    var random = SplitMix64(seed: index)
    let data = (0..<bytes).map { _ in UInt8.random(in: 0...255, using: &random) }
    return Entry(term: 1, index: index, data: data)
  }

  private static func append(
    _ store: SegmentLogStore, _ region: UInt64, _ indexes: ClosedRange<UInt64>
  ) throws(LogStoreError) {
    for index in indexes {
      var batch = LogBatch()
      batch.append(region, [entry(index)])
      _ = try store.write(batch, .buffered)
    }
  }

  private static func compact(
    _ store: SegmentLogStore, _ region: UInt64, _ index: UInt64
  ) throws(LogStoreError) {
    var batch = LogBatch()
    batch.compact(region, to: index, term: 1)
    _ = try store.write(batch, .synced)
  }

  private static func segments(_ files: FaultyFiles) -> [String] {
    files.paths.filter { $0.hasSuffix(".seg") }
  }

  @Test func p06_oneBarrierForManyRegions() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    try Self.append(store, 1, 1...1)
    try store.sync()
    let before = files.syncs
    var batch = LogBatch()
    for region: UInt64 in 1...64 { batch.append(region + 1, run(1, 1...1)) }
    _ = try store.write(batch, .synced)
    #expect(files.syncs == before + 1)
    #expect(try store.write(LogBatch(), .synced).lsn == 2)
    #expect(files.syncs == before + 1)
  }

  /// A file with an unreadable entry stays; purging goes on with the others, and the store is not poisoned.
  @Test func g10_damageDoesNotStopGarbageCollection() throws {
    let files = FaultyFiles()
    let store = try Self.open(files) {
      $0.hardBudgetBytes = 64 << 10
      $0.cacheBytes = 0
    }
    for index: UInt64 in 1...240 {
      try Self.append(store, 1, index...index)
      let region: UInt64 = index % 20 == 0 ? 2 : 3
      let next = store.lastIndex(region) + 1
      try Self.append(store, region, next...next)
    }
    try store.sync()
    let first = try #require(Self.segments(files).first)
    var bytes = try #require(files.bytes(of: first))
    let needle = Self.entry(1).data
    let at = try #require(bytes.indices.first { bytes[$0...].starts(with: needle) })
    bytes[at + 7] ^= 1
    let handle = try files.openRandomAccess(first, create: false, readOnly: false)
    try handle.write(bytes, at: 0)
    try Self.compact(store, 3, 200)
    let before = try store.usedBytes()
    for _ in 0..<4 { try store.purge() }
    #expect(try store.usedBytes() < before)
    #expect(throws: LogStoreError.self) { try store.entries(1, from: 1, to: 2, maxBytes: .max) }
    #expect(try store.entries(1, from: 100, to: 241, maxBytes: .max).count == 141)
    #expect(try store.entries(2, from: 1, to: 13, maxBytes: .max).count == 12)
    try Self.append(store, 1, 241...241)
    #expect(files.bytes(of: first) != nil)
  }

  /// Concurrent writers share barriers; a refused batch does not hurt the others of its group.
  @Test func p03_writersFormGroups() throws {
    let files = FaultyFiles()
    files.slowSync = .microseconds(300)
    let store = try Self.open(files) { $0.segmentBytes = 1 << 20 }
    let refused = Atomic(0)
    let threads = (1...8 as ClosedRange<UInt64>).map { region in
      JoinableThread(name: "writer") {
        for index: UInt64 in 1...40 {
          var batch = LogBatch()
          batch.append(region, [RaftLogTests.entry(1, index)])
          var bad = LogBatch()
          bad.append(region, [RaftLogTests.entry(1, index + 5)])
          do {
            #expect(try store.write(batch, .synced).durableLSN > 0)
            _ = try store.write(bad, .synced)
          } catch {
            if case .gap? = error as? LogStoreError { refused.add(1, ordering: .relaxed) }
          }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(refused.load(ordering: .relaxed) == 320)
    for region: UInt64 in 1...8 { #expect(try store.all(region) == run(1, 1...40)) }
    #expect(files.syncs < 250)
    let lsn = try store.write(LogBatch(), .synced).lsn
    #expect(lsn == 320)
    try store.close()
    let again = try Self.open(files)
    for region: UInt64 in 1...8 { #expect(again.lastIndex(region) == 40) }
  }

  @Test func p05_closeDuringWrites() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    let written = Atomic<UInt64>(0)
    let writer = JoinableThread(name: "writer") {
      for index: UInt64 in 1...10_000 {
        var batch = LogBatch()
        batch.append(1, [RaftLogTests.entry(1, index)])
        do {
          _ = try store.write(batch, .buffered)
        } catch {
          #expect(error as? LogStoreError == .closed)
          return
        }
        written.store(index, ordering: .releasing)
      }
    }
    while written.load(ordering: .acquiring) < 20 { sched_yield() }
    try store.close()
    writer.join()
    let again = try Self.open(files)
    #expect(again.lastIndex(1) == written.load(ordering: .acquiring))
  }

  @Test func g01g09_filesAreFreedAndRecycled() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    try Self.append(store, 1, 1...200)
    let most = Self.segments(files).count
    #expect(most > 5)
    let hold = store.hold(1, from: 20)
    try Self.compact(store, 1, 195)
    try store.purge()
    // The hold keeps the entries, though nobody can read them.
    #expect(Self.segments(files).count > 4)
    store.release(hold)
    try store.purge()
    #expect(Self.segments(files).count <= 3)
    #expect(files.paths.filter { $0.hasSuffix(".spare") }.count == 2)
    // New files are old ones written over: their number does not grow.
    let paths = files.paths.count
    for round: UInt64 in 0..<10 {
      try Self.append(store, 1, (201 + round * 50)...(250 + round * 50))
      try Self.compact(store, 1, 240 + round * 50)
      try store.purge()
    }
    #expect(files.paths.count <= paths + 3)
    #expect(try store.all(1) == (691...700).map { Self.entry($0) })
    try store.verify(deep: true)
    try store.close()
    let again = try Self.open(files)
    #expect(again.firstIndex(1) == 691)
    #expect(try again.all(1) == (691...700).map { Self.entry($0) })
  }

  /// A cold region does not keep files: its entries are copied.
  @Test func g03_coldEntriesAreCopied() throws {
    let files = FaultyFiles()
    var store = try Self.open(files) { $0.hardBudgetBytes = 48 << 10 }
    for index: UInt64 in 1...160 {
      try Self.append(store, 1, index...index)
      if index % 20 == 0 { try Self.append(store, 2, (index / 20)...(index / 20)) }
    }
    try Self.compact(store, 1, 158)
    let before = try store.usedBytes()
    for _ in 1...3 { try store.purge() }
    #expect(try store.usedBytes() < before / 2)
    #expect(try store.usedBytes() <= 64 << 10)
    for _ in 1...2 {
      #expect(try store.all(2) == (1...8).map { Self.entry($0) })
      #expect(try store.all(1) == (159...160).map { Self.entry($0) })
      try store.verify(deep: true)
      try store.close()
      store = try Self.open(files)
    }
    // A copy does not bring back what is replaced later.
    var batch = LogBatch()
    batch.append(2, [RaftLogTests.entry(2, 3)])
    _ = try store.write(batch, .synced)
    try store.close()
    store = try Self.open(files)
    #expect(try store.all(2) == [Self.entry(1), Self.entry(2), RaftLogTests.entry(2, 3)])
  }

  @Test func g02_adviceAboveTheBudget() throws {
    let files = FaultyFiles()
    let store = try Self.open(files) { $0.softBudgetBytes = 30 << 10 }
    try Self.append(store, 3, 1...10)
    #expect(try store.purge() == [])
    try Self.append(store, 4, 1...80)
    let advice = try store.purge()
    #expect(advice.map(\.region) == [4, 3])
    #expect(advice.first?.compactTo == 80)
  }

  /// Destroyed and created again with other contents, old files dropped in between.
  @Test func g05s27_destroyAndCreateBetweenCollections() throws {
    let files = FaultyFiles()
    var store = try Self.open(files) { $0.hardBudgetBytes = 32 << 10 }
    for round: UInt64 in 1...6 {
      var batch = LogBatch()
      batch.destroy(1)
      batch.append(1, run(round, 1...5))
      batch.put(2, key: [UInt8(round)], value: [1])
      if round > 1 { batch.delete(2, key: [UInt8(round - 1)]) }
      _ = try store.write(batch, .synced)
      try Self.append(store, 3, (round * 40 - 39)...(round * 40))
      try Self.compact(store, 3, round * 40 - 1)
      try store.purge()
      try store.close()
      store = try Self.open(files) { $0.hardBudgetBytes = 32 << 10 }
      #expect(try store.all(1) == run(round, 1...5))
      #expect(try store.pairs(2) == [[UInt8(round), 0xee, 1]])
    }
  }

  @Test func f05_aFullDiskThatIsFreedAgain() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    try Self.append(store, 1, 1...10)
    try store.purge()
    files.limitSpace(0)
    var index: UInt64 = 11
    var refused = 0
    while refused < 3 {
      do throws(LogStoreError) {
        try Self.append(store, 1, index...index)
        index += 1
      } catch {
        guard case .noSpace = error else { throw error }
        refused += 1
      }
    }
    #expect(store.lastIndex(1) == index - 1)
    #expect(try store.all(1).count == Int(index - 1))
    // Freeing space needs a file, the reserve.
    try Self.compactUrgently(store, index - 2)
    files.limitSpace(nil)
    try Self.append(store, 1, index...index + 30)
    try store.verify(deep: true)
    try store.close()
    let again = try Self.open(files)
    #expect(again.lastIndex(1) == index + 30)
  }

  /// While the disk is full a compaction may be refused; `purge` is not.
  private static func compactUrgently(
    _ store: SegmentLogStore, _ index: UInt64
  ) throws(LogStoreError) {
    do throws(LogStoreError) {
      try compact(store, 1, index)
    } catch {
      guard case .noSpace = error else { throw error }
    }
    try store.purge()
  }

  @Test func f13_openingNeedsNoSpace() throws {
    let files = FaultyFiles()
    let store = try Self.open(files) { $0.spareFiles = 0 }
    try Self.append(store, 1, 1...50)
    try store.close()
    files.limitSpace(0)
    let calls = files.calls
    let full = try Self.open(files) { $0.spareFiles = 0 }
    #expect(try full.all(1).count == 50)
    // Nothing but the barrier for what a crash of the process may have left in memory.
    #expect(files.calls == calls + 1)
    let error = #expect(throws: LogStoreError.self) { try Self.append(full, 1, 51...51) }
    guard case .noSpace = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    files.limitSpace(nil)
    try Self.append(full, 1, 51...51)
    #expect(full.lastIndex(1) == 51)
  }

  /// Reads go on while files are recycled under them.
  @Test func g06_readersDuringCollection() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    try Self.append(store, 2, 1...4)
    let done = Atomic(false)
    let reader = JoinableThread(name: "reader") {
      while !done.load(ordering: .acquiring) {
        do {
          let first = store.firstIndex(1)
          let entries = try store.entries(
            1, from: first, to: store.lastIndex(1) + 1, maxBytes: 5000)
          #expect(entries == entries.map { Self.entry($0.index) })
          #expect(try store.all(2) == (1...4).map { Self.entry($0) })
        } catch {
          guard case .compacted? = error as? LogStoreError else {
            Issue.record(error)
            return
          }
        }
      }
    }
    for round: UInt64 in 0..<12 {
      try Self.append(store, 1, (round * 40 + 1)...(round * 40 + 40))
      try Self.compact(store, 1, round * 40 + 30)
      try store.purge()
    }
    done.store(true, ordering: .releasing)
    reader.join()
  }

  @Test func p08_aBatchLargerThanAFile() throws {
    let files = FaultyFiles()
    var store = try Self.open(files) { $0.maxBatchBytes = 200 << 10 }
    var batch = LogBatch()
    batch.append(1, [Self.entry(1, bytes: 100 << 10)])
    _ = try store.write(batch, .synced)
    try Self.append(store, 1, 2...60)
    var tooLarge = LogBatch()
    tooLarge.append(1, [Self.entry(61, bytes: 201 << 10)])
    expect(.batchTooLarge(limit: 200 << 10)) { try store.write(tooLarge, .synced) }
    try store.close()
    store = try Self.open(files)
    #expect(try store.all(1).count == 60)
    #expect(try store.entries(1, from: 1, to: 2, maxBytes: 0) == [Self.entry(1, bytes: 100 << 10)])
  }
}
