import History

/// Tries every order of the calls on one key: slow, and too simple to be wrong.
struct BruteForceChecker {
  private struct Step {
    var start: UInt64
    var end: UInt64
    var isRequired: Bool
    var write: [UInt8]??
    var read: [UInt8]??
  }

  private let steps: [Step]

  /// Takes gets, puts and deletes of one key.
  init(_ history: [Operation]) {
    steps = history.compactMap { operation in
      if operation.outcome == .failed { return nil }
      let isUnknown = operation.outcome == .unknown
      var step = Step(
        start: operation.start, end: isUnknown ? .max : operation.end ?? .max,
        isRequired: !isUnknown)
      switch (operation.call, operation.outcome) {
      case (.put(_, let value), _): step.write = .some(value)
      case (.delete, _): step.write = .some(nil)
      case (.get, .found(let pairs)): step.read = .some(pairs.first?.value)
      default: return nil
      }
      return step
    }
  }

  func isLinearizable(initial: [UInt8]? = nil) -> Bool {
    var isPlaced = [Bool](repeating: false, count: steps.count)
    return isLinearizable(from: initial, &isPlaced)
  }

  private func isLinearizable(from value: [UInt8]?, _ isPlaced: inout [Bool]) -> Bool {
    let left = steps.indices.filter { !isPlaced[$0] }
    if !left.contains(where: { steps[$0].isRequired }) { return true }
    for next in left {
      let mustWait = left.contains {
        steps[$0].isRequired && steps[$0].end < steps[next].start
      }
      if mustWait { continue }
      if let seen = steps[next].read, seen != value { continue }
      isPlaced[next] = true
      defer { isPlaced[next] = false }
      if isLinearizable(from: steps[next].write ?? value, &isPlaced) { return true }
    }
    return false
  }
}
