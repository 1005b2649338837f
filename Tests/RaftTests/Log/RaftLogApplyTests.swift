import Testing

@testable import Raft

/// log_test: handing out committed entries, and reading slices.
@Suite struct RaftLogApplyTests {
  struct Case: Sendable {
    var applied: UInt64
    var applying: UInt64
    var allowUnstable: Bool
    var paused = false
    var snapshot = false
    /// Number of entries returned.
    var count: Int
  }

  /// Entries 4 to 6 after a snapshot at 3; 4 is stable, 5 is committed.
  static let cases = [
    Case(applied: 3, applying: 3, allowUnstable: true, count: 2),
    Case(applied: 3, applying: 4, allowUnstable: true, count: 1),
    Case(applied: 3, applying: 5, allowUnstable: true, count: 0),
    Case(applied: 4, applying: 4, allowUnstable: true, count: 1),
    Case(applied: 4, applying: 5, allowUnstable: true, count: 0),
    Case(applied: 5, applying: 5, allowUnstable: true, count: 0),
    // Only what is stable.
    Case(applied: 3, applying: 3, allowUnstable: false, count: 1),
    Case(applied: 3, applying: 4, allowUnstable: false, count: 0),
    Case(applied: 3, applying: 5, allowUnstable: false, count: 0),
    Case(applied: 4, applying: 4, allowUnstable: false, count: 0),
    Case(applied: 5, applying: 5, allowUnstable: false, count: 0),
    Case(applied: 3, applying: 3, allowUnstable: true, paused: true, count: 0),
    Case(applied: 3, applying: 3, allowUnstable: true, snapshot: true, count: 0),
  ]

  private func log(_ test: Case, limit: UInt64 = .max) throws -> RaftLog<MemoryStorage> {
    let storage = MemoryStorage()
    try storage.applySnapshot(snapshot(at: 3, term: 1))
    try storage.append(entries([1], after: 3))
    var log = makeLog(storage, maxApplyingSize: limit)
    try log.append(entries([1, 1, 1], after: 3))
    log.unstable.stable(to: 4, term: 1)
    _ = try log.maybeCommit(EntryID(term: 1, index: 5))
    try log.applied(to: test.applied, size: 0)
    try log.acceptApplying(to: test.applying, size: 0, allowUnstable: test.allowUnstable)
    log.applyingPaused = test.paused
    if test.snapshot { log.unstable.snapshot = snapshot(at: 4, term: 1) }
    return log
  }

  @Test(arguments: cases) func testHasNextCommittedEnts(_ test: Case) throws {
    let log = try log(test)
    #expect(log.hasNextCommittedEntries(allowUnstable: test.allowUnstable) == (test.count > 0))
  }

  @Test(arguments: cases) func testNextCommittedEnts(_ test: Case) throws {
    let log = try log(test)
    let next = try log.nextCommittedEntries(allowUnstable: test.allowUnstable)
    #expect(next.map(\.index) == (0..<UInt64(test.count)).map { test.applying + 1 + $0 })
  }

  @Test func testAcceptApplying() throws {
    // index, unstable allowed, size, paused afterwards
    let cases: [(UInt64, Bool, UInt64, Bool)] = [
      (3, true, 99, true), (3, true, 100, true), (3, true, 101, true),
      (4, true, 99, true), (4, true, 100, true), (4, true, 101, true),
      (5, true, 99, false), (5, true, 100, true), (5, true, 101, true),
      // Without unstable entries 4 is the last that may be applied.
      (3, false, 99, true), (3, false, 100, true), (3, false, 101, true),
      (4, false, 99, false), (4, false, 100, true), (4, false, 101, true),
      (5, false, 99, false), (5, false, 100, true), (5, false, 101, true),
    ]
    for (number, (index, allowUnstable, size, paused)) in cases.enumerated() {
      let storage = MemoryStorage()
      try storage.applySnapshot(snapshot(at: 3, term: 1))
      var log = makeLog(storage, maxApplyingSize: 100)
      try log.append(entries([1, 1, 1], after: 3))
      try storage.append(entries([1], after: 3))
      log.unstable.stable(to: 4, term: 1)
      _ = try log.maybeCommit(EntryID(term: 1, index: 5))
      try log.applied(to: 3, size: 0)
      try log.acceptApplying(to: index, size: size, allowUnstable: allowUnstable)
      #expect(log.applyingPaused == paused, "case \(number)")
    }
  }

