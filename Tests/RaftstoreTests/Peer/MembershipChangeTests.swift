import Codec
import Testing

@testable import Raftstore

struct MembershipChangeTests {
  /// A version that came with a snapshot is counted up: it must not overflow.
  @Test func versionsThatAreUsedUpAreARefusal() throws {
    func region(_ version: UInt64, _ roles: [PeerRole]) -> Region {
      Region(
        id: 2, epoch: RegionEpoch(confVersion: version, version: 1),
        peers: roles.enumerated().map {
          PeerInfo(id: UInt64($0) + 1, storeID: UInt64($0) + 1, role: $1)
        })
    }
    func add(_ id: UInt64) -> AdminCommand.PeerChange {
      AdminCommand.PeerChange(type: .addLearnerNode, peer: PeerInfo(id: id, storeID: id))
    }
    let simple = region(.max - 1, [.voter])
    #expect(try MembershipChange.apply([add(8)], to: simple).epoch.confVersion == .max)
    #expect(throws: MembershipChange.Refusal.self) {
      try MembershipChange.apply([add(8)], to: region(.max, [.voter]))
    }
    #expect(throws: MembershipChange.Refusal.self) {
      try MembershipChange.apply([add(8), add(9)], to: simple)
    }
    #expect(throws: MembershipChange.Refusal.self) {
      try MembershipChange.apply(
        [], to: region(.max - 1, [.voter, .incomingVoter, .demotingVoter]))
    }
  }
}
