import Codec
import Raft
import RaftLog
import Runtime
import Testing

@testable import Raftstore

/// The rows of TinyKV's TestPeerStorage… tests, on the log store instead of raw keys.
@Suite struct PeerStorageTests {
  private static let region = Region(
    id: 1, epoch: .initial, peers: [PeerInfo(id: 2, storeID: 1)])

  private func entry(_ index: UInt64, _ term: UInt64) -> Entry {
    Entry(term: term, index: index, data: [1])
  }

  /// A log cut off after (3, 3), with `entries` behind it; `cached` says where they come from.
  private func storage(
    _ entries: [Entry], cached: Bool = false, logs: MemoryLogStore = MemoryLogStore()
  ) throws -> PeerStorage {
    var batch = LogBatch()
    batch.reset(1, index: 3, term: 3, hardState: HardState(term: 5, commit: 3))
    if !cached { batch.append(1, entries) }
    _ = try logs.write(batch, .synced)
    let state = ApplyState(appliedIndex: 3, truncatedIndex: 3, truncatedTerm: 3)
    let storage = try PeerStorage(
      region: Self.region, applyState: state, logs: logs, cacheBytes: 1 << 20,
      unappliedCacheBytes: 1 << 20)
    if cached {
      storage.noteAppended(entries)
      var batch = LogBatch()
      batch.append(1, entries)
      _ = try logs.write(batch, .synced)
    }
    return storage
  }

  /// Else a log that has grown large before a restart is never cut for its size.
  @Test func theSizeOfTheLogIsKnownAfterARestart() throws {
    let large = (4...9).map { Entry(term: 4, index: $0, data: [UInt8](repeating: 1, count: 1000)) }
    #expect(try storage(large).logBytes >= 6000)
    #expect(try storage([]).logBytes == 0)
  }

  @Test(arguments: [false, true])
  func terms(cached: Bool) throws {
    let storage = try storage([entry(4, 4), entry(5, 5)], cached: cached)
    #expect(throws: LogStorageError.compacted) { try storage.term(at: 2) }
    #expect(try storage.term(at: 3) == 3)
    #expect(try storage.term(at: 4) == 4)
    #expect(try storage.term(at: 5) == 5)
    #expect(throws: LogStorageError.unavailable) { try storage.term(at: 6) }
    #expect(storage.firstIndex() == 4)
    #expect(storage.lastIndex() == 5)
  }

