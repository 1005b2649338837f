import Codec

/// A cached region and the peer requests are sent to.
struct RoutedRegion: Sendable, Equatable {
  var region: Region
  /// The peer that requests are sent to: the leader, if it is known.
  var target: PeerInfo
  /// Peers that did not serve a request since the last one that did.
  var misses = 0
  /// Whether to look the region up again. If that fails, this route is still used.
  var isStale = false

  init(region: Region, target: PeerInfo, misses: Int = 0) {
    self.region = region
    self.target = target
    self.misses = misses
  }

  /// A route to the leader, else to the first peer that can lead; nil if there is none.
  init?(region: Region, leader: PeerInfo?) {
    guard let target = leader ?? region.peers.first(where: Self.canLead) else { return nil }
    self.init(region: region, target: target)
  }

  /// Whether the peer can be elected and has data.
  static func canLead(_ peer: PeerInfo) -> Bool {
    (peer.role == .voter || peer.role == .incomingVoter) && !peer.isWitness
  }

  /// Whether the region contains the keys just below `key`; an empty `key` stands for the end of all keys.
  func contains(keysBefore key: [UInt8]) -> Bool {
    if key.isEmpty { return region.endKey.isEmpty }
    return precedes(region.startKey, key)
      && (region.endKey.isEmpty || !precedes(region.endKey, key))
  }

  /// The context of requests on this route.
  var context: RequestContext {
    RequestContext(regionID: region.id, epoch: region.epoch, peer: target)
  }
}

/// The last known address of a store.
struct StoreAddress: Sendable, Equatable {
  var text: String
  /// Whether to look the address up again. If that fails, this one is still used.
  var isStale = false
}
