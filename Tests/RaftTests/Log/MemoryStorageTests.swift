import Testing

@testable import Raft

/// storage_test.
@Suite struct MemoryStorageTests {
  /// Entries 4 and 5 after a compaction at 3.
  private func storage(_ extra: [UInt64] = []) throws -> MemoryStorage {
    let storage = MemoryStorage()
    try storage.append(entries([1, 2, 3, 4, 5] + extra))
    try storage.compact(to: 3)
    return storage
  }

  @Test func testStorageTerm() throws {
    let storage = try storage()
    #expect(throws: LogStorageError.compacted) { try storage.term(at: 2) }
    for index: UInt64 in 3...5 { #expect(try storage.term(at: index) == index) }
    #expect(throws: LogStorageError.unavailable) { try storage.term(at: 6) }
  }

  @Test func testStorageEntries() throws {
    let storage = try storage([6])
    #expect(throws: LogStorageError.compacted) {
      try storage.entries(from: 2, to: 6, maxSize: .max)
    }
    #expect(throws: LogStorageError.compacted) {
      try storage.entries(from: 3, to: 4, maxSize: .max)
    }
    func indexes(_ lo: UInt64, _ hi: UInt64, _ size: UInt64) throws -> [UInt64] {
      try storage.entries(from: lo, to: hi, maxSize: size).map(\.index)
    }
    #expect(try indexes(4, 5, .max) == [4])
    #expect(try indexes(4, 6, .max) == [4, 5])
    #expect(try indexes(4, 7, .max) == [4, 5, 6])
    // At least one, even at no size.
    #expect(try indexes(4, 7, 0) == [4])
    let size = Entry(term: 4, index: 4).encodedSize
    #expect(try indexes(4, 7, size * 2) == [4, 5])
    #expect(try indexes(4, 7, size * 2 + size / 2) == [4, 5])
    #expect(try indexes(4, 7, size * 3 - 1) == [4, 5])
    #expect(try indexes(4, 7, size * 3) == [4, 5, 6])
    #expect(throws: LogStorageError.unavailable) {
      try storage.entries(from: 4, to: 8, maxSize: .max)
    }
    #expect(throws: LogStorageError.unavailable) {
      try MemoryStorage().entries(from: 1, to: 1, maxSize: .max)
    }
  }

  @Test func testStorageLastIndex() throws {
    let storage = try storage()
    #expect(storage.lastIndex() == 5)
    try storage.append([Entry(term: 5, index: 6)])
    #expect(storage.lastIndex() == 6)
  }

  @Test func testStorageFirstIndex() throws {
    let storage = try storage()
    #expect(storage.firstIndex() == 4)
    try storage.compact(to: 4)
    #expect(storage.firstIndex() == 5)
  }

  @Test func testStorageCompact() throws {
    for index: UInt64 in [2, 3] {
      let storage = try storage()
      #expect(throws: LogStorageError.compacted) { try storage.compact(to: index) }
      #expect(storage.firstIndex() == 4)
    }
    for index: UInt64 in [4, 5] {
      let storage = try storage()
      try storage.compact(to: index)
      #expect(storage.firstIndex() == index + 1)
      #expect(try storage.term(at: index) == index)
      #expect(storage.lastIndex() == 5)
    }
    let storage = try storage()
    #expect(throws: LogStorageError.unavailable) { try storage.compact(to: 6) }
  }

  @Test func testStorageCreateSnapshot() throws {
    let state = ConfState(voters: [1, 2, 3])
    for index: UInt64 in [4, 5] {
      let storage = try storage()
      try storage.createSnapshot(at: index, confState: state, data: bytes("data"))
      let made = try storage.snapshot()
      #expect(made.metadata.index == index && made.metadata.term == index)
      #expect(made.metadata.confState == state && made.data == bytes("data"))
      #expect(throws: LogStorageError.snapshotOutOfDate) {
        try storage.createSnapshot(at: index)
      }
    }
  }

  @Test func testStorageAppend() throws {
    // first index and terms appended, terms from the dummy on
    let cases: [(UInt64, [UInt64], [UInt64])] = [
      (1, [1, 2], [3, 4, 5]), (3, [3, 4, 5], [3, 4, 5]), (3, [3, 6, 6], [3, 6, 6]),
      (3, [3, 4, 5, 5], [3, 4, 5, 5]),
      // Truncates what comes in and what is there; and only the latter.
      (2, [3, 3, 5], [3, 5]), (4, [5], [3, 5]),
      // Appends.
      (6, [5], [3, 4, 5, 5]),
    ]
    for (number, (first, terms, want)) in cases.enumerated() {
      let storage = try storage()
      try storage.append(entries(terms, after: first - 1))
      let found = try (3...storage.lastIndex()).map { try storage.term(at: $0) }
      #expect(found == want, "case \(number)")
    }
    let storage = try storage()
    #expect(throws: LogStorageError.self) { try storage.append(entries([5], after: 6)) }
    try storage.append([])
    #expect(storage.lastIndex() == 5)
  }

  @Test func testStorageApplySnapshot() throws {
    let storage = MemoryStorage()
    // A membership alone, to start a group with.
    try storage.applySnapshot(snapshot(at: 0, term: 0, voters: [1, 2]))
    #expect(try storage.initialState().1.voters == [1, 2])
    try storage.applySnapshot(snapshot(at: 4, term: 4, voters: [1, 2, 3]))
    #expect(storage.firstIndex() == 5 && storage.lastIndex() == 4)
    #expect(throws: LogStorageError.snapshotOutOfDate) {
      try storage.applySnapshot(snapshot(at: 3, term: 3))
    }
  }
}
