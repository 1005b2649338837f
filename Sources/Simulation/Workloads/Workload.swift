package import History
package import Runtime

/// What the clients of a run do.
///
/// A workload is a value created for each run; it draws all random values from the generator it is
/// given.
///
/// See the page *Add a workload*.
package protocol Workload: SendableMetatype {
  /// As `--workload` names it.
  static var name: String { get }

  /// - Parameter random: for what is different from run to run.
  init(random: inout SplitMix64)

  /// How many clients there are.
  var clients: Int { get }

  /// The keys are `WorkloadKeys.key(0..<keyCount)`; regions are cut between them.
  var keyCount: Int { get }

  /// Whether reads may be stale reads: not if calls depend on what was read last.
  var allowsStaleReads: Bool { get }

  /// A client's next call and how long it waits before it.
  mutating func next(client: Int, random: inout SplitMix64) -> (pause: Duration, call: Call)

  /// The result of a client's last call, before its next is drawn; most workloads ignore it.
  mutating func observe(_ operation: Operation)

  /// What the final state or the history violates beyond linearizability; nil when all is well.
  func check(_ history: [Operation]) -> String?
}

extension Workload {
  package var allowsStaleReads: Bool { true }
  package mutating func observe(_ operation: Operation) {}
  package func check(_ history: [Operation]) -> String? { nil }
}

/// The keys of workloads, in their order.
package enum WorkloadKeys {
  /// The number in four digits, so that keys sort as numbers do.
  package static func key(_ number: Int) -> [UInt8] {
    let digits = String(number)
    return Array(("k" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits).utf8)
  }

  /// The boundaries that cut `count` keys into `regions` parts. If there are more parts than keys, some are between two
  /// keys and have none; they are behind keys of odd numbers, so that couples (`PairedKeys`) stay together.
  package static func boundaries(_ count: Int, regions: Int) -> [[UInt8]] {
    guard regions > 1 else { return [] }
    return (1..<regions).map { number in
      let (whole, rest) = (number * count).quotientAndRemainder(dividingBy: regions)
      if regions <= count || rest == 0 && whole.isMultiple(of: 2) { return key(whole) }
      let part = UInt8(rest * 127 / regions)
      return whole.isMultiple(of: 2) ? key(whole + 1) + [part] : key(whole) + [part + 128]
    }
  }
}

/// All workloads there are, in the order in which runs draw from them.
package enum WorkloadCatalog {
  package static let all: [any Workload.Type] = [
    RegisterWorkload.self, CounterWorkload.self, BatchWorkload.self, ScanWorkload.self,
    RangeWorkload.self, HotKeyWorkload.self, BulkWorkload.self, IdleWorkload.self,
    SwapWorkload.self,
  ]

  /// The workload of that name; of no name, one that is drawn.
  package static func make(_ name: String?, random: inout SplitMix64) -> (any Workload)? {
    if let name { return all.first { $0.name == name }?.init(random: &random) }
    return all[Int(random.next() % UInt64(all.count))].init(random: &random)
  }
}
