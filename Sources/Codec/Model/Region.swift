/// A contiguous range of keys and the peers that replicate it: `metapb.Region`.
package struct Region: Sendable, Hashable {
  package var id: UInt64
  package var startKey: [UInt8]
  /// Empty means no upper bound.
  package var endKey: [UInt8]
  package var epoch: RegionEpoch
  package var peers: [PeerInfo]

  package init(
    id: UInt64 = 0, startKey: [UInt8] = [], endKey: [UInt8] = [],
    epoch: RegionEpoch = RegionEpoch(), peers: [PeerInfo] = []
  ) {
    self.id = id
    self.startKey = startKey
    self.endKey = endKey
    self.epoch = epoch
    self.peers = peers
  }

  package var range: KeyRange { KeyRange(start: startKey, end: endKey) }

  /// A peer made by a message knows its region's id only, until a snapshot tells the rest.
  package var isInitialized: Bool { !peers.isEmpty }

  /// The region's peer on this store; nil when it has none.
  package func peer(onStore storeID: UInt64) -> PeerInfo? {
    peers.first { $0.storeID == storeID }
  }

  /// The region's peer of this id; nil when it has none.
  package func peer(id: UInt64) -> PeerInfo? {
    peers.first { $0.id == id }
  }

  /// Whether the region holds `key`.
  package func contains(_ key: [UInt8]) -> Bool {
    !precedes(key, startKey) && (endKey.isEmpty || precedes(key, endKey))
  }

  /// Whether the region holds all of `range`.
  package func contains(_ range: KeyRange) -> Bool {
    self.range.contains(range)
  }
}

extension Region: CustomStringConvertible {
  package var description: String {
    let members = peers.map { "\($0.id)@\($0.storeID)" }.joined(separator: ",")
    return "region \(id) \(range) epoch \(epoch) peers [\(members)]"
  }
}
