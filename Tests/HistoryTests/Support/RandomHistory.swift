import History
import Runtime

/// A history of a store that is linearizable: each call takes effect at one moment between its start
/// and its end, if at all.
struct RandomHistory {
  var clients = 4
  var keys = 1
  var calls = 100
  /// Values are drawn from so many; nil: each is written once.
  var values: Int?
  /// In percent.
  var reads = 50
  var deletes = 10
  var unknown = 5
  var failed = 2
  /// How long a client rests between two calls, at most, where a call acquires to 100.
  var rest: UInt64 = 50

  func make(using random: inout SplitMix64) -> [Operation] {
    var free = [UInt64](repeating: 0, count: clients)
    var drafts: [(operation: Operation, moment: UInt64, takesEffect: Bool)] = []
    drafts.reserveCapacity(calls)
    for id in 0..<calls {
      let client = Int.random(in: 0..<clients, using: &random)
      let start = free[client] + .random(in: 1...max(1, rest), using: &random)
      let end = start + .random(in: 0...100, using: &random)
      free[client] = end
      let key = bytes(.random(in: 0..<keys, using: &random))
      var draft = (
        operation: Operation(
          id: id, client: client, start: start, end: end, call: .get(key: key), outcome: .done),
        moment: UInt64.random(in: start...end, using: &random), takesEffect: true
      )
      if !percent(reads, &random) {
        draft.operation.call =
          percent(deletes, &random)
          ? .delete(key: key)
          : .put(key: key, value: bytes(values.map { .random(in: 0..<$0, using: &random) } ?? id))
      }
      if percent(unknown, &random) {
        draft.operation.outcome = .unknown
        draft.operation.end = percent(50, &random) ? nil : end
        draft.moment += .random(in: 0...300, using: &random)
        draft.takesEffect = percent(50, &random)
      } else if percent(failed, &random) {
        draft.operation.outcome = .failed
        draft.takesEffect = false
      }
      drafts.append(draft)
    }
    return Self.addResponses(drafts)
  }

  /// Lets the calls take effect one after the other, and notes what the reads see.
  private static func addResponses(
    _ drafts: [(operation: Operation, moment: UInt64, takesEffect: Bool)]
  ) -> [Operation] {
    var history = drafts.map(\.operation)
    var store: [[UInt8]: [UInt8]] = [:]
    for index in drafts.indices.sorted(by: { (drafts[$0].moment, $0) < (drafts[$1].moment, $1) }) {
      guard drafts[index].takesEffect else { continue }
      switch history[index].call {
      case .put(let key, let value): store[key] = value
      case .delete(let key): store[key] = nil
      case .get(let key):
        if history[index].outcome == .done {
          history[index].outcome = .found(store[key].map { [Pair(key: key, value: $0)] } ?? [])
        }
      default: break
      }
    }
    return history.sorted { ($0.start, $0.id) < ($1.start, $1.id) }
  }

  private func bytes(_ number: Int) -> [UInt8] { Array(String(number).utf8) }

  private func percent(_ chance: Int, _ random: inout SplitMix64) -> Bool {
    Int.random(in: 0..<100, using: &random) < chance
  }
}
