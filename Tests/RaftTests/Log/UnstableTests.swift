import Testing

@testable import Raft

/// log_unstable_test.
@Suite struct UnstableTests {
  private func unstable(
    _ terms: [UInt64], offset: UInt64, inProgress: UInt64? = nil, snapshot: Snapshot? = nil
  ) -> Unstable {
    var unstable = Unstable(offset: offset, sink: LogSink(logger: nil))
    unstable.entries = entries(terms, after: offset - 1)
    unstable.offsetInProgress = inProgress ?? offset
    unstable.snapshot = snapshot
    return unstable
  }

  private let image = snapshot(at: 4, term: 1)

  @Test func testUnstableMaybeFirstIndex() {
    #expect(unstable([1], offset: 5).firstIndexIfKnown == nil)
    #expect(unstable([], offset: 0 + 1).firstIndexIfKnown == nil)
    #expect(unstable([1], offset: 5, snapshot: image).firstIndexIfKnown == 5)
    #expect(unstable([], offset: 5, snapshot: image).firstIndexIfKnown == 5)
  }

  @Test func testMaybeLastIndex() {
    #expect(unstable([1], offset: 5).lastIndexIfKnown == 5)
    #expect(unstable([1], offset: 5, snapshot: image).lastIndexIfKnown == 5)
    #expect(unstable([], offset: 5, snapshot: image).lastIndexIfKnown == 4)
    #expect(unstable([], offset: 1).lastIndexIfKnown == nil)
  }

  @Test func testUnstableMaybeTerm() {
    let plain = unstable([1], offset: 5)
    #expect(plain.termIfKnown(at: 5) == 1)
    #expect(plain.termIfKnown(at: 6) == nil)
    #expect(plain.termIfKnown(at: 4) == nil)
    let full = unstable([1], offset: 5, snapshot: image)
    #expect(full.termIfKnown(at: 5) == 1)
    #expect(full.termIfKnown(at: 6) == nil)
    #expect(full.termIfKnown(at: 4) == 1)
    #expect(full.termIfKnown(at: 3) == nil)
    let bare = unstable([], offset: 5, snapshot: image)
    #expect(bare.termIfKnown(at: 5) == nil)
    #expect(bare.termIfKnown(at: 4) == 1)
    #expect(unstable([], offset: 1).termIfKnown(at: 5) == nil)
  }

  @Test func testUnstableRestore() {
    var unstable = unstable([1], offset: 5, inProgress: 6, snapshot: image)
    unstable.snapshotInProgress = true
    let later = snapshot(at: 6, term: 2)
    unstable.restore(later)
    #expect(unstable.offset == 7 && unstable.offsetInProgress == 7)
    #expect(unstable.entries.isEmpty && unstable.snapshot == later)
    #expect(unstable.snapshotInProgress == false)
  }

  @Test func testUnstableNextEntries() {
    #expect(unstable([1, 1], offset: 5).nextEntries().map(\.index) == [5, 6])
    #expect(unstable([1, 1], offset: 5, inProgress: 6).nextEntries().map(\.index) == [6])
    let busy = unstable([1, 1], offset: 5, inProgress: 7)
    #expect(busy.nextEntries().isEmpty && !busy.hasNextEntries)
  }

  @Test func testUnstableNextSnapshot() {
    #expect(unstable([], offset: 5).nextSnapshot == nil)
    var unstable = unstable([], offset: 5, snapshot: image)
    #expect(unstable.nextSnapshot == image)
    unstable.snapshotInProgress = true
    #expect(unstable.nextSnapshot == nil)
  }

  @Test func testUnstableAcceptInProgress() {
    // terms, in progress before, snapshot there, its flag before, after
    let cases: [([UInt64], UInt64, Bool, Bool, UInt64, Bool)] = [
      ([], 5, false, false, 5, false), ([1], 5, false, false, 6, false),
      ([1, 1], 5, false, false, 7, false), ([1, 1], 6, false, false, 7, false),
      ([1, 1], 7, false, false, 7, false),
      ([], 5, true, false, 5, true), ([1], 5, true, false, 6, true),
      ([1, 1], 5, true, false, 7, true), ([1, 1], 6, true, false, 7, true),
      ([1, 1], 7, true, false, 7, true),
      ([], 5, true, true, 5, true), ([1], 5, true, true, 6, true),
      ([1, 1], 5, true, true, 7, true), ([1, 1], 6, true, true, 7, true),
      ([1, 1], 7, true, true, 7, true),
    ]
    for (terms, before, hasSnapshot, flag, after, flagAfter) in cases {
      var unstable = unstable(
        terms, offset: 5, inProgress: before, snapshot: hasSnapshot ? image : nil)
      unstable.snapshotInProgress = flag
      unstable.acceptInProgress()
      #expect(unstable.offsetInProgress == after)
      #expect(unstable.snapshotInProgress == flagAfter)
    }
  }

