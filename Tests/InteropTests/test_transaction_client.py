"""The PyPI client of TiKV, unpatched, against three stores: every method of transactions that it has, with regions that
split between the tests."""

import asyncio

import pytest

from harness.transactions import Transactions, split

tikv_client = pytest.importorskip("tikv_client")


@pytest.fixture(scope="module")
def client(cluster):
    # A test's keys begin with its letter; the first tests run before the regions are split.
    return tikv_client.TransactionClient.connect([cluster.pd_address])


@pytest.fixture(scope="module")
def calls(cluster):
    return Transactions(cluster)


def write(client, pairs, pessimistic=False):
    txn = client.begin(pessimistic=pessimistic)
    for key, value in pairs.items():
        txn.put(key, value)
    txn.commit()


def snapshot(client):
    return client.snapshot(client.current_timestamp(), False)


def test_timestamps_ascend(client):
    stamps = [client.current_timestamp() for _ in range(5)]
    values = [(stamp.physical << 18) + stamp.logical if hasattr(stamp, "physical") else stamp
              for stamp in stamps]
    assert all(left < right for left, right in zip(values, values[1:])), values


def test_the_client_s_own_test(cluster):
    """The assertions of `test_async_raw_client`, which is its test of transactions."""
    keys = [b"k%d" % n for n in range(1, 6)]
    values = [b"v%d" % n for n in range(1, 6)]

    async def run():
        client = await tikv_client.asynchronous.TransactionClient.connect([cluster.pd_address])
        txn = await client.begin(pessimistic=True)
        for key, value in zip(keys, values):
            await txn.put(key, value)
        await txn.commit()
        txn = await client.begin(pessimistic=True)
        assert await txn.get(b"k3") == b"v3"
        assert await txn.batch_get([b"k1", b"k4"]) == [(b"k1", b"v1"), (b"k4", b"v4")]
        await txn.commit()
        found = client.snapshot(await client.current_timestamp(), False)
        assert await found.get(b"k1") == b"v1"
        assert await found.batch_get(keys) == list(zip(keys, values))
        scanned = await found.scan(b"k1", end=None, limit=10, include_start=False)
        assert scanned[:4] == list(zip(keys, values))[1:]

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()


@pytest.mark.parametrize("pessimistic", [False, True])
def test_put_get_delete(client, pessimistic):
    prefix = b"a%d-" % pessimistic
    txn = client.begin(pessimistic=pessimistic)
    assert txn.get(prefix + b"1") is None and not txn.key_exists(prefix + b"1")
    txn.put(prefix + b"1", b"one")
    txn.put(prefix + b"2", b"two")
    # Its own writes are seen before the commit, by nobody else.
    assert txn.get(prefix + b"1") == b"one" and txn.key_exists(prefix + b"2")
    assert snapshot(client).get(prefix + b"1") is None
    txn.commit()
    before = client.current_timestamp()
    txn = client.begin(pessimistic=pessimistic)
    assert txn.get(prefix + b"1") == b"one"
    txn.delete(prefix + b"1")
    assert txn.get(prefix + b"1") is None
    txn.commit()
    now = snapshot(client)
    assert now.get(prefix + b"1") is None and not now.key_exists(prefix + b"1")
    assert now.get(prefix + b"2") == b"two" and now.key_exists(prefix + b"2")
    # A snapshot of before still has it.
    assert client.snapshot(before, False).get(prefix + b"1") == b"one"


@pytest.mark.parametrize("pessimistic", [False, True])
def test_insert(client, pessimistic):
    prefix = b"b%d-" % pessimistic
    txn = client.begin(pessimistic=pessimistic)
    txn.insert(prefix + b"new", b"1")
    txn.commit()
    txn = client.begin(pessimistic=pessimistic)
    with pytest.raises(Exception, match="[Ee]xist"):
        txn.insert(prefix + b"new", b"2")
        txn.commit()
    if pessimistic:
        txn.rollback()
    assert snapshot(client).get(prefix + b"new") == b"1"


def test_values_of_all_sizes(client):
    """Short values are in the record, long ones beside it; a transaction of many requests."""
    values = {b"c%d" % size: bytes([size % 251]) * size for size in (1, 255, 256, 4096, 1 << 18)}
    write(client, values)
    found = snapshot(client)
    for key, value in values.items():
        assert found.get(key) == value
    assert dict(found.batch_get(list(values))) == values


def test_conflicts(client):
    write(client, {b"d1": b"0"})
    first, second = client.begin(), client.begin()
    assert first.get(b"d1") == second.get(b"d1") == b"0"
    first.put(b"d1", b"first")
    second.put(b"d1", b"second")
    first.commit()
    with pytest.raises(Exception, match="[Cc]onflict"):
        second.commit()
    assert snapshot(client).get(b"d1") == b"first"


def test_rollback(client, calls):
    for pessimistic in (False, True):
        txn = client.begin(pessimistic=pessimistic)
        txn.put(b"e1", b"never")
        txn.lock_keys([b"e2"])
        txn.rollback()
    assert snapshot(client).get(b"e1") is None
    assert calls.locks(b"e", b"f") == []
    # Nothing is locked any more.
    write(client, {b"e1": b"1", b"e2": b"2"}, pessimistic=True)
    assert snapshot(client).get(b"e2") == b"2"


def test_regions_split(cluster, client):
    """From here on regions are smaller, and so is what the client's cache believes."""
    split(cluster, [b"d1", b"k3", b"s05", b"s10", b"u"])
    assert snapshot(client).get(b"k2") == b"v2"
    assert snapshot(client).get(b"k4") == b"v4"


