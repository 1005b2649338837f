"""The methods of transactions, RPC by RPC over grpcio: async commit, one phase, resolution, conflicts, waiting."""

import threading
import time

import grpc
import pytest

from harness import wire
from harness.process import eventually
from harness.transactions import LARGEST, Transactions, encoded, split


@pytest.fixture(scope="module")
def kv():
    return wire.module("kvrpcpb")


@pytest.fixture(scope="module")
def calls(cluster):
    # The keys of most tests are in the second region, those that begin with z in the third.
    split(cluster, [b"a", b"z"])
    return Transactions(cluster)


def test_two_phases(calls):
    start = calls.timestamp()
    reply = calls.prewrite(
        start, [calls.put(b"p1", b"one"), calls.put(b"p2", b"x" * 1000)], lock_ttl=9000)
    assert not reply.errors and reply.min_commit_ts == reply.one_pc_commit_ts == 0
    # A read below the transaction passes, one above is blocked, with all that a client needs to resolve it.
    assert calls.read(b"p1", start - 1).not_found
    locked = calls.read(b"p2").error.locked
    assert (locked.key, locked.primary_lock, locked.lock_version, locked.lock_ttl) == (
        b"p2", b"p1", start, 9000)
    assert locked.txn_size == 2 and locked.lock_type == 0 and not locked.use_async_commit
    at = calls.timestamp()
    for _ in range(2):  # the second one is a retry
        reply = calls.commit(start, at, [b"p1", b"p2"])
        assert not reply.HasField("error") and reply.commit_version == at
    assert calls.value(b"p2") == b"x" * 1000 and calls.value(b"p1", at) == b"one"
    assert calls.value(b"p1", at - 1) is None
    # Empty and absent are different; the commit timestamp is returned on request.
    empty = calls.write(b"p3", b"")
    assert calls.value(b"p3") == b"" and calls.value(b"p4") is None
    found = calls.ask("KvGet", b"p3", calls.kv.GetRequest(
        key=b"p3", version=calls.timestamp(), need_commit_ts=True))
    assert found.commit_ts == empty


def test_async_commit(calls):
    """The commit timestamp is above every read, and the transaction is committed when all keys are locked."""
    read_at = calls.timestamp()
    assert calls.value(b"q1", read_at) is None
    start = calls.timestamp()
    reply = calls.prewrite(
        start, [calls.put(b"q1", b"1")], use_async_commit=True, secondaries=[b"q2", b"z2"],
        min_commit_ts=start + 1)
    assert not reply.errors and reply.min_commit_ts > start and not reply.one_pc_commit_ts
    # A read at a later timestamp pushes what the second key computes.
    later = calls.timestamp()
    assert calls.value(b"z2", later) is None
    second = calls.prewrite(
        start, [calls.put(b"z2", b"2")], primary=b"q1", use_async_commit=True,
        min_commit_ts=start + 1)
    assert second.min_commit_ts > later
    status = calls.check(b"q1", start, calls.timestamp())
    assert status.lock_ttl > 0 and status.lock_info.use_async_commit
    assert list(status.lock_info.secondaries) == [b"q2", b"z2"]
    # One of the secondaries is missing. Who asks decides that it never comes.
    found = calls.ask("KvCheckSecondaryLocks", b"z2", calls.kv.CheckSecondaryLocksRequest(
        keys=[b"z2"], start_version=start))
    assert [lock.lock_version for lock in found.locks] == [start] and not found.commit_ts
    found = calls.ask("KvCheckSecondaryLocks", b"q2", calls.kv.CheckSecondaryLocksRequest(
        keys=[b"q2"], start_version=start))
    assert not found.locks and not found.commit_ts
    late = calls.prewrite(
        start, [calls.put(b"q2", b"late")], primary=b"q1", use_async_commit=True)
    assert late.errors[0].conflict.reason == calls.kv.WriteConflict.SelfRolledBack
    for key in (b"q1", b"z2"):
        assert not calls.resolve(start, 0, key, [key]).HasField("error")
    assert calls.value(b"q1") is None and calls.value(b"z2") is None


