package import Runtime

/// All workloads there are, in the order in which runs draw from them.
package enum WorkloadCatalog {
  package static let all: [any Workload.Type] = [
    RegisterWorkload.self, CounterWorkload.self, BatchWorkload.self, ScanWorkload.self,
    RangeWorkload.self, HotKeyWorkload.self, BulkWorkload.self, IdleWorkload.self,
  ]

  /// The workload of that name; of no name, one that is drawn.
  package static func make(_ name: String?, random: inout SplitMix64) -> (any Workload)? {
    if let name { return all.first { $0.name == name }?.init(random: &random) }
    return all[Int(random.next() % UInt64(all.count))].init(random: &random)
  }
}