def test_scans_and_batches_over_regions(client):
    pairs = {b"s%02d" % n: b"v%d" % n for n in range(20)}
    write(client, pairs)
    found = snapshot(client)
    keys = sorted(pairs)
    assert found.scan(b"s", end=b"t", limit=100) == [(key, pairs[key]) for key in keys]
    assert found.scan_keys(b"s03", end=b"s12", limit=100) == keys[3:12]
    assert found.scan_keys(b"s03", end=b"s12", limit=100, include_start=False,
                           include_end=True) == keys[4:13]
    assert found.scan_keys(b"s", end=None, limit=7) == keys[:7]
    assert dict(found.batch_get([b"s01", b"s07", b"s15", b"s99"])) == {
        key: pairs[key] for key in (b"s01", b"s07", b"s15")}
    # A transaction merges its own writes into what it scans.
    txn = client.begin()
    txn.delete(b"s04")
    txn.put(b"s045", b"new")
    assert [key for key, _ in txn.scan(b"s03", end=b"s07", limit=10)] == [
        b"s03", b"s045", b"s05", b"s06"]
    assert txn.scan_keys(b"s03", end=b"s07", limit=2) == [b"s03", b"s045"]
    assert dict(txn.batch_get([b"s03", b"s04"])) == {b"s03": b"v3"}
    txn.rollback()


def test_locking_reads(client, calls):
    """get_for_update and batch_get_for_update see what is newest, and keep it."""
    write(client, {b"t1": b"1", b"u1": b"10"})
    txn = client.begin(pessimistic=True)
    write(client, {b"t1": b"2"})
    assert txn.get(b"t1") == b"1"
    assert txn.get_for_update(b"t1") == b"2"
    assert dict(txn.batch_get_for_update([b"t1", b"u1", b"u9"])) == {b"t1": b"2", b"u1": b"10"}
    assert {lock.key for lock in calls.locks(b"t", b"u") + calls.locks(b"u", b"v")} == {
        b"t1", b"u1", b"u9"}
    # Another one cannot lock them meanwhile.
    other = calls.lock(calls.timestamp(), [b"u1"], wait_timeout=-1)
    assert other.errors[0].locked.key == b"u1"
    txn.put(b"t1", b"3")
    txn.commit()
    assert snapshot(client).get(b"t1") == b"3"
    # In an optimistic one the lock is taken with the commit.
    old = client.begin()
    assert old.get_for_update(b"t1") == b"3"
    write(client, {b"t1": b"4"})
    old.put(b"t1", b"5")
    with pytest.raises(Exception, match="[Cc]onflict"):
        old.commit()


def test_lock_keys(client):
    write(client, {b"v1": b"1"})
    holder = client.begin(pessimistic=True)
    holder.lock_keys([b"v1", b"v2"])
    # An optimistic transaction that began before conflicts.
    late = client.begin()
    late.lock_keys([b"v1"])
    late.put(b"v3", b"late")
    holder.put(b"v2", b"2")
    holder.commit()
    with pytest.raises(Exception, match="[Cc]onflict"):
        late.commit()
    assert dict(snapshot(client).batch_get([b"v1", b"v2", b"v3"])) == {b"v1": b"1", b"v2": b"2"}


def test_a_lost_client_is_cleaned_up(client, calls):
    """Locks whose time has passed, of clients that are gone: one that committed its primary, and one that did not."""
    starts = [calls.timestamp(), calls.timestamp()]
    for start, keys in zip(starts, ([b"w1", b"w2"], [b"w3", b"w4"])):
        reply = calls.prewrite(
            start, [calls.put(key, b"value of " + key) for key in keys], lock_ttl=1)
        assert not reply.errors, reply
    at = calls.timestamp()
    assert not calls.commit(starts[0], at, [b"w1"]).HasField("error")
    found = snapshot(client)
    assert found.get(b"w2") == b"value of w2"
    assert found.get(b"w4") is None
    assert dict(found.batch_get([b"w1", b"w3"])) == {b"w1": b"value of w1"}


def test_transfers_keep_the_sum(cluster):
    """8 tasks move amounts between 8 accounts in four regions, optimistic and pessimistic ones together."""
    accounts = [b"k1", b"k5", b"s04x", b"s07x", b"s12x", b"x1", b"x2", b"x3"]

    async def run():
        client = await tikv_client.asynchronous.TransactionClient.connect([cluster.pd_address])
        txn = await client.begin()
        for account in accounts:
            await txn.put(account, b"100")
        await txn.commit()

        async def move(task: int) -> int:
            done = 0
            for step in range(4):
                source = accounts[(task + step) % 8]
                target = accounts[(task * 3 + step + 1) % 8]
                if source == target:
                    continue
                txn = await client.begin(pessimistic=task % 2 == 1)
                try:
                    read = txn.get_for_update if task % 2 == 1 else txn.get
                    # In one order, so that pessimistic ones do not wait for each other.
                    amounts = {key: int(await read(key)) for key in sorted((source, target))}
                    await txn.put(source, b"%d" % (amounts[source] - 1))
                    await txn.put(target, b"%d" % (amounts[target] + 1))
                    await txn.commit()
                    done += 1
                except Exception:
                    try:
                        await txn.rollback()
                    except Exception:
                        pass  # it had committed or was rolled back by another
            return done

        done = await asyncio.gather(*(move(task) for task in range(8)))
        found = client.snapshot(await client.current_timestamp(), False)
        total = sum(int(value) for _, value in await found.batch_get(accounts))
        return sum(done), total

    loop = asyncio.new_event_loop()
    try:
        done, total = loop.run_until_complete(run())
    finally:
        loop.close()
    assert done > 0 and total == 800
