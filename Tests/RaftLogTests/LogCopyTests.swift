import Raft
import RaftLog
import Runtime
import TestSupport
import Testing

/// Logs that are copied from any store to any other.
struct LogCopyTests {
  private func fill(_ fixture: LogFixture) throws {
    try fixture.store.bind(LogStoreIdentity(clusterID: 1, storeID: 2))
    try fixture.append(1, run(1, 1...9) + run(3, 10...20))
    try fixture.write { batch in
      batch.compact(1, to: 4, term: 1)
      batch.setHardState(1, HardState(term: 4, vote: 2, commit: 12))
      batch.put(1, key: [1], value: [2])
      batch.put(1, key: [1, 0], value: [])
      batch.reset(2, index: 50, term: 9, hardState: HardState(term: 9))
      batch.setHardState(3, HardState(term: 1, vote: 1))
      batch.put(4, key: [9], value: [9])
      batch.destroy(5, tombstone: [1])
      batch.destroy(6, tombstone: [])
    }
    // Nothing but its existence, and a commit index that lags behind the truncated index.
    try fixture.write { batch in
      batch.put(7, key: [1], value: [])
      batch.delete(7, key: [1])
      batch.append(8, run(1, 1...5))
      batch.compact(8, to: 3, term: 1)
    }
    try fixture.store.sync()
  }

  @Test(arguments: LogStoreKind.allCases, LogStoreKind.allCases)
  func aCopyEqualsItsSource(from: LogStoreKind, to: LogStoreKind) throws {
    let (source, target) = (try LogFixture(from), try LogFixture(to))
    try fill(source)
    try LogCopy.copy(source.store, to: target.store)
    #expect(try LogCopy.difference(source.store, target.store) == nil)
    try target.twice { store in
      let difference = try LogCopy.difference(source.store, store)
      #expect(difference == nil)
      #expect(store.regions() == [1, 2, 3, 4, 7, 8])
      let identity = try store.identity()
      #expect(identity == LogStoreIdentity(clusterID: 1, storeID: 2))
      #expect(store.tombstones() == [5, 6])
      #expect(store.hardState(8).commit == 3)
    }
  }

  @Test func aDifferenceIsNamed() throws {
    let source = try LogFixture(.memory)
    try fill(source)
    let changes: [(String, (inout LogBatch) -> Void)] = [
      ("region 1: entry 20", { $0.append(1, [Entry(term: 3, index: 20, data: [1])]) }),
      ("region 1: the last index", { $0.append(1, run(3, 21...21)) }),
      ("region 1: truncated", { $0.compact(1, to: 5, term: 1) }),
      ("region 3: the hard state", { $0.setHardState(3, HardState(term: 2)) }),
      ("region 4: the owner's keys", { $0.put(4, key: [9], value: [8]) }),
      ("region 5: the tombstones", { $0.destroy(5, tombstone: [2]) }),
      ("region 7 is only in one", { $0.destroy(7) }),
    ]
    for (text, change) in changes {
      let target = MemoryLogStore()
      try LogCopy.copy(source.store, to: target)
      var batch = LogBatch()
      change(&batch)
      _ = try target.write(batch, .synced)
      let difference = try LogCopy.difference(source.store, target)
      #expect(difference?.hasPrefix(text) == true, "\(difference ?? "none") instead of \(text)")
    }
  }

  /// Both engines by name, and neither on the other's directory.
  @Test(arguments: LogEngine.allCases)
  func anEngineOpensByName(engine: LogEngine) throws {
    let scratch = try TemporaryDirectory("raftlog")
    let path = scratch.child(engine.directoryName)
    var options = LogEngineOptions(files: SystemFileSystem())
    options.createIfMissing = false
    #expect(throws: LogStoreError.self) { try engine.open(path, options) }
    options.createIfMissing = true
    let store = try engine.open(path, options).store
    var batch = LogBatch()
    batch.append(1, run(1, 1...3))
    _ = try store.write(batch, .synced)
    try store.close()
    options.access = .readOnly
    let (again, warnings) = try engine.open(path, options)
    #expect(try again.all(1) == run(1, 1...3) && warnings.isEmpty)
    #expect(throws: LogStoreError.self) { try again.write(batch, .synced) }
    try again.close()
  }
}
