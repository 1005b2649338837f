/// The load of one store: the sum of its regions.
struct StoreLoad: Sendable, Hashable {
  var leaders = 0
  /// Peers of every role.
  var peers = 0
  var pendingPeers = 0
  /// Bytes of all regions with a peer here, as their leaders estimate them.
  var size: UInt64 = 0
  /// The same, each region counted as one MiB at least: regions of unknown size are spread by their number.
  var balancedSize: UInt64 = 0
  /// Bytes of the regions led from here.
  var leaderSize: UInt64 = 0
  /// What is read from and written to the regions led from here in a second.
  var readRate = RegionFlow()
  var writeRate = RegionFlow()

  /// What a region of that many bytes counts in balancing.
  static func balanced(_ bytes: UInt64) -> UInt64 { max(bytes, 1 << 20) }
}