def test_async_commit_is_resolved_by_others(calls):
    start = calls.timestamp()
    first = calls.prewrite(
        start, [calls.put(b"r1", b"1"), calls.put(b"r2", b"2")], use_async_commit=True,
        secondaries=[b"r2"], lock_ttl=1)
    found = calls.ask("KvCheckSecondaryLocks", b"r2", calls.kv.CheckSecondaryLocksRequest(
        keys=[b"r2"], start_version=start))
    at = max([first.min_commit_ts, *(lock.min_commit_ts for lock in found.locks)])
    assert len(found.locks) == 1 and at == first.min_commit_ts
    assert not calls.resolve(start, at, b"r1").HasField("error")
    assert calls.value(b"r1", at) == b"1" and calls.value(b"r2", at) == b"2"
    # The client retries: it has committed at the same timestamp.
    again = calls.prewrite(
        start, [calls.put(b"r1", b"1"), calls.put(b"r2", b"2")], use_async_commit=True,
        secondaries=[b"r2"])
    assert not again.errors and again.min_commit_ts == at


def test_one_phase(calls):
    start = calls.timestamp()
    reply = calls.prewrite(
        start, [calls.put(b"s1", b"1"), calls.delete(b"s2")], try_one_pc=True)
    assert not reply.errors and reply.one_pc_commit_ts > start and not reply.min_commit_ts
    assert calls.value(b"s1", reply.one_pc_commit_ts) == b"1"
    assert calls.value(b"s1", reply.one_pc_commit_ts - 1) is None
    assert calls.locks(b"s", b"t") == []
    # With a bound below what it computes, it leaves locks of two phases.
    assert calls.value(b"s3") is None
    start = calls.timestamp()
    reply = calls.prewrite(
        start, [calls.put(b"s3", b"3")], try_one_pc=True, max_commit_ts=start)
    assert not reply.errors and reply.one_pc_commit_ts == reply.min_commit_ts == 0
    assert [lock.key for lock in calls.locks(b"s", b"t")] == [b"s3"]
    assert not calls.rollback(start, [b"s3"]).HasField("error")


def test_conflicts_and_errors(calls, kv):
    old = calls.timestamp()
    at = calls.write(b"t1", b"1")
    conflict = calls.prewrite(old, [calls.put(b"t1", b"2")]).errors[0]
    assert conflict.retryable and "WriteConflict" in conflict.retryable
    assert conflict.conflict.reason == kv.WriteConflict.Optimistic
    assert (conflict.conflict.start_ts, conflict.conflict.conflict_commit_ts) == (old, at)
    assert (conflict.conflict.key, conflict.conflict.primary) == (b"t1", b"t1")
    insert = kv.Mutation(op=kv.Insert, key=b"t1", value=b"2")
    assert calls.prewrite(calls.timestamp(), [insert]).errors[0].already_exist.key == b"t1"
    wrong = calls.put(b"t9", b"2", assertion=kv.Exist)
    failed = calls.prewrite(
        calls.timestamp(), [wrong], assertion_level=kv.Strict).errors[0].assertion_failed
    assert (failed.key, failed.assertion, failed.existing_start_ts) == (b"t9", kv.Exist, 0)
    # All keys that others have locked, in one response.
    start = calls.timestamp()
    assert not calls.prewrite(start, [calls.put(b"t2", b"1"), calls.put(b"t3", b"1")]).errors
    reply = calls.prewrite(
        calls.timestamp(), [calls.put(b"t2", b"x"), calls.put(b"t3", b"x"), calls.put(b"t4", b"x")])
    assert [error.locked.key for error in reply.errors] == [b"t2", b"t3"]
    assert calls.commit(start, start, [b"t2"]).error.abort
    # Pushed by a reader, then committed below.
    now = calls.timestamp()
    pushed = calls.check(b"t2", start, now, caller=now)
    assert pushed.action == kv.NoAction and pushed.lock_ttl == 3000
    assert not calls.rollback(start, [b"t2", b"t3"]).HasField("error")
    error = calls.commit(start, calls.timestamp(), [b"t2"]).error
    assert error.txn_lock_not_found.key == b"t2" and error.retryable
    late = calls.prewrite(start, [calls.put(b"t2", b"late")]).errors[0]
    assert late.conflict.reason == kv.WriteConflict.SelfRolledBack


