package import History
package import Runtime

/// Batches of overlapping sets of keys over several regions. The keys come in couples of neighbours that
/// are always written together, and with the same value.
package struct BatchWorkload: Workload {
  package static let name = "batch"

  package let clients: Int
  package let keyCount = PairedKeys.keyCount
  private let readShare: UInt64
  private let pause: Int64
  private var counter = 0

  package init(random: inout SplitMix64) {
    clients = Int.random(in: 2...6, using: &random)
    readShare = UInt64.random(in: 30...70, using: &random)
    pause = Int64.random(in: 5...60, using: &random)
  }

  package mutating func next(
    client: Int, random: inout SplitMix64
  ) -> (pause: Duration, call: Call) {
    let pause = Duration.milliseconds(Int64.random(in: 0...2 * self.pause, using: &random))
    let first = Int.random(in: 0..<PairedKeys.count, using: &random)
    let stride = Int.random(in: 1...5, using: &random)
    let couples = Int.random(in: 1...4, using: &random)
    // Strides wrap around; each pair is used once.
    let chosen = Set((0..<couples).map { (first + $0 * stride) % PairedKeys.count }).sorted()
    let keys = chosen.flatMap(PairedKeys.keys)
    let draw = random.next() % 100
    if draw < readShare / 2 {
      let (start, end) = PairedKeys.range(first, couples)
      return (pause, .scan(start: start, end: end, limit: 100, isReverse: draw & 1 == 0))
    }
    if draw < readShare { return (pause, .batchGet(keys: keys)) }
    if draw % 10 == 0 { return (pause, .batchDelete(keys: keys)) }
    counter += 1
    let value = Array("v\(counter)".utf8)
    return (pause, .batchPut(pairs: keys.map { Pair(key: $0, value: value) }))
  }

  package func check(_ history: [Operation]) -> String? { PairedKeys.check(history) }
}
