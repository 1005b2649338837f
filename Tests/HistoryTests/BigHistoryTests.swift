import History
import Runtime
import Testing

/// Histories as long as a run of minutes makes them. That they are checked in time is what the limits
/// of the search are for: a verdict that needed more would be `undecided`.
struct BigHistoryTests {
  @Test(.timeLimit(.minutes(1)), arguments: [nil, 5])
  func manyKeys(values: Int?) {
    var random = SplitMix64(seed: 1)
    let history = RandomHistory(
      clients: 64, keys: 100, calls: 100_000, values: values, unknown: 1
    ).make(using: &random)
    let verdict = LinearizabilityChecker(steps: 10_000).check(history)
    guard case .linearizable(let summary) = verdict else {
      Issue.record("\(verdict)")
      return
    }
    #expect(summary.operations == 100_000)
    #expect(summary.keys == 100)
    #expect(summary.unknown > 500)
  }

  /// 64 clients on one key: there is never a moment without a call under way.
  @Test(.timeLimit(.minutes(1)), arguments: [0, 30])
  func oneKey(deletes: Int) throws {
    var random = SplitMix64(seed: 2)
    var history = RandomHistory(
      clients: 64, calls: 8_000, deletes: deletes, unknown: 1, rest: 1
    ).make(using: &random)
    let check = LinearizabilityChecker(steps: 1_000_000)
    #expect(check.check(history).isLinearizable)

    let written = try #require(history.first { !$0.call.isRead && $0.outcome == .done })
    guard case .put(let key, let value) = written.call else {
      Issue.record("the first write is a delete")
      return
    }
    let at = try #require(
      history.lastIndex {
        if case .found(let pairs) = $0.outcome { return !pairs.isEmpty }
        return false
      })
    history[at].outcome = .found([Pair(key: key, value: value)])
    let violation = try #require(check.check(history).violation)
    #expect(violation.operations.count == 3)
    #expect(violation.operations.first == written)
    #expect(violation.operations.contains(history[at]))
  }

  /// With repeated values a search has many choices to try before it finds a violation; what is far
  /// from the fault must not be tried with it.
  @Test(.timeLimit(.minutes(1)))
  func aFaultAmongRepeatedValues() throws {
    var random = SplitMix64(seed: 9)
    var violations = 0
    for _ in 0..<12 {
      var history = RandomHistory(clients: 16, calls: 1_500, values: 50, deletes: 20, rest: 3)
        .make(using: &random)
      let reads = history.indices.filter {
        if case .found = history[$0].outcome { return true }
        return false
      }
      let at = reads.count - Int.random(in: 1...50, using: &random)
      history[reads[at]].outcome = history[reads[at - 200]].outcome
      switch LinearizabilityChecker(steps: 300_000).check(history) {
      case .linearizable: continue
      case .undecided(let reason): Issue.record("\(reason)")
      case .violation(let violation):
        violations += 1
        #expect(violation.operations.contains(history[reads[at]]))
        #expect(violation.operations.count < 20)
      }
    }
    #expect(violations > 2)
  }

  /// Deletes whose responses were lost, and a key that is deleted repeatedly.
  @Test(.timeLimit(.minutes(1)))
  func manyOpenEndedDeletes() {
    var recording = Recording()
    for round in 0..<2_000 {
      recording.delete(round * 10, nil)
      recording.put(round * 10 + 1, round * 10 + 4, "\(round % 3)")
      recording.put(round * 10 + 2, round * 10 + 5, "\((round + 1) % 3)")
      recording.get(round * 10 + 3, round * 10 + 6, round % 2 == 0 ? nil : "\(round % 3)")
    }
    #expect(LinearizabilityChecker(steps: 100_000).check(recording.history).isLinearizable)
  }

  @Test(.timeLimit(.minutes(1)))
  func aFileOfManyCalls() throws {
    var random = SplitMix64(seed: 3)
    let history = RandomHistory(clients: 16, keys: 50, calls: 20_000).make(using: &random)
    #expect(try HistoryFile.decode(HistoryFile.encode(history)) == history)
  }
}
