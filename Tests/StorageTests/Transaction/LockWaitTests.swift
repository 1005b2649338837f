import Codec
import Engine
import Storage
import Testing
import Transaction

/// Pessimistic lock requests that wait for each other.
struct LockWaitTests {
  private func conflict(_ response: Response<[PessimisticLock.Result]>) -> WriteConflict? {
    guard case .transaction(.writeConflict(let conflict)) = response.failure else { return nil }
    return conflict
  }

  private func isTimeout(_ response: Response<[PessimisticLock.Result]>) -> Bool {
    if case .lockWaitTimeout = response.failure { true } else { false }
  }

  /// A fixture in which transaction 10 holds a lock on "a".
  private func held(
    _ change: (inout TransactionLimits) -> Void = { _ in }
  ) throws -> TransactionFixture {
    let fixture = try TransactionFixture(change)
    let lock = fixture.lock(["a"], 10)
    try fixture.settle()
    #expect(try lock.get() == [.empty])
    return fixture
  }

  @Test func aRollbackWakesTheOldestTransaction() throws {
    let fixture = try held()
    let young = fixture.lock(["a"], 30)
    let old = fixture.lock(["a"], 20)
    fixture.run()
    #expect(young.isPending && old.isPending)
    #expect(fixture.commands.pendingWrites == (0, 0), "what waits is not in progress")
    _ = fixture.rollBack(["a"], 10)
    try fixture.settle()
    let conflict = try #require(self.conflict(old))
    #expect(conflict.conflictTS == Timestamp(10))
    #expect(conflict.conflictCommitTS == .zero)
    #expect(conflict.reason == .pessimisticRetry)
    #expect(young.isPending)
    fixture.host.advance(milliseconds: 19)
    fixture.run()
    #expect(young.isPending)
    fixture.host.advance(milliseconds: 1)
    fixture.run()
    #expect(self.conflict(young) != nil, "the client of the first may be gone")
    #expect(fixture.host.timerCount == 0)
  }

  @Test func aCommitIsTheConflictOfThoseThatWaited() throws {
    let fixture = try TransactionFixture()
    _ = fixture.prewrite(["a"], 10)
    try fixture.settle()
    let waiting = fixture.lock(["a"], 20)
    _ = fixture.commit(["a"], 10, 25)
    try fixture.settle()
    let conflict = try #require(self.conflict(waiting))
    #expect(conflict.conflictTS == Timestamp(10))
    #expect(conflict.conflictCommitTS == Timestamp(25))
  }

