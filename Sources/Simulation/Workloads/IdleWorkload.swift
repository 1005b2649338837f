package import History
package import Runtime

/// A few calls, then nothing for seconds: leases run out, elections and compactions come without
/// traffic, and the next call finds what they have left.
package struct IdleWorkload: Workload {
  package static let name = "idle"

  package let clients: Int
  package let keyCount: Int
  private let longest: Int64
  private var counter = 0

  package init(random: inout SplitMix64) {
    clients = Int.random(in: 1...4, using: &random)
    keyCount = Int.random(in: 4...12, using: &random)
    longest = Int64.random(in: 1_000...6_000, using: &random)
  }

  package mutating func next(
    client: Int, random: inout SplitMix64
  ) -> (pause: Duration, call: Call) {
    let key = WorkloadKeys.key(Int.random(in: 0..<keyCount, using: &random))
    let isLong = random.next() % 4 == 0
    let pause = Duration.milliseconds(
      Int64.random(in: 0...(isLong ? longest : 30), using: &random))
    if random.next() & 1 == 0 { return (pause, .get(key: key)) }
    counter += 1
    return (pause, .put(key: key, value: Array("v\(counter)".utf8)))
  }
}
