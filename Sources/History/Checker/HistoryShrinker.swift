/// Shrinks a violation of one key to few calls.
///
/// First the history is cut at the earliest response after which it is not linearizable: a call that was not completed
/// then becomes a write that may take effect later, or is dropped if it is a read. Then calls are removed, many at once
/// at first, as long as the rest is not linearizable.
///
/// A read may always be removed: a linearization of all calls is one of fewer. A write may be removed if no read that is
/// kept can have seen it. Otherwise a read would be left without its write, and the report would show another fault. For
/// the same reason the last write of a value before each read of it is kept, although others may lie between, as in a
/// stale read.
struct HistoryShrinker {
  private let check: RegisterChecker
  /// By start.
  private let calls: [RegisterCall]
  /// What is left for shrinking, in calls checked and steps of abandoned searches.
  private var budget: Int

  /// - Parameter calls: a violation, sorted by start.
  init(_ calls: [RegisterCall], check: RegisterChecker, budget: Int) {
    self.calls = calls
    self.check = check
    self.budget = budget
  }

  /// The indices of the calls that are left, by start.
  mutating func run() -> [Int] {
    var kept = shortestPrefix()
    var size = max(1, kept.count / 2)
    while budget > 0 {
      let before = kept.count
      remove(size, from: &kept)
      if size > 1 {
        size /= 2
      } else if kept.count == before {
        break
      }
    }
    return kept
  }

  private mutating func isViolation(_ calls: [RegisterCall]) -> Bool {
    budget -= calls.count + 1
    switch check.check(calls) {
    case .violation: return true
    case .linearizable: return false
    case .abandoned:
      budget -= check.steps
      return false
    }
  }

  // MARK: Cutting

  /// A prefix of a linearizable history is linearizable, so the earliest violation is found by binary search. Only the
  /// response of a read can complete a violation: a write that ends last can be the last in the order.
  private mutating func shortestPrefix() -> [Int] {
    let moments = calls.lazy.filter { !$0.isWrite }.compactMap(\.end).sorted()
    var low = 0
    var high = moments.count - 1
    while low < high, budget > 0 {
      let middle = (low + high) / 2
      if isViolation(Self.prefix(calls, until: moments[middle])) {
        high = middle
      } else {
        low = middle + 1
      }
    }
    guard moments.indices.contains(high) else { return Array(calls.indices) }
    let end = moments[high]
    var kept = calls.indices.filter { index in
      calls[index].start <= end && (calls[index].isWrite || calls[index].end ?? .max <= end)
    }
    // A value that was read before it was written is kept with its write.
    var written = Set(kept.filter { calls[$0].isWrite }.map { calls[$0].value })
    let read = Set(kept.filter { !calls[$0].isWrite }.map { calls[$0].value })
    written.insert(check.initial)
    for index in calls.indices where calls[index].isWrite && calls[index].start > end {
      if read.contains(calls[index].value), written.insert(calls[index].value).inserted {
        kept.append(index)
      }
    }
    return kept
  }

  private static func prefix(_ calls: [RegisterCall], until end: UInt64) -> [RegisterCall] {
    calls.compactMap { call in
      guard call.start <= end else { return nil }
      if let callEnd = call.end, callEnd <= end { return call }
      return call.isWrite
        ? RegisterCall(start: call.start, end: nil, value: call.value, isWrite: true) : nil
    }
  }

  // MARK: Removing

  /// Tries to remove `size` calls at a time, the oldest first.
  private mutating func remove(_ size: Int, from kept: inout [Int]) {
    var at = 0
    while at < kept.count, budget > 0 {
      let end = min(at + size, kept.count)
      let removed = removable(at..<end, of: kept)
      if removed.isEmpty {
        at = end
        continue
      }
      let rest = kept.indices.filter { !removed.contains($0) }.map { kept[$0] }
      if isViolation(rest.map { calls[$0] }) {
        kept = rest
        at = end - removed.count
      } else {
        at = end
      }
    }
  }

  /// The calls of a range that may be removed together.
  private func removable(_ range: Range<Int>, of kept: [Int]) -> Set<Int> {
    let needs = WriteDependencies(
      kept.map { calls[$0] }, without: range, initial: check.initial)
    return Set(range.filter { !calls[kept[$0]].isWrite || !needs.needsWrite($0) })
  }
}
