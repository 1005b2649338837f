/// Bounds on what PD keeps, and sends in one response. Each is far above what a cluster needs, so that a client that
/// registers without end is refused before memory or responses grow with it.
package struct PDLimits: Sendable, Hashable {
  /// Stores ever registered, tombstones among them.
  package var stores = 4096
  /// Bytes of a store's record. With the number of stores this bounds the list of all of them to 16 MiB.
  package var storeBytes = 4096
  /// Labels of one store.
  package var labels = 64
  /// Bytes of what a store reports of itself.
  package var statisticsBytes = 64 << 10
  /// Peers of a region. `max_peer_count` is 100 at most.
  package var peers = 256
  /// Bytes of a key at which a region begins or ends.
  package var keyBytes = 64 << 10
  /// Regions whose stale heartbeats are remembered.
  package var staleHeartbeats = 262_144
  /// Services that hold a safe point.
  package var services = 1024
  /// Bytes of the name of such a service.
  package var serviceIDBytes = 256
  /// Keys and ids in one message of `QueryRegion`.
  package var queries = 65_536
  /// Bytes of regions in one response. Clients take a response with fewer regions than the limit as the end of the key
  /// range, so one that would be larger is refused, not cut.
  package var replyBytes = 16 << 20

  package init() {}
}

/// The bytes that may still go into a response.
struct RegionReplyBudget {
  /// An estimate of what a region takes at least.
  private static let regionBytes = 64
  private static let peerBytes = 32

  private let limit: Int
  private var left: Int
  private let copies: Int

  /// - Parameter copies: how often the response names each region.
  init(_ limits: PDLimits, copies: Int = 1) {
    limit = limits.replyBytes
    left = limit
    self.copies = copies
  }

  /// A number of regions that cannot fit: more need not be looked up.
  var tooMany: Int { limit / (Self.regionBytes * copies) + 1 }

  mutating func take(_ record: RegionRecord) throws(PDError) {
    let region = record.region
    let peers = region.peers.count + 1
    let keys = region.startKey.count + region.endKey.count
    left -= copies * (Self.regionBytes + keys + peers * Self.peerBytes)
    left -= (record.pendingPeers.count + record.downPeers.count) * Self.peerBytes
    guard left >= 0 else {
      throw PDError(
        refusal: .invalidValue,
        "the reply would be larger than \(limit) bytes: ask for fewer regions at a time")
    }
  }

  mutating func take(_ records: [RegionRecord]) throws(PDError) {
    for record in records { try take(record) }
  }
}
