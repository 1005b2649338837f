package import History
package import Runtime

/// Each key has one writer, which counts it up from what it reads; everyone else only reads it. Raw
/// calls have no compare-and-swap: this is what clients can do instead.
package struct CounterWorkload: Workload {
  package static let name = "counter"

  package let clients: Int
  package var keyCount: Int { clients }
  /// The writer of a key counts up from what it has read.
  package let allowsStaleReads = false
  private let pause: Int64
  /// What each client makes its key next; nil while it has to read first.
  private var counts: [Int?]
  private var serial = 0

  package init(random: inout SplitMix64) {
    clients = Int.random(in: 2...6, using: &random)
    pause = Int64.random(in: 5...60, using: &random)
    counts = Array(repeating: nil, count: clients)
  }

  package mutating func next(
    client: Int, random: inout SplitMix64
  ) -> (pause: Duration, call: Call) {
    let pause = Duration.milliseconds(Int64.random(in: 0...2 * self.pause, using: &random))
    let other = WorkloadKeys.key(Int.random(in: 0..<keyCount, using: &random))
    if random.next() & 1 == 0 { return (pause, .get(key: other)) }
    let own = WorkloadKeys.key(client)
    guard let count = counts[client] else { return (pause, .get(key: own)) }
    counts[client] = nil
    serial += 1
    return (pause, .put(key: own, value: CounterTally.value(count, serial: serial)))
  }

  package mutating func observe(_ operation: Operation) {
    guard case .get(WorkloadKeys.key(operation.client)) = operation.call,
      case .found(let pairs) = operation.outcome
    else { return }
    counts[operation.client] = CounterTally.count(pairs) + 1
  }

  package func check(_ history: [Operation]) -> String? { CounterTally.check(history) }
}
