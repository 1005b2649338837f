import Codec
import Storage
import Testing
import Transaction

@testable import Storage

/// Latches, views, proposals and the memory of a store, around commands that write.
struct WriteCommandTests {
  @Test func twoPrewritesOfAKeyAreSerialized() throws {
    let fixture = try TransactionFixture()
    let first = fixture.prewrite(["a", "b"], 10)
    let second = fixture.prewrite(["b", "c"], 20)
    let other = fixture.prewrite(["d"], 30)
    fixture.run()
    #expect(fixture.storage.pending == 2, "the second must not read before the first is applied")
    try fixture.settle()
    #expect(try first.get().onePhaseCommitTS == .zero)
    #expect(second.lockedBy == [10])
    _ = try other.get()
    #expect(fixture.commands.pendingWrites == (0, 0))
  }

  @Test func commandsOfAKeyGoInTheOrderOfArrival() throws {
    let fixture = try TransactionFixture()
    let commit = fixture.prewrite(["a"], 10)
    let waiting = [20, 30, 40].map { fixture.prewrite(["a"], $0) }
    let rollback = fixture.rollBack(["a"], 10)
    let last = fixture.prewrite(["a"], 50)
    try fixture.settle()
    _ = try commit.get()
    #expect(waiting.map(\.lockedBy) == [[10], [10], [10]])
    try rollback.get()
    _ = try last.get()
  }

