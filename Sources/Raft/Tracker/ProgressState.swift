/// How a leader sends to a peer.
package enum ProgressState: UInt8, Sendable, Hashable {
  /// One append at a time: where the peer's log meets the leader's is not known.
  case probe = 0
  /// A pipeline of appends.
  case replicate = 1
  /// Nothing: a snapshot is under way.
  case snapshot = 2
}
