/// Finds few faults that make a failing run fail still (delta debugging: Zeller and Hildebrandt 2002).
///
/// A run with fewer faults is another run: it counts as failing when the same checker complains.
package struct Shrinker {
  /// The smallest failing run that was found.
  package struct Result: Sendable {
    /// The faults that are left, none of which can go alone.
    package var left: [PlannedFault]
    package var planned: Int
    /// What to leave out.
    package var withoutFaults: Set<Int>
    package var runs: Int
  }

  /// The run does not fail: there is nothing to cut.
  package struct Passed: Error, CustomStringConvertible {
    package var description: String { "the run passes when repeated" }
  }

  private static let maxRuns = 300

  private let options: SimulationOptions

  package init(_ options: SimulationOptions) {
    self.options = options
  }

  /// - Parameter progress: called with how far it is.
  package func shrink(_ progress: (String) -> Void) throws -> Result {
    let whole = try Simulation(options).run()
    guard let failure = whole.failure else { throw Passed() }
    var left = whole.plan
    var runs = 1
    var pieces = 2
    while !left.isEmpty, runs < Self.maxRuns {
      var isSmaller = false
      for piece in Self.cut(left, into: pieces) {
        let rest = left.filter { !piece.contains($0) }
        runs += 1
        guard try fails(with: rest, of: whole.plan, failure.checker) else { continue }
        left = rest
        isSmaller = true
        progress("\(left.count) faults are left after \(runs) runs")
        break
      }
      if isSmaller {
        pieces = max(2, pieces - 1)
      } else {
        if pieces >= left.count { break }
        pieces = min(left.count, pieces * 2)
      }
    }
    let kept = Set(left.map(\.number))
    return Result(
      left: left, planned: whole.plan.count,
      withoutFaults: Set(whole.plan.map(\.number)).subtracting(kept)
        .union(options.withoutFaults), runs: runs)
  }

  private func fails(
    with rest: [PlannedFault], of plan: [PlannedFault], _ checker: String
  ) throws -> Bool {
    var options = options
    let kept = Set(rest.map(\.number))
    for fault in plan where !kept.contains(fault.number) {
      options.withoutFaults.insert(fault.number)
    }
    return try Simulation(options).run().failure?.checker == checker
  }

  /// `faults` in `count` pieces of about the same length.
  private static func cut(_ faults: [PlannedFault], into count: Int) -> [[PlannedFault]] {
    let size = max(1, (faults.count + count - 1) / count)
    return stride(from: 0, to: faults.count, by: size).map {
      Array(faults[$0..<min($0 + size, faults.count)])
    }
  }
}
