import Codec
import Runtime
import Testing

@testable import Raftstore

/// Who may create the peer of a region on a store: a split, a message, a snapshot.
@Suite struct SplitClaimTests {
  private let meta = StoreMeta()

  private func delegate(_ region: Region, _ peerID: UInt64) -> ReadDelegate {
    ReadDelegate(region: region, peer: PeerInfo(id: peerID, storeID: 1))
  }

  private func region(_ id: UInt64, _ start: String, _ end: String) -> Region {
    Region(
      id: id, startKey: Array(start.utf8), endKey: Array(end.utf8), epoch: .initial,
      peers: [PeerInfo(id: id * 10, storeID: 1)])
  }

  private func isGranted(_ regionID: UInt64, _ peerID: UInt64) -> Bool {
    meta.claim(regionID, peerID: peerID) == .granted
  }

  @Test func whatExistsIsNotCreatedAgain() {
    let present = region(2, "a", "b")
    meta.set(present, delegate: delegate(present, 20))
    #expect(!isGranted(2, 20) && !isGranted(2, 21))
    #expect(isGranted(3, 30))
    // The same split again, or another one that names the id.
    #expect(!isGranted(3, 30) && !isGranted(3, 31))
  }

  @Test func onlyTheSamePeerIsReplaced() {
    let bare = Region(id: 3)
    let first = delegate(bare, 30)
    #expect(meta.insertUninitialized(bare, delegate: first))
    #expect(!meta.insertUninitialized(bare, delegate: delegate(bare, 31)))
    #expect(!isGranted(3, 31))
    #expect(isGranted(3, 30))
    let child = region(3, "a", "b")
    meta.set(child, delegate: delegate(child, 30))
    // The replaced peer may still believe that a snapshot is for it; and it ends, and takes nothing with it.
    #expect(!meta.reserve(KeyRange(start: [0x78], end: [0x79]), for: 3, delegate: first))
    meta.retire(3, delegate: first)
    #expect(meta.held(3)?.isRetired == false)
    meta.remove(3, delegate: first)
    #expect(meta.held(3)?.region == child && meta.regions == [child])
    #expect(meta.delegate(3) != nil)
  }

  @Test func noMessageCreatesAPeerOfAClaimedRegion() {
    #expect(isGranted(3, 30))
    let bare = Region(id: 3)
    #expect(!meta.insertUninitialized(bare, delegate: delegate(bare, 30)))
    meta.withdrawClaim(3)
    #expect(meta.insertUninitialized(bare, delegate: delegate(bare, 30)))
  }

  @Test func noSnapshotIsTakenForAChildOfASplit() {
    let bare = Region(id: 3)
    #expect(meta.insertUninitialized(bare, delegate: delegate(bare, 30)))
    #expect(isGranted(3, 30))
    #expect(meta.isCreatedBySplit(3))
    #expect(!meta.reserve(KeyRange(start: [1], end: [2]), for: 3))
    meta.withdrawClaim(3)
    #expect(!meta.isCreatedBySplit(3))
    #expect(meta.reserve(KeyRange(start: [1], end: [2]), for: 3))
    // The other way round: a snapshot that is being taken excludes the split.
    #expect(!isGranted(3, 30))
  }
}