def test_min_commit_ts_is_pushed(calls, kv):
    start = calls.timestamp()
    assert not calls.prewrite(
        start, [calls.put(b"u1", b"1")], min_commit_ts=start + 1, lock_ttl=60_000).errors
    reader = calls.timestamp()
    status = calls.check(b"u1", start, reader, caller=reader)
    assert status.action == kv.MinCommitTSPushed and status.lock_info.min_commit_ts > reader
    # The reader passes, as it is told.
    assert calls.read(b"u1", reader).not_found
    assert calls.read(b"u1", calls.timestamp(), resolved_locks=[start]).not_found
    assert calls.read(b"u1", calls.timestamp(), committed_locks=[start]).value == b"1"
    assert calls.read(b"u1", calls.timestamp(), isolation_level=kv.RC).not_found
    expired = calls.commit(start, start + 1, [b"u1"]).error.commit_ts_expired
    assert (expired.start_ts, expired.attempted_commit_ts, expired.key) == (start, start + 1, b"u1")
    assert expired.min_commit_ts > reader
    assert not calls.commit(start, calls.timestamp(), [b"u1"]).HasField("error")


def test_status_of_transactions(calls, kv):
    start = calls.timestamp()
    missing = calls.check(b"v1", start, start)
    assert missing.error.txn_not_found.start_ts == start
    assert missing.error.txn_not_found.primary_key == b"v1"
    assert calls.check(b"v1", start, start, rollback_if_not_exist=True).action == (
        kv.LockNotExistRollback)
    start = calls.timestamp()
    assert not calls.prewrite(start, [calls.put(b"v2", b"1"), calls.put(b"v3", b"1")]).errors
    wrong = calls.check(b"v3", start, start).error.primary_mismatch.lock_info
    assert (wrong.key, wrong.primary_lock) == (b"v3", b"v2")
    beat = calls.ask("KvTxnHeartBeat", b"v2", kv.TxnHeartBeatRequest(
        primary_lock=b"v2", start_version=start, advise_lock_ttl=12_345))
    assert beat.lock_ttl == 12_345
    assert calls.check(b"v2", start, LARGEST).action == kv.TTLExpireRollback
    # Later ones learn the same, and so does the heartbeat.
    status = calls.check(b"v2", start, LARGEST)
    assert not status.lock_ttl and not status.commit_version and not status.HasField("error")
    beat = calls.ask("KvTxnHeartBeat", b"v2", kv.TxnHeartBeatRequest(
        primary_lock=b"v2", start_version=start, advise_lock_ttl=1))
    assert beat.error.txn_not_found.start_ts == start
    assert not calls.resolve(start, 0, b"v3").HasField("error")
    # Committed.
    start = calls.timestamp()
    assert not calls.prewrite(start, [calls.put(b"v4", b"4")]).errors
    cleanup = kv.CleanupRequest(key=b"v4", start_version=start, current_ts=start)
    assert calls.ask("KvCleanup", b"v4", cleanup).error.locked.key == b"v4"
    at = calls.timestamp()
    calls.commit(start, at, [b"v4"])
    assert calls.check(b"v4", start, LARGEST).commit_version == at
    reply = calls.ask("KvCleanup", b"v4", cleanup)
    assert reply.commit_version == at and not reply.HasField("error")
    assert "Committed" in calls.rollback(start, [b"v4"]).error.abort


