import Codec
import Raft
import Runtime
import Testing

@testable import Raftstore

/// The value types that a peer is composed of.
struct PeerStateTests {
  private let start = Instant(nanoseconds: 1_000_000_000)

  // MARK: LeaderLease

  @Test func aLeaseOnlyGrowsWithinItsTerm() {
    var lease = LeaderLease(votesAllowedAfter: start)
    #expect(!lease.isValid(term: 5, at: start))
    let longer = lease.extend(term: 5, to: start + .seconds(2))
    #expect(longer == Lease(term: 5, end: start + .seconds(2)))
    let shorter = lease.extend(term: 5, to: start + .seconds(1))
    #expect(shorter == nil)
    #expect(lease.isValid(term: 5, at: start + .milliseconds(1999)))
    #expect(!lease.isValid(term: 5, at: start + .seconds(2)))
    #expect(!lease.isValid(term: 6, at: start))
    #expect(lease.remaining(term: 5, at: start + .seconds(1)) == .seconds(1))
    #expect(lease.remaining(term: 4, at: start) == nil)
  }

  @Test func aSuspendedTermHasNoLeaseAnyMore() {
    var lease = LeaderLease(votesAllowedAfter: start)
    let longer = lease.extend(term: 5, to: start + .seconds(2))
    #expect(longer != nil)
    lease.suspend(term: 5)
    #expect(!lease.isValid(term: 5, at: start))
    let suspended = lease.extend(term: 5, to: start + .seconds(9))
    #expect(suspended == nil)
    let ofNextTerm = lease.extend(term: 6, to: start + .seconds(9))
    #expect(ofNextTerm != nil)
    lease.drop()
    #expect(lease.current == nil)
  }

  // MARK: LogCompactionPolicy

  private func log(
    first: UInt64 = 1, last: UInt64 = 1000, applied: UInt64 = 1000, replicated: UInt64 = 1000,
    bytes: UInt64 = 0
  ) -> LogCompactionPolicy.LogState {
    .init(first: first, last: last, applied: applied, replicated: replicated, bytes: bytes)
  }

  @Test func theLogIsCutWhereAllMembersHaveIt() {
    let config = RaftstoreConfig()
    var policy = LogCompactionPolicy(next: start)
    let result4 = policy.lastIndexToCut(log(replicated: 700), config)
    #expect(result4 == 699)
    let result5 = policy.lastIndexToCut(log(applied: 300, replicated: 700), config)
    #expect(result5 == 299)
    let result6 = policy.lastIndexToCut(log(first: 800, replicated: 700), config)
    #expect(result6 == nil)
    let result7 = policy.lastIndexToCut(log(last: 3, applied: 3, replicated: 3), config)
    #expect(result7 == nil)
  }

  @Test func aLargeLogIsCutWithoutWaitingForTheSlowest() {
    var config = RaftstoreConfig()
    config.logCompaction.bytes = 100
    var policy = LogCompactionPolicy(next: start)
    let result8 = policy.lastIndexToCut(log(replicated: 1, bytes: 99), config)
    #expect(result8 == nil)
    let result9 = policy.lastIndexToCut(log(replicated: 1, bytes: 100), config)
    #expect(result9 == 499)
    config.logCompaction.bytes = .max
    config.logCompaction.count = 999
    let result10 = policy.lastIndexToCut(log(replicated: 1), config)
    #expect(result10 == 499)
    let result11 = policy.lastIndexToCut(log(applied: 400, replicated: 1), config)
    #expect(result11 == nil)
  }

  /// A snapshot under way: the log behind it stays, within a bound.
  @Test func theLogBehindASnapshotIsKept() {
    var config = RaftstoreConfig()
    config.logCompaction.bytes = 100
    config.logCompaction.snapshotBytes = 500
    var policy = LogCompactionPolicy(next: start)
    var state = log(replicated: 1, bytes: 499)
    state.neededForSnapshots = 300
    #expect(policy.lastIndexToCut(state, config) == 299)
    state.neededForSnapshots = 900
    #expect(policy.lastIndexToCut(state, config) == 499)
    state.neededForSnapshots = 1
    #expect(policy.lastIndexToCut(state, config) == nil)
    state.bytes = 500
    #expect(policy.lastIndexToCut(state, config) == 499)
  }

