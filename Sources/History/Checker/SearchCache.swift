/// What a search has tried without success.
///
/// A configuration is the calls that are placed. It is as good as another one with the same reads
/// placed, if it has placed fewer writes and used fewer open-ended ones: whatever follows the other
/// begins with a write, before which the missing ones can be placed, by start, with no effect. (None of
/// them is too early there: nothing that is yet to be placed in the other has ended before they start.)
/// So when the one has failed, the other will.
struct SearchCache {
  private struct Failure {
    var writes: CallSet
    var openWrites: [Int32]

    func isAsGood(as other: Failure) -> Bool {
      zip(openWrites, other.openWrites).allSatisfy { $0 <= $1 } && writes.isSubset(of: other.writes)
    }
  }

  /// By the reads that are placed.
  private var failures: [CallSet: [Failure]] = [:]

  /// Whether what is placed leads nowhere, for all that is known.
  func isDeadEnd(_ timeline: RegisterTimeline, through last: Int32) -> Bool {
    let (reads, failure) = Self.configuration(timeline, through: last)
    return failures[reads]?.contains { $0.isAsGood(as: failure) } ?? false
  }

  /// Notes that what is placed leads nowhere. How many notes there are with the same reads.
  mutating func noteFailure(_ timeline: RegisterTimeline, through last: Int32) -> Int {
    let (reads, failure) = Self.configuration(timeline, through: last)
    var known = failures.removeValue(forKey: reads) ?? []
    known.removeAll { failure.isAsGood(as: $0) }
    known.append(failure)
    let count = known.count
    failures[reads] = known
    return count
  }

  /// `last`: the last call that is placed.
  private static func configuration(
    _ timeline: RegisterTimeline, through last: Int32
  ) -> (reads: CallSet, rest: Failure) {
    var reads: CallSet?
    var writes: CallSet?
    // Everything before the first call in the list is placed.
    let base = timeline.call(at: timeline.next(RegisterTimeline.head))
    for call in base...max(base, last) {
      let isPlaced = timeline.isPlaced[Int(call)]
      if timeline.isWrite[Int(call)] {
        if !isPlaced, writes == nil { writes = CallSet(before: call) }
        if isPlaced { writes?.insert(call) }
      } else {
        if !isPlaced, reads == nil { reads = CallSet(before: call) }
        if isPlaced { reads?.insert(call) }
      }
    }
    return (
      reads ?? CallSet(before: Self.next(after: max(base, last), in: timeline, isWrite: false)),
      Failure(
        writes: writes
          ?? CallSet(before: Self.next(after: max(base, last), in: timeline, isWrite: true)),
        openWrites: timeline.usedOpenWrites)
    )
  }

  /// The first read or write after a call, so that equal sets have equal bases.
  private static func next(
    after call: Int32, in timeline: RegisterTimeline, isWrite: Bool
  ) -> Int32 {
    var call = call + 1
    while call < timeline.isWrite.count, timeline.isWrite[Int(call)] != isWrite { call += 1 }
    return call
  }
}
