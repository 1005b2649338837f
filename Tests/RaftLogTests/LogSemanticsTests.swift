import Raft
import RaftLog
import Testing

/// Reading, appending and the rules of entries. Tests are named by their case.
struct LogSemanticsTests {
  @Test(arguments: LogStoreKind.allCases)
  func s01_freshStore(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.twice { (store) throws in
      #expect(store.regions() == [])
      #expect(store.firstIndex(7) == 1)
      #expect(store.lastIndex(7) == 0)
      #expect(try store.term(7, at: 0) == 0)
      #expect(store.hardState(7) == HardState())
      #expect(store.truncated(7) == (0, 0))
      #expect(try store.all(7) == [])
      #expect(try store.tombstone(7) == nil)
      #expect(try store.identity() == nil)
      expect(.unavailable(last: 0)) { try store.term(7, at: 1) }
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s02_termTable(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...3) + run(4, 4...5) + run(5, 6...6))
    try fixture.write { $0.compact(1, to: 2, term: 1) }
    try fixture.twice { (store) throws in
      expect(.compacted(first: 3)) { try store.term(1, at: 1) }
      let terms = try (2...6).map { try store.term(1, at: $0) }
      #expect(terms == [1, 1, 4, 4, 5])
      expect(.unavailable(last: 6)) { try store.term(1, at: 7) }
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s03_entriesErrors(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...9))
    try fixture.write { $0.compact(1, to: 4, term: 1) }
    try fixture.twice { (store) throws in
      expect(.compacted(first: 5)) {
        try store.entries(1, from: 4, to: 6, maxBytes: .max)
      }
      expect(.compacted(first: 5)) {
        try store.entries(1, from: 0, to: 0, maxBytes: .max)
      }
      expect(.unavailable(last: 9)) {
        try store.entries(1, from: 5, to: 11, maxBytes: .max)
      }
      expect(.unavailable(last: 9)) {
        try store.entries(1, from: 11, to: 11, maxBytes: .max)
      }
      #expect(try store.entries(1, from: 10, to: 10, maxBytes: .max) == [])
      #expect(try store.entries(1, from: 6, to: 5, maxBytes: .max) == [])
      #expect(try store.entries(1, from: 5, to: 10, maxBytes: .max) == run(1, 5...9))
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s04_maxBytes(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    let entries = run(3, 1...3)
    try fixture.append(1, entries)
    let exact = entries[0].encodedSize + entries[1].encodedSize
    try fixture.twice { (store) throws in
      for (limit, count) in [(0, 1), (1, 1), (exact - 1, 1), (exact, 2), (exact + 1, 2), (.max, 3)]
      {
        let read = try store.entries(1, from: 1, to: 4, maxBytes: limit)
        #expect(read == Array(entries.prefix(count)), "limit \(limit)")
      }
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s05_lastIndex(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    for (entries, last) in [(run(1, 1...3), 3), (run(1, 4...4), 4), (run(2, 2...2), 2)] {
      try fixture.append(1, entries)
      try fixture.twice { (store) throws in
        #expect(store.lastIndex(1) == UInt64(last))
      }
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s09_appendTable(kind: LogStoreKind) throws {
    let base = [entry(3, 3), entry(4, 4), entry(5, 5)]
    let table: [(added: [Entry], left: [Entry])] = [
      ([entry(1, 1), entry(2, 2)], base),
      (base, base),
      ([entry(3, 3), entry(6, 4), entry(6, 5)], [entry(3, 3), entry(6, 4), entry(6, 5)]),
      (base + [entry(5, 6)], base + [entry(5, 6)]),
      ([entry(2, 2), entry(3, 3), entry(5, 4)], [entry(3, 3), entry(5, 4)]),
      ([entry(5, 4)], [entry(3, 3), entry(5, 4)]),
      ([entry(5, 6)], base + [entry(5, 6)]),
    ]
    let fixture = try LogFixture(kind)
    for (region, row) in table.enumerated() {
      let region = UInt64(region + 1)
      try fixture.append(region, run(2, 1...2) + base)
      try fixture.write { $0.compact(region, to: 2, term: 2) }
      try fixture.append(region, row.added)
    }
    try fixture.twice { (store) throws in
      for (region, row) in table.enumerated() {
        #expect(try store.all(UInt64(region + 1)) == row.left, "row \(region)")
      }
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s10_emptyChangesAreNotWritten(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...3))
    let receipt = try fixture.write(.synced) {
      $0.append(1, [])
      $0.setHardState(9, HardState())
      $0.delete(9, key: [1])
    }
    #expect(receipt.lsn == 1)
    #expect(receipt.bytes == 0)
    #expect(try fixture.store.write(LogBatch(), .synced).durableLSN == 0)
    if let memory = fixture.store as? MemoryLogStore { #expect(memory.barriers == 0) }
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == run(1, 1...3))
      #expect(store.regions() == [1])
    }
    var batch = LogBatch()
    batch.append(1, run(1, 4...4))
    batch.removeAll()
    #expect(batch.isEmpty)
    #expect(batch.byteSize == 0)
    batch.append(1, run(1, 4...5))
    _ = try fixture.store.write(batch, .buffered)
    #expect(fixture.store.lastIndex(1) == 5)
  }

  @Test(arguments: LogStoreKind.allCases)
  func s11_identicalReappend(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...5))
    try fixture.append(1, run(1, 1...5))
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == run(1, 1...5))
    }
    try fixture.append(1, run(1, 2...3))
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == run(1, 1...3))
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s12_multiTermBatchOverOlderTail(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(3, 1...5))
    try fixture.append(1, [entry(5, 6), entry(5, 7)])
    try fixture.append(1, [entry(4, 6), entry(6, 7)])
    try fixture.twice { (store) throws in
      #expect(try store.term(1, at: 5) == 3)
      #expect(try store.term(1, at: 6) == 4)
      #expect(try store.term(1, at: 7) == 6)
      #expect(try store.all(1) == run(3, 1...5) + [entry(4, 6), entry(6, 7)])
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s13_shorterSuffixReplacesALongerTail(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    for (region, longest) in [(UInt64(1), UInt64(10)), (2, 200)] {
      try fixture.append(region, run(1, 1...longest))
      try fixture.append(region, run(2, 4...5))
    }
    try fixture.store.purge()
    try fixture.twice { (store) throws in
      for region: UInt64 in 1...2 {
        #expect(try store.all(region) == run(1, 1...3) + run(2, 4...5))
      }
    }
    try fixture.append(2, run(3, 6...8))
    try fixture.twice { (store) throws in
      #expect(try store.entries(2, from: 6, to: 9, maxBytes: .max) == run(3, 6...8))
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s14_gapIsRefused(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...3))
    expect(.gap(region: 1, expected: 4, got: 5)) { try fixture.append(1, run(1, 5...6)) }
    expect(.gap(region: 2, expected: 1, got: 2)) { try fixture.append(2, run(1, 2...2)) }
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == run(1, 1...3))
      #expect(store.regions() == [1])
    }
    try fixture.append(1, run(1, 4...6))
    try fixture.twice { (store) throws in
      #expect(store.lastIndex(1) == 6)
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s15_appendAcrossTheStart(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...6))
    try fixture.write { $0.compact(1, to: 4, term: 1) }
    try fixture.append(1, run(1, 2...4))
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == run(1, 5...6))
    }
    try fixture.append(1, run(1, 3...7))
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == run(1, 5...7))
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s16_brokenRunsAreRefused(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    let broken: [[Entry]] = [
      [entry(1, 0)], [entry(1, 1), entry(1, 3)], [entry(2, 1), entry(1, 2)],
      [entry(1, 1), entry(1, 1)], [entry(1, .max)], [entry(1, .max - 1), entry(1, .max)],
    ]
    for entries in broken { expectInvalid { try fixture.append(1, entries) } }
    expect(.gap(region: 1, expected: 1, got: 1 << 63)) {
      try fixture.append(1, [entry(1, 1 << 63)])
    }
    #expect(fixture.store.regions() == [])
    expectInvalid {
      try fixture.write { $0.reset(1, index: .max, term: 1, hardState: HardState(term: 1)) }
    }
    let far: UInt64 = 1 << 63
    try fixture.write { $0.reset(1, index: far, term: 1, hardState: HardState(term: 1)) }
    try fixture.append(1, [entry(1, far + 1)])
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == [entry(1, far + 1)])
    }
  }

  @Test(arguments: [LogStoreKind.kv, .disk])
  func s16_aTermThatFallsBehindTheLogIsRefused(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(3, 1...4))
    expectInvalid { try fixture.append(1, run(2, 5...5)) }
    expectInvalid { try fixture.append(1, run(2, 3...6)) }
    try fixture.append(1, run(2, 1...2))
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == run(2, 1...2))
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s17_hardState(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.write {
      $0.append(1, run(1, 1...5))
      $0.setHardState(1, HardState(term: 1, vote: 0, commit: 1))
      $0.setHardState(1, HardState(term: 2, vote: 3, commit: 5))
    }
    let state = HardState(term: 2, vote: 3, commit: 5)
    try fixture.twice { (store) throws in
      #expect(store.hardState(1) == state)
    }
    expectInvalid {
      try fixture.write { $0.setHardState(1, HardState(term: 1, vote: 3, commit: 5)) }
    }
    expectInvalid {
      try fixture.write { $0.setHardState(1, HardState(term: 2, vote: 4, commit: 5)) }
    }
    expectInvalid {
      try fixture.write { $0.setHardState(1, HardState(term: 2, vote: 3, commit: 6)) }
    }
    expectInvalid { try fixture.append(1, run(2, 3...3)) }
    #expect(fixture.store.hardState(1) == state)
    try fixture.write { $0.setHardState(1, HardState(term: 3, vote: 4, commit: 5)) }
    try fixture.twice { (store) throws in
      #expect(store.hardState(1).vote == 4)
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s33_theIndexIsReadableAfterClose(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.write {
      $0.append(1, run(1, 1...5))
      $0.setHardState(1, HardState(term: 1, vote: 1, commit: 2))
    }
    try fixture.store.close()
    #expect(fixture.store.firstIndex(1) == 1)
    #expect(fixture.store.lastIndex(1) == 5)
    #expect(try fixture.store.term(1, at: 3) == 1)
    #expect(fixture.store.hardState(1).commit == 2)
    expect(.closed) { try fixture.store.all(1) }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s34_returnedEntriesStay(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    try fixture.append(1, run(1, 1...5))
    let read = try fixture.store.all(1)
    try fixture.append(1, run(2, 1...2))
    try fixture.write { $0.destroy(1) }
    try fixture.store.close()
    #expect(read == run(1, 1...5))
  }

  @Test(arguments: LogStoreKind.allCases)
  func s35_sizes(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    let sizes = [0, 1, 127, 128, 4095, 4096, 4097, 1 << 16, 8 << 20, 20 << 20]
    let entries = sizes.enumerated().map { position, size in
      Entry(
        term: 1, index: UInt64(position + 1),
        data: [UInt8](repeating: UInt8(position), count: size))
    }
    try fixture.append(1, entries)
    try fixture.twice { (store) throws in
      // Compared by parts: a failure must not print megabytes.
      let read = try store.all(1)
      #expect(read.map(\.data.count) == sizes)
      let same = read == entries
      #expect(same)
    }
  }

  @Test func s35_aBatchThatIsTooLargeIsRefused() throws {
    let fixture = try LogFixture(.rocks)
    var options = RocksDBLogStoreOptions()
    options.maxBatchBytes = 1000
    try fixture.store.close()
    let stores: [any RaftLogStore] = [
      try RocksDBLogStore(path: fixture.path, options: options),
      MemoryLogStore(maxBatchBytes: 1000),
    ]
    for store in stores {
      var batch = LogBatch()
      batch.append(1, [Entry(term: 1, index: 1, data: [UInt8](repeating: 0, count: 1000))])
      expect(.batchTooLarge(limit: 1000)) { try store.write(batch, .buffered) }
      batch.removeAll()
      batch.append(1, run(1, 1...1))
      _ = try store.write(batch, .buffered)
      #expect(store.lastIndex(1) == 1)
    }
  }

  @Test(arguments: LogStoreKind.allCases)
  func s36_allFieldsSurvive(kind: LogStoreKind) throws {
    let fixture = try LogFixture(kind)
    let entries = [
      Entry(type: .normal, term: 1, index: 1, data: []),
      Entry(type: .confChange, term: 1, index: 2, data: [0, 0xff, 0]),
      Entry(type: .confChangeV2, term: .max, index: 3, data: Array(0...255)),
    ]
    try fixture.append(1, entries)
    try fixture.twice { (store) throws in
      #expect(try store.all(1) == entries)
    }
  }
}
