package import History
package import Runtime

/// Many keys with large values: snapshots take many chunks, and logs grow fast.
package struct BulkWorkload: Workload {
  package static let name = "bulk"

  package let clients: Int
  package let keyCount: Int
  private let size: Int
  private let pause: Int64
  private var counter = 0

  package init(random: inout SplitMix64) {
    clients = Int.random(in: 2...4, using: &random)
    keyCount = Int.random(in: 60...200, using: &random)
    size = Int.random(in: 1024...4096, using: &random)
    pause = Int64.random(in: 10...60, using: &random)
  }

  package mutating func next(
    client: Int, random: inout SplitMix64
  ) -> (pause: Duration, call: Call) {
    let pause = Duration.milliseconds(Int64.random(in: 0...2 * self.pause, using: &random))
    let number = Int.random(in: 0..<keyCount, using: &random)
    let key = WorkloadKeys.key(number)
    let draw = random.next() % 100
    if draw < 25 { return (pause, .get(key: key)) }
    if draw < 30 { return (pause, .scan(start: key, end: [], limit: 10, isReverse: false)) }
    counter += 1
    if draw < 50 {
      let numbers = number..<min(keyCount, number + 6)
      return (
        pause,
        .batchPut(pairs: numbers.map { Pair(key: WorkloadKeys.key($0), value: value) })
      )
    }
    return (pause, .put(key: key, value: value))
  }

  /// Unique by its first bytes.
  private var value: [UInt8] {
    let mark = Array("v\(counter) ".utf8)
    return mark + [UInt8](repeating: UInt8(ascii: "."), count: size - mark.count)
  }
}
