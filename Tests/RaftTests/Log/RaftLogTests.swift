import Testing

@testable import Raft

/// log_test: finding, appending, committing.
@Suite struct RaftLogTests {
  @Test func testFindConflict() throws {
    let previous = entries([1, 2, 3])
    let cases: [([Entry], UInt64)] = [
      ([], 0),
      // Nothing new.
      (entries([1, 2, 3]), 0), (entries([2, 3], after: 1), 0), (entries([3], after: 2), 0),
      // New entries, no conflict.
      (entries([1, 2, 3, 4, 4]), 4), (entries([2, 3, 4, 5], after: 1), 4),
      (entries([3, 4, 4], after: 2), 4), (entries([4, 4], after: 3), 4),
      // Conflicts.
      (entries([4, 4]), 1), (entries([1, 4, 4], after: 1), 2),
      (entries([1, 2, 4, 4], after: 2), 3),
    ]
    for (number, (sent, want)) in cases.enumerated() {
      var log = makeLog()
      try log.append(previous)
      #expect(try log.findConflict(sent) == want, "case \(number)")
    }
  }

  @Test func testFindConflictByTerm() throws {
    // terms from the dummy on, index of the dummy, asked index and term, found
    let cases: [([UInt64], UInt64, UInt64, UInt64, EntryID)] = [
      ([0, 2, 2, 5, 5, 5], 0, 100, 2, EntryID(term: 0, index: 100)),
      ([0, 2, 2, 5, 5, 5], 0, 5, 6, EntryID(term: 5, index: 5)),
      ([0, 2, 2, 5, 5, 5], 0, 5, 5, EntryID(term: 5, index: 5)),
      ([0, 2, 2, 5, 5, 5], 0, 5, 4, EntryID(term: 2, index: 2)),
      ([0, 2, 2, 5, 5, 5], 0, 5, 2, EntryID(term: 2, index: 2)),
      ([0, 2, 2, 5, 5, 5], 0, 5, 1, EntryID(term: 0, index: 0)),
      ([0, 2, 2, 5, 5, 5], 0, 1, 2, EntryID(term: 2, index: 1)),
      ([0, 2, 2, 5, 5, 5], 0, 1, 1, EntryID(term: 0, index: 0)),
      ([0, 2, 2, 5, 5, 5], 0, 0, 0, EntryID(term: 0, index: 0)),
      ([3, 3, 3, 4, 4, 4], 10, 30, 3, EntryID(term: 0, index: 30)),
      ([3, 3, 3, 4, 4, 4], 10, 14, 9, EntryID(term: 4, index: 14)),
      ([3, 3, 3, 4, 4, 4], 10, 14, 4, EntryID(term: 4, index: 14)),
      ([3, 3, 3, 4, 4, 4], 10, 14, 3, EntryID(term: 3, index: 12)),
      ([3, 3, 3, 4, 4, 4], 10, 14, 2, EntryID(term: 0, index: 9)),
      ([3, 3, 3, 4, 4, 4], 10, 11, 5, EntryID(term: 3, index: 11)),
      ([3, 3, 3, 4, 4, 4], 10, 10, 5, EntryID(term: 3, index: 10)),
      ([3, 3, 3, 4, 4, 4], 10, 10, 3, EntryID(term: 3, index: 10)),
      ([3, 3, 3, 4, 4, 4], 10, 10, 2, EntryID(term: 0, index: 9)),
      ([3, 3, 3, 4, 4, 4], 10, 9, 2, EntryID(term: 0, index: 9)),
      ([3, 3, 3, 4, 4, 4], 10, 4, 2, EntryID(term: 0, index: 4)),
      ([3, 3, 3, 4, 4, 4], 10, 0, 0, EntryID(term: 0, index: 0)),
    ]
    for (number, (terms, dummy, index, term, want)) in cases.enumerated() {
      let storage = MemoryStorage()
      if dummy > 0 { try storage.applySnapshot(snapshot(at: dummy, term: terms[0])) }
      var log = makeLog(storage)
      try log.append(entries(Array(terms.dropFirst()), after: dummy))
      #expect(try log.findConflict(byTerm: term, from: index) == want, "case \(number)")
    }
  }