def test_scans_and_batches_meet_locks(calls, kv):
    for key in (b"w1", b"w3", b"w4"):
        calls.write(key, b"value of " + key)
    start = calls.timestamp()
    assert not calls.prewrite(start, [calls.put(b"w2", b"2"), calls.delete(b"w3")]).errors
    reply = calls.range(b"w", b"x")
    assert [pair.key for pair in reply.pairs] == [b"w1", b"w2", b"w3", b"w4"]
    assert [pair.error.locked.lock_version for pair in reply.pairs] == [0, start, start, 0]
    assert not reply.HasField("error")
    reply = calls.range(b"x", b"w", limit=2, reverse=True)
    assert [pair.key for pair in reply.pairs] == [b"w4", b"w3"]
    reply = calls.range(b"w", b"x", at=start - 1, key_only=True)
    assert [(pair.key, pair.value) for pair in reply.pairs] == [
        (b"w1", b""), (b"w3", b""), (b"w4", b"")]
    reply = calls.range(b"w", b"x", at=start - 1, sample_step=2)
    assert [pair.key for pair in reply.pairs] == [b"w1", b"w4"]
    # In the order of the request, without those that have no value.
    reply = calls.pairs([b"w4", b"w9", b"w2", b"w1"])
    assert [pair.key for pair in reply.pairs] == [b"w4", b"w2", b"w1"]
    assert reply.pairs[1].error.locked.key == b"w2" and reply.pairs[0].value == b"value of w4"
    assert [lock.key for lock in calls.locks(b"w", b"x")] == [b"w2", b"w3"]
    assert [lock.key for lock in calls.locks(b"w", b"x", limit=1)] == [b"w2"]
    assert not calls.resolve(start, calls.timestamp(), b"w2").HasField("error")
    reply = calls.range(b"w", b"x")
    assert [(pair.key, pair.value) for pair in reply.pairs] == [
        (b"w1", b"value of w1"), (b"w2", b"2"), (b"w4", b"value of w4")]


def test_resolve_many_transactions_and_single_keys(calls, kv):
    starts = [calls.timestamp() for _ in range(3)]
    for number, start in enumerate(starts):
        keys = [b"x%d-%d" % (number, n) for n in range(3)]
        assert not calls.prewrite(start, [calls.put(key, b"v") for key in keys]).errors
    at = calls.timestamp()
    assert not calls.resolve(starts[0], at, b"x", [b"x0-1"]).HasField("error")
    assert len(calls.locks(b"x0", b"x1")) == 2
    reply = calls.ask("KvResolveLock", b"x", kv.ResolveLockRequest(txn_infos=[
        kv.TxnInfo(txn=starts[0], status=at), kv.TxnInfo(txn=starts[1], status=0)]))
    assert not reply.HasField("error")
    assert [lock.lock_version for lock in calls.locks(b"x", b"y")] == [starts[2]] * 3
    assert calls.value(b"x0-2", at) == b"v" and calls.value(b"x1-2") is None
    calls.resolve(starts[2], 0, b"x")
    error = calls.resolve(calls.timestamp(), at, b"x", [b"x7"]).error
    assert error.txn_lock_not_found.key == b"x7"


def test_pessimistic_locks(calls, kv):
    at = calls.write(b"b1", b"1")
    start = calls.timestamp()
    reply = calls.lock(start, [b"b1", b"b2"])
    assert not reply.errors and not reply.values and not reply.not_founds and not reply.results
    reply = calls.lock(start, [b"b1", b"b2"], return_values=True)
    assert list(reply.values) == [b"1", b""] and list(reply.not_founds) == [False, True]
    reply = calls.lock(start, [b"b1", b"b2"], check_existence=True)
    assert not reply.values and list(reply.not_founds) == [False, True]
    # Readers pass; others that want to lock do not.
    assert calls.value(b"b1") == b"1"
    error = calls.lock(calls.timestamp(), [b"b1"], wait_timeout=-1).errors[0]
    assert error.locked.lock_type == kv.PessimisticLock and error.locked.lock_for_update_ts == start
    error = calls.lock(at - 1, [b"b3", b"b1"], wait_timeout=-1, at=at - 1).errors[0]
    assert error.locked.key == b"b1"
    assert [lock.key for lock in calls.locks(b"b", b"c")] == [b"b1", b"b2"]
    reply = calls.prewrite(
        start, [calls.put(b"b1", b"2"), calls.put(b"b2", b"2")], for_update_ts=start,
        pessimistic_actions=[1, 1])
    assert not reply.errors
    assert not calls.commit(start, calls.timestamp(), [b"b1", b"b2"]).HasField("error")
    conflict = calls.lock(start + 1, [b"b1"]).errors[0].conflict
    assert conflict.reason == kv.WriteConflict.PessimisticRetry
    # Although there is a newer version.
    reply = calls.lock(start + 1, [b"b1"], wake_up_mode=kv.WakeUpModeForceLock)
    assert [result.type for result in reply.results] == [kv.LockResultLockedWithConflict]
    assert reply.results[0].value == b"2" and reply.results[0].locked_with_conflict_ts > start
    undo = kv.PessimisticRollbackRequest(start_version=start + 1, for_update_ts=LARGEST)
    assert not calls.ask("KVPessimisticRollback", b"b", undo).errors
    assert calls.locks(b"b", b"c") == []
    lost = calls.prewrite(
        start, [calls.put(b"b9", b"x")], for_update_ts=start, pessimistic_actions=[1])
    assert not lost.errors  # nothing was written since: the lock is made up for
    calls.rollback(start, [b"b9"])
    gone = calls.lock(start, [b"b9"]).errors[0]
    assert "PessimisticLockRolledBack" in gone.abort


