/// The configurations of a search that are dead ends.
///
/// A configuration is the set of placed calls. It subsumes another one with the same reads placed if it has placed a subset
/// of the writes and used no more open-ended ones: every continuation of the other begins with a write, before which the
/// missing writes can be placed, by start, without effect. (None of them is too early there: no call that is left in the
/// other has ended before they start.) So if the one is a dead end, the other is.
struct SearchCache {
  private struct Failure {
    var writes: CallSet
    var openWrites: [Int32]

    func subsumes(_ other: Failure) -> Bool {
      zip(openWrites, other.openWrites).allSatisfy { $0 <= $1 } && writes.isSubset(of: other.writes)
    }
  }

  /// By the placed reads.
  private var failures: [CallSet: [Failure]] = [:]

  /// Whether the present configuration is subsumed by a dead end.
  func isDeadEnd(_ timeline: RegisterTimeline, through last: Int32) -> Bool {
    let (reads, failure) = Self.configuration(timeline, through: last)
    return failures[reads]?.contains { $0.subsumes(failure) } ?? false
  }

  /// Records the present configuration as a dead end. Returns the number of dead ends with the same reads.
  mutating func recordFailure(_ timeline: RegisterTimeline, through last: Int32) -> Int {
    let (reads, failure) = Self.configuration(timeline, through: last)
    var known = failures.removeValue(forKey: reads) ?? []
    known.removeAll { failure.subsumes($0) }
    known.append(failure)
    let count = known.count
    failures[reads] = known
    return count
  }

  /// - Parameter last: the last placed call.
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
