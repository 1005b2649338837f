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
    for (suffix, _) in try storage.scan(PDKeys.removedStores) {
      guard let id = PDKeys.integer(suffix), stores[id] == nil else {
        throw storage.damaged(PDKeys.removedStores + suffix)
      }
      stores.remove(id)
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
    try loadStoreSettings()
    try loadSettings()
    try loadSchedulers()
    for (suffix, value) in try storage.scan(PDKeys.claims) {
      guard let id = PDKeys.integer(suffix), let holder = PDKeys.integer(value),
        stores.update(id, { $0.claim = .init(storeID: holder, since: reading.now) })
      else { throw storage.damaged(PDKeys.claims + suffix) }
    }
  }

  private func loadStoreSettings() throws(PDError) {
    for (suffix, value) in try storage.scan(PDKeys.weights) {
      guard let id = PDKeys.integer(suffix), let (leader, region) = PDKeys.pair(value),
        StoreWeights.range.contains(leader), StoreWeights.range.contains(region),
        stores.update(id, { ($0.leaderWeight, $0.regionWeight) = (leader, region) })
      else { throw storage.damaged(PDKeys.weights + suffix) }
    }
    for (suffix, value) in try storage.scan(PDKeys.limits) {
      guard let id = PDKeys.integer(suffix), let (adding, removing) = PDKeys.pair(value),
        stores.update(
          id,
          { record in
            if !adding.isNaN { record.limits[.addPeer] = adding }
            if !removing.isNaN { record.limits[.removePeer] = removing }
          })
      else { throw storage.damaged(PDKeys.limits + suffix) }
    }
  }

  private func loadSettings() throws(PDError) {
    for (suffix, value) in try storage.scan(PDKeys.settings) {
      let name = String(decoding: suffix, as: UTF8.self)
      guard let setting = PDSetting.named(name) else {
        throw storage.damaged(PDKeys.settings + suffix)
      }
      do {
        try setting.set(&config, String(decoding: value, as: UTF8.self))
      } catch {
        throw storage.damaged(PDKeys.settings + suffix)
      }
    }
  }

  private func loadSchedulers() throws(PDError) {
    for (suffix, value) in try storage.scan(PDKeys.schedulers) {
      let name = String(decoding: suffix, as: UTF8.self)
      guard let scheduler = Scheduler(rawValue: name), let state = SchedulerState(decoding: value)
      else { throw storage.damaged(PDKeys.schedulers + suffix) }
      schedulers[scheduler] = state
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
