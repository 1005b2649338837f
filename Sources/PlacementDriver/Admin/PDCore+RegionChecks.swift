import Codec
import Runtime

// Queries about regions that administrators make.
extension PDCore {
  /// The regions that end where one begins and begin where it ends; nil if PD does not know the region.
  package func siblingSummaries(ofRegion id: UInt64) -> [RegionSummary]? {
    guard let record = regions.record(id: id) else { return nil }
    var siblings: [RegionSummary] = []
    if let left = regions.record(beforeThatOf: record.region.startKey) {
      siblings.append(RegionSummary(left))
    }
    if let right = regions.record(afterThatOf: record.region) {
      siblings.append(RegionSummary(right))
    }
    return siblings
  }

  /// Whether a region has the anomaly that PD calls `name`, as the cluster is now; nil if there is none of that name.
  package func anomalyCheck(named name: String) -> (@Sendable (RegionSummary) -> Bool)? {
    let wanted = maxReplicas
    let offline = Set(stores.records.filter { $0.info.state == .offline }.map(\.id))
    @Sendable func voters(_ summary: RegionSummary) -> Int {
      summary.region.peers.filter { !$0.isLearner }.count
    }
    return switch name {
    case "miss-peer": { voters($0) < wanted }
    case "extra-peer": { voters($0) > wanted }
    case "down-peer": { !$0.downPeers.isEmpty }
    case "pending-peer": { !$0.pendingPeers.isEmpty }
    case "learner-peer": { $0.region.peers.contains(where: \.isLearner) }
    case "offline-peer": { $0.region.peers.contains { offline.contains($0.storeID) } }
    case "empty-region": { $0.approximateSize <= 1 << 20 }
    default: nil
    }
  }
}
