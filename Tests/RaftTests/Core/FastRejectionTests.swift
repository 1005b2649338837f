import Testing

@testable import Raft

/// raft_test: how a leader and a follower find where their logs part.
@Suite struct FastRejectionTests {
  struct Case: Sendable {
    var leader: [UInt64]
    var follower: [UInt64]
    /// What the follower holds no longer.
    var compacted: UInt64 = 0
    var hint: EntryID
    var next: EntryID
  }

  static let cases = [
    Case(
      leader: [1, 2, 2, 4, 4, 4, 4], follower: [1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3],
      hint: EntryID(term: 3, index: 7), next: EntryID(term: 2, index: 3)),
    Case(
      leader: [1, 2, 2, 3, 4, 4, 4, 5], follower: [1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3],
      hint: EntryID(term: 3, index: 8), next: EntryID(term: 3, index: 4)),
    Case(
      leader: [1, 1, 1, 1], follower: [1, 1, 1, 2, 2, 4],
      hint: EntryID(term: 1, index: 3), next: EntryID(term: 1, index: 3)),
    Case(
      leader: [1, 1, 1, 1, 1, 1], follower: [1, 1, 1, 2, 2, 4],
      hint: EntryID(term: 1, index: 3), next: EntryID(term: 1, index: 3)),
    Case(
      leader: [1, 1, 1, 1, 1, 1], follower: [1, 1, 1, 2, 2, 4, 4],
      hint: EntryID(term: 1, index: 3), next: EntryID(term: 1, index: 3)),
    Case(
      leader: [1, 1, 1, 4, 5], follower: [1, 1, 1, 4, 6, 6, 6, 7],
      hint: EntryID(term: 4, index: 4), next: EntryID(term: 4, index: 4)),
    Case(
      leader: [1, 3, 3, 3, 5, 5, 5, 5, 5], follower: [1, 1, 1, 1, 2, 2],
      hint: EntryID(term: 2, index: 6), next: EntryID(term: 1, index: 1)),
    Case(
      leader: [1, 3, 3, 3, 3, 3, 3, 3], follower: [1, 3, 3, 4, 4, 5, 5, 5, 6],
      hint: EntryID(term: 3, index: 3), next: EntryID(term: 3, index: 3)),
    Case(
      leader: [1, 3], follower: [1, 5, 5, 5, 5], compacted: 5,
      hint: EntryID(term: 0, index: 2), next: EntryID(term: 1, index: 1)),
  ]

  @Test(arguments: cases) func testFastLogRejection(_ test: Case) throws {
    let last = test.leader[test.leader.count - 1]
    let leaderStorage = MemoryStorage(confState: ConfState(voters: [1, 2, 3]))
    try leaderStorage.append(entries(test.leader))
    leaderStorage.setHardState(HardState(term: last - 1))
    let one = try TestNode(1, storage: leaderStorage)
    try one.becomeLeader()
    #expect(one.core.term == last)

    let followerStorage = MemoryStorage(confState: ConfState(voters: [1, 2, 3]))
    try followerStorage.append(entries(test.follower))
    if test.compacted > 0 { try followerStorage.compact(to: test.compacted) }
    let two = try TestNode(2, storage: followerStorage)
    two.core.becomeFollower(term: last, leader: 0)
    two.core.log.committed = 0

    try two.step(message(.heartbeat, from: 1, to: 2, term: last))
    let beat = try #require(try two.take().first)
    _ = try one.take()
    try one.step(beat)
    let probe = try #require(try one.take().first { $0.to == 2 })
    #expect(probe.type == .append && probe.index == UInt64(test.leader.count))
    try two.step(probe)
    let response = try #require(try two.take().first)
    #expect(response.reject)
    #expect(EntryID(term: response.logTerm, index: response.rejectHint) == test.hint)
    try one.step(response)
    let next = try #require(try one.take().first { $0.to == 2 })
    #expect(EntryID(term: next.logTerm, index: next.index) == test.next)
  }
}
