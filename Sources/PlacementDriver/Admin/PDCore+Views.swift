package import Codec

// What tools read over HTTP. Nothing here changes anything.
extension PDCore {
  /// Configuration and membership, which change rarely.
  package var summary: PDSummary {
    PDSummary(
      clusterID: clusterID, memberID: memberID, isBootstrapped: isBootstrapped,
      maxReplicas: maxReplicas, regionCount: regions.count, config: config,
      version: Self.binaryVersion)
  }

  /// The region of this id as the admin interface shows it; nil when PD knows none.
  package func regionSummary(id: UInt64) -> RegionSummary? {
    regions.record(id: id).map(RegionSummary.init)
  }

  /// The region that holds `key`, as the admin interface shows it; nil when PD knows none.
  package func regionSummary(containing key: [UInt8]) -> RegionSummary? {
    regions.record(containing: key).map(RegionSummary.init)
  }

  /// Regions that hold keys of `range`, in key order, at most `limit`.
  package func regionSummaries(in range: KeyRange, limit: Int) -> [RegionSummary] {
    regions.records(in: range, limit: limit).map(RegionSummary.init)
  }

  package var safePointSummary: SafePointSummary {
    SafePointSummary(
      gcSafePoint: safePoints.gcSafePoint, txnSafePoint: safePoints.txnSafePoint,
      services: safePoints.services.map {
        SafePointSummary.Service(id: $0.id, expiresAt: $0.expiresAt, safePoint: $0.safePoint)
      })
  }
}
