import Raft
import RaftLog
import Testing

/// Compaction, reset, destruction, keys, and batches of several operations.
struct LogLifecycleTests {
  @Test(arguments: LogStoreKind.allCases)
  func s06_firstIndex(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...5))
    try fixture.write { $0.compact(1, to: 3, term: 1) }
    try fixture.twice { (store) throws in
      #expect(store.firstIndex(1) == 4)
    }
    try fixture.write { $0.compact(1, to: 5, term: 1) }
    try fixture.twice { (store) throws in
      #expect(store.firstIndex(1) == 6)
    }
    try fixture.write { $0.reset(1, index: 9, term: 2, hardState: HardState(term: 2)) }
    try fixture.twice { (store) throws in
      #expect(store.firstIndex(1) == 10)
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s07_compaction(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...3) + run(2, 4...6))
    try fixture.write { $0.compact(1, to: 3, term: 1) }
    for (index, term): (UInt64, UInt64) in [(0, 0), (2, 1), (3, 1), (3, 9)] {
      try fixture.write { $0.compact(1, to: index, term: term) }
    }
    try fixture.twice { (store) throws in
      #expect(store.truncated(1) == (3, 1))
    }
    expectInvalid { try fixture.write { $0.compact(1, to: 7, term: 2) } }
    expectInvalid { try fixture.write { $0.compact(1, to: 5, term: 1) } }
    expectInvalid { try fixture.write { $0.compact(2, to: 1, term: 1) } }
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == run(2, 4...6))
    }
    try fixture.write { $0.compact(1, to: 6, term: 2) }
    try fixture.twice { (store) throws in
      #expect(store.truncated(1) == (6, 2))
      #expect(store.lastIndex(1) == 6)
      #expect(try store.all(1) == [])
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s19_severalOperationsOfOneRegion(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.write {
      $0.append(1, run(1, 1...5))
      $0.append(1, run(2, 4...6))
      $0.append(2, run(1, 1...5))
      $0.compact(2, to: 4, term: 1)
      $0.append(2, run(1, 6...7))
      $0.append(3, run(1, 1...5))
      $0.reset(3, index: 8, term: 2, hardState: HardState(term: 2))
      $0.append(3, run(2, 9...9))
      $0.append(4, run(1, 1...40))
      $0.put(4, key: [1], value: [1])
      $0.destroy(4)
      $0.append(4, run(7, 1...2))
    }
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == run(1, 1...3) + run(2, 4...6))
      #expect(try store.all(2) == run(1, 5...7))
      #expect(try store.all(3) == run(2, 9...9))
      #expect(store.hardState(3).commit == 8)
      #expect(try store.all(4) == run(7, 1...2))
      #expect(try store.value(4, key: [1]) == nil)
    }
    try fixture.write {
      $0.destroy(1)
      $0.append(1, run(5, 1...1))
      $0.destroy(1)
    }
    try fixture.twice { (store) throws in
      #expect(store.regions() == [2, 3, 4])
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s19_oneBadOperationRefusesTheWholeBatch(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...3))
    expect(.gap(region: 2, expected: 1, got: 5)) {
      try fixture.write {
        $0.append(1, run(2, 2...9))
        $0.put(3, key: [1], value: [1])
        $0.destroy(1, tombstone: [1])
        $0.append(2, run(1, 5...5))
      }
    }
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == run(1, 1...3))
      #expect(store.regions() == [1])
      #expect(try store.tombstone(1) == nil)
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s20_mergedBatchesEqualSequentialOnes(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    var first = LogBatch()
    first.append(1, run(1, 1...5))
    first.put(1, key: [1], value: [1])
    var second = LogBatch()
    second.append(1, run(2, 3...4))
    second.delete(1, key: [1])
    second.setHardState(1, HardState(term: 2, vote: 1, commit: 2))
    var merged = first
    merged.merge(second)
    #expect(merged.byteSize == first.byteSize + second.byteSize)
    _ = try fixture.store.write(merged, .buffered)
    let other = try LogFixture(kind)
    _ = try other.store.write(first, .buffered)
    _ = try other.store.write(second, .buffered)
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == other.store.all(1))
      #expect(store.hardState(1) == other.store.hardState(1))
      #expect(try store.pairs(1) == other.store.pairs(1))
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s22_resetOverAnyLog(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    let state = HardState(term: 4, vote: 2, commit: 1)
    for (region, last): (UInt64, UInt64) in [(1, 3), (2, 8), (3, 100), (4, 0)] {
      if last > 0 { try fixture.append(region, run(1, 1...last)) }
      try fixture.write { $0.reset(region, index: 8, term: 4, hardState: state) }
    }
    try fixture.twice { (store) throws in
      for region: UInt64 in 1...4 {
        #expect(store.firstIndex(region) == 9)
        #expect(store.lastIndex(region) == 8)
        #expect(try store.term(region, at: 8) == 4)
        #expect(store.hardState(region) == HardState(term: 4, vote: 2, commit: 8))
      }
    }
    try fixture.append(3, run(4, 9...9))
    try fixture.store.purge()
    try fixture.twice { (store) throws in
      #expect(try store.all(3) == run(4, 9...9))
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s23_resetFarBeyondTheEnd(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...3))
    let far: UInt64 = 1 << 40
    try fixture.write { $0.reset(1, index: far, term: 2, hardState: HardState(term: 2)) }
    try fixture.append(1, run(2, (far + 1)...(far + 2)))
    try fixture.twice { (store) throws in
      expect(.compacted(first: far + 1)) {
        try store.entries(1, from: 2, to: far + 1, maxBytes: .max)
      }
      #expect(try store.all(1) == run(2, (far + 1)...(far + 2)))
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s24_noStaleEntriesBelowALaterStart(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...10))
    try fixture.append(1, run(2, 5...5))
    try fixture.write { $0.compact(1, to: 5, term: 2) }
    try fixture.twice { (store) throws in
      #expect(store.lastIndex(1) == 5)
      #expect(try store.all(1) == [])
    }
    try fixture.append(1, run(3, 6...6))
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == run(3, 6...6))
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s25_olderResetsAreRefused(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.write { $0.reset(1, index: 5, term: 2, hardState: HardState(term: 2)) }
    for index: UInt64 in [0, 4, 5] {
      expect(.snapshotOutOfDate(currentIndex: 5, currentTerm: 2)) {
        try fixture.write { $0.reset(1, index: index, term: 3, hardState: HardState(term: 3)) }
      }
    }
    expectInvalid {
      try fixture.write { $0.reset(1, index: 9, term: 3, hardState: HardState(term: 1)) }
    }
    try fixture.twice { (store) throws in
      #expect(store.truncated(1) == (5, 2))
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s27_destroy(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    for region: UInt64 in [1, 2, 3, .max] {
      try fixture.write {
        $0.append(region, run(1, 1...30))
        $0.compact(region, to: 2, term: 1)
        $0.setHardState(region, HardState(term: 1, vote: 1, commit: 9))
        $0.put(region, key: [1], value: [1])
      }
    }
    try fixture.write {
      $0.destroy(2, tombstone: [0xdd])
      $0.destroy(.max)
      $0.destroy(77)
    }
    try fixture.twice { (store) throws in
      #expect(store.regions() == [1, 3])
      for region: UInt64 in [2, .max] {
        #expect(store.firstIndex(region) == 1)
        #expect(store.lastIndex(region) == 0)
        #expect(store.hardState(region) == HardState())
        #expect(try store.value(region, key: [1]) == nil)
      }
      #expect(try store.tombstone(2) == [0xdd])
      #expect(try store.tombstone(1) == nil)
      #expect(try store.all(1) == run(1, 3...30))
      #expect(try store.all(3) == run(1, 3...30))
    }
    // To the same end and hard state as before, but with none of what was there.
    try fixture.write {
      $0.destroy(1)
      $0.append(1, run(1, 1...30))
      $0.setHardState(1, HardState(term: 1, vote: 1, commit: 9))
    }
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == run(1, 1...30))
      #expect(try store.value(1, key: [1]) == nil)
    }
    try fixture.append(2, run(9, 1...2))
    try fixture.store.purge()
    try fixture.twice { (store) throws in
      #expect(try store.all(2) == run(9, 1...2))
      #expect(try store.tombstone(2) == nil)
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s28_regions(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(5, run(1, 1...1))
    try fixture.twice { (store) throws in
      #expect(store.regions() == [5])
    }
    // Regions of these have files of their own.
    let count: UInt64 = [.etcd, .disk].contains(kind) ? 100 : 2000
    try fixture.write { batch in
      for region in 1...count { batch.append(region * 3, run(1, 1...2)) }
    }
    try fixture.twice { (store) throws in
      #expect(store.regions() == ((1...count).map { $0 * 3 } + [5]).sorted())
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s29_ownedKeys(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.write {
      for key: [UInt8] in [[], [1], [1, 0], [2], [0xff, 0xff]] { $0.put(1, key: key, value: key) }
      $0.put(1, key: [2], value: [])
      $0.put(2, key: [1], value: [9])
      $0.delete(1, key: [1, 0])
      $0.delete(1, key: [7])
    }
    try fixture.twice { (store) throws in
      #expect(try store.value(1, key: [1]) == [1])
      #expect(try store.value(1, key: [2]) == [])
      #expect(try store.value(1, key: [1, 0]) == nil)
      #expect(
        try store.pairs(1) == [
          [0xee], [1, 0xee, 1], [2, 0xee], [0xff, 0xff, 0xee, 0xff, 0xff],
        ])
      #expect(try store.pairs(1, from: [1], to: [2]) == [[1, 0xee, 1]])
      #expect(try store.pairs(3) == [])
      #expect(store.regions() == [1, 2])
      var seen = 0
      try store.scan(1, from: [], to: nil) { _, _ in
        seen += 1
        return seen < 2
      }
      #expect(seen == 2)
    }
    expectInvalid {
      try fixture.write { $0.put(1, key: [UInt8](repeating: 0, count: 5000), value: []) }
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s30_theStartOutlivesTheEntries(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...50))
    try fixture.write { $0.compact(1, to: 50, term: 1) }
    try fixture.store.purge()
    try fixture.twice { (store) throws in
      #expect(store.firstIndex(1) == 51)
      #expect(store.lastIndex(1) == 50)
      #expect(try store.term(1, at: 50) == 1)
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s32_appendAfterCompactingEverything(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...5))
    try fixture.write { $0.compact(1, to: 5, term: 1) }
    try fixture.append(1, run(3, 6...7))
    try fixture.twice { (store) throws in
      #expect(try store.term(1, at: 5) == 1)
      #expect(try store.all(1) == run(3, 6...7))
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s37_longLogWithJumpsBack(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    let last: UInt64 = 6000
    for start in stride(from: 1, through: last, by: 500) {
      try fixture.append(1, run(1, start...(start + 499)))
    }
    try fixture.append(1, run(2, (last / 3)...(last / 3)))
    try fixture.twice { (store) throws in
      #expect(store.lastIndex(1) == last / 3)
    }
    try fixture.append(1, run(3, (last / 3 + 1)...last))
    try fixture.write { $0.compact(1, to: last - 100, term: 3) }
    try fixture.append(1, run(4, (last - 50)...(last - 50)))
    try fixture.store.purge()
    try fixture.twice { (store) throws in
      #expect(store.firstIndex(1) == last - 99)
      #expect(try store.all(1) == run(3, (last - 99)...(last - 51)) + [entry(4, last - 50)])
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func g08_holdsAreReleased(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...100))
    let low = fixture.store.hold(1, from: 20)
    let high = fixture.store.hold(1, from: 60)
    try fixture.write { $0.compact(1, to: 80, term: 1) }
    try fixture.twice { (store) throws in
      #expect(store.firstIndex(1) == 81)
    }
    try fixture.append(1, run(1, 101...110))
    fixture.store.release(low)
    fixture.store.release(high)
    fixture.store.release(high)
    try fixture.store.purge()
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == run(1, 81...110))
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func k18_identity(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    let own = LogStoreIdentity(clusterID: 7, storeID: 3)
    try fixture.store.bind(own)
    try fixture.twice { (store) throws in
      #expect(try store.identity() == own)
      try store.bind(own)
      let other = LogStoreIdentity(clusterID: 7, storeID: 4)
      expect(.foreignStore(expected: other, found: own)) { try store.bind(other) }
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func d14_checkpoint(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...5))
    let path = fixture.directory + "/copy"
    #expect(try fixture.store.checkpoint(to: path) == 1)
    try fixture.append(1, run(2, 3...9))
    #expect(throws: LogStoreError.self) { try fixture.store.checkpoint(to: path) }
    try fixture.store.checkpoint(to: fixture.directory + "/second")
    let copy = try fixture.open(checkpoint: path)
    #expect(try copy.all(1) == run(1, 1...5))
    #expect(fixture.store.lastIndex(1) == 9)
  }
}