def in_thread(body):
    """Runs a call; the function that waits for its result and the seconds it took."""
    found = []

    def run():
        begun = time.monotonic()
        found.append((body(), time.monotonic() - begun))

    thread = threading.Thread(target=run)
    thread.start()

    def join():
        thread.join(20)
        return found[0]

    return join


def waiting(calls, key: bytes, count: int):
    """The requests that wait for locks on the store of a key, once there are so many."""
    request = calls.kv.GetLockWaitInfoRequest()
    found = []

    def enough():
        found[:] = calls.ask("GetLockWaitInfo", key, request).entries
        return len(found) >= count

    eventually(enough, 10, f"{count} requests wait")
    return found


def test_waiting_for_a_lock(cluster, calls, kv):
    holder, waiter = calls.timestamp(), calls.timestamp()
    assert not calls.lock(holder, [b"c1"]).errors
    other = Transactions(cluster)
    # Nobody releases it.
    reply, seconds = in_thread(lambda: other.lock(waiter, [b"c1"], wait_timeout=100))()
    assert reply.errors[0].locked.lock_version == holder and seconds >= 0.1
    # The holder commits while the request waits: it is told, and takes the lock at its next try.
    join = in_thread(lambda: other.lock(waiter, [b"c1"], wait_timeout=900))
    entry = waiting(calls, b"c1", 1)[0]
    assert (entry.txn, entry.wait_for_txn) == (waiter, holder)
    assert not calls.prewrite(
        holder, [calls.put(b"c1", b"1")], for_update_ts=holder, pessimistic_actions=[1]).errors
    at = calls.timestamp()
    assert not calls.commit(holder, at, [b"c1"]).HasField("error")
    reply, _ = join()
    assert reply.errors[0].conflict.conflict_commit_ts == at
    # And one that takes it as it is.
    reply = calls.lock(waiter, [b"c1"], at=at, return_values=True)
    assert list(reply.values) == [b"1"]
    undo = kv.PessimisticRollbackRequest(
        start_version=waiter, for_update_ts=LARGEST, keys=[b"c1"])
    calls.ask("KVPessimisticRollback", b"c1", undo)


def test_waiting_requests_hold_no_threads(cluster, calls, kv):
    """Far more wait than there are threads, on one stream with what they wait for."""
    one = wire.module("tikvpb").BatchCommandsRequest.Request
    holder, count = calls.timestamp(), 50
    assert not calls.lock(holder, [b"l1"]).errors
    locks = {}
    for number in range(count):
        start = calls.timestamp()
        locks[number] = one(PessimisticLock=kv.PessimisticLockRequest(
            mutations=[kv.Mutation(op=kv.PessimisticLock, key=b"l1")], primary_lock=b"l1",
            start_version=start, for_update_ts=start, lock_ttl=3000, wait_timeout=900))
    join = in_thread(lambda: Transactions(cluster).batch(b"l", locks))
    waiting(calls, b"l1", count)
    assert calls.value(b"l1") is None
    undo = kv.PessimisticRollbackRequest(start_version=holder, for_update_ts=LARGEST)
    assert not calls.ask("KVPessimisticRollback", b"l", undo).errors
    found, _ = join()
    assert all(found[number].PessimisticLock.errors for number in range(count))


