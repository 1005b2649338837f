import Codec
import Raft
import Testing

/// The plain types: ranges, epochs, regions and their membership, timestamps.
struct ModelTests {
  @Test func anEpochIsStaleIfEitherPartIsBehind() {
    let epoch = RegionEpoch(confVersion: 3, version: 5)
    #expect(!epoch.isStale(comparedTo: epoch))
    #expect(epoch.isStale(comparedTo: RegionEpoch(confVersion: 4, version: 5)))
    #expect(epoch.isStale(comparedTo: RegionEpoch(confVersion: 3, version: 6)))
    #expect(epoch.isStale(comparedTo: RegionEpoch(confVersion: 4, version: 1)))
    #expect(!epoch.isStale(comparedTo: RegionEpoch(confVersion: 2, version: 4)))
  }

  @Test func anEmptyEndIsUnbounded() {
    let range = KeyRange(start: [2], end: [4])
    #expect(range.contains([2]) && range.contains([3, 9]))
    #expect(!range.contains([4]) && !range.contains([1, 255]))
    let open = KeyRange(start: [2])
    #expect(open.contains([255, 255]) && !open.contains([1]) && !open.isEmpty)
    #expect(KeyRange.all.contains([] as [UInt8]))
    #expect(KeyRange(start: [2], end: [2]).isEmpty && KeyRange(start: [3], end: [2]).isEmpty)
  }

  @Test func rangesContainOverlapAndIntersect() {
    let middle = KeyRange(start: [2], end: [6])
    #expect(KeyRange.all.contains(middle) && !middle.contains(KeyRange.all))
    #expect(middle.contains(middle) && middle.contains(KeyRange(start: [3], end: [4])))
    #expect(
      !middle.contains(KeyRange(start: [3])) && !middle.contains(KeyRange(start: [1], end: [3])))
    #expect(!middle.contains(KeyRange(start: [3], end: [7])))
    #expect(middle.overlaps(KeyRange(start: [5])) && !middle.overlaps(KeyRange(start: [6])))
    #expect(!middle.overlaps(KeyRange(end: [2])) && middle.overlaps(.all))
    #expect(middle.intersect(KeyRange(start: [4])) == KeyRange(start: [4], end: [6]))
    #expect(middle.intersect(KeyRange(end: [3])) == KeyRange(start: [2], end: [3]))
    #expect(KeyRange.all.intersect(.all) == .all)
    #expect(KeyRange(start: [4]).intersect(KeyRange(start: [5])) == KeyRange(start: [5]))
  }

  @Test func intersectionAgreesWithMembership() {
    var values = RandomValues(71)
    for _ in 0..<2_000 {
      let (one, other) = (
        KeyRange(start: values.bytes(3), end: values.bytes(3)),
        KeyRange(start: values.bytes(3), end: values.bytes(3))
      )
      let key = values.bytes(4)
      #expect(
        one.intersect(other).contains(key) == (one.contains(key) && other.contains(key)))
    }
  }

  @Test func regionsKnowTheirPeers() {
    let region = Region(
      id: 1, startKey: [1], endKey: [3],
      peers: [PeerInfo(id: 10, storeID: 1), PeerInfo(id: 20, storeID: 2)])
    #expect(region.peer(onStore: 2)?.id == 20 && region.peer(id: 10)?.storeID == 1)
    #expect(region.peer(onStore: 3) == nil && region.peer(id: 1) == nil)
    #expect(region.isInitialized && !Region(id: 1).isInitialized)
    #expect(region.contains([2]) && !region.contains([3]))
    #expect(region.contains(KeyRange(start: [1], end: [3])) && !region.contains(.all))
  }

  @Test func peerRolesGiveTheConfState() {
    func region(_ roles: [PeerRole]) -> Region {
      let peers = roles.enumerated().map { offset, role in
        PeerInfo(id: UInt64(roles.count - offset), storeID: 1, role: role)
      }
      return Region(id: 1, peers: peers)
    }
    let plain = region([.voter, .learner, .voter])
    #expect(plain.confState == Raft.ConfState(voters: [1, 3], learners: [2]))
    #expect(!plain.isJoint)
    let joint = region([.voter, .incomingVoter, .demotingVoter, .learner])
    #expect(
      joint.confState
        == Raft.ConfState(
          voters: [3, 4], learners: [1], votersOutgoing: [2, 4], learnersNext: [2]))
    #expect(joint.isJoint)
  }

  @Test func timestampsHaveTwoParts() {
    let timestamp = Timestamp(physical: 1_700_000_000_000, logical: 262_143)
    #expect(timestamp.value == 1_700_000_000_000 << 18 | 262_143)
    #expect(timestamp.physical == 1_700_000_000_000 && timestamp.logical == 262_143)
    #expect(timestamp < Timestamp(timestamp.value + 1))
    #expect(Timestamp(timestamp.value + 1).logical == 0)
  }

  @Test func columnFamiliesAreIdentifiedByName() {
    for cf in DataCF.allCases { #expect(DataCF(name: cf.name) == cf) }
    #expect(DataCF(name: "") == .default && DataCF(name: "raft") == nil)
    #expect(DataCF.allCases.map(\.name) == ["default", "lock", "write"])
  }

  @Test func bytesAreShownAsHexadecimal() {
    #expect(([0, 0x0F, 0xA5] as [UInt8]).hex == "000fa5")
  }
}
