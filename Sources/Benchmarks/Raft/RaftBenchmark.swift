import CAllocations
import Raft

/// One proposal round of a group of three in memory: time and allocations per entry, all members'
/// work and their storage included. With `--smoke` few rounds, to see that it runs.
@main
struct RaftBenchmark {
  static func main() throws {
    print("entries a round |  rounds | ns per entry | ns per round | allocations per entry")
    let isSmoke = CommandLine.arguments.contains("--smoke")
    for size in [1, 64] {
      let rounds = size == 1 ? 200_000 : 10_000
      try measure(size, rounds: isSmoke ? rounds / 200 : rounds)
    }
  }

  private static func measure(_ size: Int, rounds: Int) throws {
    var group = try Group()
    precondition(group.isLed)
    let batch = Array(repeating: [UInt8](repeating: 7, count: 256), count: size)
    for _ in 0..<1000 { try group.round(batch) }
    try group.compact()
    let allocations = apus_allocations()
    let clock = ContinuousClock()
    let start = clock.now
    for number in 1...rounds {
      try group.round(batch)
      if number % 1000 == 0 { try group.compact() }
    }
    let elapsed = (clock.now - start) / .nanoseconds(1)
    let entries = Double(rounds * size)
    let perEntry = Double(apus_allocations() - allocations) / entries
    print(
      pad(size, 15), "|", pad(rounds, 7), "|", pad(Int(elapsed / entries), 12), "|",
      pad(Int(elapsed / Double(rounds)), 12), "|", Double(Int(perEntry * 100)) / 100)
  }

  private static func pad(_ number: Int, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