  @Test func testAppliedTo() throws {
    // index, size, applying afterwards, size afterwards, paused afterwards
    let cases: [(UInt64, UInt64, UInt64, UInt64, Bool)] = [
      (4, 4, 5, 101, true), (4, 5, 5, 100, true), (4, 6, 5, 99, false),
      (5, 4, 5, 101, true), (5, 5, 5, 100, true), (5, 6, 5, 99, false),
      (4, 106, 5, 0, false), (4, 1000, 5, 0, false),
    ]
    for (number, (index, size, applying, left, paused)) in cases.enumerated() {
      let storage = MemoryStorage()
      try storage.applySnapshot(snapshot(at: 3, term: 1))
      try storage.append(entries([1], after: 3))
      var log = makeLog(storage, maxApplyingSize: 100)
      try log.append(entries([1, 1, 1], after: 3))
      log.unstable.stable(to: 4, term: 1)
      _ = try log.maybeCommit(EntryID(term: 1, index: 5))
      try log.applied(to: 3, size: 0)
      try log.acceptApplying(to: 5, size: 105, allowUnstable: false)
      try log.applied(to: index, size: size)
      #expect(log.applied == index && log.applying == applying, "case \(number)")
      #expect(log.applyingSize == left && log.applyingPaused == paused, "case \(number)")
    }
    var log = makeLog()
    #expect(throws: RaftError.self) { try log.applied(to: 1, size: 0) }
  }

  @Test func testNextUnstableEnts() throws {
    for (offset, want) in [(UInt64(3), 0), (1, 2)] {
      let storage = MemoryStorage()
      try storage.append(Array(entries([1, 2]).prefix(Int(offset) - 1)))
      var log = makeLog(storage)
      try log.append(Array(entries([1, 2]).dropFirst(Int(offset) - 1)))
      let next = log.unstable.nextEntries()
      #expect(next.count == want)
      if let last = next.last { log.unstable.stable(to: last.index, term: last.term) }
      #expect(log.unstable.offset == 3)
    }
  }

  @Test func testStableTo() throws {
    for (index, term, want) in [
      (UInt64(1), UInt64(1), UInt64(2)), (2, 2, 3), (2, 1, 1), (3, 1, 1),
    ] {
      var log = makeLog()
      try log.append(entries([1, 2]))
      log.unstable.stable(to: index, term: term)
      #expect(log.unstable.offset == want)
    }
  }

  @Test func testStableToWithSnap() throws {
    let (index, term): (UInt64, UInt64) = (5, 2)
    // stable index and term, appended terms, offset
    let cases: [(UInt64, UInt64, [UInt64], UInt64)] = [
      (index + 1, term, [], index + 1), (index, term, [], index + 1),
      (index - 1, term, [], index + 1), (index + 1, term + 1, [], index + 1),
      (index, term + 1, [], index + 1), (index - 1, term + 1, [], index + 1),
      (index + 1, term, [term], index + 2), (index, term, [term], index + 1),
      (index - 1, term, [term], index + 1), (index + 1, term + 1, [term], index + 1),
      (index, term + 1, [term], index + 1), (index - 1, term + 1, [term], index + 1),
    ]
    for (number, (stable, stableTerm, terms, offset)) in cases.enumerated() {
      let storage = MemoryStorage()
      try storage.applySnapshot(snapshot(at: index, term: term))
      var log = makeLog(storage)
      try log.append(entries(terms, after: index))
      log.unstable.stable(to: stable, term: stableTerm)
      #expect(log.unstable.offset == offset, "case \(number)")
    }
  }

