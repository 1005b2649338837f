import Runtime
import Testing

@testable import Raftstore

/// The state machines of hibernation, without a cluster.
@Suite struct HibernationStateTests {
  private func at(_ milliseconds: UInt64) -> Instant {
    Instant(nanoseconds: milliseconds * 1_000_000)
  }

  // MARK: Groups

  @Test func agreementsCountForTheIndexThatWasAskedFor() {
    var state = Hibernation(now: at(0))
    state.agree(2, index: 7)
    state.beginPoll(index: 7)
    #expect(!state.hasAgreed(2))
    #expect(state.takeQuestion() == 7)
    #expect(state.takeQuestion() == nil)
    state.agree(2, index: 6)
    #expect(!state.hasAgreed(2))
    state.agree(2, index: 7)
    #expect(state.hasAgreed(2))
    state.beginPoll(index: 8)
    #expect(state.hasAgreed(2), "a poll that is open is not begun anew")
  }

  @Test func whatWakesEndsThePoll() {
    var state = Hibernation(now: at(0))
    state.beginPoll(index: 7)
    state.agree(2, index: 7)
    #expect(state.hasAgreed(2))
    #expect(state.wake(at(1), inDoubt: false) == nil)
    #expect(!state.isPolling)
    state.beginPoll(index: 7)
    #expect(!state.hasAgreed(2))
    state.dropPoll()
    state.agree(2, index: 7)
    #expect(!state.hasAgreed(2))
  }

  @Test func wakingReturnsSinceWhenItSlept() {
    var state = Hibernation(now: at(0))
    state.fallAsleep(at(5))
    #expect(state.isAsleep && state.sleeps == 1)
    #expect(state.wake(at(9), inDoubt: false) == at(5))
    #expect(!state.isAsleep && state.activeAt == at(9))
    #expect(state.wake(at(10), inDoubt: false) == nil)
  }

  @Test func doubtEndsWithAWordOfTheLeader() {
    var state = Hibernation(now: at(0))
    state.fallAsleep(at(0))
    #expect(state.wake(at(1), inDoubt: true) == at(0))
    #expect(state.isInDoubt && !state.isAsleep)
    // A harmless message does not end it.
    _ = state.wake(at(2), inDoubt: false)
    #expect(state.isInDoubt)
    state.leaderSpoke()
    #expect(!state.isInDoubt)
  }

  @Test func theSecondMissWakes() {
    var state = Hibernation(now: at(0))
    state.fallAsleep(at(0))
    #expect(state.leaderMissed() == false)
    #expect(state.group == .preChaos && state.isAsleep)
    state.leaderSpoke()
    #expect(state.group == .idle)
    #expect(state.leaderMissed() == false)
    #expect(state.leaderMissed() == true)
  }

  @Test func useIsSeenByWhatItChanges() {
    var state = Hibernation(now: at(0))
    state.observe(at(1), .init(lastIndex: 5, nextRead: 1), isBusy: false)
    #expect(state.activeAt == at(1))
    state.observe(at(2), .init(lastIndex: 5, nextRead: 1), isBusy: false)
    #expect(state.activeAt == at(1))
    state.observe(at(3), .init(lastIndex: 5, nextRead: 2), isBusy: false)
    #expect(state.activeAt == at(3))
    state.observe(at(4), .init(lastIndex: 5, nextRead: 2), isBusy: true)
    #expect(state.activeAt == at(4))
  }

  // MARK: Timers

  @Test func dueTimesComeInOrder() {
    var timers = ShardTimers()
    var random = SplitMix64(seed: 3)
    var expected: [(UInt64, UInt64)] = []
    for id in 1...200 as ClosedRange<UInt64> {
      let time = random.next() % 50
      timers.schedule(id, at: at(time))
      expected.append((time, id))
    }
    expected.sort { $0 < $1 }
    #expect(timers.takeDue(at(0))?.regionID == expected.first { $0.0 == 0 }?.1)
    var left = expected.filter { $0.0 != 0 }
    while timers.takeDue(at(0)) != nil {}
    while let (id, time) = timers.takeDue(at(60)) {
      #expect(left.first.map { ($0.1, at($0.0)) }! == (id, time))
      left.removeFirst()
    }
    #expect(left.isEmpty && timers.queueCount == 0)
  }

  @Test func nothingIsDueEarly() {
    var timers = ShardTimers()
    timers.schedule(1, at: at(10))
    #expect(timers.takeDue(at(9)) == nil)
    #expect(timers.takeDue(at(10))?.regionID == 1)
  }

  @Test func thoseThatTickAreInOrderAndOnce() {
    var timers = ShardTimers()
    for id in [5, 1, 3] as [UInt64] { timers.start(id) }
    #expect(timers.ticks { _ in true } == [1, 3, 5])
    #expect(timers.ticks { $0 != 3 } == [1, 5])
    timers.start(3)
    timers.start(1)
    timers.start(1)
    #expect(timers.ticks { _ in true } == [1, 3, 5])
  }

  @Test func theFirstAndTheLastSleeperOfAStoreMatter() {
    var timers = ShardTimers()
    #expect(timers.addSleeper(2) == true)
    #expect(timers.addSleeper(2) == false)
    #expect(timers.addSleeper(3) == true)
    #expect(timers.removeSleeper(2) == false)
    #expect(timers.hasSleepers(2))
    #expect(timers.removeSleeper(2) == true)
    #expect(!timers.hasSleepers(2))
  }

  // MARK: Stores

  @Test func aStoreIsSilentOnceAfterTheLimit() {
    var liveness = StoreLiveness()
    #expect(liveness.tick() == StoreLiveness.Due())
    liveness.watch(2, true)
    for _ in 1..<StoreLiveness.limit { #expect(liveness.tick().silent.isEmpty) }
    #expect(liveness.tick().silent == [2])
    #expect(liveness.tick().silent.isEmpty)
    liveness.heard(2, isWatching: false)
    for _ in 1..<StoreLiveness.limit { #expect(liveness.tick().silent.isEmpty) }
    #expect(liveness.tick().silent == [2])
  }

  @Test func aStoreThatBeatsIsAlive() {
    var liveness = StoreLiveness()
    liveness.watch(2, true)
    for _ in 0..<20 {
      #expect(liveness.tick().silent.isEmpty)
      liveness.heard(2, isWatching: false)
    }
  }

  /// Two stores that watch no one do not keep each other busy.
  @Test func beatsEndWhenNooneWatches() {
    var liveness = StoreLiveness()
    liveness.heard(2, isWatching: true)
    #expect(liveness.tick().beats == [.init(storeID: 2, isWatching: false)])
    liveness.heard(2, isWatching: false)
    #expect(liveness.tick().beats.isEmpty)
    liveness.heard(2, isWatching: true)
    for _ in 0...StoreLiveness.limit { #expect(liveness.tick().beats.count == 1) }
    #expect(liveness.tick().beats.isEmpty)
  }

  @Test func severalShardsWatchAStore() {
    var liveness = StoreLiveness()
    liveness.watch(2, true)
    liveness.watch(2, true)
    liveness.watch(2, false)
    #expect(liveness.tick().beats == [.init(storeID: 2, isWatching: true)])
    liveness.watch(2, false)
    #expect(liveness.tick().beats.isEmpty)
  }

  @Test func watchersAreBounded() {
    var liveness = StoreLiveness()
    for id in 1...3000 as ClosedRange<UInt64> { liveness.heard(id, isWatching: true) }
    #expect(liveness.tick().beats.count == StoreLiveness.maxWatchers)
  }
}
