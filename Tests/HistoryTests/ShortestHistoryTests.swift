import History
import Runtime
import Testing

/// What is shown of a violation: few calls, none of them idle, none missing that matters.
struct ShortestHistoryTests {
  private func value(seenBy operation: Operation) -> [UInt8]?? {
    guard case .found(let pairs) = operation.outcome else { return nil }
    return .some(pairs.first?.value)
  }

  private func value(writtenBy operation: Operation) -> [UInt8]?? {
    switch operation.call {
    case .put(_, let value): .some(value)
    case .delete: .some(nil)
    default: nil
    }
  }

  /// A long history in which one read was given a value that had been there before.
  private func violation(
    values: Int?, deletes: Int, random: inout SplitMix64
  ) -> (history: [Operation], violation: Violation)? {
    var history = RandomHistory(
      clients: 5, calls: 400, values: values, deletes: deletes, unknown: 3
    ).make(using: &random)
    let reads = history.indices.filter { value(seenBy: history[$0]) != nil }
    guard reads.count > 20 else { return nil }
    let at = reads[Int.random(in: 20..<reads.count, using: &random)]
    let old = reads[Int.random(in: 0..<20, using: &random)]
    history[at].outcome = history[old].outcome
    guard let violation = LinearizabilityChecker().check(history).violation else { return nil }
    return (history, violation)
  }

  @Test(arguments: [nil, 3, 10], [0, 30])
  func everyReportedCallIsNecessary(values: Int?, deletes: Int) throws {
    var random = SplitMix64(seed: 21)
    var violations = 0
    for _ in 0..<40 {
      guard
        let (history, violation) = violation(values: values, deletes: deletes, random: &random)
      else { continue }
      violations += 1
      let shown = violation.operations
      #expect(shown.count <= 12, "\(shown.count) calls are shown")
      #expect(shown.allSatisfy(history.contains))
      #expect(shown.map(\.start) == shown.map(\.start).sorted())
      #expect(LinearizabilityChecker().check(shown).violation?.operations == shown)
      let seen = shown.compactMap(value(seenBy:))
      for (index, operation) in shown.enumerated() {
        if let written = value(writtenBy: operation), seen.contains(written) { continue }
        var fewer = shown
        fewer.remove(at: index)
        #expect(LinearizabilityChecker().check(fewer).isLinearizable)
      }
      // A value that was read is shown with a write of it, if there is one.
      let candidates = history.filter { $0.outcome != .failed && !$0.call.isRead }
      for case .some(let value) in seen {
        guard candidates.contains(where: { self.value(writtenBy: $0) == .some(value) }) else {
          continue
        }
        #expect(shown.contains { self.value(writtenBy: $0) == .some(value) })
      }
    }
    #expect(violations >= 5)
  }

  @Test func theReportEndsWithTheFirstImpossibleResponse() {
    var recording = Recording()
    recording.put(0, 1, "a")
    recording.put(2, 3, "b")
    recording.get(4, 5, "a")
    recording.put(6, 7, "c")
    recording.get(8, 9, "b")
    recording.get(10, 11, nil)
    let violation = LinearizabilityChecker().check(recording.history).violation
    #expect(violation?.operations.map(\.id) == [1, 2, 3])
  }

  /// A write that is not completed when the wrong response arrives is reported unchanged.
  @Test func anUnfinishedWriteIsReportedUnchanged() {
    var recording = Recording()
    recording.put(0, 100, "a")
    recording.get(1, 2, "a")
    recording.get(3, 4, nil)
    recording.get(101, 102, "a")
    let violation = LinearizabilityChecker().check(recording.history).violation
    #expect(violation?.operations == Array(recording.history.prefix(3)))
  }
}