def test_deadlock(cluster, calls, kv):
    first, second = calls.timestamp(), calls.timestamp()
    assert not calls.lock(first, [b"d1"]).errors
    assert not calls.lock(second, [b"d2"]).errors
    other = Transactions(cluster)
    join = in_thread(lambda: other.lock(first, [b"d2"], primary_lock=b"d1", wait_timeout=900))
    waiting(calls, b"d1", 1)
    reply = calls.lock(second, [b"d1"], primary_lock=b"d2", wait_timeout=900)
    deadlock = reply.errors[0].deadlock
    assert (deadlock.lock_ts, deadlock.lock_key) == (first, b"d1")
    assert deadlock.deadlock_key_hash
    assert [(edge.txn, edge.wait_for_txn) for edge in deadlock.wait_chain] == [
        (first, second), (second, first)]
    for start in (first, second):
        undo = kv.PessimisticRollbackRequest(start_version=start, for_update_ts=LARGEST)
        assert not calls.ask("KVPessimisticRollback", b"d", undo).errors
    join()
    calls.ask("KVPessimisticRollback", b"d", kv.PessimisticRollbackRequest(
        start_version=first, for_update_ts=LARGEST))
    assert calls.locks(b"d", b"e") == []


def test_commands_in_batches(calls, kv):
    """The same in BatchCommands: each command is completed under its id, with its own kind of response."""
    one = wire.module("tikvpb").BatchCommandsRequest.Request
    start = calls.timestamp()
    found = calls.batch(b"e", {
        7: one(Prewrite=kv.PrewriteRequest(
            mutations=[calls.put(b"e1", b"1")], primary_lock=b"e1", start_version=start,
            lock_ttl=3000)),
        8: one(Get=kv.GetRequest(key=b"e9", version=start)),
        9: one(Coprocessor=wire.module("coprocessor").Request()),
    })
    assert not found[7].Prewrite.errors and found[8].Get.not_found
    assert found[9].Coprocessor.other_error
    at = calls.timestamp()
    found = calls.batch(b"e", {
        1: one(BatchGet=kv.BatchGetRequest(keys=[b"e1"], version=at)),
        2: one(Scan=kv.ScanRequest(start_key=b"e", end_key=b"f", limit=9, version=at)),
        3: one(ScanLock=kv.ScanLockRequest(start_key=b"e", end_key=b"f", max_version=at)),
        4: one(CheckTxnStatus=kv.CheckTxnStatusRequest(
            primary_key=b"e1", lock_ts=start, caller_start_ts=at, current_ts=at)),
        5: one(TxnHeartBeat=kv.TxnHeartBeatRequest(
            primary_lock=b"e1", start_version=start, advise_lock_ttl=4000)),
        6: one(CheckSecondaryLocks=kv.CheckSecondaryLocksRequest(
            keys=[b"e1"], start_version=start)),
        7: one(PessimisticLock=kv.PessimisticLockRequest(
            mutations=[kv.Mutation(op=kv.PessimisticLock, key=b"e1")], primary_lock=b"e1",
            start_version=at, for_update_ts=at, wait_timeout=-1)),
        8: one(PessimisticRollback=kv.PessimisticRollbackRequest(
            start_version=at, for_update_ts=at, keys=[b"e1"])),
    })
    assert found[1].BatchGet.pairs[0].error.locked.key == b"e1"
    assert found[2].Scan.pairs[0].error.locked.key == b"e1"
    assert found[3].ScanLock.locks[0].key == b"e1"
    assert found[4].CheckTxnStatus.lock_ttl >= 3000 and found[5].TxnHeartBeat.lock_ttl == 4000
    assert found[6].CheckSecondaryLocks.locks[0].lock_version == start
    assert found[7].PessimisticLock.errors[0].locked.lock_version == start
    assert not found[8].PessimisticRollback.errors
    found = calls.batch(b"e", {
        1: one(Commit=kv.CommitRequest(
            start_version=start, keys=[b"e1"], commit_version=calls.timestamp())),
        2: one(ResolveLock=kv.ResolveLockRequest(start_version=at, keys=[b"e8"])),
        3: one(Cleanup=kv.CleanupRequest(key=b"e8", start_version=at)),
        4: one(BatchRollback=kv.BatchRollbackRequest(start_version=at, keys=[b"e8"])),
    })
    assert found[1].Commit.commit_version and not found[2].ResolveLock.HasField("error")
    assert not found[3].Cleanup.HasField("error")
    assert not found[4].BatchRollback.HasField("error")
    assert calls.value(b"e1") == b"1"


