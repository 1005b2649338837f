package import History
package import Runtime

/// Scans in both directions, short and long, over any number of regions, while single keys change.
package struct ScanWorkload: Workload {
  package static let name = "scan"

  package let clients: Int
  package let keyCount: Int
  private let scanShare: UInt64
  private let pause: Int64
  private var counter = 0

  package init(random: inout SplitMix64) {
    clients = Int.random(in: 2...5, using: &random)
    keyCount = Int.random(in: 10...60, using: &random)
    scanShare = UInt64.random(in: 20...60, using: &random)
    pause = Int64.random(in: 5...60, using: &random)
  }

  package mutating func next(
    client: Int, random: inout SplitMix64
  ) -> (pause: Duration, call: Call) {
    let pause = Duration.milliseconds(Int64.random(in: 0...2 * self.pause, using: &random))
    let one = Int.random(in: 0..<keyCount, using: &random)
    let other = Int.random(in: 0..<keyCount, using: &random)
    let limit = Int.random(in: 1...2 * keyCount, using: &random)
    let draw = random.next() % 100
    if draw < scanShare {
      // Now and then without bounds.
      let start = draw % 8 == 0 ? [] : WorkloadKeys.key(min(one, other))
      let end = draw % 8 == 1 ? [] : WorkloadKeys.key(max(one, other) + 1)
      return (pause, .scan(start: start, end: end, limit: limit, isReverse: draw & 1 == 0))
    }
    let key = WorkloadKeys.key(one)
    if draw % 4 == 0 { return (pause, .delete(key: key)) }
    counter += 1
    return (pause, .put(key: key, value: Array("v\(counter)".utf8)))
  }
}
