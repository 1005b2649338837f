import Codec

/// A peer that does not answer its leader, and for how long.
struct DownPeer: Sendable, Hashable {
  var peer: Peer
  var seconds: UInt64
}
