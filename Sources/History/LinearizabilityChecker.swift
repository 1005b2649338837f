/// Checks whether a history of calls could have come from one store that does one thing at a time
/// (Herlihy and Wing 1990), by the search of Wing and Gong (1993) with Lowe's memory (2017).
///
/// The history is taken apart by key. A call on several keys promises no more than that each key's part
/// happened between its start and end, for a store that spreads its keys over regions: a batch is a
/// call for each key, and a scan is a read of each key that it covered, present or not. Equal times
/// count as overlapping, so recorders should hand out each time once.
package struct LinearizabilityChecker: Sendable {
  /// What the store holds before the first call; all other keys are absent.
  package var initial: [[UInt8]: [UInt8]]
  /// How long the search for one key may go on before it is given up. A step takes a few hundred
  /// nanoseconds, and remembers a few bytes.
  package var steps: Int

  package init(initial: [[UInt8]: [UInt8]] = [:], steps: Int = 20_000_000) {
    self.initial = initial
    self.steps = steps
  }

  /// The verdict does not depend on anything but the history. The key of a violation is the first, in
  /// the order of keys, that has one.
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
      case .explained: continue
      case .inexplicable(let places):
        let calls = Set(places.map { accesses[accesses.startIndex + $0].call })
        let few = calls.map { history[Int($0)] }.sorted { ($0.start, $0.id) < ($1.start, $1.id) }
        return .violation(Violation(key: key, operations: few, initial: initial[key]))
      case .givenUp:
        undecided = undecided ?? "the search was abandoned after \(steps) steps on \(key.asText)"
      }
    }
    return undecided.map { .undecided($0) } ?? .linearizable(summary)
  }

  /// What is spent on making a violation small, in all and on each try.
  private static let shrinkingEffort = 1_000_000
  private static let shrinkingSteps = 50_000

  /// The judgement of one key, with the places of few of its calls when no order explains them.
  private func check(_ keyHistory: KeyHistory) -> RegisterChecker.CheckResult {
    let calls = keyHistory.calls
    let order = calls.indices.sorted { (calls[$0].start, $0) < (calls[$1].start, $1) }
    let byStart = order.map { calls[$0] }
    var check = RegisterChecker(
      initial: keyHistory.initial, valueCount: keyHistory.valueCount, steps: steps)
    let judgement = check.check(byStart)
    guard case .inexplicable(let places) = judgement else { return judgement }
    check.steps = min(steps, Self.shrinkingSteps)
    var shrinker = HistoryShrinker(
      places.map { byStart[$0] }, check: check, effort: Self.shrinkingEffort)
    return .inexplicable(shrinker.run().map { order[places[$0]] })
  }
}