  @Test func testIsUpToDate() throws {
    var log = makeLog()
    try log.append(entries([1, 2, 3]))
    for (index, term, want) in [
      (UInt64(2), UInt64(4), true), (3, 4, true), (4, 4, true), (2, 2, false), (3, 2, false),
      (4, 2, false), (2, 3, false), (3, 3, true), (4, 3, true),
    ] {
      #expect(try log.isUpToDate(EntryID(term: term, index: index)) == want)
    }
  }

  @Test func testAppend() throws {
    let cases: [([Entry], UInt64, [UInt64], UInt64)] = [
      ([], 2, [1, 2], 3), (entries([2], after: 2), 3, [1, 2, 2], 3),
      // Conflicts with 1, and with 2.
      (entries([2]), 1, [2], 1), (entries([3, 3], after: 1), 3, [1, 3, 3], 2),
    ]
    for (sent, last, terms, offset) in cases {
      let storage = MemoryStorage()
      try storage.append(entries([1, 2]))
      var log = makeLog(storage)
      try log.append(sent)
      #expect(log.lastIndex == last)
      #expect(try log.entries(from: 1, maxSize: .max).map(\.term) == terms)
      #expect(log.unstable.offset == offset)
    }
  }

  @Test func testLogMaybeAppend() throws {
    // previous, leader's commit, sent terms, last new index (nil: refused), committed, aborts
    struct Case {
      var term: UInt64
      var index: UInt64
      var commit: UInt64
      var terms: [UInt64]
      var lastNew: UInt64?
      var committed: UInt64
      var aborts = false
    }
    let cases = [
      // Does not match: term, index.
      Case(term: 2, index: 3, commit: 3, terms: [4], lastNew: nil, committed: 1),
      Case(term: 3, index: 4, commit: 3, terms: [4], lastNew: nil, committed: 1),
      // Matches the last entry.
      Case(term: 3, index: 3, commit: 3, terms: [], lastNew: 3, committed: 3),
      Case(term: 3, index: 3, commit: 4, terms: [], lastNew: 3, committed: 3),
      Case(term: 3, index: 3, commit: 2, terms: [], lastNew: 3, committed: 2),
      // The commit index does not go back.
      Case(term: 3, index: 3, commit: 0, terms: [], lastNew: 3, committed: 1),
      Case(term: 0, index: 0, commit: 3, terms: [], lastNew: 0, committed: 1),
      Case(term: 3, index: 3, commit: 3, terms: [4], lastNew: 4, committed: 3),
      Case(term: 3, index: 3, commit: 4, terms: [4], lastNew: 4, committed: 4),
      Case(term: 3, index: 3, commit: 5, terms: [4], lastNew: 4, committed: 4),
      Case(term: 3, index: 3, commit: 5, terms: [4, 4], lastNew: 5, committed: 5),
      // Matches further back.
      Case(term: 2, index: 2, commit: 3, terms: [4], lastNew: 3, committed: 3),
      Case(term: 1, index: 1, commit: 3, terms: [4], lastNew: 2, committed: 2),
      Case(term: 0, index: 0, commit: 3, terms: [4], lastNew: nil, committed: 1, aborts: true),
      Case(term: 1, index: 1, commit: 3, terms: [4, 4], lastNew: 3, committed: 3),
    ]
    for (number, test) in cases.enumerated() {
      var log = makeLog()
      try log.append(entries([1, 2, 3]))
      log.committed = 1
      let sent = entries(test.terms, after: test.index)
      do throws(RaftError) {
        let lastNew = try log.maybeAppend(
          after: EntryID(term: test.term, index: test.index), sent, leaderCommit: test.commit)
        #expect(!test.aborts, "case \(number)")
        #expect(lastNew == test.lastNew, "case \(number)")
        #expect(log.committed == test.committed, "case \(number)")
        if lastNew != nil, !sent.isEmpty {
          let tail = try log.slice(
            from: log.lastIndex - UInt64(sent.count) + 1, to: log.lastIndex + 1, maxSize: .max)
          #expect(tail == sent, "case \(number)")
        }
      } catch {
        #expect(test.aborts && error.isFatal, "case \(number)")
      }
    }
  }

