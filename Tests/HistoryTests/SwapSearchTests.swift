import History
import Runtime
import Testing

/// Histories with compare-and-swaps.
@Suite struct SwapSearchTests {
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  private func swap(
    _ id: Int, _ start: UInt64, _ end: UInt64?, from expected: String?, to value: String,
    _ outcome: Outcome
  ) -> Operation {
    Operation(
      id: id, client: id, start: start, end: end,
      call: .compareAndSwap(key: bytes("k"), expected: expected.map(bytes), value: bytes(value)),
      outcome: outcome)
  }

  private func put(_ id: Int, _ start: UInt64, _ end: UInt64, _ value: String) -> Operation {
    Operation(
      id: id, client: id, start: start, end: end, call: .put(key: bytes("k"), value: bytes(value)),
      outcome: .done)
  }

  private func get(_ id: Int, _ start: UInt64, _ end: UInt64, _ value: String?) -> Operation {
    Operation(
      id: id, client: id, start: start, end: end, call: .get(key: bytes("k")),
      outcome: .found(value.map { [Pair(key: bytes("k"), value: bytes($0))] } ?? []))
  }

  private func isLinearizable(_ history: [Operation]) -> Bool {
    if case .linearizable = LinearizabilityChecker().check(history) { true } else { false }
  }

  private func won(_ previous: String?) -> Outcome {
    .swapped(succeeded: true, previous: previous.map(bytes))
  }

  private func lost(_ previous: String?) -> Outcome {
    .swapped(succeeded: false, previous: previous.map(bytes))
  }

  @Test func aChainOfSwapsIsRight() {
    #expect(
      isLinearizable([
        swap(1, 1, 2, from: nil, to: "a", won(nil)),
        swap(2, 3, 9, from: "b", to: "c", won("b")),
        swap(3, 4, 8, from: "a", to: "b", won("a")),
        get(4, 10, 11, "c"),
        swap(5, 12, 13, from: "x", to: "y", lost("c")),
      ]))
  }

  /// Both have found the same value, which was there once: one of the updates is lost.
  @Test func twoSwapsOfOneValueAreAViolation() {
    #expect(
      !isLinearizable([
        put(1, 1, 2, "a"),
        swap(2, 3, 6, from: "a", to: "b", won("a")),
        swap(3, 4, 7, from: "a", to: "c", won("a")),
      ]))
  }

  /// A put between comparison and swap is overwritten although the swap has not seen it.
  @Test func aWriteInBetweenIsAViolation() {
    let before = put(1, 1, 2, "a")
    #expect(
      !isLinearizable([
        before, put(2, 3, 4, "p"), swap(3, 5, 6, from: "a", to: "b", won("a")),
      ]))
    // While they overlap the put may come first or last.
    #expect(
      isLinearizable([
        before, put(2, 3, 6, "p"), swap(3, 4, 7, from: "a", to: "b", won("a")),
        get(4, 8, 9, "p"),
      ]))
  }

  @Test func aSwapThatLostMustHaveSeenWhatWasThere() {
    #expect(!isLinearizable([put(1, 1, 2, "a"), swap(2, 3, 4, from: "x", to: "b", lost("c"))]))
    #expect(!isLinearizable([put(1, 1, 2, "a"), swap(2, 3, 4, from: "x", to: "b", lost(nil))]))
    #expect(isLinearizable([put(1, 1, 2, "a"), swap(2, 3, 4, from: "x", to: "b", lost("a"))]))
  }

  @Test func aSwapOfUnknownOutcomeMayHappenLaterOrNever() {
    let open = swap(2, 3, nil, from: "a", to: "b", .unknown)
    #expect(isLinearizable([put(1, 1, 2, "a"), open, get(3, 5, 6, "a"), get(4, 7, 8, "b")]))
    #expect(isLinearizable([put(1, 1, 2, "a"), open, get(3, 5, 6, "a")]))
    #expect(!isLinearizable([put(1, 1, 2, "c"), open, get(3, 5, 6, "b")]))
  }

  @Test func aResponseThatContradictsItselfIsAViolation() {
    #expect(!isLinearizable([swap(1, 1, 2, from: "a", to: "b", won(nil))]))
    #expect(!isLinearizable([swap(1, 1, 2, from: nil, to: "b", lost(nil))]))
    guard
      case .undecided = LinearizabilityChecker().check([
        swap(1, 1, 2, from: nil, to: "a", .done)
      ])
    else {
      Issue.record("a swap with the outcome of a put")
      return
    }
  }

  /// Runs of a register that is right, and the same with one response changed, against the search of all orders.
  @Test(arguments: 1...300 as ClosedRange<UInt64>)
  func itAgreesWithTheSearchOfAllOrders(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let history = RandomSwaps.history(&random)
    #expect(isLinearizable(history) == AllOrders(history).isLinearizable(from: nil))
  }

  @Test func theyAreRightMostOfTheTime() {
    var (right, wrong) = (0, 0)
    for seed in 1...300 as ClosedRange<UInt64> {
      var random = SplitMix64(seed: seed)
      if isLinearizable(RandomSwaps.history(&random)) { right += 1 } else { wrong += 1 }
    }
    #expect(right > 50 && wrong > 50)
  }

  @Test func swapsSurviveTheFile() throws {
    let history = [
      swap(1, 1, 2, from: nil, to: "a", won(nil)), swap(2, 3, 4, from: "x", to: "\u{1}", lost("a")),
      swap(3, 5, nil, from: "a", to: "b", .unknown),
    ]
    #expect(try HistoryFile.decode(HistoryFile.encode(history)) == history)
  }
}