  @Test func testUnstableStableTo() {
    // terms, offset, in progress, snapshot, stable index and term; then offset, in progress, count
    struct Case {
      var terms: [UInt64]
      var offset: UInt64
      var inProgress: UInt64
      var snapshot: Snapshot?
      var index: UInt64
      var term: UInt64
      var want: (UInt64, UInt64, Int)
    }
    let cases = [
      Case(terms: [], offset: 1, inProgress: 1, index: 5, term: 1, want: (1, 1, 0)),
      Case(terms: [1], offset: 5, inProgress: 6, index: 5, term: 1, want: (6, 6, 0)),
      Case(terms: [1, 1], offset: 5, inProgress: 6, index: 5, term: 1, want: (6, 6, 1)),
      Case(terms: [1, 1], offset: 5, inProgress: 7, index: 5, term: 1, want: (6, 7, 1)),
      // Another term.
      Case(terms: [2], offset: 6, inProgress: 7, index: 6, term: 1, want: (6, 7, 1)),
      // Long stable.
      Case(terms: [1], offset: 5, inProgress: 6, index: 4, term: 1, want: (5, 6, 1)),
      Case(terms: [1], offset: 5, inProgress: 6, index: 4, term: 2, want: (5, 6, 1)),
      // With a snapshot.
      Case(
        terms: [1], offset: 5, inProgress: 6, snapshot: image, index: 5, term: 1,
        want: (6, 6, 0)),
      Case(
        terms: [1, 1], offset: 5, inProgress: 6, snapshot: image, index: 5, term: 1,
        want: (6, 6, 1)),
      Case(
        terms: [1], offset: 5, inProgress: 6, snapshot: image, index: 4, term: 1,
        want: (5, 6, 1)),
      Case(
        terms: [2], offset: 5, inProgress: 6, snapshot: image, index: 4, term: 1,
        want: (5, 6, 1)),
      // Stable although it was never returned: a late response to what was replaced alike.
      Case(terms: [1], offset: 5, inProgress: 5, index: 5, term: 1, want: (6, 6, 0)),
    ]
    for (number, test) in cases.enumerated() {
      var unstable = unstable(
        test.terms, offset: test.offset, inProgress: test.inProgress, snapshot: test.snapshot)
      unstable.stable(to: test.index, term: test.term)
      #expect(unstable.offset == test.want.0, "case \(number)")
      #expect(unstable.offsetInProgress == test.want.1, "case \(number)")
      #expect(unstable.entries.count == test.want.2, "case \(number)")
    }
  }

  @Test func testUnstableTruncateAndAppend() {
    // terms, in progress, appended from, appended terms; then terms, offset, in progress
    let cases: [([UInt64], UInt64, UInt64, [UInt64], [UInt64], UInt64, UInt64)] = [
      // Append at the end.
      ([1], 5, 6, [1, 1], [1, 1, 1], 5, 5), ([1], 6, 6, [1, 1], [1, 1, 1], 5, 6),
      // Replace all.
      ([1], 5, 5, [2, 2], [2, 2], 5, 5), ([1], 5, 4, [2, 2, 2], [2, 2, 2], 4, 4),
      ([1], 6, 5, [2, 2], [2, 2], 5, 5),
      // Truncate.
      ([1, 1, 1], 5, 6, [2], [1, 2], 5, 5), ([1, 1, 1], 5, 7, [2, 2], [1, 1, 2, 2], 5, 5),
      ([1, 1, 1], 6, 6, [2], [1, 2], 5, 6), ([1, 1, 1], 7, 6, [2], [1, 2], 5, 6),
      ([1, 1, 1], 8, 7, [2], [1, 1, 2], 5, 7),
    ]
    for (number, test) in cases.enumerated() {
      var unstable = unstable(test.0, offset: 5, inProgress: test.1)
      unstable.truncateAndAppend(entries(test.3, after: test.2 - 1))
      #expect(unstable.entries.map(\.term) == test.4, "case \(number)")
      #expect(unstable.offset == test.5 && unstable.offsetInProgress == test.6, "case \(number)")
    }
  }
}
