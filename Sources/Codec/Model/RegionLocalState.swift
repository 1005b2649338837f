/// What a store remembers of a region between restarts: `raft_serverpb.RegionLocalState`.
package struct RegionLocalState: Sendable, Hashable {
  package var state: PeerState
  package var region: Region

  package init(state: PeerState = .normal, region: Region = Region()) {
    self.state = state
    self.region = region
  }
}
