/// Checks the calls on one register: a search of all of them, and one around the place of a fault.
///
/// A search that fails late turns back through every choice that it made since the beginning, though
/// what it failed at may have nothing to do with them. Calls near the fault that are inexplicable by
/// themselves settle it, and are a better thing to show. Not any calls will do: some reads, and every
/// write that one of them may have seen.
struct RegisterChecker {
  enum CheckResult {
    case explained
    /// The places of some calls, maybe all, that are inexplicable already.
    case inexplicable([Int])
    case givenUp
  }

  var initial: Int32
  var valueCount: Int
  /// What the search may spend.
  var steps: Int

  /// What is spent before looking around the fault, and on that.
  private static let quickSteps = 50_000
  /// How many reads around the fault are looked at.
  private static let windows = [8, 32, 128, 512]

  /// Checks calls that are sorted by start.
  func check(_ calls: [RegisterCall]) -> CheckResult {
    let quick = min(steps, Self.quickSteps)
    var search = RegisterSearch(calls, initial: initial, valueCount: valueCount, steps: quick)
    var result = search.run()
    if result == .explained { return .explained }
    var looked = search.farthest
    if let few = searchAround(looked, in: calls, steps: quick) { return .inexplicable(few) }
    if result == .givenUp {
      search.allow(steps - quick)
      result = search.run()
      if result == .explained { return .explained }
      if search.farthest > looked {
        looked = search.farthest
        if let few = searchAround(looked, in: calls, steps: quick) { return .inexplicable(few) }
      }
    }
    return result == .inexplicable ? .inexplicable(Array(calls.indices)) : .givenUp
  }

  /// The fewest inexplicable calls that a look at the last reads up to a moment finds.
  private func searchAround(_ moment: UInt64, in calls: [RegisterCall], steps: Int) -> [Int]? {
    let reads = calls.indices.filter { !calls[$0].isWrite && calls[$0].end ?? .max <= moment }
      .sorted { (calls[$0].end ?? 0, $0) < (calls[$1].end ?? 0, $1) }
    for window in Self.windows where window < reads.count {
      let kept = Set(reads.suffix(window))
      let places = calls.indices.filter { calls[$0].isWrite || kept.contains($0) }
      let needs = WriteDependencies(places.map { calls[$0] }, without: 0..<0, initial: initial)
      let few = places.indices.filter { !calls[places[$0]].isWrite || needs.needsWrite($0) }
        .map { places[$0] }
      var search = RegisterSearch(
        few.map { calls[$0] }, initial: initial, valueCount: valueCount, steps: steps)
      if search.run() == .inexplicable { return few }
    }
    return nil
  }
}
