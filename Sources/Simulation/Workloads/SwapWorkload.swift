package import History
package import Runtime

/// Compare-and-swaps among puts and deletes: no write may come between a comparison and its swap.
package struct SwapWorkload: Workload {
  package static let name = "swap"

  package let clients: Int
  package let keyCount: Int
  private let swapShare: UInt64
  private let pause: Int64
  private var counter = 0
  /// What each key had when a client saw it last.
  private var known: [[UInt8]: [UInt8]] = [:]

  package init(random: inout SplitMix64) {
    clients = Int.random(in: 2...5, using: &random)
    keyCount = Int.random(in: 1...6, using: &random)
    swapShare = UInt64.random(in: 40...70, using: &random)
    pause = Int64.random(in: 5...60, using: &random)
  }

  package mutating func next(
    client: Int, random: inout SplitMix64
  ) -> (pause: Duration, call: Call) {
    let key = WorkloadKeys.key(Int.random(in: 0..<keyCount, using: &random))
    let pause = Duration.milliseconds(Int64.random(in: 0...2 * self.pause, using: &random))
    let draw = random.next() % 100
    counter += 1
    let value = Array("v\(counter)".utf8)
    if draw < swapShare {
      return (pause, .compareAndSwap(key: key, expected: known[key], value: value))
    }
    if draw < 90 { return (pause, .get(key: key)) }
    if draw % 4 == 0 { return (pause, .delete(key: key)) }
    return (pause, .put(key: key, value: value))
  }

  package mutating func observe(_ operation: Operation) {
    switch (operation.call, operation.outcome) {
    case (.get(let key), .found(let pairs)): known[key] = pairs.first?.value
    case (.put(let key, let value), .done): known[key] = value
    case (.delete(let key), .done): known[key] = nil
    case (.compareAndSwap(let key, _, let value), .swapped(let succeeded, let previous)):
      known[key] = succeeded ? value : previous
    default: break
    }
  }
}
