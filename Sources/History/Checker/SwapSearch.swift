/// Searches for a linearization of the calls on one register of which some compare before they write.
///
/// It is Wing and Gong's search with Lowe's cache, without the rules of `RegisterSearch`: a write whose effect depends on
/// the present value cannot be moved before others. The only shortcut is that a read which may come next and fits is placed
/// at once: it changes nothing.
struct SwapSearch {
  /// A place in the list of events. The last one is the list's head.
  private struct Node {
    var previous = 0
    var next = 0
    var call = 0
    var isEnd = false
  }

  /// A call that was placed.
  private struct Step {
    var call: Int
    /// The value before it.
    var value: Int32
    /// Nothing else needs to be tried in its place.
    var isFinal: Bool
  }

  private struct Configuration: Hashable {
    var placed: [UInt64]
    var value: Int32
  }

  private let calls: [RegisterCall]
  private var nodes: [Node]
  private let head: Int
  /// The nodes of a call's start and end; -1: it has no end.
  private var starts: [Int]
  private var ends: [Int]
  private var endsLeft: Int
  private var value: Int32
  private var placed: [UInt64]
  private var trail: [Step] = []
  private var seen: Set<Configuration> = []
  private var stepsLeft: Int

  init(_ calls: [RegisterCall], initial: Int32, steps: Int) {
    self.calls = calls
    value = initial
    stepsLeft = steps + calls.count
    var events: [(time: UInt64, isEnd: Bool, call: Int)] = []
    for (index, call) in calls.enumerated() {
      events.append((call.start, false, index))
      if let end = call.end { events.append((end, true, index)) }
    }
    // Calls that touch count as overlapping: starts come first.
    events.sort {
      ($0.time, $0.isEnd ? 1 : 0, $0.call) < ($1.time, $1.isEnd ? 1 : 0, $1.call)
    }
    head = events.count
    nodes = events.enumerated().map { index, event in
      Node(
        previous: index == 0 ? events.count : index - 1, next: index + 1, call: event.call,
        isEnd: event.isEnd)
    }
    nodes.append(Node(previous: max(0, events.count - 1), next: 0))
    starts = Array(repeating: -1, count: calls.count)
    ends = Array(repeating: -1, count: calls.count)
    for (index, event) in events.enumerated() {
      if event.isEnd { ends[event.call] = index } else { starts[event.call] = index }
    }
    endsLeft = calls.count { $0.end != nil }
    placed = Array(repeating: 0, count: (calls.count + 63) / 64)
  }

  mutating func run() -> RegisterSearch.Result {
    var node = nodes[head].next
    while endsLeft > 0 {
      guard stepsLeft > 0 else { return .abandoned }
      if node != head, !nodes[node].isEnd {
        let call = nodes[node].call
        node = tryPlacing(call) ? nodes[head].next : nodes[node].next
      } else {
        guard let call = takeBack() else { return .violation }
        node = nodes[starts[call]].next
      }
    }
    return .linearizable
  }

  /// Places a call if it fits the present value and leads to a configuration that was not tried.
  private mutating func tryPlacing(_ index: Int) -> Bool {
    let call = calls[index]
    guard call.isWrite || call.value == value else { return false }
    if let expected = call.expected, expected != value { return false }
    stepsLeft -= 1
    placed[index / 64] |= 1 << UInt64(index % 64)
    let next = call.isWrite ? call.value : value
    if call.isWrite, !seen.insert(Configuration(placed: placed, value: next)).inserted {
      placed[index / 64] &= ~(1 << UInt64(index % 64))
      return false
    }
    trail.append(Step(call: index, value: value, isFinal: !call.isWrite))
    value = next
    unlink(starts[index])
    if ends[index] >= 0 {
      unlink(ends[index])
      endsLeft -= 1
    }
    return true
  }

  /// Takes calls back up to one in whose place another may be tried, which is returned; nil: there is none.
  private mutating func takeBack() -> Int? {
    while let step = trail.popLast() {
      value = step.value
      placed[step.call / 64] &= ~(1 << UInt64(step.call % 64))
      if ends[step.call] >= 0 {
        link(ends[step.call])
        endsLeft += 1
      }
      link(starts[step.call])
      if !step.isFinal { return step.call }
    }
    return nil
  }

  private mutating func unlink(_ node: Int) {
    let (previous, next) = (nodes[node].previous, nodes[node].next)
    nodes[previous].next = next
    nodes[next].previous = previous
  }

  /// In reverse order of `unlink`.
  private mutating func link(_ node: Int) {
    nodes[nodes[node].previous].next = node
    nodes[nodes[node].next].previous = node
  }
}