  @Test func aCommitAndARollbackDoNotBothSucceed() throws {
    let fixture = try TransactionFixture()
    _ = fixture.prewrite(["a"], 10)
    _ = fixture.prewrite(["b"], 20)
    try fixture.settle()
    let commit = fixture.commit(["a"], 10, 11)
    let lateRollback = fixture.rollBack(["a"], 10)
    let rollback = fixture.rollBack(["b"], 20)
    let lateCommit = fixture.commit(["b"], 20, 21)
    try fixture.settle()
    try commit.get()
    try rollback.get()
    #expect(
      lateRollback.failure
        == .transaction(
          .committed(key: Array("a".utf8), startTS: Timestamp(10), commitTS: Timestamp(11))))
    #expect(
      lateCommit.failure
        == .transaction(
          .lockNotFound(key: Array("b".utf8), startTS: Timestamp(20), commitTS: Timestamp(21))))
    #expect(try fixture.get("a", 12) == "a@10")
    #expect(try fixture.get("b", 30) == nil)
  }

  @Test func aReadSeesALockBeforeItIsApplied() throws {
    let fixture = try TransactionFixture()
    #expect(try fixture.get("a", 15) == nil)
    let prewrite = fixture.prewrite(["a"], 10) { $0.secondaries = [] }
    fixture.run()
    #expect(prewrite.isPending)
    #expect(throws: TransactionFailure.self) { try fixture.get("a", 20) }
    #expect(try fixture.get("a", 15) == nil, "its commit timestamp is above the earlier read")
    #expect(try fixture.get("b", 20) == nil)
    try fixture.settle()
    #expect(try prewrite.get().minCommitTS == Timestamp(16))
    #expect(fixture.commands.concurrency.minStartTS == nil)
    #expect(throws: TransactionFailure.self, "now it is stored") { try fixture.get("a", 20) }
  }

  @Test func onePhaseCommitsAreReadAtTheirTimestamp() throws {
    let fixture = try TransactionFixture()
    let prewrite = fixture.prewrite(["a", "b"], 10) { $0.triesOnePhase = true }
    fixture.run()
    #expect(throws: TransactionFailure.self) { try fixture.get("b", 30) }
    try fixture.settle()
    // The read that failed has raised `max_ts` too late for it.
    #expect(try prewrite.get().onePhaseCommitTS == Timestamp(11))
    #expect(try fixture.get("a", 11) == "a@10")
    #expect(try fixture.get("b", 10) == nil)
  }

  @Test func aFailedProposalReleasesEverything() throws {
    let fixture = try TransactionFixture()
    let failed = fixture.prewrite(["a"], 10) { $0.secondaries = [] }
    let next = fixture.prewrite(["a"], 20)
    fixture.run()
    fixture.storage.failNext(.staleCommand)
    #expect(failed.failure == .storage(.region(.staleCommand)))
    #expect(fixture.commands.concurrency.minStartTS == nil)
    try fixture.settle()
    _ = try next.get()
    #expect(fixture.commands.pendingWrites == (0, 0))
  }

  @Test func whatWasReadUnderOneLeaderIsNotWrittenUnderAnother() throws {
    let fixture = try TransactionFixture(withOracle: true)
    let prewrite = fixture.prewrite(["a"], 10) { $0.secondaries = [] }
    #expect(prewrite.isPending)
    fixture.storage.term += 1
    fixture.oracle.respond(100)
    fixture.run()
    #expect(
      prewrite.failure == .storage(.region(.notLeader(regionID: 2, leader: nil))))
    #expect(fixture.storage.pending == 0)
    #expect(fixture.commands.concurrency.minStartTS == nil)
    #expect(fixture.commands.pendingWrites == (0, 0))
  }

  @Test func keysOutsideOfTheRegionAreRefused() throws {
    let fixture = try TransactionFixture(from: "b", to: "d")
    let outside = fixture.prewrite(["c", "d"], 10)
    #expect(
      outside.failure
        == .storage(
          .region(
            .keyNotInRegion(
              key: MVCCKey(Array("d".utf8)).encoded, regionID: 2,
              start: MVCCKey(Array("b".utf8)).encoded, end: MVCCKey(Array("d".utf8)).encoded))))
    _ = fixture.prewrite(["c"], 10)
    try fixture.settle()
    #expect(throws: TransactionFailure.self) { try fixture.get("a", 5) }
    #expect(fixture.commands.pendingWrites == (0, 0))
  }

  @Test func otherVersionsOfTheInterfaceAreRefused() throws {
    let fixture = try TransactionFixture()
    var context = fixture.context
    context.apiVersion = .v2
    let prewrite = fixture.prewrite(["a"], 10, context: context)
    guard case .storage(.refused) = prewrite.failure else {
      return #expect(Bool(false), "\(String(describing: prewrite.failure))")
    }
  }

  @Test func tooManyWritesAreRefused() throws {
    let busy = TransactionFailure.storage(TransactionCommands.tooBusy)
    let fixture = try TransactionFixture { $0.pendingWrites = 2 }
    let admitted = ["a", "b"].map { fixture.prewrite([$0], 10) }
    #expect(fixture.prewrite(["c"], 10).failure == busy)
    var urgent = fixture.context
    urgent.priority = .high
    let high = fixture.prewrite(["d"], 10, context: urgent)
    try fixture.settle()
    for one in admitted + [high] { _ = try one.get() }
    let later = fixture.prewrite(["c"], 10)
    try fixture.settle()
    _ = try later.get()
  }

  @Test func tooManyBytesAreRefused() throws {
    let busy = TransactionFailure.storage(TransactionCommands.tooBusy)
    let fixture = try TransactionFixture { $0.pendingWriteBytes = 4096 }
    func large(_ key: String) -> Response<Prewrite.Response> {
      fixture.prewrite([key], 10) {
        $0.mutations[0].operation = .put([UInt8](repeating: 1, count: 8192))
      }
    }
    let alone = large("a")
    #expect(large("b").failure == busy)
    #expect(fixture.prewrite(["c"], 10).failure == busy)
    try fixture.settle()
    _ = try alone.get()
    #expect(fixture.commands.pendingWrites == (0, 0))
  }

  @Test func aDeadlinePassesWhileACommandWaits() throws {
    let fixture = try TransactionFixture()
    _ = fixture.prewrite(["a"], 10)
    var context = fixture.context
    context.maxExecutionMs = 50
    let late = fixture.prewrite(["a"], 20, context: context)
    fixture.host.advance(milliseconds: 50)
    try fixture.settle()
    #expect(late.failure == .storage(.deadlineExceeded))
    let next = fixture.rollBack(["a"], 10)
    try fixture.settle()
    try next.get()
  }

  @Test func aPrewriteThatIsOvertakenByItsCommitDoesNotLock() throws {
    let fixture = try TransactionFixture()
    _ = fixture.lock(["a"], 10)
    try fixture.settle()
    let pessimistic: (inout Prewrite) -> Void = {
      $0.isPessimistic = true
      $0.forUpdateTS = Timestamp(10)
      $0.mutations.append(
        PrewriteMutation(.put([1]), key: Array("b".utf8), action: .skipCheck))
      $0.mutations[0].action = .mustBeLocked
    }
    _ = fixture.prewrite(["a"], 10, pessimistic)
    try fixture.settle()
    _ = fixture.commit(["a", "b"], 10, 12)
    try fixture.settle()
    let late = fixture.prewrite(["b"], 10) {
      $0.isPessimistic = true
      $0.forUpdateTS = Timestamp(10)
    }
    try fixture.settle()
    _ = try late.get()
    #expect(try fixture.get("b", 20) == "\u{1}")
  }
}
