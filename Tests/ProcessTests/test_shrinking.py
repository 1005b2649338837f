"""Regions whose data is deleted become one again, without a restart and without anyone who asks for it."""

import json
import subprocess

import pytest

from harness import wire
from harness.process import binary, eventually, http

tikv_client = pytest.importorskip("tikv_client")


def ctl(cluster, *arguments):
    done = subprocess.run(
        [binary(), "ctl", *arguments, "--pd", cluster.pd_address],
        capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def key(i):
    return b"key%06d" % i


def test_regions_merge_after_deletes(make_cluster, tmp_path):
    path = tmp_path / "store.toml"
    path.write_text(
        '[coprocessor]\nregion-split-size = "2MiB"\n'
        '[raftstore]\nsplit-region-check-tick-interval = "200ms"\nmerge-check-tick-interval = "200ms"\n'
        'region-compact-check-interval = "500ms"\nregion-compact-min-tombstones = 500\n')
    cluster = make_cluster(stores=3, node_options=["-C", str(path)])
    # Only regions of less than a MiB are merged, so those with data stay.
    for name, value in [
            ("region-split-size", 2), ("region-max-size", 3), ("max-merge-region-size", 1),
            ("merge-schedule-limit", 32), ("split-merge-interval", "1s")]:
        ctl(cluster, "config", "set", name, str(value))
    raw = tikv_client.RawClient.connect([cluster.pd_address])
    count, size = 14_000, 1000
    for start in range(0, count, 200):
        raw.batch_put({key(i): (b"%08d" % i) * (size // 8) for i in range(start, start + 200)})
    eventually(lambda: len(cluster.regions()) > 4, 60, "more than 4 regions")
    # Half of it at once, half of it key by key; a few keys stay.
    raw.delete_range(key(10), key(count // 2))
    for start in range(count // 2, count, 200):
        raw.batch_delete([key(i) for i in range(start, start + 200)])
    eventually(lambda: len(cluster.regions()) < 3, 90, "fewer than 3 regions")
    found = dict(raw.batch_get([key(i) for i in range(count)]))
    assert found == {key(i): (b"%08d" % i) * (size // 8) for i in range(10)}


def test_reads_are_reported(make_cluster, tmp_path):
    """What clients read from a region and from a store reaches the placement driver."""
    path = tmp_path / "store.toml"
    path.write_text(
        '[raftstore]\npd-heartbeat-tick-interval = "200ms"\npd-store-heartbeat-tick-interval = "200ms"\n')
    cluster = make_cluster(stores=3, node_options=["-C", str(path)])
    raw = tikv_client.RawClient.connect([cluster.pd_address])
    raw.batch_put({key(i): b"v" * 1000 for i in range(100)})

    def flow():
        for _ in range(50):
            raw.get(key(7))
        raw.batch_get([key(i) for i in range(100)])
        raw.scan(b"key", b"kez", limit=100)
        code, text = http(cluster.pd_port, "/pd/api/v1/regions/readflow")
        return code == 200 and text

    def read():
        region = json.loads(flow())["regions"][0]
        return region["read_bytes"] > 10_000 and region["read_keys"] > 10

    eventually(read, 20, "reads in the region's report")

    def store_reads():
        flow()
        return any(stats.bytes_read > 10_000 and stats.keys_read > 10 for stats in stats_of(cluster))

    eventually(store_reads, 20, "reads in a store's report")


def stats_of(cluster):
    pdpb = wire.module("pdpb")
    for store in cluster.pd_stores():
        request = pdpb.GetStoreRequest(header=cluster.header(), store_id=store.id)
        yield cluster.pd_stub.GetStore(request, timeout=5).stats
