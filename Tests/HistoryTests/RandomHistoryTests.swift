import History
import Runtime
import Testing

/// The check against histories of a store that is linearizable, and against the brute-force check.
struct RandomHistoryTests {
  @Test(arguments: [nil, 2, 5, 50], [2, 8, 32])
  func linearizableHistoriesAreAccepted(values: Int?, clients: Int) {
    var random = SplitMix64(seed: UInt64(clients * 100 + (values ?? 0)))
    for round in 0..<12 {
      let history = RandomHistory(
        clients: clients, keys: 1 + round % 3, calls: 200, values: values,
        reads: [20, 50, 80][round % 3], deletes: [0, 20, 90][round / 4], unknown: round % 4 * 5,
        rest: [1, 30, 300][round % 3]
      ).make(using: &random)
      let verdict = LinearizabilityChecker().check(history)
      #expect(verdict.isLinearizable, "round \(round): \(verdict)")
    }
  }

  /// Serves some reads with another value than they saw.
  private func corrupt(_ history: inout [Operation], using random: inout SplitMix64) {
    let reads = history.indices.filter {
      if case .found = history[$0].outcome { return true }
      return false
    }
    let values: [[UInt8]] = history.compactMap {
      if case .put(_, let value) = $0.call { return value }
      return nil
    }
    guard let at = reads.randomElement(using: &random) else { return }
    guard case .get(let key) = history[at].call else { return }
    let value = Bool.random(using: &random) ? values.randomElement(using: &random) : nil
    history[at].outcome = .found(value.map { [Pair(key: key, value: $0)] } ?? [])
  }

  @Test func bruteForceAgrees() {
    var random = SplitMix64(seed: 11)
    var verdicts = (good: 0, bad: 0)
    for round in 0..<24_000 {
      var history = RandomHistory(
        clients: 1 + round % 7, calls: 3 + round % 6, values: [nil, 1, 2, 3][round % 4],
        reads: 50, deletes: [0, 30, 100][round % 3], unknown: [0, 15, 40][round / 3 % 3], failed: 5,
        rest: [1, 80][round % 2]
      ).make(using: &random)
      if round % 8 > 0 { corrupt(&history, using: &random) }
      let isLinearizable = BruteForceChecker(history).isLinearizable()
      let verdict = LinearizabilityChecker().check(history)
      if isLinearizable {
        verdicts.good += 1
        #expect(verdict.isLinearizable, "round \(round): \(history)")
      } else {
        verdicts.bad += 1
        guard let violation = verdict.violation else {
          Issue.record("round \(round): \(verdict) of \(history)")
          continue
        }
        #expect(!BruteForceChecker(violation.operations).isLinearizable())
        #expect(violation.operations.allSatisfy(history.contains))
      }
    }
    #expect(verdicts.good > 3000 && verdicts.bad > 2500, "\(verdicts)")
  }
}