/// Few calls of few values, so that many of them overlap and repeat.
private enum RandomSwaps {
  static func history(_ random: inout SplitMix64) -> [Operation] {
    let key: [UInt8] = [1]
    var value: [UInt8]?
    var time: UInt64 = 10
    var history: [Operation] = []
    for id in 0..<Int.random(in: 3...7, using: &random) {
      time += UInt64.random(in: 1...6, using: &random)
      let new: [UInt8] = [UInt8.random(in: 0...2, using: &random)]
      let start = time - UInt64.random(in: 0...8, using: &random)
      let end = time + UInt64.random(in: 0...8, using: &random)
      var operation = Operation(
        id: id, client: id, start: start, end: end, call: .get(key: key), outcome: .failed)
      switch random.next() % 4 {
      case 0:
        operation.outcome = .found(value.map { [Pair(key: key, value: $0)] } ?? [])
        if random.next() % 4 == 0 { operation.outcome = .found([Pair(key: key, value: new)]) }
      case 1:
        operation.call = .put(key: key, value: new)
        operation.outcome = .done
        value = new
      default:
        let expected = random.next() % 3 == 0 ? [UInt8.random(in: 0...2, using: &random)] : value
        operation.call = .compareAndSwap(key: key, expected: expected, value: new)
        let previous = random.next() % 6 == 0 ? expected : value
        operation.outcome = .swapped(succeeded: previous == expected, previous: previous)
        if value == expected { value = new }
        if random.next() % 8 == 0 { (operation.outcome, operation.end) = (.unknown, nil) }
      }
      history.append(operation)
    }
    return history
  }
}

/// Tries every order of the calls on one key: slow, and too simple to be wrong.
private struct AllOrders {
  private let history: [Operation]

  init(_ history: [Operation]) { self.history = history.filter { $0.outcome != .failed } }

  func isLinearizable(from value: [UInt8]?) -> Bool {
    isLinearizable(value, Set(history.indices))
  }

  private func isLinearizable(_ value: [UInt8]?, _ left: Set<Int>) -> Bool {
    if left.allSatisfy({ history[$0].end == nil }) { return true }
    for next in left {
      let operation = history[next]
      if left.contains(where: { history[$0].end ?? .max < operation.start }) { continue }
      guard let after = effect(of: operation, on: value) else { continue }
      if isLinearizable(after, left.subtracting([next])) { return true }
    }
    return false
  }

  /// The value afterwards; nil if the call cannot have happened here.
  private func effect(of operation: Operation, on value: [UInt8]?) -> [UInt8]?? {
    switch (operation.call, operation.outcome) {
    case (.put(_, let new), _): return .some(new)
    case (.get, .found(let pairs)): return pairs.first?.value == value ? .some(value) : nil
    case (.compareAndSwap(_, let expected, let new), .swapped(let succeeded, let previous)):
      guard previous == value, succeeded == (expected == value) else { return nil }
      return .some(succeeded ? new : value)
    case (.compareAndSwap(_, let expected, let new), _):
      return expected == value ? .some(new) : nil
    default: return nil
    }
  }
}
