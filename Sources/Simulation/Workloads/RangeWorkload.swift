package import History
package import Runtime

/// Ranges are deleted, within a region and over several, while their keys are written and read.
package struct RangeWorkload: Workload {
  package static let name = "range"

  package let clients: Int
  package let keyCount: Int
  private let deleteShare: UInt64
  private let pause: Int64
  private var counter = 0

  package init(random: inout SplitMix64) {
    clients = Int.random(in: 2...5, using: &random)
    keyCount = Int.random(in: 8...32, using: &random)
    deleteShare = UInt64.random(in: 3...20, using: &random)
    pause = Int64.random(in: 5...60, using: &random)
  }

  package mutating func next(
    client: Int, random: inout SplitMix64
  ) -> (pause: Duration, call: Call) {
    let pause = Duration.milliseconds(Int64.random(in: 0...2 * self.pause, using: &random))
    let one = Int.random(in: 0..<keyCount, using: &random)
    let other = Int.random(in: 0..<keyCount, using: &random)
    let start = WorkloadKeys.key(min(one, other))
    let end = WorkloadKeys.key(max(one, other) + 1)
    let draw = random.next() % 100
    if draw < deleteShare { return (pause, .deleteRange(start: start, end: end)) }
    if draw < deleteShare + 15 {
      return (pause, .scan(start: start, end: end, limit: keyCount, isReverse: false))
    }
    let key = WorkloadKeys.key(one)
    if draw < 60 { return (pause, .get(key: key)) }
    counter += 1
    return (pause, .put(key: key, value: Array("v\(counter)".utf8)))
  }
}