  @Test(arguments: [false, true])
  func entryRanges(cached: Bool) throws {
    let storage = try storage([entry(4, 4), entry(5, 5), entry(6, 6)], cached: cached)
    #expect(throws: LogStorageError.compacted) {
      try storage.entries(from: 2, to: 6, maxSize: .max)
    }
    #expect(throws: LogStorageError.compacted) {
      try storage.entries(from: 3, to: 4, maxSize: .max)
    }
    #expect(try storage.entries(from: 4, to: 5, maxSize: .max).map(\.index) == [4])
    #expect(try storage.entries(from: 4, to: 6, maxSize: .max).map(\.index) == [4, 5])
    #expect(try storage.entries(from: 4, to: 7, maxSize: 0).map(\.index) == [4])
    #expect(throws: LogStorageError.unavailable) {
      try storage.entries(from: 4, to: 8, maxSize: .max)
    }
  }

  @Test func entriesComeFromDiskAndCacheTogether() throws {
    let logs = MemoryLogStore()
    let storage = try storage([entry(4, 4), entry(5, 4)], logs: logs)
    let newer = [entry(6, 5), entry(7, 5)]
    storage.noteAppended(newer)
    var batch = LogBatch()
    batch.append(1, newer)
    _ = try logs.write(batch, .synced)
    let all = try storage.entries(from: 4, to: 8, maxSize: .max)
    #expect(all.map(\.index) == [4, 5, 6, 7])
    let one = all[0].encodedSize
    #expect(try storage.entries(from: 4, to: 8, maxSize: one * 2).map(\.index) == [4, 5])
    #expect(try storage.entries(from: 4, to: 8, maxSize: one * 3).map(\.index) == [4, 5, 6])
    #expect(try storage.entries(from: 4, to: 8, maxSize: one * 3 - 1).map(\.index) == [4, 5])
  }

  @Test func aLogThatEndsBeforeWhatIsAppliedIsRefused() throws {
    let logs = MemoryLogStore()
    var batch = LogBatch()
    batch.reset(1, index: 3, term: 3, hardState: HardState(term: 5, commit: 3))
    _ = try logs.write(batch, .synced)
    let state = ApplyState(appliedIndex: 9, truncatedIndex: 3, truncatedTerm: 3)
    #expect(throws: StoreError.self) {
      try PeerStorage(
        region: Self.region, applyState: state, logs: logs, cacheBytes: 1, unappliedCacheBytes: 1)
    }
  }

  @Test func whatIsAppliedWasCommitted() throws {
    let logs = MemoryLogStore()
    _ = try storage([entry(4, 4), entry(5, 5)], logs: logs)
    let state = ApplyState(appliedIndex: 5, truncatedIndex: 3, truncatedTerm: 3)
    let storage = try PeerStorage(
      region: Self.region, applyState: state, logs: logs, cacheBytes: 1, unappliedCacheBytes: 1)
    let (hardState, confState) = try storage.initialState()
    #expect(hardState == HardState(term: 5, vote: 0, commit: 5))
    #expect(confState.voters == [2])
    #expect(storage.appliedTerm == 5)
  }

  @Test func snapshotsAreAskedForUntilOneIsThere() throws {
    let storage = try storage([entry(4, 4), entry(5, 5)])
    #expect(throws: LogStorageError.snapshotTemporarilyUnavailable) { try storage.snapshot() }
    #expect(storage.takeSnapshotRequest())
    #expect(!storage.takeSnapshotRequest())
    #expect(throws: LogStorageError.snapshotTemporarilyUnavailable) { try storage.snapshot() }
    #expect(!storage.takeSnapshotRequest())
    storage.finishSnapshot(.failure(.busy("full")))
    #expect(throws: LogStorageError.snapshotTemporarilyUnavailable) { try storage.snapshot() }
    #expect(storage.takeSnapshotRequest())
    let good = Snapshot(
      data: [1], metadata: SnapshotMetadata(confState: Self.region.confState, index: 5, term: 5))
    storage.finishSnapshot(.success(good))
    #expect(try storage.snapshot() == good)
    #expect(throws: LogStorageError.snapshotTemporarilyUnavailable) { try storage.snapshot() }
  }

  @Test func aSnapshotBehindTheLogOrOfOtherMembersIsMadeAnew() throws {
    let storage = try storage([entry(4, 4), entry(5, 5)])
    for metadata in [
      SnapshotMetadata(confState: Self.region.confState, index: 2, term: 2),
      SnapshotMetadata(confState: ConfState(voters: [9]), index: 5, term: 5),
    ] {
      #expect(throws: LogStorageError.self) { try storage.snapshot() }
      #expect(storage.takeSnapshotRequest())
      storage.finishSnapshot(.success(Snapshot(data: [1], metadata: metadata)))
      #expect(throws: LogStorageError.self) { try storage.snapshot() }
      #expect(storage.takeSnapshotRequest())
      storage.finishSnapshot(.failure(.busy("")))
    }
  }

  @Test func compactionMovesTheStart() throws {
    let storage = try storage([entry(4, 4), entry(5, 5), entry(6, 5)], cached: true)
    let before = storage.logBytes
    storage.noteApplied(
      ApplyState(appliedIndex: 6, truncatedIndex: 5, truncatedTerm: 5), term: 5)
    #expect(storage.firstIndex() == 6)
    #expect(try storage.term(at: 5) == 5)
    #expect(throws: LogStorageError.compacted) { try storage.term(at: 4) }
    #expect(storage.logBytes < before)
    #expect(storage.cache.firstIndex == 6)
  }
}
