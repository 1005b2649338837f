import Codec
package import Engine

extension PDCore {
  /// The id of the cluster whose state is kept in `engine`; nil when there is none.
  package static func storedClusterID(in engine: any KVEngine) throws(PDError) -> UInt64? {
    try PDStorage(engine).integer(PDKeys.clusterID)
  }

  /// Reads stores and regions back. Leaders are not known until heartbeats come.
  func load(at reading: ClockReading) throws(PDError) {
    if let bytes = try storage.bytes(PDKeys.cluster) {
      let key = PDKeys.cluster
      let cluster = try parse(key) { try ClusterInfo(decoding: bytes) }
      guard cluster.id == clusterID else { throw storage.damaged(key) }
      isBootstrapped = true
      if cluster.maxPeerCount > 0 { maxReplicas = Int(cluster.maxPeerCount) }
    }
    for (suffix, value) in try storage.scan(PDKeys.stores) {
      let key = PDKeys.stores + suffix
      let info = try parse(key) { try StoreInfo(decoding: value) }
      guard PDKeys.integer(suffix) == info.id else { throw storage.damaged(key) }
      stores.put(StoreRecord(info, at: reading.now))
    }
    for (suffix, value) in try storage.scan(PDKeys.regions) {
      let key = PDKeys.regions + suffix
      let region = try parse(key) { try Region(decoding: value) }
      guard PDKeys.integer(suffix) == region.id, !region.range.isEmpty else {
        throw storage.damaged(key)
      }
      // A region and what it drives out are written in one batch, so none is stale here.
      guard regions.conflicts(with: region, term: 0).isEmpty else { throw storage.damaged(key) }
      _ = regions.put(RegionRecord(region))
    }
    for (suffix, value) in try storage.scan(PDKeys.claims) {
      guard let id = PDKeys.integer(suffix), let holder = PDKeys.integer(value),
        stores.update(id, { $0.claim = .init(storeID: holder, since: reading.now) })
      else { throw storage.damaged(PDKeys.claims + suffix) }
    }
  }

  private func parse<Value>(
    _ key: [UInt8], _ body: () throws -> Value
  ) throws(PDError) -> Value {
    do {
      return try body()
    } catch {
      throw storage.damaged(key)
    }
  }
}