  @Test func testIsOutOfBounds() throws {
    let storage = MemoryStorage()
    try storage.applySnapshot(snapshot(at: 100, term: 1))
    var log = makeLog(storage)
    let count: UInt64 = 100
    try log.append(entries(Array(repeating: 1, count: Int(count)), after: 100))
    let first: UInt64 = 101
    func check(_ lo: UInt64, _ hi: UInt64) -> RaftError? {
      do throws(RaftError) {
        try log.checkBounds(from: lo, to: hi)
        return nil
      } catch {
        return error
      }
    }
    #expect(check(first - 2, first + 1) == .storage(.compacted))
    #expect(check(first - 1, first + 1) == .storage(.compacted))
    #expect(check(first, first) == nil)
    #expect(check(first + count / 2, first + count / 2) == nil)
    #expect(check(first + count - 1, first + count - 1) == nil)
    #expect(check(first + count, first + count) == nil)
    for (lo, hi) in [(first + count, first + count + 1), (first + count + 1, first + count + 1)] {
      guard case .aborted = check(lo, hi) else {
        Issue.record("\(lo)..<\(hi) is within bounds")
        continue
      }
    }
  }

  @Test func testSlice() throws {
    let (offset, count): (UInt64, UInt64) = (100, 100)
    let (last, half) = (offset + count, offset + count / 2)
    let storage = MemoryStorage()
    try storage.applySnapshot(snapshot(at: offset, term: 1))
    func run(_ from: UInt64, _ to: UInt64) -> [Entry] {
      from < to ? (from..<to).map { Entry(term: $0, index: $0) } : []
    }
    try storage.append(run(offset + 1, half))
    var log = makeLog(storage)
    try log.append(run(half, last))
    let size = Entry(term: half, index: half).encodedSize
    // from, to, limit, last returned
    let cases: [(UInt64, UInt64, UInt64, UInt64)] = [
      (offset + 1, offset + 1, .max, offset + 1), (offset + 1, half - 1, .max, half - 1),
      (offset + 1, half, .max, half), (half - 1, half + 1, .max, half + 1),
      (half, half + 1, .max, half + 1), (last - 1, last, .max, last),
      // Limits; at least one entry.
      (half - 1, half + 1, 0, half), (half - 1, half + 1, size + 1, half),
      (half - 2, half + 1, size + 1, half - 1), (half - 1, half + 1, size * 2, half + 1),
      (half - 1, half + 2, size * 3, half + 2), (half, half + 2, size, half + 1),
      (half, half + 2, size * 2, half + 2), (offset + 1, last, .max, last),
      // What is left after the stable part is too little for one more.
      (half - 2, half + 2, size * 2, half), (half - 2, half + 2, size * 3 - 1, half),
    ]
    for (number, (lo, hi, limit, end)) in cases.enumerated() {
      #expect(
        try log.slice(from: lo, to: hi, maxSize: limit) == run(lo, end), "case \(number)")
    }
    #expect(throws: RaftError.storage(.compacted)) {
      try log.slice(from: offset, to: offset + 1, maxSize: .max)
    }
  }

  @Test func testScan() throws {
    let (offset, half, last): (UInt64, UInt64, UInt64) = (47, 57, 67)
    let storage = MemoryStorage()
    try storage.applySnapshot(snapshot(at: offset, term: 1))
    let all = ((offset + 1)..<last).map { Entry(term: $0, index: $0) }
    try storage.append(all.filter { $0.index < half })
    var log = makeLog(storage)
    try log.append(all.filter { $0.index >= half })
    let size = all[0].encodedSize
    for page: UInt64 in [0, 1, size, size * 2, 100, .max] {
      for lo in (offset + 1)..<last {
        for hi in lo...last {
          var seen: [Entry] = []
          try log.scan(from: lo, to: hi, pageSize: page) { entries throws(RaftError) in
            #expect(
              entries.count == 1 || EntryLimits.encodedSize(of: entries) <= page)
            seen += entries
            return true
          }
          #expect(seen == all.filter { $0.index >= lo && $0.index < hi })
        }
      }
    }
    // An error of the visitor comes through, and a stop is one.
    #expect(throws: RaftError.proposalDropped) {
      try log.scan(from: offset + 1, to: half, pageSize: 0) { _ throws(RaftError) in
        throw .proposalDropped
      }
    }
    var pages = 0
    try log.scan(from: offset + 1, to: half, pageSize: 0) { _ throws(RaftError) in
      pages += 1
      return pages < 3
    }
    #expect(pages == 3)
  }
}
