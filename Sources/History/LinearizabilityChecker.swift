/// Checks whether a history of calls is linearizable (Herlihy and Wing 1990), by the search of Wing and Gong (1993)
/// with the memoization of Lowe (2017).
///
/// Keys are checked independently: linearizability is local. A store with several regions guarantees of a call on
/// several keys only that the part of each key happened between its start and end. So a batch counts as one call per
/// key, and a scan as a read of each key in its range, present or not. Calls that touch at equal times count as
/// overlapping, so a recorder should use each time once.
///
/// Keys on which compare-and-swaps were called are searched without shortcuts (`SwapSearch`): for histories of some
/// hundred calls on a key.
package struct LinearizabilityChecker: Sendable {
  /// The pairs in the store before the first call.
  package var initial: [[UInt8]: [UInt8]]
  /// Steps after which the search for one key is abandoned. A step takes a few hundred nanoseconds and a few bytes.
  package var steps: Int

  package init(initial: [[UInt8]: [UInt8]] = [:], steps: Int = 20_000_000) {
    self.initial = initial
    self.steps = steps
  }

  /// Checks a history. The result is deterministic. A violation is that of the first key, in key order, that has one.
  package func check(_ history: [Operation]) -> Verdict {
    let partition: HistoryPartition
    do throws(HistoryPartition.Problem) {
      partition = try HistoryPartition(history, initial: initial)
    } catch {
      switch error {
      case .violation(let violation): return .violation(violation)
      case .invalid(let reason): return .undecided(reason)
      }
    }
    var undecided: String?
    var summary = Verdict.Summary(operations: history.count, keys: 0, unknown: 0)
    for operation in history where operation.outcome == .unknown { summary.unknown += 1 }
    for (index, key) in partition.keys.enumerated() {
      let accesses = partition.accesses(of: index)
      if accesses.isEmpty { continue }
      summary.keys += 1
      let keyHistory = KeyHistory(accesses, in: history, initial: initial[key])
      switch check(keyHistory) {
      case .linearizable: continue
      case .violation(let indices):
        let calls = Set(indices.map { accesses[accesses.startIndex + $0].call })
        let few = calls.map { history[Int($0)] }.sorted { ($0.start, $0.id) < ($1.start, $1.id) }
        return .violation(Violation(key: key, operations: few, initial: initial[key]))
      case .abandoned:
        undecided = undecided ?? "the search was abandoned after \(steps) steps on \(key.asText)"
      }
    }
    return undecided.map { .undecided($0) } ?? .linearizable(summary)
  }

  /// The budget for shrinking a violation, in total and per attempt.
  private static let shrinkingBudget = 1_000_000
  private static let shrinkingSteps = 50_000

  /// The result for one key. A violation has the indices of few of its calls.
  private func check(_ keyHistory: KeyHistory) -> RegisterChecker.CheckResult {
    let calls = keyHistory.calls
    if keyHistory.hasSwaps {
      var search = SwapSearch(calls, initial: keyHistory.initial, steps: steps)
      switch search.run() {
      case .linearizable: return .linearizable
      case .violation: return .violation(Array(calls.indices))
      case .abandoned: return .abandoned
      }
    }
    let order = calls.indices.sorted { (calls[$0].start, $0) < (calls[$1].start, $1) }
    let byStart = order.map { calls[$0] }
    var check = RegisterChecker(
      initial: keyHistory.initial, valueCount: keyHistory.valueCount, steps: steps)
    let result = check.check(byStart)
    guard case .violation(let indices) = result else { return result }
    check.steps = min(steps, Self.shrinkingSteps)
    var shrinker = HistoryShrinker(
      indices.map { byStart[$0] }, check: check, budget: Self.shrinkingBudget)
    return .violation(shrinker.run().map { order[indices[$0]] })
  }
}