def test_inspection_and_ranges(cluster, calls, kv):
    first = calls.write(b"f1", b"1")
    start = calls.timestamp()
    assert not calls.prewrite(start, [calls.put(b"f1", b"2" * 300)]).errors
    info = calls.ask("MvccGetByKey", b"f1", kv.MvccGetByKeyRequest(key=b"f1")).info
    assert (info.lock.type, info.lock.start_ts, info.lock.primary) == (kv.Put, start, b"f1")
    assert [(write.commit_ts, write.short_value) for write in info.writes] == [(first, b"1")]
    assert [(value.start_ts, len(value.value)) for value in info.values] == [(start, 300)]
    reply = calls.ask(
        "MvccGetByStartTs", b"f1", kv.MvccGetByStartTsRequest(start_ts=info.writes[0].start_ts))
    assert reply.key == b"f1" and len(reply.info.writes) == 1
    assert not calls.rollback(start, [b"f1"]).HasField("error")
    # A range of a region, then one of the whole store.
    for number in range(4):
        calls.write(b"g%d" % number, b"v")
    whole = kv.DeleteRangeRequest(start_key=b"g0", end_key=b"g2", notify_only=True)
    assert not calls.ask("KvDeleteRange", b"g0", whole).error
    assert calls.value(b"g1") == b"v"
    whole.notify_only = False
    assert not calls.ask("KvDeleteRange", b"g0", whole).error
    assert [pair.key for pair in calls.range(b"g", b"h").pairs] == [b"g2", b"g3"]
    for store in cluster.stores:
        stub = wire.stubs("tikvpb").TikvStub(cluster.channel(store.address))
        reply = stub.UnsafeDestroyRange(
            kv.UnsafeDestroyRangeRequest(start_key=b"g", end_key=b"h"), timeout=20)
        assert not reply.error and not reply.HasField("region_error")
        assert stub.UnsafeDestroyRange(
            kv.UnsafeDestroyRangeRequest(end_key=b"h"), timeout=20).error
    assert not calls.range(b"g", b"h").pairs


def test_flashback(calls, kv):
    calls.write(b"z1", b"old")
    version = calls.timestamp()
    calls.write(b"z1", b"new")
    calls.write(b"z2", b"added")
    start = calls.timestamp()
    early = kv.FlashbackToVersionRequest(
        start_key=b"z", end_key=b"zz", version=version, start_ts=start, commit_ts=start + 1)
    assert calls.ask("KvFlashbackToVersion", b"z", early).error
    reply = calls.ask("KvPrepareFlashbackToVersion", b"z", kv.PrepareFlashbackToVersionRequest(
        start_key=b"z", end_key=b"zz", version=version, start_ts=start))
    assert not reply.error
    at = calls.timestamp()
    for _ in range(2):  # each phase may be repeated
        reply = calls.ask("KvFlashbackToVersion", b"z", kv.FlashbackToVersionRequest(
            start_key=b"z", end_key=b"zz", version=version, start_ts=start, commit_ts=at))
        assert not reply.error
    assert calls.value(b"z1") == b"old" and calls.value(b"z2") is None
    assert calls.value(b"z2", at - 1) == b"added"


def test_flushes_of_a_pipelined_transaction(calls, kv):
    start = calls.timestamp()

    def flush(generation, mutations):
        return calls.ask("KvFlush", mutations[0].key, kv.FlushRequest(
            mutations=mutations, primary_key=b"h1", start_ts=start, min_commit_ts=start + 1,
            generation=generation, lock_ttl=5000))

    assert not flush(1, [calls.put(b"h1", b"1"), calls.put(b"h2", b"1")]).errors
    assert not flush(2, [calls.put(b"h2", b"2"), calls.delete(b"h3")]).errors
    assert not flush(1, [calls.put(b"h2", b"too late")]).errors
    assert flush(0, [calls.put(b"h4", b"")]).errors[0].abort
    reply = calls.ask("KvBufferBatchGet", b"h1", kv.BufferBatchGetRequest(
        keys=[b"h1", b"h2", b"h3", b"h4"], version=start))
    assert [(pair.key, pair.value) for pair in reply.pairs] == [
        (b"h1", b"1"), (b"h2", b"2"), (b"h3", b"")]
    at = calls.timestamp()
    assert not calls.resolve(start, at, b"h1").HasField("error")
    assert calls.value(b"h2", at) == b"2" and calls.value(b"h3", at) is None


