/// Finds few calls on one key that no order explains, among many.
///
/// First the history is cut at the earliest response after which it is inexplicable: what was not yet
/// completed then may have happened at any later time or, for a read, not at all. Then calls are taken
/// away, many at once at first, as long as the rest stays inexplicable.
///
/// A read may always go: who explains more calls explains fewer. A write may go when none of the reads
/// that are kept can have seen it: whatever explains the history with the write then explains it
/// without. Otherwise the read would be left without its write, and what is shown would look like
/// another fault than it is. For the same reason the last write of a value before each kept read of it
/// stays, though others may lie between, as in a stale read.
struct HistoryShrinker {
  private let check: RegisterChecker
  /// By start.
  private let calls: [RegisterCall]
  /// What may be spent on the whole, in calls checked and in steps of searches that were given up.
  private var effort: Int

  /// `calls` by start, of which no order explains all.
  init(_ calls: [RegisterCall], check: RegisterChecker, effort: Int) {
    self.calls = calls
    self.check = check
    self.effort = effort
  }

  /// The places of the calls that are left, by start.
  mutating func run() -> [Int] {
    var kept = shortestPrefix()
    var size = max(1, kept.count / 2)
    while effort > 0 {
      let before = kept.count
      takeAway(size, from: &kept)
      if size > 1 {
        size /= 2
      } else if kept.count == before {
        break
      }
    }
    return kept
  }

  private mutating func isInexplicable(_ calls: [RegisterCall]) -> Bool {
    effort -= calls.count + 1
    switch check.check(calls) {
    case .inexplicable: return true
    case .explained: return false
    case .givenUp:
      effort -= check.steps
      return false
    }
  }

  // MARK: Cutting

  /// A history that can be explained can be explained up to any moment, so the earliest moment is
  /// found by halving. Only the response of a read can make the difference: a write that ends last can
  /// come last.
  private mutating func shortestPrefix() -> [Int] {
    let moments = calls.lazy.filter { !$0.isWrite }.compactMap(\.end).sorted()
    var low = 0
    var high = moments.count - 1
    while low < high, effort > 0 {
      let middle = (low + high) / 2
      if isInexplicable(Self.prefix(calls, until: moments[middle])) {
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
    // A value that was read before it was written is shown with its write.
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
      if let answered = call.end, answered <= end { return call }
      return call.isWrite
        ? RegisterCall(start: call.start, end: nil, value: call.value, isWrite: true) : nil
    }
  }

  // MARK: Taking away

  /// Tries to do without `size` calls at a time, the oldest first.
  private mutating func takeAway(_ size: Int, from kept: inout [Int]) {
    var at = 0
    while at < kept.count, effort > 0 {
      let end = min(at + size, kept.count)
      let gone = dispensable(at..<end, of: kept)
      if gone.isEmpty {
        at = end
        continue
      }
      let rest = kept.indices.filter { !gone.contains($0) }.map { kept[$0] }
      if isInexplicable(rest.map { calls[$0] }) {
        kept = rest
        at = end - gone.count
      } else {
        at = end
      }
    }
  }

  /// Which of a range of the kept calls may go together.
  private func dispensable(_ range: Range<Int>, of kept: [Int]) -> Set<Int> {
    let needs = WriteDependencies(
      kept.map { calls[$0] }, without: range, initial: check.initial)
    return Set(range.filter { !calls[kept[$0]].isWrite || !needs.needsWrite($0) })
  }
}
