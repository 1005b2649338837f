package import History

/// The calls of all clients of a run, in the order in which they were made.
package final class HistoryRecorder {
  package private(set) var operations: [Operation] = []
  /// How many calls ended well.
  package private(set) var succeeded = 0

  private var lastStamp: UInt64 = 0

  package init() {}

  /// Virtual time stands still between events, but what happened one after the other must not look as if
  /// it overlapped: no two stamps are equal.
  private func stamp(_ time: UInt64) -> UInt64 {
    lastStamp = max(time, lastStamp + 1)
    return lastStamp
  }

  /// A moment between two events, for `begin(client:asOf:_:)`.
  package func moment(at time: UInt64) -> UInt64 { stamp(time) }

  /// Notes the start of a call; the response is its id.
  package func begin(client: Int, at start: UInt64, _ call: Call) -> Int {
    begin(client: client, asOf: stamp(start), call)
  }

  /// Notes a call that may see the state of an earlier moment: a stale read. It counts as if it had started then.
  package func begin(client: Int, asOf start: UInt64, _ call: Call) -> Int {
    let id = operations.count
    operations.append(
      Operation(id: id, client: client, start: start, end: nil, call: call, outcome: .unknown))
    return id
  }

  /// Completes operation `id`; `end` is virtual time in nanoseconds.
  package func end(_ id: Int, at end: UInt64, _ outcome: Outcome) {
    operations[id].outcome = outcome
    // A call whose end is open may take effect at any time.
    operations[id].end = outcome == .unknown ? nil : stamp(end)
    switch outcome {
    case .done, .found, .swapped: succeeded += 1
    case .failed, .unknown: break
    }
  }
}
