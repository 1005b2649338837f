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
    #expect(state.wake(inDoubt: false) == nil)
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
    #expect(state.wake(inDoubt: false) == at(5))
    #expect(!state.isAsleep && state.usedAt == nil)
    #expect(state.wake(inDoubt: false) == nil)
  }

  @Test func doubtEndsWithAWordOfTheLeader() {
    var state = Hibernation(now: at(0))
    state.fallAsleep(at(0))
    #expect(state.wake(inDoubt: true) == at(0))
    #expect(state.isInDoubt && !state.isAsleep)
    // A harmless message does not end it.
    _ = state.wake(inDoubt: false)
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
    state.roleChanged(isLeader: true)
    state.observe(at(1), nextRead: 1, isReading: false)
    #expect(state.usedAt == nil)
    #expect(state.isUnused(for: .seconds(1), at(1)))
    state.observe(at(2), nextRead: 2, isReading: false)
    #expect(state.usedAt == at(2))
    state.observe(at(3), nextRead: 2, isReading: false)
    #expect(state.usedAt == at(2))
    state.observe(at(4), nextRead: 2, isReading: true)
    #expect(state.usedAt == at(4))
    state.used(at(5))
    #expect(state.usedAt == at(5))
    #expect(!state.isUnused(for: .milliseconds(10), at(14)))
    #expect(state.isUnused(for: .milliseconds(10), at(15)))
  }

  @Test func neitherAnElectionNorAWakeUpIsUse() {
    var state = Hibernation(now: at(0))
    state.used(at(1))
    state.roleChanged(isLeader: false)
    state.roleChanged(isLeader: true)
    state.fallAsleep(at(5))
    _ = state.wake(inDoubt: true)
    #expect(state.usedAt == at(1))
  }

  // MARK: Campaigns

  @Test func campaignsThatWereDueFirstBeginFirst() {
    var due = DueCampaigns()
    for id in 1...6 as ClosedRange<UInt64> { due.add(id, delay: id == 5 ? 3 : id == 2 ? 1 : 0) }
    let ordered = due.ordered(limit: 3)
    #expect(ordered.filter(\.mayBegin).map(\.regionID) == [5, 2, 1])
    #expect(ordered.map(\.regionID).sorted() == [1, 2, 3, 4, 5, 6])
  }

  @Test func fewCampaignsAllBegin() {
    var due = DueCampaigns()
    for id in 1...3 as ClosedRange<UInt64> { due.add(id, delay: 0) }
    #expect(due.ordered(limit: 3).map(\.mayBegin) == [true, true, true])
  }

  /// Heartbeats would wake those that have agreed. They are held back while a question is open, but not for long.
  @Test func heartbeatsAreHeldBackForAWhile() {
    var state = Hibernation(now: at(0))
    func held(_ ticks: Int) -> [Bool] { (0..<ticks).map { _ in state.holdHeartbeats(atMost: 2) } }
    #expect(held(1) == [false])
    state.beginPoll(index: 7)
    #expect(held(3) == [true, true, false])
    state.dropPoll()
    state.beginPoll(index: 8)
    #expect(held(1) == [true])
    _ = state.wake(inDoubt: false)
    #expect(held(1) == [false])
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

  /// A shard whose regions are all hibernated is not woken before one of them is due.
  @Test func aTickIsNeededWhilePeersTickAndWhenOneIsDue() {
    var timers = ShardTimers()
    let pulse = ShardPulse()
    #expect(pulse.isDue(at(0)))
    #expect(timers.nextTick == nil)
    timers.start(1)
    #expect(timers.nextTick == at(0))
    timers.schedule(2, at: at(70))
    #expect(timers.ticks { _ in true } == [1])
    #expect(timers.nextTick == at(0))
    // The tick that drops the last one that ticked is needed too.
    timers.stop()
    #expect(timers.nextTick == at(0))
    #expect(timers.ticks { _ in false } == [])
    #expect(timers.nextTick == at(70))
    pulse.set(timers.nextTick)
    #expect(!pulse.isDue(at(69)) && pulse.isDue(at(70)))
    #expect(timers.takeDue(at(70))?.regionID == 2)
    pulse.set(timers.nextTick)
    #expect(!pulse.isDue(Instant(nanoseconds: .max - 1)))
  }

  /// A shard that has more work than it can do gets its next tick when it has handled the last one.
  @Test func oneTickIsQueuedAtATime() {
    let pulse = ShardPulse()
    #expect(pulse.beginTick(at(0)))
    #expect(!pulse.beginTick(at(1)) && !pulse.beginTick(at(2)))
    pulse.tickHandled()
    #expect(pulse.beginTick(at(3)))
    pulse.tickHandled()
    pulse.set(at(70))
    #expect(!pulse.beginTick(at(69)) && pulse.beginTick(at(70)))
  }

  @Test func thoseThatTickAreInOrderAndOnce() {
    var timers = ShardTimers()
    for id in [5, 1, 3] as [UInt64] { timers.start(id) }
    #expect(timers.ticks { _ in true } == [1, 3, 5])
    timers.stop()
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
    #expect(liveness.heard(2, isWatching: false) == true)
    #expect(liveness.heard(2, isWatching: false) == false)
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
