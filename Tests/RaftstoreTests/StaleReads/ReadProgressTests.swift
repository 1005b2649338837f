import Codec
import Engine
import Runtime
import Testing

@testable import Raftstore

@Suite struct ReadProgressTests {
  @Test func aTimestampWaitsForItsIndex() {
    var progress = ReadProgress()
    progress.add(SafeReadState(appliedIndex: 10, safeTS: 100), applied: 9)
    #expect(progress.safeTS == 0)
    progress.applied(through: 9)
    #expect(progress.safeTS == 0)
    progress.applied(through: 10)
    #expect(progress.safeTS == 100)
  }

  @Test func aTimestampNeverGoesBack() {
    var progress = ReadProgress()
    progress.add(SafeReadState(appliedIndex: 5, safeTS: 50), applied: 5)
    progress.add(SafeReadState(appliedIndex: 4, safeTS: 40), applied: 5)
    #expect(progress.safeTS == 50)
    progress.add(SafeReadState(appliedIndex: 8, safeTS: 80), applied: 5)
    progress.add(SafeReadState(appliedIndex: 7, safeTS: 70), applied: 5)
    progress.applied(through: 7)
    #expect(progress.safeTS == 50)
    progress.applied(through: 8)
    #expect(progress.safeTS == 80)
  }

  /// However many states wait, their number is bounded, and none becomes valid before its index.
  @Test func waitingStatesAreBounded() {
    var progress = ReadProgress()
    for number in 1...1000 as ClosedRange<UInt64> {
      progress.add(SafeReadState(appliedIndex: number, safeTS: number), applied: 0)
    }
    for index in 1...1000 as ClosedRange<UInt64> {
      progress.applied(through: index)
      #expect(progress.safeTS <= index)
    }
    #expect(progress.safeTS == 1000)
  }

  @Test func aResetForgetsWhatWaits() {
    var progress = ReadProgress()
    progress.add(SafeReadState(appliedIndex: 5, safeTS: 50), applied: 5)
    progress.add(SafeReadState(appliedIndex: 8, safeTS: 80), applied: 5)
    progress.reset()
    progress.applied(through: 8)
    #expect(progress.safeTS == 0)
  }

  // MARK: Readers

  private let region = Region(
    id: 2, startKey: [], endKey: [], epoch: RegionEpoch(confVersion: 1, version: 1),
    peers: [PeerInfo(id: 3, storeID: 1)])

  private var context: RequestContext {
    RequestContext(
      regionID: 2, epoch: region.epoch, peer: region.peers[0], staleRead: true)
  }

  /// Data that was replaced while it was read is not returned, although stale reads are allowed again.
  @Test func aReadThatWasInterruptedIsVoid() throws {
    let delegate = ReadDelegate(region: region, peer: region.peers[0])
    #expect(delegate.admitStale(context) == nil)
    delegate.publish(ReadDelegate.StaleReads(isAllowed: true, safeTS: 10))
    let admission = try #require(delegate.admitStale(context))
    #expect(delegate.confirmStale(admission))
    delegate.publish(ReadDelegate.StaleReads())
    #expect(!delegate.confirmStale(admission))
    delegate.publish(ReadDelegate.StaleReads(isAllowed: true, safeTS: 20))
    #expect(!delegate.confirmStale(admission))
  }

  @Test func aChangedRangeInterruptsReads() throws {
    let delegate = ReadDelegate(region: region, peer: region.peers[0])
    delegate.publish(ReadDelegate.StaleReads(isAllowed: true, safeTS: 10))
    let admission = try #require(delegate.admitStale(context))
    var narrow = region
    narrow.endKey = [7]
    narrow.epoch.version = 2
    delegate.update(region: narrow)
    #expect(!delegate.confirmStale(admission))
    #expect(delegate.staleReads.safeTS == 10)
    // Of keys that come to it nothing is known.
    var wide = region
    wide.epoch.version = 3
    delegate.update(region: wide)
    #expect(delegate.staleReads.safeTS == 0)
  }

  @Test func requestsForOthersAreNotAdmitted() {
    let delegate = ReadDelegate(region: region, peer: region.peers[0])
    delegate.publish(ReadDelegate.StaleReads(isAllowed: true, safeTS: 10))
    var other = context
    other.peer.id = 4
    #expect(delegate.admitStale(other) == nil)
    other = context
    other.peer.storeID = 2
    #expect(delegate.admitStale(other) == nil)
    other = context
    other.epoch.version = 2
    #expect(delegate.admitStale(other) == nil)
    other = context
    other.readTS = 11
    #expect(delegate.admitStale(other) == nil)
    other.readTS = 10
    #expect(delegate.admitStale(other) != nil)
  }
}
