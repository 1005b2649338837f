import Raft
import RaftLog
import Runtime
import Testing

/// Random operations on many regions, store against oracle.
struct LogOracleTests {
  @Test(arguments: [UInt64(1), 2, 3], [LogStoreKind.rocks, .segment, .kv, .disk, .etcd])
  func s31_randomOperations(seed: UInt64, kind: LogStoreKind) throws {
    var random = SplitMix64(seed: seed)
    let fixture = try LogFixture(kind)
    let oracle = MemoryLogStore()
    var refused = 0
    for round in 1...1500 {
      var batch = LogBatch()
      // Of different regions: what is random fits the log as it was before the batch.
      let regions = (1...12 as ClosedRange<UInt64>).shuffled(using: &random)
      for region in regions.prefix(Int.random(in: 1...4, using: &random)) {
        add(to: &batch, region, oracle, &random)
      }
      let durability: Durability = round % 20 == 0 ? .synced : .buffered
      let expected = outcome(oracle, batch, durability)
      let got = outcome(fixture.store, batch, durability)
      #expect(got == expected, "round \(round)")
      if case .failure = expected { refused += 1 }
      if round % 50 == 0 { try fixture.store.purge() }
      if round % 300 == 0 {
        try fixture.store.verify(deep: true)
        try fixture.reopen()
      }
      if round % 25 == 0 { try compare(fixture.store, oracle, "round \(round)") }
    }
    #expect(refused > 20)
    #expect(refused < 1000)
  }

  /// One operation that mostly fits the region, and sometimes does not.
  private func add(
    to batch: inout LogBatch, _ region: UInt64, _ oracle: MemoryLogStore,
    _ random: inout SplitMix64
  ) {
    let (first, last) = (oracle.firstIndex(region), oracle.lastIndex(region))
    let term = oracle.hardState(region).term
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<55:
      let start = UInt64.random(in: max(first, 3) - 2...last + 2, using: &random)
      // Terms never decrease within a log.
      let before = (try? oracle.term(region, at: max(start, first) - 1)) ?? 0
      var entryTerm = max(term, before)
      let entries = (0..<UInt64.random(in: 1...30, using: &random)).map { offset in
        entryTerm += Int.random(in: 0..<10, using: &random) == 0 ? 1 : 0
        return entry(entryTerm, start + offset)
      }
      batch.append(region, entries)
    case 55..<70:
      let commit = UInt64.random(in: 0...last, using: &random)
      let raise = UInt64.random(in: 0...1, using: &random)
      batch.setHardState(
        region, HardState(term: term + raise, vote: region % 3, commit: min(commit, first)))
    case 70..<82:
      let index = UInt64.random(in: first - 1...last, using: &random)
      batch.compact(region, to: index, term: (try? oracle.term(region, at: index)) ?? 0)
    case 82..<86:
      let index = last + UInt64.random(in: 0...20, using: &random)
      batch.reset(region, index: index, term: term + 1, hardState: HardState(term: term + 1))
    case 86..<93:
      let key = [UInt8.random(in: 0...4, using: &random)]
      batch.put(region, key: key, value: [UInt8.random(in: 0...255, using: &random)])
    case 93..<97:
      batch.delete(region, key: [UInt8.random(in: 0...4, using: &random)])
    default:
      batch.destroy(region, tombstone: Bool.random(using: &random) ? [1] : nil)
    }
  }

  /// What a write came to: whether it was refused, and how.
  private func outcome(
    _ store: any RaftLogStore, _ batch: LogBatch, _ durability: Durability
  ) -> Result<Bool, LogStoreError> {
    Result { () throws(LogStoreError) in try store.write(batch, durability).bytes > 0 }
  }

  private func compare(
    _ store: any RaftLogStore, _ oracle: any RaftLogStore, _ comment: Comment
  ) throws {
    #expect(store.regions() == oracle.regions(), comment)
    for region: UInt64 in 1...12 {
      #expect(store.truncated(region) == oracle.truncated(region), comment)
      #expect(store.lastIndex(region) == oracle.lastIndex(region), comment)
      #expect(store.hardState(region) == oracle.hardState(region), comment)
      #expect(try store.all(region) == oracle.all(region), comment)
      #expect(try store.pairs(region) == oracle.pairs(region), comment)
      #expect(try store.tombstone(region) == oracle.tombstone(region), comment)
      for index in oracle.truncated(region).index...oracle.lastIndex(region) {
        #expect(try store.term(region, at: index) == oracle.term(region, at: index), comment)
      }
    }
  }
}
