import History

/// Builds a history, in milliseconds; each call has a client of its own.
struct Recording {
  private(set) var history: [Operation] = []

  /// Adds a call that lasted from `start` to `end`, both in milliseconds; nil: no response came.
  mutating func add(_ start: Int, _ end: Int?, _ call: Call, _ outcome: Outcome) {
    let id = history.count + 1
    history.append(
      Operation(
        id: id, client: id, start: UInt64(start) * 1_000_000,
        end: end.map { UInt64($0) * 1_000_000 }, call: call, outcome: outcome))
  }

  mutating func put(_ start: Int, _ end: Int?, _ value: String, key: String = "k") {
    let call = Call.put(key: Array(key.utf8), value: Array(value.utf8))
    add(start, end, call, end == nil ? .unknown : .done)
  }

  mutating func delete(_ start: Int, _ end: Int?, key: String = "k") {
    add(start, end, .delete(key: Array(key.utf8)), end == nil ? .unknown : .done)
  }

  /// A read that saw `value`; nil: nothing.
  mutating func get(_ start: Int, _ end: Int, _ value: String?, key: String = "k") {
    let found = value.map { [Pair(key: Array(key.utf8), value: Array($0.utf8))] } ?? []
    add(start, end, .get(key: Array(key.utf8)), .found(found))
  }

  mutating func scan(
    _ start: Int, _ end: Int, from: String = "", to: String = "", limit: Int = 100,
    isReverse: Bool = false, _ found: [(String, String)]
  ) {
    add(
      start, end,
      .scan(
        start: Array(from.utf8), end: Array(to.utf8), limit: limit, isReverse: isReverse),
      .found(found.map { Pair(key: Array($0.0.utf8), value: Array($0.1.utf8)) }))
  }
}

extension Verdict {
  var isLinearizable: Bool {
    if case .linearizable = self { return true }
    return false
  }

  var violation: Violation? {
    if case .violation(let violation) = self { return violation }
    return nil
  }
}
