import Codec
import Runtime
import Testing

@testable import Raftstore

@Suite struct EpochFenceTests {
  /// What each admin command depends on and changes: TiKV's table. Both sides of a cluster decide by it.
  @Test func theTableIsTiKVs() {
    let peer = AdminCommand.PeerChange(type: .addNode, peer: PeerInfo())
    let split = AdminCommand.batchSplit(.init(splits: [], rightDerive: true))
    let table: [(AdminCommand, RequestCheck.EpochParts, RequestCheck.EpochParts)] = [
      (.compactLog(index: 1, term: 1), [], []),
      (.transferLeader(peer: PeerInfo(), candidates: []), [], []),
      (.changePeer(peer), .confVersion, .confVersion),
      (.changePeerV2([peer]), .confVersion, .confVersion),
      (split, [.version, .confVersion], .version),
    ]
    for (command, checks, changes) in table {
      #expect(RequestCheck.parts(of: command) == checks)
      #expect(RequestCheck.changes(of: command) == changes)
    }
  }

  @Test func changesArePendingUntilTheyAreApplied() {
    var fence = EpochFence()
    fence.proposed(.confVersion, index: 7, term: 3)
    #expect(fence.isPending([.version, .confVersion], term: 3))
    #expect(!fence.isPending(.version, term: 3))
    fence.proposed(.version, index: 9, term: 3)
    fence.applied(through: 8)
    #expect(!fence.isPending(.confVersion, term: 3) && fence.isPending(.version, term: 3))
    fence.applied(through: 9)
    #expect(!fence.isPending(.version, term: 3))
  }

  /// In a later term another entry may have the index.
  @Test func changesOfEarlierTermsDoNotCount() {
    var fence = EpochFence()
    fence.proposed(.version, index: 9, term: 3)
    #expect(!fence.isPending(.version, term: 4))
    fence.proposed(.confVersion, index: 9, term: 4)
    #expect(!fence.isPending(.version, term: 3))
  }
}
