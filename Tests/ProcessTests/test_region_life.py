"""Regions move under load: stores come, go and die, and a client never sees anything but a retry."""

import json
import subprocess
import urllib.request

import pytest

from harness.cluster import Cluster
from harness.process import binary, eventually

tikv_client = pytest.importorskip("tikv_client")

COUNT, SIZE = 8_000, 1000


def key(i):
    return b"key%06d" % i


def value(i):
    return (b"%06d" % i) * (SIZE // 6)


def ctl(cluster, *arguments) -> str:
    run = subprocess.run(
        [binary(), "ctl", *map(str, arguments), "--pd", cluster.pd_address],
        capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, (arguments, run)
    return run.stdout


def pd(cluster, path: str):
    url = f"http://{cluster.pd_address}/pd/api/v1/{path}"
    with urllib.request.urlopen(url, timeout=10) as reply:
        return json.load(reply)


def store_id(cluster, store) -> int:
    return next(s.id for s in cluster.pd_stores() if s.address == store.address)


def region_count(cluster, store) -> int:
    return pd(cluster, f"store/{store_id(cluster, store)}")["status"].get("region_count", 0)


def is_tombstone(cluster, identity: int) -> bool:
    return pd(cluster, f"store/{identity}")["store"]["state_name"] == "Tombstone"


def whole_without(cluster, identity: int) -> bool:
    """Every region has three voters that are up to date, none of them on that store."""
    regions = cluster.regions()
    return all(
        cluster.healthy(region, 3) and all(p.store_id != identity for p in region.region.peers)
        for region in regions)


def test_stores_come_go_and_die_under_load(tmp_path):
    """A fourth store fills, the first drains to a tombstone, the second dies for good and is replaced, the
    placement driver restarts; `apus verify` judges all calls that were made meanwhile."""
    config = tmp_path / "store.toml"
    config.write_text(
        '[coprocessor]\nregion-split-size = "256KiB"\n'
        # The space that this machine has left does not matter.
        '[raftstore]\ncapacity = "20GB"\nsplit-region-check-tick-interval = "500ms"\n'
        'pd-store-heartbeat-tick-interval = "1s"\n')
    cluster = Cluster(
        tmp_path, stores=5, node_options=["-C", str(config)],
        pd_options=["--max-store-down-time", "5s"])
    verify = None
    try:
        cluster.pd.start()
        for store in cluster.stores[:3]:
            store.process.start()
        eventually(
            lambda: cluster.regions() and all(cluster.healthy(r, 3) for r in cluster.regions()),
            60, "three stores serve")
        raw = tikv_client.RawClient.connect([cluster.pd_address])
        for start in range(0, COUNT, 100):
            raw.batch_put({key(i): value(i) for i in range(start, start + 100)})
        eventually(lambda: len(cluster.regions()) > 15, 60, "more than 15 regions")
        ctl(cluster, "store", "limit", "all", 1000)

        # Longer than all that follows takes; it is ended by SIGINT, and judges what it has.
        history = tmp_path / "history.jsonl"
        verify = subprocess.Popen(
            [binary(), "verify", "--pd-endpoints", cluster.pd_address, "--seconds", "600",
             "--clients", "8", "--rate", "300", "--json", "--history", str(history)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        eventually(history.exists, 20, "the clients run")

        first, second, _, fourth, fifth = cluster.stores
        total = len(cluster.regions())
        fourth.process.start()
        eventually(
            lambda: region_count(cluster, fourth) >= total / 4, 120, "the fourth store fills", every=0.5)

        leaving = store_id(cluster, first)
        ctl(cluster, "store", "delete", leaving)
        eventually(
            lambda: is_tombstone(cluster, leaving), 120, "the first store drains", every=0.5)
        assert first.process.terminate() == 0

        fifth.process.start()
        lost = store_id(cluster, second)
        second.process.kill()
        eventually(
            lambda: whole_without(cluster, lost), 120, "the second store's replicas are rebuilt", every=0.5)

        cluster.pd.kill()
        cluster.pd.start()
        eventually(lambda: whole_without(cluster, lost), 60, "the placement driver serves again")

        assert verify.poll() is None, verify.communicate()
        verify.terminate()
        out, errors = verify.communicate(timeout=120)
        assert verify.returncode == 0, out + errors
        said = json.loads(out)
        assert said["verdict"] == "linearizable", said
        print("longest time without a successful call, s:", said["longest_gap_seconds"])
        assert said["total"]["done"] > 1000, said

        raw = tikv_client.RawClient.connect([cluster.pd_address])
        for start in range(0, COUNT, 500):
            found = dict(raw.batch_get([key(i) for i in range(start, start + 500)]))
            assert all(found.get(key(i)) == value(i) for i in range(start, start + 500))
    except AssertionError as error:
        raise AssertionError(f"{error}\n{cluster.logs()}") from error
    finally:
        if verify is not None and verify.poll() is None:
            verify.kill()
            verify.communicate()
        cluster.stop()
