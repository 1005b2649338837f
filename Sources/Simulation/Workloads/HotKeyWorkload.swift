package import History
package import Runtime

/// Many clients, hardly a pause, and one, two or three keys: what contends meets.
package struct HotKeyWorkload: Workload {
  package static let name = "hot-key"

  package let clients: Int
  package let keyCount: Int
  private let readShare: UInt64
  private let pause: Int64
  private var counter = 0

  package init(random: inout SplitMix64) {
    clients = Int.random(in: 5...10, using: &random)
    keyCount = Int.random(in: 1...3, using: &random)
    readShare = UInt64.random(in: 20...70, using: &random)
    pause = Int64.random(in: 2...40, using: &random)
  }

  package mutating func next(
    client: Int, random: inout SplitMix64
  ) -> (pause: Duration, call: Call) {
    let key = WorkloadKeys.key(Int.random(in: 0..<keyCount, using: &random))
    let pause = Duration.milliseconds(Int64.random(in: 0...self.pause, using: &random))
    let draw = random.next() % 100
    if draw < readShare { return (pause, .get(key: key)) }
    if draw % 20 == 0 { return (pause, .delete(key: key)) }
    counter += 1
    return (pause, .put(key: key, value: Array("v\(counter)".utf8)))
  }
}
