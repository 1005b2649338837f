import Codec
import Wire

extension PlacementDriver {
  /// Reads stores and regions back. Leaders are not known until heartbeats come.
  func load(at moment: Moment) throws(PlacementError) {
    if let bytes = try storage.bytes(PlacementKeys.cluster) {
      let key = PlacementKeys.cluster
      let cluster = try parse(key) { try Metapb_Cluster(serializedBytes: bytes) }
      guard cluster.id == clusterID else { throw storage.damaged(key) }
      isBootstrapped = true
      if cluster.maxPeerCount > 0 { maxReplicas = Int(cluster.maxPeerCount) }
    }
    for (suffix, value) in try storage.scan(PlacementKeys.stores) {
      let key = PlacementKeys.stores + suffix
      let info = try parse(key) { try StoreInfo(Metapb_Store(serializedBytes: value)) }
      guard PlacementKeys.integer(suffix) == info.id else { throw storage.damaged(key) }
      stores.put(StoreRecord(info, at: moment.now))
    }
    for (suffix, value) in try storage.scan(PlacementKeys.regions) {
      let key = PlacementKeys.regions + suffix
      let region = try parse(key) { try Region(decoding: value) }
      guard PlacementKeys.integer(suffix) == region.id, !region.range.isEmpty else {
        throw storage.damaged(key)
      }
      // A region and what it drives out are written in one batch, so none is stale here.
      guard regions.staleness(of: region, term: 0) == nil else { throw storage.damaged(key) }
      _ = regions.put(RegionRecord(region))
    }
    for (suffix, value) in try storage.scan(PlacementKeys.claims) {
      guard let id = PlacementKeys.integer(suffix), let holder = PlacementKeys.integer(value),
        stores.update(id, { $0.claim = .init(storeID: holder, since: moment.now) })
      else { throw storage.damaged(PlacementKeys.claims + suffix) }
    }
  }

  private func parse<Value>(
    _ key: [UInt8], _ body: () throws -> Value
  ) throws(PlacementError) -> Value {
    do {
      return try body()
    } catch {
      throw storage.damaged(key)
    }
  }
}