  @Test func aRequestThatForcesTheLockIsExecutedAgain() throws {
    let fixture = try TransactionFixture()
    _ = fixture.prewrite(["a"], 10)
    try fixture.settle()
    let waiting = fixture.lock(["a"], 20, forces: true)
    fixture.run()
    #expect(waiting.isPending)
    let commit = fixture.commit(["a"], 10, 25)
    fixture.run()
    // It is behind the commit, and must not take the lock before the request that waits for it.
    let other = fixture.lock(["a"], 30, wait: -1)
    try fixture.settle()
    try commit.get()
    #expect(
      try waiting.get() == [
        .lockedWithConflict(value: Array("a@10".utf8), conflictTS: Timestamp(25))
      ])
    #expect(other.lockedBy == [20])
    #expect(fixture.host.timerCount == 0)
    #expect(fixture.commands.waitEdges.isEmpty)
    #expect(fixture.commands.pendingWrites == (0, 0))
  }

  @Test func severalKeysWakeOneRequestEach() throws {
    let fixture = try TransactionFixture()
    _ = fixture.prewrite(["a", "b"], 10)
    try fixture.settle()
    let first = fixture.lock(["a"], 20, forces: true)
    let second = fixture.lock(["b"], 30, forces: true)
    _ = fixture.rollBack(["a", "b"], 10)
    try fixture.settle()
    _ = try first.get()
    _ = try second.get()
  }

  @Test func aRequestGivesUpAfterItsTime() throws {
    let fixture = try held { $0.lockWaitTimeout = .milliseconds(100) }
    let short = fixture.lock(["a"], 20, wait: 30)
    let standard = fixture.lock(["a"], 21)
    let long = fixture.lock(["a"], 22, wait: 5000)
    let none = fixture.lock(["a"], 23, wait: -1)
    fixture.run()
    #expect(none.lockedBy == [10])
    fixture.host.advance(milliseconds: 30)
    fixture.run()
    guard case .lockWaitTimeout(let info, 0) = short.failure else {
      return #expect(Bool(false), "\(String(describing: short.failure))")
    }
    #expect(info.key == Array("a".utf8) && info.lock.startTS == Timestamp(10))
    #expect(standard.isPending && long.isPending)
    fixture.host.advance(milliseconds: 70)
    fixture.run()
    #expect(isTimeout(standard) && isTimeout(long), "longer times are cut")
    _ = fixture.rollBack(["a"], 10)
    try fixture.settle()
    #expect(fixture.commands.waitEdges.isEmpty && fixture.host.timerCount == 0)
  }

  @Test func aRequestWaitsForTheNextHolder() throws {
    let fixture = try held { $0.lockWaitTimeout = .milliseconds(100) }
    let waiting = fixture.lock(["a"], 30, forces: true)
    let first = fixture.lock(["a"], 20, forces: true)
    _ = fixture.rollBack(["a"], 10)
    try fixture.settle()
    _ = try first.get()
    #expect(waiting.isPending)
    #expect(fixture.commands.waitEdges.map(\.holder) == [Timestamp(20)])
    fixture.host.advance(milliseconds: 100)
    fixture.run()
    guard case .lockWaitTimeout(let info, let sinceUpdate) = waiting.failure else {
      return #expect(Bool(false), "\(String(describing: waiting.failure))")
    }
    #expect(info.lock.startTS == Timestamp(20))
    #expect(sinceUpdate == 100)
  }

  @Test func aRequestWhoseTimePassedWhileItWasExecutedDoesNotWaitAgain() throws {
    let fixture = try held { $0.lockWaitTimeout = .milliseconds(100) }
    let waiting = fixture.lock(["a"], 30, forces: true)
    _ = fixture.rollBack(["a"], 10)
    #expect(try fixture.storage.applyNext())
    // It is on its way, and another one has the lock first: of an earlier leader, say.
    fixture.host.advance(milliseconds: 100)
    let lock = Lock(.pessimistic, primary: Array("a".utf8), startTS: Timestamp(5))
    try fixture.put(lock, on: "a")
    try fixture.settle()
    #expect(isTimeout(waiting))
    #expect(fixture.commands.waitEdges.isEmpty)
  }

  @Test func aRequestThatDoesNotTakeTheLockWakesTheNext() throws {
    let fixture = try held()
    let refused = fixture.lock(["a"], 20, forces: true)
    let next = fixture.lock(["a"], 30, forces: true)
    fixture.run()
    // It was rolled back while it waited, and must not lock any more.
    _ = fixture.rollBack(["a"], 20)
    _ = fixture.rollBack(["a"], 10)
    try fixture.settle()
    #expect(
      refused.failure
        == .transaction(
          .pessimisticLockRolledBack(key: Array("a".utf8), startTS: Timestamp(20))))
    _ = try next.get()
    #expect(fixture.commands.waitEdges.isEmpty && fixture.host.timerCount == 0)
  }

  @Test func noReleaseIsMissed() throws {
    let fixture = try held()
    // The rollback is in progress when the request comes, which reads only after it.
    _ = fixture.rollBack(["a"], 10)
    let locked = fixture.lock(["a"], 20)
    try fixture.settle()
    #expect(try locked.get() == [.empty])
    // The request is in progress when the rollback comes.
    let waiting = fixture.lock(["a"], 30)
    _ = fixture.rollBack(["a"], 20)
    try fixture.settle()
    #expect(conflict(waiting) != nil)
  }

  @Test func aCycleIsADeadlock() throws {
    let fixture = try TransactionFixture()
    for (key, startTS) in [("a", 10), ("b", 20), ("c", 30)] {
      _ = fixture.lock([key], UInt64(startTS))
    }
    try fixture.settle()
    let first = fixture.lock(["b"], 10)
    let second = fixture.lock(["c"], 20)
    fixture.run()
    #expect(first.isPending && second.isPending)
    let closing = fixture.lock(["a"], 30)
    fixture.run()
    guard case .transaction(.deadlock(let deadlock)) = closing.failure else {
      return #expect(Bool(false), "\(String(describing: closing.failure))")
    }
    #expect(deadlock.lockTS == Timestamp(10) && deadlock.key == Array("a".utf8))
    #expect(deadlock.chain.map(\.transaction.value) == [10, 20, 30])
    // The victim gives up, and the others go on.
    _ = fixture.rollBack(["c"], 30)
    try fixture.settle()
    #expect(conflict(second) != nil)
    #expect(first.isPending)
    let again = fixture.lock(["c"], 20, forUpdate: 40)
    try fixture.settle()
    #expect(try again.get() == [.empty])
  }

  @Test func theFirstLockOfATransactionIsInNoCycle() throws {
    let fixture = try TransactionFixture()
    _ = fixture.lock(["a"], 10)
    _ = fixture.lock(["b"], 20)
    try fixture.settle()
    let first = fixture.lock(["b"], 10, isFirst: true)
    let second = fixture.lock(["a"], 20)
    fixture.run()
    #expect(first.isPending && second.isPending)
  }

  @Test func aWaitThatIsOverIsInNoCycle() throws {
    let fixture = try TransactionFixture { $0.lockWaitTimeout = .milliseconds(100) }
    _ = fixture.lock(["a"], 10)
    _ = fixture.lock(["b"], 20)
    try fixture.settle()
    let first = fixture.lock(["b"], 10, wait: 10)
    fixture.run()
    fixture.host.advance(milliseconds: 10)
    fixture.run()
    #expect(isTimeout(first))
    let second = fixture.lock(["a"], 20)
    fixture.run()
    #expect(second.isPending, "nobody waits for its lock any more")
  }

  @Test func tooManyDoNotWait() throws {
    let fixture = try held { $0.waitingRequests = 1 }
    let waiting = fixture.lock(["a"], 20)
    let refused = fixture.lock(["a"], 30)
    fixture.run()
    #expect(waiting.isPending)
    #expect(refused.lockedBy == [10])
  }
}

extension TransactionFixture {
  /// Stores a lock past all commands.
  func put(_ lock: Lock, on key: String) throws {
    var batch = WriteBatch()
    batch.put(.lock, MVCCKey(Array(key.utf8)).encoded, lock.encoded())
    try engine.write(batch, .buffered)
  }
}
