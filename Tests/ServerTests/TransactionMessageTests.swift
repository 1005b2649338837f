import Codec
import Engine
import Storage
import Testing
import Wire

@testable import Server
@testable import Transaction

/// Requests of transactions as commands, and their results and errors as responses.
struct TransactionMessageTests {
  private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  private static var lock: Lock {
    var lock = Lock(
      .put, primary: bytes("p"), startTS: Timestamp(10), ttl: 3000, forUpdateTS: Timestamp(11),
      txnSize: .max, minCommitTS: Timestamp(12))
    lock.usesAsyncCommit = true
    lock.secondaries = [bytes("s1"), bytes("s2")]
    return lock
  }

  @Test func locksAreComplete() {
    let wire = LockInfo(key: Self.bytes("k"), lock: Self.lock).wire
    let expected = Kvrpcpb_LockInfo.with {
      $0.primaryLock = Self.bytes("p").data
      $0.lockVersion = 10
      $0.key = Self.bytes("k").data
      $0.lockTtl = 3000
      $0.txnSize = .max
      $0.lockType = .put
      $0.lockForUpdateTs = 11
      $0.useAsyncCommit = true
      $0.minCommitTs = 12
      $0.secondaries = [Self.bytes("s1").data, Self.bytes("s2").data]
    }
    #expect(wire == expected)
    #expect(
      Lock.Kind.allCases.map(\.wire) == [.put, .del, .lock, .pessimisticLock])
  }

  // MARK: Errors

  /// Every error with the fields that clients look at.
  @Test func errorsSetTheFieldsOfTheirKind() {
    let key = Self.bytes("k")
    let info = LockInfo(key: key, lock: Self.lock)
    #expect(TransactionError.locked([info]).wire.locked == info.wire)
    #expect(TransactionError.locked([info, info]).wires.count == 2)
    let conflict = TransactionError.writeConflict(
      WriteConflict(
        startTS: Timestamp(1), conflictTS: Timestamp(2), conflictCommitTS: Timestamp(3), key: key,
        primary: Self.bytes("p"), reason: .lazyUniquenessCheck)
    ).wire
    #expect(conflict.conflict.reason == .lazyUniquenessCheck)
    #expect(conflict.conflict.conflictCommitTs == 3 && conflict.conflict.conflictTs == 2)
    #expect(conflict.retryable.hasPrefix("WriteConflict"))
    #expect(
      TransactionError.alreadyExists(key: key, existingStartTS: .zero).wire.alreadyExist.key
        == key.data)
    let missing = TransactionError.lockNotFound(
      key: key, startTS: Timestamp(1), commitTS: Timestamp(2)
    ).wire
    #expect(missing.txnLockNotFound.key == key.data && !missing.retryable.isEmpty)
    let expired = TransactionError.commitTSExpired(
      key: key, startTS: Timestamp(1), commitTS: Timestamp(2), minCommitTS: Timestamp(3)
    ).wire.commitTsExpired
    #expect(expired.startTs == 1 && expired.attemptedCommitTs == 2 && expired.minCommitTs == 3)
    let unknown = TransactionError.transactionNotFound(key: key, startTS: Timestamp(1)).wire
    #expect(unknown.txnNotFound.primaryKey == key.data && unknown.txnNotFound.startTs == 1)
    #expect(TransactionError.primaryMismatch(info).wire.primaryMismatch.lockInfo == info.wire)
    let edge = WaitEdge(transaction: Timestamp(1), holder: Timestamp(2), keyHash: 3, key: key)
    let deadlock = TransactionError.deadlock(
      Deadlock(lockTS: Timestamp(2), key: key, keyHash: 9, chain: [edge])
    ).wire.deadlock
    #expect(deadlock.lockTs == 2 && deadlock.lockKey == key.data && deadlock.deadlockKeyHash == 9)
    #expect(deadlock.waitChain.first?.waitForTxn == 2 && deadlock.waitChain.first?.keyHash == 3)
  }

  /// Clients search the text of `abort` for TiKV's names.
  @Test func otherErrorsAbortWithTheirName() {
    let key = Self.bytes("k")
    let cases: [(TransactionError, String)] = [
      (
        .pessimisticLockNotFound(key: key, startTS: .zero, .lockMissingAmendFail),
        "PessimisticLockNotFound"
      ),
      (.pessimisticLockRolledBack(key: key, startTS: .zero), "PessimisticLockRolledBack"),
      (.lockKindMismatch(key: key, startTS: .zero, .put), "LockTypeNotMatch"),
      (.invalidTimestampOrder(startTS: .max, commitTS: .zero), "InvalidTxnTso"),
      (.lockIfExistsFailed(key: key, startTS: .zero), "LockIfExistsFailed"),
      (.committed(key: key, startTS: .zero, commitTS: .max), "Committed"),
      (.flashbackNotPrepared(startTS: .zero), "FlashbackNotPrepared"),
      (.keyTooLong(9000), "KeyTooLarge"), (.invalidRequest("x"), "InvalidRequest"),
      (.valueMissing(key: key, startTS: .zero), "DefaultNotFound"),
      (.inconsistent(key: key, startTS: .zero), "Inconsistent"),
      (.locked([]), "KeyIsLocked"),
    ]
    for (error, name) in cases {
      let wire = error.wire
      #expect(wire.abort.hasPrefix(name), "\(error)")
      #expect(!wire.hasLocked && !wire.hasConflict && wire.retryable.isEmpty)
    }
  }

  /// Clients that read only the pairs take none for an empty result.
  @Test func failedReadsHaveTheErrorInAPairToo() {
    let info = LockInfo(key: Self.bytes("k"), lock: Self.lock)
    let scan = Kvrpcpb_ScanResponse(.transaction(.locked([info])))
    #expect(scan.error.locked == info.wire && scan.pairs.map(\.error) == [scan.error])
    let batch = Kvrpcpb_BatchGetResponse(.storage(.refused("no")))
    #expect(batch.error.abort == "no" && batch.pairs.map(\.error.abort) == ["no"])
    let region = Kvrpcpb_BatchGetResponse(.storage(.region(.staleCommand)))
    #expect(region.hasRegionError && region.pairs.isEmpty && !region.hasError)
    let text = Kvrpcpb_FlashbackToVersionResponse(
      .transaction(.flashbackNotPrepared(startTS: Timestamp(3))))
    #expect(text.error == "FlashbackNotPrepared { start_ts: 3 }")
    let prewrite = Kvrpcpb_PrewriteResponse(.transaction(.locked([info, info])))
    #expect(prewrite.errors.map(\.locked) == [info.wire, info.wire])
    let wait = Kvrpcpb_PessimisticLockResponse(.lockWaitTimeout(info, sinceUpdateMs: 7))
    #expect(wait.errors.first?.locked.durationToLastUpdateMs == 7)
  }

  // MARK: Requests

  private static func prewrite(
    _ change: (inout Kvrpcpb_PrewriteRequest) -> Void = { _ in }
  ) throws(TransactionError) -> Prewrite {
    var request = Kvrpcpb_PrewriteRequest.with {
      $0.mutations = [.with { $0.key = bytes("k").data }, .with { $0.op = .del }]
      $0.startVersion = 5
      // Some clients send these always.
      $0.secondaries = [bytes("s").data]
    }
    change(&request)
    return try Prewrite(request)
  }

  @Test func prewritesAreConverted() throws {
    let plain = try Self.prewrite()
    #expect(plain.secondaries == nil && !plain.isPessimistic && !plain.isRetry)
    #expect(plain.mutations.map(\.operation) == [.put([]), .delete])
    let full = try Self.prewrite {
      $0.useAsyncCommit = true
      $0.forUpdateTs = 6
      // Older Rust clients send more actions than mutations.
      $0.pessimisticActions = [.doPessimisticCheck, .doConstraintCheck, .doPessimisticCheck]
      $0.forUpdateTsConstraints = [
        .with {
          $0.index = 1
          $0.expectedForUpdateTs = 9
        }
      ]
      $0.assertionLevel = .strict
      $0.mutations[0].assertion = .notExist
      $0.context.isRetryRequest = true
      $0.context.txnSource = 4
    }
    #expect(full.secondaries == [Self.bytes("s")] && full.isPessimistic && full.isRetry)
    #expect(full.mutations.map(\.action) == [.mustBeLocked, .constraintCheck])
    #expect(full.mutations.map(\.expectedForUpdateTS) == [nil, Timestamp(9)])
    #expect(full.assertionLevel == .strict && full.mutations[0].assertion == .notExist)
    #expect(full.txnSource == 4)
  }

  @Test func senselessPrewritesAreRefused() {
    let changes: [(inout Kvrpcpb_PrewriteRequest) -> Void] = [
      { $0.mutations[0].op = .rollback }, { $0.mutations[0].op = .pessimisticLock },
      { $0.mutations[0].op = .UNRECOGNIZED(99) },
      { $0.mutations[0].assertion = .UNRECOGNIZED(9) },
      { $0.assertionLevel = .UNRECOGNIZED(9) }, { $0.forUpdateTs = 6 },
      {
        $0.forUpdateTs = 6
        $0.pessimisticActions = [.doPessimisticCheck]
      },
      {
        $0.forUpdateTs = 6
        $0.pessimisticActions = [.UNRECOGNIZED(7), .skipPessimisticCheck]
      },
      { $0.forUpdateTsConstraints = [.with { $0.index = 2 }] },
      { $0.forUpdateTsConstraints = [.with { $0.index = .max }] }, { $0.txnFileChunks = [1] },
    ]
    for change in changes {
      #expect(throws: TransactionError.self) { try Self.prewrite(change) }
    }
  }

  @Test func readsTakeTheirOptionsFromTheContext() throws {
    var context = Kvrpcpb_Context.with {
      $0.isolationLevel = .rccheckTs
      $0.resolvedLocks = [3, 3, 4]
      $0.committedLocks = [5]
      $0.replicaRead = true
    }
    let options = try ReadOptions(context, at: 7, needsCommitTS: true)
    let expected = ReadOptions(
      at: Timestamp(7), isolation: .readCommittedCheck, resolved: [Timestamp(3), Timestamp(4)],
      committed: [Timestamp(5)], needsCommitTS: true, isReplicaRead: true)
    #expect(options == expected)
    context.isolationLevel = .UNRECOGNIZED(8)
    #expect(throws: TransactionError.self) { try ReadOptions(context, at: 7) }
  }

  // MARK: Responses

  /// Clients require lists of exactly the length that they requested.
  @Test func pessimisticLocksReturnListsAsRequested() throws {
    let request = Kvrpcpb_PessimisticLockRequest.with {
      $0.mutations = ["a", "b"].map { key in
        .with {
          $0.op = .pessimisticLock
          $0.key = Self.bytes(key).data
        }
      }
    }
    let plain = try PessimisticLock(request)
    #expect(
      Kvrpcpb_PessimisticLockResponse([.empty, .empty], of: plain)
        == Kvrpcpb_PessimisticLockResponse())
    let values = Kvrpcpb_PessimisticLockResponse([.value([1]), .value(nil)], of: plain)
    #expect(values.values.map { [UInt8]($0) } == [[1], []] && values.notFounds == [false, true])
    let existence = Kvrpcpb_PessimisticLockResponse(
      [.existence(true), .existence(false)], of: plain)
    #expect(existence.values.isEmpty && existence.notFounds == [false, true])
    var forced = plain
    forced.forcesLock = true
    let results = Kvrpcpb_PessimisticLockResponse(
      [.lockedWithConflict(value: [2], conflictTS: Timestamp(8))], of: forced
    ).results
    #expect(results.map(\.type) == [.lockResultLockedWithConflict])
    #expect(results.first?.lockedWithConflictTs == 8 && results.first?.existence == true)
    var wrong = request
    wrong.mutations[1].op = .put
    #expect(throws: TransactionError.self) { try PessimisticLock(wrong) }
    wrong = request
    wrong.wakeUpMode = .UNRECOGNIZED(5)
    #expect(throws: TransactionError.self) { try PessimisticLock(wrong) }
  }

  @Test func statesOfTransactions() {
    let key = Self.bytes("k")
    let states: [(TxnStatus, Kvrpcpb_Action)] = [
      (.rolledBack, .noAction), (.expired, .ttlexpireRollback),
      (.pessimisticLockExpired, .ttlexpirePessimisticRollback),
      (.missingRolledBack, .lockNotExistRollback),
      (.missingDoingNothing, .lockNotExistDoNothing),
    ]
    for (state, action) in states {
      let response = Kvrpcpb_CheckTxnStatusResponse(state, primary: key)
      #expect(response == .with { $0.action = action })
    }
    let locked = Kvrpcpb_CheckTxnStatusResponse(.locked(Self.lock, isPushed: true), primary: key)
    #expect(locked.lockTtl == 3000 && locked.action == .minCommitTspushed)
    #expect(locked.lockInfo == LockInfo(key: key, lock: Self.lock).wire)
    let committed = Kvrpcpb_CheckTxnStatusResponse(
      .committed(commitTS: Timestamp(9)), primary: key)
    #expect(committed == .with { $0.commitVersion = 9 })
    #expect(
      Kvrpcpb_CheckSecondaryLocksResponse(.rolledBack) == Kvrpcpb_CheckSecondaryLocksResponse())
    #expect(
      Kvrpcpb_CheckSecondaryLocksResponse(.committed(commitTS: Timestamp(9)))
        == .with { $0.commitTs = 9 })
  }

  @Test func everythingOfAKeyIsShown() {
    var record = WriteRecord(
      .lock, startTS: Timestamp(3), hasOverlappedRollback: true, gcFence: .zero,
      lastChange: .at(commitTS: Timestamp(2), versions: 4))
    record.shortValue = nil
    let info = MVCCInfo(
      lock: Self.lock, records: [.init(commitTS: Timestamp(4), record: record)],
      values: [.init(startTS: Timestamp(3), value: [7])])
    let wire = info.wire
    #expect(wire.lock.startTs == 10 && wire.lock.txnSize == .max)
    #expect(wire.lock.secondaries.count == 2)
    let write = wire.writes.first
    #expect(write?.type == .lock && write?.commitTs == 4 && write?.hasOverlappedRollback_p == true)
    #expect(write?.hasGcFence_p == true && write?.gcFence == 0)
    #expect(write?.lastChangeTs == 2 && write?.versionsToLastChange == 4)
    #expect(wire.values.map(\.startTs) == [3])
  }
}
