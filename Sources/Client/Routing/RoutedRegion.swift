import Codec

/// A cached region and the peer requests are sent to.
struct RoutedRegion: Sendable, Equatable {
  var region: Region
  /// The leader, as far as is known.
  var target: PeerInfo
  /// Peers that would not or could not serve since the last one that did.
  var misses = 0
  /// The placement driver is to be asked again; if it does not respond, this is still the best guess.
  var isStale = false

  init(region: Region, target: PeerInfo, misses: Int = 0) {
    self.region = region
    self.target = target
    self.misses = misses
  }

  /// Nil for a region without peers that could serve.
  init?(region: Region, leader: PeerInfo?) {
    guard let target = leader ?? region.peers.first(where: Self.canLead) else { return nil }
    self.init(region: region, target: target)
  }

  static func canLead(_ peer: PeerInfo) -> Bool {
    (peer.role == .voter || peer.role == .incomingVoter) && !peer.isWitness
  }

  /// Whether the keys just below `key` are here; an empty `key` stands for the end of all keys.
  func holds(before key: [UInt8]) -> Bool {
    if key.isEmpty { return region.endKey.isEmpty }
    return precedes(region.startKey, key)
      && (region.endKey.isEmpty || !precedes(region.endKey, key))
  }

  var context: RequestContext {
    RequestContext(regionID: region.id, epoch: region.epoch, peer: target)
  }
}

/// The last known address of a store.
struct StoreAddress: Sendable, Equatable {
  var text: String
  /// The placement driver is to be asked again; if it does not respond, this is still the best guess.
  var isStale = false
}
