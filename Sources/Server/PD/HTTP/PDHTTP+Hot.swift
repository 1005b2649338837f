import Codec
import NIOCore
import PlacementDriver
import RPC
import Runtime

// Hot regions and stores.
extension PDHTTP {
  func hotRegions(_ kind: FlowKind, _ done: @escaping HTTPService.Done) {
    let wall = clock.wallMilliseconds
    callCluster({ core, reading in core.hotRegionSummaries(kind, reading) }, done) { all in
      .json(
        200,
        JSONObject([
          ("as_peer", HotStorePage.pages(all, wall)),
          ("as_leader", HotStorePage.pages(all.filter(\.isLeader), wall)),
        ]))
    }
  }

  func hotStores(_ done: @escaping HTTPService.Done) {
    callCluster({ core, _ in core.storeFlows() }, done) { flows in
      func rates(_ value: (StoreFlow) -> UInt64) -> JSONObject {
        JSONObject(flows.map { ("\($0.storeID)", value($0)) })
      }
      return .json(
        200,
        JSONObject([
          ("bytes-read-rate", rates(\.read.bytes)),
          ("bytes-write-rate", rates(\.write.bytes)),
          ("keys-read-rate", rates(\.read.keys)),
          ("keys-write-rate", rates(\.write.keys)),
        ]))
    }
  }
}

/// The hot regions of one store and their sums.
private struct HotStorePage: Encodable {
  var regions: [HotRegionSummary]
  /// Milliseconds since 1970.
  var wall: UInt64

  /// By store.
  static func pages(_ all: [HotRegionSummary], _ wall: UInt64) -> JSONObject {
    let stores = Dictionary(grouping: all, by: \.storeID).sorted { $0.key < $1.key }
    return JSONObject(stores.map { ("\($0.key)", HotStorePage(regions: $0.value, wall: wall)) })
  }

  func encode(to encoder: any Encoder) throws {
    func sum(_ value: (RegionFlow) -> UInt64) -> UInt64 {
      regions.reduce(0) { $0 &+ value($1.flow) }
    }
    try JSONObject([
      ("total_flow_bytes", sum(\.bytes)), ("total_flow_keys", sum(\.keys)),
      ("regions_count", regions.count), ("statistics", regions.map(statistics)),
    ]).encode(to: encoder)
  }

  private func statistics(_ region: HotRegionSummary) -> JSONObject {
    let age = UInt64(clamping: region.age.components.seconds)
    let updated = wall / 1000 > age ? wall / 1000 - age : 0
    return JSONObject([
      ("store_id", region.storeID), ("region_id", region.regionID),
      ("is_leader", region.isLeader), ("hot_degree", region.degree),
      ("flow_bytes", region.flow.bytes), ("flow_keys", region.flow.keys),
      ("last_update_time", PDJSON.time(secondsSince1970: Int64(clamping: updated))),
    ])
  }
}
