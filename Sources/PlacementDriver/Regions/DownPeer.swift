import Codec

/// A peer that does not respond to its leader, and for how long.
struct DownPeer: Sendable, Hashable {
  var peer: PeerInfo
  var seconds: UInt64
}
