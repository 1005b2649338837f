import Codec
import Storage
import Testing
import Transaction

/// Prewrites with computed commit timestamps under new leaders.
struct MaxTimestampSyncTests {
  private static let notSynced = TransactionFailure.storage(.region(.maxTimestampNotSynced))

  private func prewrite(
    _ fixture: TransactionFixture, _ key: String, _ startTS: UInt64
  ) -> Response<Prewrite.Response> {
    fixture.prewrite([key], startTS) { $0.triesOnePhase = true }
  }

  @Test func theFirstOfEachTermWaitsForATimestamp() throws {
    let fixture = try TransactionFixture(withOracle: true)
    let first = prewrite(fixture, "a", 10)
    let second = prewrite(fixture, "b", 10)
    #expect(fixture.storage.pending == 0)
    #expect(fixture.oracle.pending == 1, "one question serves all that wait")
    fixture.oracle.respond(100)
    try fixture.settle()
    #expect(try first.get().onePhaseCommitTS == Timestamp(101))
    #expect(try second.get().onePhaseCommitTS == Timestamp(101))

    let third = prewrite(fixture, "c", 110)
    try fixture.settle()
    #expect(try third.get().onePhaseCommitTS == Timestamp(111))
    #expect(fixture.oracle.pending == 0)
  }

  @Test func anotherTermOrVersionNeedsAnotherTimestamp() throws {
    let fixture = try TransactionFixture(withOracle: true)
    _ = prewrite(fixture, "a", 10)
    fixture.oracle.respond(100)
    try fixture.settle()
    fixture.storage.term += 1
    let afterElection = prewrite(fixture, "b", 10)
    #expect(fixture.oracle.pending == 1)
    fixture.oracle.respond(200)
    try fixture.settle()
    #expect(try afterElection.get().onePhaseCommitTS == Timestamp(201))
    fixture.storage.version += 1
    let afterMerge = prewrite(fixture, "c", 10)
    #expect(fixture.oracle.pending == 1)
    fixture.oracle.respond(300)
    try fixture.settle()
    #expect(try afterMerge.get().onePhaseCommitTS == Timestamp(301))
  }

  @Test func aTimestampOfAnEarlierTermDoesNotCount() throws {
    let fixture = try TransactionFixture(withOracle: true)
    let early = prewrite(fixture, "a", 10)
    fixture.storage.term += 1
    let late = prewrite(fixture, "b", 10)
    #expect(fixture.oracle.pending == 2)
    fixture.oracle.respond(100)
    fixture.run()
    #expect(early.isPending && late.isPending)
    fixture.oracle.respond(150)
    try fixture.settle()
    #expect(early.failure == .storage(.region(.notLeader(regionID: 2, leader: nil))))
    #expect(try late.get().onePhaseCommitTS == Timestamp(151))
  }

  @Test func withoutATimestampTheyFailAndOthersDoNot() throws {
    let fixture = try TransactionFixture(withOracle: true)
    let waiting = prewrite(fixture, "a", 10)
    let twoPhase = fixture.prewrite(["b"], 10)
    try fixture.settle()
    _ = try twoPhase.get()
    fixture.oracle.respond(nil)
    fixture.run()
    #expect(waiting.failure == Self.notSynced)
    let again = prewrite(fixture, "a", 10)
    #expect(fixture.oracle.pending == 1, "it is asked for again")
    fixture.oracle.respond(20)
    try fixture.settle()
    #expect(try again.get().onePhaseCommitTS == Timestamp(21))
    #expect(fixture.commands.pendingWrites == (0, 0))
  }
}
