"""Regions split as data grows; clients find every key, before and after restarts."""

import json
import pathlib
import subprocess
import os

import pytest

from harness import wire
from harness.client import RawClient
from harness.process import eventually, http

tikv_client = pytest.importorskip("tikv_client")


def config(path, split_size):
    path.write_text(
        f'[coprocessor]\nregion-split-size = "{split_size}"\n'
        '[raftstore]\nsplit-region-check-tick-interval = "500ms"\n')
    return ["-C", str(path)]


def tiles(regions):
    """Whether the regions cover all keys once."""
    bounds = [(r.region.start_key, r.region.end_key) for r in regions]
    return (
        bounds[0][0] == b"" and bounds[-1][1] == b""
        and all(left[1] == right[0] and left[1] for left, right in zip(bounds, bounds[1:])))


def connect(cluster):
    return tikv_client.RawClient.connect([cluster.pd_address])


def key(i):
    return b"key%06d" % i


def test_a_load_splits_and_survives_restarts(make_cluster, tmp_path):
    """30 MB through the unpatched client at 1 MiB a region; then all stores end and start again."""
    cluster = make_cluster(stores=3, node_options=config(tmp_path / "store.toml", "1MiB"))
    raw = connect(cluster)
    count, size = 30_000, 1000

    def value(i):
        return (b"%06d" % i) * (size // 6)

    for start in range(0, count, 100):
        raw.batch_put({key(i): value(i) for i in range(start, start + 100)})
    eventually(lambda: len(cluster.regions()) > 15, 60, "more than 15 regions")

    def check(raw):
        assert tiles(cluster.regions())
        found = {}
        for start in range(0, count, 500):
            pairs = raw.batch_get([key(i) for i in range(start, start + 500)])
            found.update(pairs)
        assert all(found.get(key(i)) == value(i) for i in range(count))
        # A scan across regions. This client leaves out regions whose cached leader has changed, and does
        # not look them up again: each attempt has a client of its own.
        wanted = [key(i) for i in range(10_000)]
        eventually(
            lambda: connect(cluster).scan_keys(b"key", end=b"kez", limit=10_000) == wanted, 30,
            "a scan returns the keys of all regions in order")

    check(raw)
    for store in cluster.stores:
        assert store.process.terminate() == 0
    for store in cluster.stores:
        store.process.start()
    cluster.wait_ready()
    check(connect(cluster))
    assert len(cluster.regions()) > 15


def ctl(cluster, *arguments):
    binary = os.environ.get(
        "APUS_BINARY", str(pathlib.Path(__file__).parents[2] / ".build/debug/apus"))
    return subprocess.run(
        [binary, "ctl", *arguments, "--pd", cluster.pd_address],
        capture_output=True, text=True, timeout=30)


def split(cluster, keys, raw=True, region=None):
    kvrpcpb = wire.module("kvrpcpb")
    region = region or cluster.region(keys[0] if keys else b"")
    stub = wire.stubs("tikvpb").TikvStub(
        cluster.channel(cluster.store_of(region.leader.store_id).address))
    return stub.SplitRegion(
        kvrpcpb.SplitRegionRequest(
            context=kvrpcpb.Context(
                region_id=region.region.id, region_epoch=region.region.region_epoch,
                peer=region.leader),
            split_keys=keys, is_raw_kv=raw), timeout=10)


def test_split_region_by_request(cluster):
    """`SplitRegion` with several keys, raw and transactional; then `apus ctl region split`."""
    old = eventually(lambda: cluster.region(b"a"), 20, "a region")
    reply = split(cluster, [b"m", b"f"])
    assert not reply.HasField("region_error"), reply.region_error
    assert [r.end_key for r in reply.regions] == [b"f", b"m", b""]
    assert not reply.HasField("left") and not reply.HasField("right")

    stale = split(cluster, [b"c"], region=old)
    assert stale.region_error.HasField("epoch_not_match")
    current = stale.region_error.epoch_not_match.current_regions
    assert {r.id for r in current} == {r.id for r in reply.regions}

    def led(wanted):
        return lambda: wanted == cluster.region(wanted).region.start_key and cluster.region(
            wanted).leader.id and cluster.region(wanted)

    eventually(led(b"f"), 20, "the second region has a leader")
    # A leader that was just elected may be busy: clients try again.
    def splits(keys, **options):
        reply = split(cluster, keys, **options)
        return None if reply.HasField("region_error") else reply

    again = eventually(lambda: splits([b"g"]), 20, "a split at g")
    assert (again.left.end_key, again.right.start_key) == (b"g", b"g")
    eventually(led(b"g"), 20, "led")
    eventually(
        lambda: "no valid key found for split" in split(
            cluster, [b"g"], region=cluster.region(b"g")).region_error.message, 20, "a refusal")

    eventually(led(b"m"), 20, "the last region has a leader")
    encoded = b"row\0\0\0\0\0\xfa"
    # The placement driver may move the leader meanwhile.
    txn = eventually(
        lambda: splits([b"row"], raw=False, region=cluster.region(b"row")), 20, "a split at row")
    assert [r.start_key for r in txn.regions] == [b"m", encoded]

    client = RawClient(cluster)
    for letter in b"acfgmruz":
        client.put(bytes([letter]), b"v")
    raw = connect(cluster)
    assert [k for k, _ in raw.scan(b"a", end=None, limit=100)] == [bytes([b]) for b in b"acfgmruz"]

    region = cluster.region(b"z").region.id
    done = ctl(cluster, "region", "split", str(region), "--key", "x", "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 2
    middle = cluster.region(b"a").region.id
    done = ctl(cluster, "region", "split", str(middle))
    assert done.returncode == 0, done.stderr
    assert cluster.region(b"c").region.start_key == b"c"
    assert ctl(cluster, "region", "split", "999999").returncode == 1
    assert tiles(cluster.regions())
    code, _ = http(cluster.stores[0].status_port, "/metrics")
    assert code == 200
