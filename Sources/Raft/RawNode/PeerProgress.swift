/// One tracked peer.
package struct PeerProgress: Sendable, Equatable {
  package var id: UInt64
  package var progress: Progress
}
