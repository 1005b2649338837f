package import History

/// The calls of all clients of a run, in the order in which they were made.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
package final class HistoryRecorder: @unchecked Sendable {
  package private(set) var operations: [Operation] = []
  /// Calls that ended well, and the others.
  package private(set) var succeeded = 0

  package init() {}

  /// Notes the start of a call; the answer is its id.
  package func begin(client: Int, at start: UInt64, _ call: Call) -> Int {
    let id = operations.count
    operations.append(
      Operation(id: id, client: client, start: start, end: nil, call: call, outcome: .unknown))
    return id
  }

  package func end(_ id: Int, at end: UInt64, _ outcome: Outcome) {
    operations[id].outcome = outcome
    // A call whose end is open may take effect at any time.
    operations[id].end = outcome == .unknown ? nil : end
    switch outcome {
    case .done, .found: succeeded += 1
    case .failed, .unknown: break
    }
  }
}
