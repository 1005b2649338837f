package import History
package import Runtime

/// Single keys, read and written and deleted by many at once: the plainest test of linearizability.
package struct RegisterWorkload: Workload {
  package static let name = "register"

  package let clients: Int
  package let keyCount: Int
  private let readShare: UInt64
  private let pause: Int64
  private var counter = 0

  package init(random: inout SplitMix64) {
    clients = Int.random(in: 2...6, using: &random)
    keyCount = Int.random(in: 4...40, using: &random)
    readShare = UInt64.random(in: 20...80, using: &random)
    pause = Int64.random(in: 5...60, using: &random)
  }

  package mutating func next(
    client: Int, random: inout SplitMix64
  ) -> (pause: Duration, call: Call) {
    let key = WorkloadKeys.key(Int.random(in: 0..<keyCount, using: &random))
    let pause = Duration.milliseconds(Int64.random(in: 0...2 * self.pause, using: &random))
    let draw = random.next() % 100
    if draw < readShare { return (pause, .get(key: key)) }
    counter += 1
    if draw % 10 == 0 { return (pause, .delete(key: key)) }
    return (pause, .put(key: key, value: Array("v\(counter)".utf8)))
  }
}