  @Test func fewEntriesAreWorthACompactionAfterAWhile() {
    let config = RaftstoreConfig()
    var policy = LogCompactionPolicy(next: start)
    let small = log(last: 20, applied: 20, replicated: 20)
    for _ in 0..<LogCompactionPolicy.maxSkipped {
      let result12 = policy.lastIndexToCut(small, config)
      #expect(result12 == nil)
    }
    let result13 = policy.lastIndexToCut(small, config)
    #expect(result13 == 19)
    policy.noteProposed()
    let result14 = policy.lastIndexToCut(small, config)
    #expect(result14 == nil)
    policy.schedule(after: start, config)
    #expect(policy.next == start + config.logCompaction.interval)
    policy.requestSoon(start)
    #expect(policy.next == start)
    let result15 = policy.lastIndexToCut(small, config)
    #expect(result15 == 19)
  }

  // MARK: PeerActivity

  private func region(_ ids: [UInt64]) -> Region {
    Region(
      id: 1, startKey: [], endKey: [], epoch: RegionEpoch(confVersion: 1, version: 1),
      peers: ids.map { PeerInfo(id: $0, storeID: $0 + 100) })
  }

  @Test func membersAreSilentSinceLeadershipBeganOrTheyCame() {
    var activity = PeerActivity()
    activity.beginLeading(region([1, 2]), start)
    activity.recordContact(2, start + .seconds(3))
    activity.membershipChanged(region([2, 3]), start + .seconds(4))
    let now = start + .seconds(5)
    #expect(activity.silence(of: 1, at: now) == nil)
    #expect(activity.silence(of: 2, at: now) == .seconds(2))
    #expect(activity.silence(of: 3, at: now) == .seconds(1))
    activity.beginLeading(region([2, 3]), now)
    #expect(activity.silence(of: 2, at: now) == .zero)
  }

  @Test func sendersThatAreNoMembersAreBounded() {
    var activity = PeerActivity()
    let members = region([1, 2])
    activity.recordSender(PeerInfo(id: 2, storeID: 102), members)
    for id: UInt64 in 1000..<2000 {
      activity.recordSender(PeerInfo(id: id, storeID: 9), members)
    }
    #expect(activity.sender(id: 2)?.storeID == 102)
    #expect((1000..<2000).count { activity.sender(id: $0) != nil } <= 64)
    #expect(activity.sender(id: 1999) != nil)
  }

  @Test func theNewestRemoteEpochCounts() {
    var activity = PeerActivity()
    activity.recordRemoteEpoch(RegionEpoch(confVersion: 4, version: 1))
    activity.recordRemoteEpoch(RegionEpoch(confVersion: 3, version: 9))
    #expect(activity.remoteEpoch.confVersion == 4)
  }

  @Test func replicationIsRestartedOnceInAWhile() {
    var activity = PeerActivity()
    let members = region([1, 2])
    let first = activity.beginRestart(of: 2, members, start)
    let second = activity.beginRestart(of: 2, members, start + .seconds(4))
    let third = activity.beginRestart(of: 2, members, start + .seconds(5))
    #expect(first && !second && third)
  }

  // MARK: StalePeerDetector

  @Test func aKnownLeaderSpeaksAsLongAsItIsHeard() {
    var staleness = StalePeerDetector(now: start, firstCheck: start + .seconds(9))
    #expect(staleness.nextCheck == start + .seconds(9))
    #expect(staleness.unledSince(knowsLeader: false) == start)
    staleness.leaderChanged(isKnown: true, at: start + .seconds(1))
    #expect(staleness.leaderlessSince == nil)
    staleness.heardFromLeader(start + .seconds(2))
    #expect(staleness.unledSince(knowsLeader: true) == start + .seconds(2))
    staleness.leaderChanged(isKnown: false, at: start + .seconds(3))
    staleness.leaderChanged(isKnown: false, at: start + .seconds(4))
    #expect(staleness.unledSince(knowsLeader: false) == start + .seconds(3))
  }

