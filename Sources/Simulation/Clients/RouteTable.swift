import Codec
import PlacementDriver
import Protobuf

/// What a client knows of the regions: all of them, in order of their keys, and who leads.
struct RouteTable {
  struct Route {
    var region: Region
    var leader: PeerInfo?
    /// Which peer is tried next while no leader is known.
    var turn = 0

    /// Whom to ask.
    var target: PeerInfo? {
      if let leader, region.peer(id: leader.id) != nil { return leader }
      guard !region.peers.isEmpty else { return nil }
      return region.peers[turn % region.peers.count]
    }
  }

  private var routes: [Route] = []

  var isEmpty: Bool { routes.isEmpty }

  mutating func forget() { routes = [] }

  /// Replaces everything by what PD returned.
  mutating func fill(_ regions: [RegionSummary]) {
    routes = regions.map { Route(region: $0.region, leader: $0.leader) }
  }

  func route(containing key: [UInt8]) -> Route? { routes.first { $0.region.contains(key) } }

  /// The region that holds the keys just below `end`; of no end, the last.
  func route(below end: [UInt8]) -> Route? {
    if end.isEmpty { return routes.last { $0.region.endKey.isEmpty } }
    return routes.last { route in
      route.region.startKey.lexicographicallyPrecedes(end)
        && (route.region.endKey.isEmpty || !route.region.endKey.lexicographicallyPrecedes(end))
    }
  }

  /// A peer responded that another one leads.
  mutating func lead(_ regionID: UInt64, peerID: UInt64?) {
    guard let index = routes.firstIndex(where: { $0.region.id == regionID }) else { return }
    let known = peerID.flatMap { routes[index].region.peer(id: $0) }
    routes[index].leader = known
    if known == nil { routes[index].turn += 1 }
  }
}
