/// The load of one store: the sum of its regions.
struct StoreLoad: Sendable, Hashable {
  var leaders = 0
  /// Peers of every role.
  var peers = 0
  var pendingPeers = 0
  /// Bytes of all regions with a peer here, as their leaders estimate them.
  var size: UInt64 = 0
  /// Bytes of the regions led from here.
  var leaderSize: UInt64 = 0
}
