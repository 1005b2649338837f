import Codec
import Runtime

/// A hot region as a store sees it.
package struct HotRegionSummary: Sendable, Hashable {
  package var regionID: UInt64
  package var storeID: UInt64
  package var isLeader: Bool
  /// In how many intervals its flow was high.
  package var degree: Int
  /// A second.
  package var flow: RegionFlow
  /// Since the last report.
  package var age: Duration
}

/// What is read from and written to the leaders of one store in a second.
package struct StoreFlow: Sendable, Hashable {
  package var storeID: UInt64
  package var read: RegionFlow
  package var write: RegionFlow
}

// The flow of regions and stores, as tools show it.
extension PDCore {
  /// The hot regions, one entry for each store that serves the flow, ascending by region and store: of reads that is the
  /// leader's, of writes every replica's.
  package func hotRegionSummaries(
    _ kind: FlowKind, _ reading: ClockReading
  ) -> [HotRegionSummary] {
    hotRegions[kind].hot(hits: config.hotRegions.hits).flatMap { id, entry in
      guard let record = regions.record(id: id) else { return [HotRegionSummary]() }
      let stores =
        kind == .read
        ? record.leader.map { [$0.storeID] } ?? [] : record.region.peers.map(\.storeID).sorted()
      return stores.map { store in
        HotRegionSummary(
          regionID: id, storeID: store, isLeader: record.leader?.storeID == store,
          degree: entry.degree, flow: entry.rate, age: reading.now - entry.updatedAt)
      }
    }
  }

  /// Of every store that is not a tombstone, ascending by id.
  package func storeFlows() -> [StoreFlow] {
    stores.records.filter { $0.info.state != .tombstone }.map { record in
      let load = regions.load(ofStore: record.id)
      return StoreFlow(storeID: record.id, read: load.readRate, write: load.writeRate)
    }
  }
}
