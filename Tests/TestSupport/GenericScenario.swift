import Foundation

/// One variant of TinyKV's `GenericTest`: what clients and faults a cluster of five stores has. The same table is run on
/// threads and RocksDB (`ClusterTests`) and in the simulator (`SimulationTests`).
package struct GenericScenario: Sendable, Hashable, CustomStringConvertible {
  /// The name of TinyKV's test.
  package var name: String
  package var clients: Int
  /// Messages between stores are lost or late.
  package var isUnreliable = false
  /// All stores stop and start again.
  package var restarts = false
  /// Stores are cut off from each other at random.
  package var partitions = false
  /// Applied entries that a log keeps at most; nil: logs are not compacted.
  package var maxLog: UInt64?
  /// Replicas are added and removed at random.
  package var changesMembers = false
  /// Regions are split by their size.
  package var splits = false

  package var description: String { name }

  private enum Option { case unreliable, restarts, partitions, log, members, splits }

  private init(_ name: String, _ clients: Int, _ options: Option...) {
    self.name = name
    self.clients = clients
    isUnreliable = options.contains(.unreliable)
    restarts = options.contains(.restarts)
    partitions = options.contains(.partitions)
    maxLog = options.contains(.log) ? 100 : nil
    changesMembers = options.contains(.members)
    splits = options.contains(.splits)
  }

  /// Whether runs are long ones: with `APUS_LONG_TESTS=1` in the environment.
  package static let areRunsLong = ProcessInfo.processInfo.environment["APUS_LONG_TESTS"] == "1"

  /// All variants in long runs; else of each part of TinyKV's list the one with the most kinds of fault.
  package static var selection: [GenericScenario] {
    let names: Set = [
      "TestPersistPartitionUnreliable2B", "TestSnapshotUnreliableRecoverConcurrentPartition2C",
      "TestConfChangeSnapshotUnreliableRecoverConcurrentPartition3B",
      "TestSplitConfChangeSnapshotUnreliableRecoverConcurrentPartition3B",
    ]
    return areRunsLong ? all : all.filter { names.contains($0.name) }
  }

  /// All variants, in TinyKV's order.
  package static let all: [GenericScenario] = [
    GenericScenario("TestBasic2B", 1),
    GenericScenario("TestConcurrent2B", 5),
    GenericScenario("TestUnreliable2B", 5, .unreliable),
    GenericScenario("TestManyPartitionsOneClient2B", 1, .partitions),
    GenericScenario("TestManyPartitionsManyClients2B", 5, .partitions),
    GenericScenario("TestPersistOneClient2B", 1, .restarts),
    GenericScenario("TestPersistConcurrent2B", 5, .restarts),
    GenericScenario("TestPersistConcurrentUnreliable2B", 5, .unreliable, .restarts),
    GenericScenario("TestPersistPartition2B", 5, .restarts, .partitions),
    GenericScenario("TestPersistPartitionUnreliable2B", 5, .unreliable, .restarts, .partitions),
    GenericScenario("TestSnapshotRecover2C", 1, .restarts, .log),
    GenericScenario("TestSnapshotRecoverManyClients2C", 20, .restarts, .log),
    GenericScenario("TestSnapshotUnreliable2C", 5, .unreliable, .log),
    GenericScenario("TestSnapshotUnreliableRecover2C", 5, .unreliable, .restarts, .log),
    GenericScenario(
      "TestSnapshotUnreliableRecoverConcurrentPartition2C", 5, .unreliable, .restarts, .partitions,
      .log),
    GenericScenario("TestConfChangeRecover3B", 1, .restarts, .members),
    GenericScenario("TestConfChangeRecoverManyClients3B", 20, .restarts, .members),
    GenericScenario("TestConfChangeUnreliable3B", 5, .unreliable, .members),
    GenericScenario("TestConfChangeUnreliableRecover3B", 5, .unreliable, .restarts, .members),
    GenericScenario(
      "TestConfChangeSnapshotUnreliableRecover3B", 5, .unreliable, .restarts, .log, .members),
    GenericScenario(
      "TestConfChangeSnapshotUnreliableRecoverConcurrentPartition3B", 5, .unreliable, .restarts,
      .partitions, .log, .members),
    GenericScenario("TestSplitRecover3B", 1, .restarts, .splits),
    GenericScenario("TestSplitRecoverManyClients3B", 20, .restarts, .splits),
    GenericScenario("TestSplitUnreliable3B", 5, .unreliable, .splits),
    GenericScenario("TestSplitUnreliableRecover3B", 5, .unreliable, .restarts, .splits),
    GenericScenario(
      "TestSplitConfChangeSnapshotUnreliableRecover3B", 5, .unreliable, .restarts, .log, .members,
      .splits),
    GenericScenario(
      "TestSplitConfChangeSnapshotUnreliableRecoverConcurrentPartition3B", 5, .unreliable,
      .restarts, .partitions, .log, .members, .splits),
  ]
}