def stub_of(calls, request):
    return calls._stub(request.context.peer.store_id)


def test_what_is_not_served_is_refused(cluster, calls, kv):
    stub = wire.stubs("tikvpb").TikvStub(cluster.channel(cluster.leader().address))
    assert stub.KvGC(kv.GCRequest(safe_point=1), timeout=5).error.abort
    assert stub.KvImport(kv.ImportRequest(), timeout=5).error
    assert stub.Coprocessor(wire.module("coprocessor").Request(), timeout=5).other_error
    # Keys and timestamps that make no sense.
    long = calls.prewrite(calls.timestamp(), [calls.put(b"i" * 9000, b"v")])
    assert "KeyTooLarge" in long.errors[0].abort
    bad = kv.Mutation(op=kv.Rollback, key=b"i1")
    assert calls.prewrite(calls.timestamp(), [bad]).errors[0].abort
    assert calls.prewrite(LARGEST, [calls.put(b"i1", b"v")]).errors[0].abort
    assert calls.commit(5, 4, [b"i1"]).error.abort
    outside = kv.BatchGetRequest(
        context=calls._context(b"i1"), keys=[b"i1", b"zz"], version=calls.timestamp())
    reply = stub_of(calls, outside).KvBatchGet(outside, timeout=5)
    assert reply.region_error.HasField("key_not_in_region") and not reply.pairs


def test_replicas_serve_reads_at_a_timestamp(cluster, calls, kv):
    """A replica asks the leader, which waits for prewrites that may commit below the timestamp of the read."""
    calls.write(b"m", b"1")
    region = cluster.region(encoded(b"m")).region

    def read(at):
        request = kv.GetRequest(
            context=calls._context(b"m"), key=b"m", version=at)
        request.context.MergeFrom(kv.Context(replica_read=True))
        request.context.peer.CopyFrom(
            next(peer for peer in region.peers if peer.id != request.context.peer.id))
        return stub_of(calls, request).KvGet(request, timeout=5)

    at = calls.timestamp()
    assert read(at).value == b"1"
    # The commit timestamp of a transaction in one phase is above the read, which only the replica has served.
    start = calls.timestamp()
    late = calls.timestamp()
    assert read(late).value == b"1"
    reply = calls.prewrite(start, [calls.put(b"m", b"2")], try_one_pc=True)
    assert reply.one_pc_commit_ts > late, reply
    assert read(late).value == b"1"
    assert read(reply.one_pc_commit_ts).value == b"2"


def test_timestamps_of_the_far_future_are_refused(calls, kv):
    """They would raise `max_ts` for good: later commits would be invisible to all."""
    def read(at):
        request = kv.GetRequest(context=calls._context(b"n"), key=b"n", version=at)
        return stub_of(calls, request).KvGet(request, timeout=5)

    ahead = calls.timestamp() + (3600_000 << 18)
    eventually(lambda: read(ahead).error.abort.startswith("InvalidMaxTsUpdate") or None, 20, "a bound")
    assert read(1 << 63).error.abort
    assert read(LARGEST).not_found
    reply = calls.prewrite(calls.timestamp(), [calls.put(b"n", b"1")], try_one_pc=True)
    assert reply.one_pc_commit_ts < ahead
    assert calls.value(b"n", calls.timestamp()) == b"1"


def test_wrong_clusters_are_refused(calls, kv):
    request = kv.GetRequest(context=calls._context(b"j"), key=b"j", version=1)
    request.context.cluster_id = 1
    with pytest.raises(grpc.RpcError) as refused:
        stub_of(calls, request).KvGet(request, timeout=5)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