  @Test func questionsAboutARemovalAreBounded() {
    var staleness = StalePeerDetector(now: start, firstCheck: start)
    let interval = Duration.seconds(5)
    func at(_ seconds: Int) -> Instant { start + .seconds(seconds) }
    let asked = staleness.suspect("a", at: at(0), interval: interval)
    let whileAwaited = staleness.suspect("b", at: at(6), interval: interval)
    #expect(asked && !whileAwaited)
    let tooSoon = staleness.repeatQuestion(at: at(4), interval: interval)
    let again = staleness.repeatQuestion(at: at(6), interval: interval)
    #expect(!tooSoon && again)
    let answered = staleness.takeSuspicion()
    #expect(answered?.reason == "a" && staleness.suspicion == nil)
    let soonAfter = staleness.suspect("c", at: at(4), interval: interval)
    let later = staleness.suspect("c", at: at(7), interval: interval)
    #expect(!soonAfter && later)
  }

  // MARK: HeartbeatReporter

  /// What a follower has applied and served is no flow of the leader that it becomes.
  @Test func aLeaderCountsFromItsElection() {
    var reporter = HeartbeatReporter(next: start + .seconds(60))
    reporter.recordWritten(bytes: 1000, keys: 100)
    reporter.leadershipBegins(at: start, read: ReadFlow(bytes: 500, keys: 50))
    #expect(reporter.next == start)
    #expect(reporter.bytesWritten == 0 && reporter.keysWritten == 0)
    #expect(reporter.read(ReadFlow(bytes: 507, keys: 51)) == ReadFlow(bytes: 7, keys: 1))
  }

  @Test func countsAreKeptUntilAReportIsSent() {
    var reporter = HeartbeatReporter(next: start)
    reporter.recordWritten(bytes: 10, keys: 1)
    reporter.begin(
      pending: [PeerInfo(id: 7, storeID: 3)], size: 0, at: start, interval: .seconds(60))
    #expect(reporter.next == start + .seconds(60))
    #expect(reporter.bytesWritten == 10 && reporter.isReportedPending(7))
    reporter.recordWritten(bytes: 5, keys: 1)
    #expect(reporter.bytesWritten == 15 && reporter.keysWritten == 2)
    #expect(reporter.read(ReadFlow(bytes: 100, keys: 3)) == ReadFlow(bytes: 100, keys: 3))
    reporter.sent(read: ReadFlow(bytes: 100, keys: 3))
    #expect(reporter.bytesWritten == 0 && reporter.keysWritten == 0)
    #expect(reporter.read(ReadFlow(bytes: 140, keys: 5)) == ReadFlow(bytes: 40, keys: 2))
    reporter.begin(pending: [], size: 0, at: start, interval: .seconds(60))
    #expect(!reporter.hasReportedPending)
  }

  // MARK: LogWriteTracker, ApplyQueue

  @Test func acknowledgmentsAreAskedForOnce() {
    var writes = LogWriteTracker(hardState: HardState())
    #expect(writes.isQuiet && !writes.lacksAck)
    #expect(writes.nextNumber == 1)
    let first = writes.takeNumber()
    #expect(first == 1)
    #expect(!writes.isQuiet && writes.lacksAck)
    writes.noteAckRequested()
    #expect(!writes.lacksAck)
    let second = writes.takeNumber()
    #expect(second == 2)
    #expect(writes.lacksAck)
    writes.persisted(2)
    writes.persisted(1)
    #expect(writes.isQuiet && writes.persistedNumber == 2)
  }

  @Test func deferredTasksAreTakenInOrder() {
    var queue = ApplyQueue(lastIndex: 4)
    for index: UInt64 in 5...6 {
      queue.submit(through: index)
      queue.defer(
        ApplyTask(
          regionID: 1, peerID: 2, entries: [Entry(term: 1, index: index)], proposals: [],
          responses: []))
    }
    #expect(queue.lastIndex == 6)
    let taken = queue.takeDeferred()
    #expect(taken.map { $0.entries[0].index } == [5, 6])
    let rest = queue.takeDeferred()
    #expect(rest.isEmpty)
  }
}