  @Test func testCompactionSideEffects() throws {
    let (last, unstable): (UInt64, UInt64) = (1000, 750)
    let storage = MemoryStorage()
    for index in 1...unstable { try storage.append([Entry(term: index, index: index)]) }
    var log = makeLog(storage)
    for index in unstable..<last {
      try log.append([Entry(term: index + 1, index: index + 1)])
    }
    #expect(try log.maybeCommit(EntryID(term: last, index: last)))
    try log.applied(to: log.committed, size: 0)
    let offset: UInt64 = 500
    try storage.compact(to: offset)
    #expect(log.lastIndex == last)
    for index in offset...last {
      #expect(try log.term(at: index) == index)
      #expect(try log.matches(EntryID(term: index, index: index)))
    }
    let tail = log.unstable.nextEntries()
    #expect(tail.count == 250 && tail.first?.index == 751)
    try log.append([Entry(term: last + 1, index: last + 1)])
    #expect(log.lastIndex == last + 1)
    #expect(try log.entries(from: log.lastIndex, maxSize: .max).count == 1)
  }

  @Test func testCommitTo() throws {
    for (commit, want) in [(UInt64(3), UInt64?.some(3)), (1, 2), (4, nil)] {
      var log = makeLog()
      try log.append(entries([1, 2, 3]))
      log.committed = 2
      do throws(RaftError) {
        try log.commit(to: commit)
        #expect(log.committed == want)
      } catch {
        #expect(want == nil && error.isFatal)
      }
    }
  }

  @Test func testCompaction() throws {
    // last index, compactions, entries left after each; nil is an error
    let cases: [(UInt64, [UInt64], [Int?])] = [
      (1000, [1001], [nil]), (1000, [300, 500, 800, 900], [700, 500, 200, 100]),
      (1000, [300, 299], [700, nil]),
    ]
    for (last, compactions, left) in cases {
      let storage = MemoryStorage()
      for index in 1...last { try storage.append([Entry(index: index)]) }
      var log = makeLog(storage)
      _ = try log.maybeCommit(EntryID(term: 0, index: last))
      log.committed = last
      try log.applied(to: log.committed, size: 0)
      for (index, want) in zip(compactions, left) {
        do throws(LogStorageError) {
          try storage.compact(to: index)
          let count = try? log.entries(from: log.firstIndex, maxSize: .max).count
          #expect(count == want)
        } catch {
          #expect(want == nil)
        }
      }
    }
  }

  @Test func testLogRestore() throws {
    let storage = MemoryStorage()
    try storage.applySnapshot(snapshot(at: 1000, term: 1000))
    let log = makeLog(storage)
    #expect(try log.entries(from: log.firstIndex, maxSize: .max).isEmpty)
    #expect(log.firstIndex == 1001)
    #expect(log.committed == 1000)
    #expect(log.unstable.offset == 1001)
    #expect(try log.term(at: 1000) == 1000)
  }

  @Test func testTerm() throws {
    let storage = MemoryStorage()
    try storage.applySnapshot(snapshot(at: 100, term: 1))
    var log = makeLog(storage)
    for index: UInt64 in 1..<100 { try log.append([Entry(term: index, index: 100 + index)]) }
    #expect(throws: LogStorageError.compacted) { try log.term(at: 50) }
    #expect(throws: LogStorageError.compacted) { try log.term(at: 99) }
    #expect(try log.term(at: 100) == 1)
    #expect(try log.term(at: 150) == 50)
    #expect(try log.term(at: 199) == 99)
    #expect(throws: LogStorageError.unavailable) { try log.term(at: 200) }
  }

  @Test func testTermWithUnstableSnapshot() throws {
    let storage = MemoryStorage()
    try storage.applySnapshot(snapshot(at: 100, term: 1))
    var log = makeLog(storage)
    log.restore(snapshot(at: 105, term: 1))
    for index: UInt64 in [100, 102, 103, 104] {
      #expect(throws: LogStorageError.compacted) { try log.term(at: index) }
    }
    #expect(try log.term(at: 105) == 1)
    #expect(throws: LogStorageError.unavailable) { try log.term(at: 106) }
  }
}
