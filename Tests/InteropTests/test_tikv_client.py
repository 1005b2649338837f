"""The PyPI client of TiKV, unpatched, against three stores: every raw operation it has."""

import asyncio
import random

import pytest

tikv_client = pytest.importorskip("tikv_client")


@pytest.fixture(scope="module")
def raw(cluster):
    return tikv_client.RawClient.connect([cluster.pd_address])


@pytest.fixture(autouse=True)
def clean(raw):
    raw.delete_range(b"", end=None)
    yield


def test_put_get_delete(raw):
    raw.put(b"k1", b"v1")
    assert raw.get(b"k1") == b"v1"
    raw.put(b"k1", b"v2")
    assert raw.get(b"k1") == b"v2"
    raw.delete(b"k1")
    assert raw.get(b"k1") is None
    raw.delete(b"k1")


def test_absent_and_empty_are_different(raw):
    assert raw.get(b"absent") is None
    raw.put(b"empty", b"")
    assert raw.get(b"empty") == b""


def test_batch_operations(raw):
    raw.batch_put({b"b%d" % i: b"v%d" % i for i in range(10)})
    found = dict(raw.batch_get([b"b1", b"b5", b"nothing", b"b9"]))
    assert found == {b"b1": b"v1", b"b5": b"v5", b"b9": b"v9"}
    raw.batch_delete([b"b1", b"b5"])
    assert [k for k, _ in raw.batch_get([b"b1", b"b5", b"b9"])] == [b"b9"]


def test_client_suite_of_its_own(raw):
    """The assertions of the client's own raw test."""
    raw.put(b"k1", b"v1")
    raw.put(b"k2", b"v2")
    raw.put(b"k3", b"v3")
    raw.batch_put({b"k4": b"v4", b"k5": b"v5"})
    assert raw.get(b"k3") == b"v3"
    assert sorted(raw.batch_get([b"k4", b"k5"])) == [(b"k4", b"v4"), (b"k5", b"v5")]
    found = raw.scan(b"k1", end=None, limit=10, include_start=False)[:4]
    assert found == [(b"k2", b"v2"), (b"k3", b"v3"), (b"k4", b"v4"), (b"k5", b"v5")]


def test_scan_bounds_limits_and_keys_only(raw):
    raw.batch_put({b"s%02d" % i: b"%d" % i for i in range(20)})
    assert [k for k, _ in raw.scan(b"s05", end=b"s10", limit=100)] == [
        b"s%02d" % i for i in range(5, 10)]
    assert [k for k, _ in raw.scan(b"s05", end=b"s10", limit=100, include_end=True)] == [
        b"s%02d" % i for i in range(5, 11)]
    assert len(raw.scan(b"s00", end=b"s99", limit=3)) == 3
    assert raw.scan_keys(b"s18", end=None, limit=10) == [b"s18", b"s19"]


def test_delete_range(raw):
    raw.batch_put({b"d%02d" % i: b"x" for i in range(20)})
    raw.delete_range(b"d05", end=b"d15")
    assert raw.scan_keys(b"d", end=b"e", limit=100) == [
        b"d%02d" % i for i in [*range(5), *range(15, 20)]]


def test_column_families(raw):
    raw.put(b"cf", b"in default")
    raw.put(b"cf", b"in write", cf="write")
    raw.put(b"cf", b"in lock", cf="lock")
    assert raw.get(b"cf") == b"in default"
    assert raw.get(b"cf", cf="write") == b"in write"
    assert raw.get(b"cf", cf="lock") == b"in lock"
    raw.delete(b"cf", cf="write")
    raw.delete(b"cf", cf="lock")
    assert raw.get(b"cf", cf="write") is None


def test_unknown_column_family_is_refused(raw):
    with pytest.raises(Exception):
        raw.put(b"k", b"v", cf="nonsense")


def test_ten_thousand_keys(raw):
    pairs = {b"t%06d" % i: random.Random(i).randbytes(64) for i in range(10_000)}
    keys = sorted(pairs)
    for at in range(0, len(keys), 500):
        raw.batch_put({k: pairs[k] for k in keys[at:at + 500]})
    for at in range(0, len(keys), 500):
        raw.put(keys[at], pairs[keys[at]])
    found = raw.scan(b"t", end=b"u", limit=10_240)
    assert [k for k, _ in found] == keys
    assert dict(found) == pairs
    for at in range(0, len(keys), 500):
        raw.batch_delete(keys[at:at + 500])
    assert raw.scan(b"t", end=b"u", limit=10) == []


def test_large_value(raw):
    value = random.Random(1).randbytes(1 << 20)
    raw.put(b"large", value)
    assert raw.get(b"large") == value


def test_binary_keys(raw):
    keys = [b"\x00", b"\x00\x00", b"\xff", b"\xff\xff", "schlüssel".encode(), bytes(range(256))]
    for key in keys:
        raw.put(key, key[::-1])
    for key in keys:
        assert raw.get(key) == key[::-1]


def test_oversized_key_is_refused_and_harmless(raw):
    with pytest.raises(Exception):
        raw.put(b"x" * (9 << 10), b"v")
    raw.put(b"after", b"fine")
    assert raw.get(b"after") == b"fine"


def test_64_tasks_at_once(cluster):
    async def run():
        client = await tikv_client.asynchronous.RawClient.connect([cluster.pd_address])

        async def one(task: int):
            for i in range(20):
                key = b"a%02d-%02d" % (task, i)
                await client.put(key, b"v%d-%d" % (task, i))
                assert await client.get(key) == b"v%d-%d" % (task, i)
            await client.batch_delete([b"a%02d-%02d" % (task, i) for i in range(10)])
            return len(await client.scan_keys(b"a%02d-" % task, end=b"a%02d." % task, limit=100))

        return await asyncio.gather(*(one(t) for t in range(64)))

    # Not asyncio.run: it leaves the thread without the event loop that the blocking client uses.
    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(run()) == [10] * 64
    finally:
        loop.close()
