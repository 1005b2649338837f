import Testing

@testable import Raft

/// tracker: progress_test and inflights_test.
@Suite struct ProgressTests {
  private func progress(
    _ state: ProgressState = .probe, match: UInt64 = 0, next: UInt64 = 1, pending: UInt64 = 0,
    window: Int = 256
  ) -> Progress {
    var progress = Progress(
      match: match, next: next, inflights: Inflights(size: window, maxBytes: 0))
    progress.state = state
    progress.pendingSnapshot = pending
    return progress
  }

  @Test func testProgressString() {
    var full = progress(.snapshot, match: 1, next: 2, pending: 123, window: 1)
    full.inflights.add(index: 123, bytes: 1)
    full.recentActive = false
    full.isLearner = true
    full.appendsPaused = true
    #expect(
      full.description
        == "StateSnapshot match=1 next=2 learner paused pendingSnap=123 inactive inflight=1[full]")
  }

  @Test func testProgressIsPaused() {
    for (state, paused, want) in [
      (ProgressState.probe, false, false), (.probe, true, true), (.replicate, false, false),
      (.replicate, true, true), (.snapshot, false, true), (.snapshot, true, true),
    ] {
      var progress = progress(state)
      progress.appendsPaused = paused
      #expect(progress.isPaused == want)
    }
  }

  @Test func testProgressResume() {
    var progress = progress(next: 2)
    progress.appendsPaused = true
    #expect(progress.maybeDecrement(rejected: 1, hint: 1) == true)
    #expect(!progress.appendsPaused)
    progress.appendsPaused = true
    #expect(progress.maybeUpdate(2) == true)
    #expect(!progress.appendsPaused)
  }

  @Test func testProgressBecomeProbe() {
    let match: UInt64 = 1
    for (start, next) in [
      (progress(.replicate, match: match, next: 5), UInt64(2)),
      // A snapshot that arrived, and one that failed.
      (progress(.snapshot, match: match, next: 5, pending: 10), 11),
      (progress(.snapshot, match: match, next: 5), 2),
    ] {
      var progress = start
      progress.sentCommit = 100
      progress.becomeProbe()
      #expect(progress.state == .probe && progress.match == match && progress.next == next)
      #expect(progress.sentCommit == next - 1)
    }
  }

  @Test func testProgressBecomeReplicate() {
    var progress = progress(match: 1, next: 5)
    progress.becomeReplicate()
    #expect(progress.state == .replicate && progress.match == 1 && progress.next == 2)
  }

  @Test func testProgressBecomeSnapshot() {
    var progress = progress(match: 1, next: 5)
    progress.becomeSnapshot(10)
    #expect(progress.state == .snapshot && progress.match == 1 && progress.pendingSnapshot == 10)
    #expect(progress.next == 11 && progress.sentCommit == 10)
  }

  @Test func testProgressUpdate() {
    let (match, next): (UInt64, UInt64) = (3, 5)
    for (update, wantMatch, wantNext, updated) in [
      (match - 1, match, next, false), (match, match, next, false),
      (match + 1, match + 1, next, true), (match + 2, match + 2, next + 1, true),
    ] {
      var progress = progress(match: match, next: next)
      #expect(progress.maybeUpdate(update) == updated)
      #expect(progress.match == wantMatch && progress.next == wantNext)
    }
  }

  @Test func testProgressMaybeDecr() {
    // state, match, next, rejected, hint; then taken, next
    let cases: [(ProgressState, UInt64, UInt64, UInt64, UInt64, Bool, UInt64)] = [
      // Replicating: not above the match, at it, below it.
      (.replicate, 5, 10, 5, 5, false, 10), (.replicate, 5, 10, 4, 4, false, 10),
      (.replicate, 5, 10, 9, 9, true, 6),
      // Probing: only the last probe counts.
      (.probe, 0, 0 + 1, 1, 0, false, 1), (.probe, 0, 10, 5, 5, false, 10),
      (.probe, 0, 10, 9, 9, true, 9), (.probe, 0, 2, 1, 1, true, 1),
      (.probe, 0, 1, 0, 0, true, 1), (.probe, 0, 10, 9, 2, true, 3),
      (.probe, 0, 10, 9, 0, true, 1),
    ]
    for (number, test) in cases.enumerated() {
      var progress = progress(test.0, match: test.1, next: test.2)
      progress.sentCommit = 100
      progress.appendsPaused = true
      #expect(
        progress.maybeDecrement(rejected: test.3, hint: test.4) == test.5, "case \(number)")
      #expect(progress.next == test.6, "case \(number)")
      #expect(progress.match == test.1)
      if test.5 { #expect(progress.sentCommit == progress.next - 1) }
    }
    // Extreme hints do not overflow.
    var extreme = progress(.probe, next: 10)
    #expect(extreme.maybeDecrement(rejected: 9, hint: .max) == true)
    #expect(extreme.next == 9)
  }

  // MARK: Inflights

  @Test func testInflightsAdd() {
    var window = Inflights(size: 10, maxBytes: 0)
    for index: UInt64 in 0..<5 { window.add(index: index, bytes: 100 + index) }
    #expect(window.indexes == [0, 1, 2, 3, 4])
    #expect(window.count == 5 && window.bytes == 510)
    for index: UInt64 in 5..<10 { window.add(index: index, bytes: 100 + index) }
    #expect(window.indexes == (0..<10).map { $0 })
    #expect(window.bytes == 1045 && window.isFull)
  }

  @Test func testInflightFreeTo() {
    var window = Inflights(size: 10, maxBytes: 0)
    for index: UInt64 in 0..<10 { window.add(index: index, bytes: 100 + index) }
    window.free(through: 0)
    #expect(window.indexes == (1..<10).map { $0 })
    window.free(through: 4)
    #expect(window.indexes == [5, 6, 7, 8, 9] && window.bytes == 535)
    window.free(through: 8)
    #expect(window.indexes == [9] && window.bytes == 109)
    // Around the end of the buffer.
    for index: UInt64 in 10..<15 { window.add(index: index, bytes: 100 + index) }
    window.free(through: 12)
    #expect(window.indexes == [13, 14] && window.bytes == 227)
    window.free(through: 14)
    #expect(window.indexes.isEmpty && window.bytes == 0)
    // Out of the window.
    window.add(index: 20, bytes: 1)
    window.free(through: 19)
    #expect(window.indexes == [20])
  }

  @Test func testInflightsFull() {
    for (count, limit, bytes) in [(3, UInt64(0), UInt64(1)), (10, 3, 1), (10, 7, 3)] {
      var window = Inflights(size: count, maxBytes: limit)
      var added: UInt64 = 0
      while !window.isFull {
        added += 1
        window.add(index: added, bytes: bytes)
        #expect(added <= 10)
      }
      #expect(added == 3)
      window.free(through: 1)
      #expect(!window.isFull)
    }
  }

  @Test func testInflightsReset() {
    var window = Inflights(size: 10, maxBytes: 1000)
    for round: UInt64 in 0..<10 {
      #expect(!window.isFull)
      window.add(index: round, bytes: 1000)
      #expect(window.isFull)
      window.reset()
      #expect(window.count == 0 && window.bytes == 0)
    }
  }

  @Test func windowMayBeResized() {
    var window = Inflights(size: 2, maxBytes: 0)
    window.add(index: 1, bytes: 1)
    window.add(index: 2, bytes: 1)
    #expect(window.isFull)
    window.resize(to: 4)
    #expect(!window.isFull)
    window.add(index: 3, bytes: 1)
    #expect(window.indexes == [1, 2, 3])
    window.resize(to: 0)
    #expect(window.isFull)
    window.free(through: 3)
    #expect(window.isFull)
  }
}
