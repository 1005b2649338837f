/// Checks the calls on one register: a search of all of them, and searches of those around a suspected fault.
///
/// A search that fails late backtracks through all its choices, although they may be unrelated to the fault. If some reads
/// near the fault, with every write that one of them may have seen, are not linearizable, nor are all calls, and the few are
/// a better report.
struct RegisterChecker {
  enum CheckResult {
    case linearizable
    /// The indices of calls, maybe all, that are not linearizable.
    case violation([Int])
    case abandoned
  }

  var initial: Int32
  var valueCount: Int
  /// The limit of steps.
  var steps: Int

  /// The steps before a search around the fault, and of that search.
  private static let quickSteps = 50_000
  /// The numbers of reads around the fault that are searched.
  private static let windows = [8, 32, 128, 512]

  /// Checks calls that are sorted by start.
  func check(_ calls: [RegisterCall]) -> CheckResult {
    let quick = min(steps, Self.quickSteps)
    var search = RegisterSearch(calls, initial: initial, valueCount: valueCount, steps: quick)
    var result = search.run()
    if result == .linearizable { return .linearizable }
    var searchedUntil = search.farthest
    if let few = searchAround(searchedUntil, in: calls, steps: quick) { return .violation(few) }
    if result == .abandoned {
      search.allow(steps - quick)
      result = search.run()
      if result == .linearizable { return .linearizable }
      if search.farthest > searchedUntil {
        searchedUntil = search.farthest
        if let few = searchAround(searchedUntil, in: calls, steps: quick) { return .violation(few) }
      }
    }
    return result == .violation ? .violation(Array(calls.indices)) : .abandoned
  }

  /// The fewest calls around the last reads up to a moment that are not linearizable; nil if none were found.
  private func searchAround(_ moment: UInt64, in calls: [RegisterCall], steps: Int) -> [Int]? {
    let reads = calls.indices.filter { !calls[$0].isWrite && calls[$0].end ?? .max <= moment }
      .sorted { (calls[$0].end ?? 0, $0) < (calls[$1].end ?? 0, $1) }
    for window in Self.windows where window < reads.count {
      let kept = Set(reads.suffix(window))
      let indices = calls.indices.filter { calls[$0].isWrite || kept.contains($0) }
      let needs = WriteDependencies(indices.map { calls[$0] }, without: 0..<0, initial: initial)
      let few = indices.indices.filter { !calls[indices[$0]].isWrite || needs.needsWrite($0) }
        .map { indices[$0] }
      var search = RegisterSearch(
        few.map { calls[$0] }, initial: initial, valueCount: valueCount, steps: steps)
      if search.run() == .violation { return few }
    }
    return nil
  }
}
