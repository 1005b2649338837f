"""Operating a cluster through the placement driver: `apus ctl` in pd-ctl's words, and the same over HTTP."""

import json
import subprocess
import urllib.error
import urllib.request

import pytest

from harness import wire
from harness.cluster import Cluster
from harness.process import binary, eventually

API = "/pd/api/v1"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("pd-ctl"), stores=4)
    cluster.start()
    yield cluster
    cluster.stop()


def ctl(cluster, *arguments, code: int = 0) -> str:
    run = subprocess.run(
        [binary(), "ctl", *map(str, arguments), "--pd", cluster.pd_address],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    assert run.returncode == code, (arguments, run)
    return run.stdout if code == 0 else run.stderr


def send(cluster, method: str, path: str, body=None) -> tuple[int, object]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://{cluster.pd_address}{API}/{path}", data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        return error.code, json.loads(text) if text.startswith(("{", "[", "\"")) else text


def get(cluster, path: str):
    code, value = send(cluster, "GET", path)
    assert code == 200, (path, code, value)
    return value


def store_ids(cluster) -> list[int]:
    """The ids of the processes' stores, in their order."""
    stores = {s["store"]["address"]: s["store"]["id"] for s in get(cluster, "stores")["stores"]}
    return [stores[store.address] for store in cluster.stores]


def region(cluster) -> dict:
    return get(cluster, "regions")["regions"][0]


def test_labels_weights_and_limits_of_stores(cluster):
    one, two, *_ = store_ids(cluster)
    ctl(cluster, "store", "label", one, "zone=a", "host=h1")
    ctl(cluster, "store", "label", one, "zone=b")
    assert send(cluster, "POST", f"store/{two}/label", {"zone": "c"})[0] == 200
    labels = {l["key"]: l["value"] for l in get(cluster, f"store/{one}")["store"]["labels"]}
    assert labels == {"zone": "b", "host": "h1"}
    ctl(cluster, "store", "label", one, "--delete", "host")
    assert [l["key"] for l in get(cluster, f"store/{one}")["store"]["labels"]] == ["zone"]
    ctl(cluster, "store", "weight", one, 2, 0.5)
    status = get(cluster, f"store/{one}")["status"]
    assert status["leader_weight"] == 2 and status["region_weight"] == 0.5
    ctl(cluster, "store", "weight", one, 1, 1)
    ctl(cluster, "store", "limit", "all", 100)
    ctl(cluster, "store", "limit", one, 7, "add-peer")
    limits = json.loads(ctl(cluster, "store", "limit"))
    assert limits[str(one)] == {"add-peer": 7, "remove-peer": 100}
    assert limits[str(two)] == {"add-peer": 100, "remove-peer": 100}
    assert "not found" in ctl(cluster, "store", "weight", 99999, 1, 1, code=1)
    ctl(cluster, "store", "label", one, "zone", code=64)


def test_operators_are_added_shown_and_remembered(cluster):
    found = region(cluster)
    followers = [p["store_id"] for p in found["peers"] if p["id"] != found["leader"]["id"]]
    ctl(cluster, "scheduler", "pause", "all", 600)
    assert ctl(cluster, "scheduler", "show", "--status", "paused").split() == [
        "balance-leader-scheduler", "balance-region-scheduler", "balance-hot-region-scheduler"]
    message = ctl(cluster, "operator", "add", "transfer-leader", found["id"], followers[0])
    assert message.strip() == "The operator is created."
    eventually(
        lambda: region(cluster)["leader"]["store_id"] == followers[0], 30, "the leader moved")
    eventually(
        lambda: "admin-transfer-leader" in ctl(cluster, "operator", "history"), 30,
        "the operator has ended")
    assert "status: SUCCESS" in ctl(cluster, "operator", "check", found["id"])
    (spare,) = set(store_ids(cluster)) - {p["store_id"] for p in found["peers"]}
    code, message = send(
        cluster, "POST", "operators",
        {"name": "transfer-peer", "region_id": found["id"], "from_store_id": followers[0],
         "to_store_id": spare})
    assert (code, message) == (200, "The operator is created.")
    eventually(
        lambda: spare in [p["store_id"] for p in region(cluster)["peers"]]
        and len(region(cluster)["peers"]) == 3, 60, "the peer moved")
    assert "status: " in ctl(cluster, "operator", "check", found["id"])
    assert "not found" in ctl(cluster, "operator", "remove", found["id"] + 5000, code=1)
    for body in (None, [], {"name": "x", "region_id": found["id"]}, {"name": "add-peer"},
                 {"name": "add-peer", "region_id": found["id"], "store_id": "x"}):
        assert send(cluster, "POST", "operators", body)[0] == 400, body
    ctl(cluster, "operator", "add", "transfer-leader", found["id"], code=64)
    ctl(cluster, "operator", "add", "merge-region", found["id"], code=64)
    assert "not found" in ctl(cluster, "operator", "add", "merge-region", found["id"], 99999, code=1)
    ctl(cluster, "scheduler", "resume", "all")
    assert ctl(cluster, "scheduler", "show", "--status", "paused") == ""


def test_schedulers_and_settings_outlast_a_restart(cluster):
    one = store_ids(cluster)[0]
    ctl(cluster, "scheduler", "remove", "balance-region-scheduler")
    ctl(cluster, "scheduler", "add", "evict-leader-scheduler", one)
    ctl(cluster, "config", "set", "leader-schedule-limit", 9)
    assert send(cluster, "POST", "config", {"schedule.max-store-down-time": "45m"})[0] == 200
    assert send(cluster, "POST", "config/replicate", {"location-labels": "zone,host"})[0] == 200
    cluster.pd.terminate()
    cluster.pd.start()
    eventually(lambda: send(cluster, "GET", "version")[0] == 200, 30, "the placement driver is back")
    assert ctl(cluster, "scheduler", "show").split() == [
        "evict-leader-scheduler", "balance-leader-scheduler", "balance-hot-region-scheduler"]
    assert list(
        get(cluster, "scheduler-config/evict-leader-scheduler/list")["store-id-ranges"]) == [str(one)]
    schedule = json.loads(ctl(cluster, "config", "show", "schedule"))
    assert schedule["leader-schedule-limit"] == 9
    assert schedule["max-store-down-time"] == "45m0s"
    assert get(cluster, "config")["replication"]["location-labels"] == "zone,host"
    eventually(
        lambda: region(cluster).get("leader", {"store_id": one})["store_id"] != one, 60,
        "no leader is left on the store")
    ctl(cluster, "scheduler", "remove", f"evict-leader-scheduler-{one}")
    ctl(cluster, "scheduler", "add", "balance-region-scheduler")
    assert "invalid value" in ctl(
        cluster, "config", "set", "leader-schedule-limit", "many", code=2)
    assert "not found" in ctl(cluster, "config", "set", "no-such-setting", 1, code=2)
    assert "not found" in ctl(cluster, "scheduler", "remove", "no-such", code=1)


def test_regions_are_found(cluster):
    found = region(cluster)
    assert json.loads(ctl(cluster, "region", "key", "abc"))["id"] == found["id"]
    siblings = json.loads(ctl(cluster, "region", "sibling", found["id"]))
    assert siblings == {"count": 0, "regions": []}
    assert json.loads(ctl(cluster, "region", "check", "miss-peer"))["count"] == 0
    assert json.loads(ctl(cluster, "region", "check", "empty-region"))["count"] >= 1
    assert get(cluster, "regions/size?limit=1")["count"] == 1
    assert get(cluster, "regions/writeflow?limit=1")["count"] == 1
    assert set(json.loads(ctl(cluster, "hot", "write"))) == {"as_peer", "as_leader"}
    assert set(json.loads(ctl(cluster, "hot", "read"))) == {"as_peer", "as_leader"}
    rates = json.loads(ctl(cluster, "hot", "store"))
    assert set(rates["bytes-write-rate"]) == {str(id) for id in store_ids(cluster)}
    assert send(cluster, "GET", "regions/check/nothing")[0] == 400
    assert send(cluster, "GET", "regions/sibling/99999")[0] == 404


def test_timestamps_are_taken_apart(cluster):
    first = json.loads(ctl(cluster, "tso", "--json"))
    second = json.loads(ctl(cluster, "tso", "--json"))
    assert second["timestamp"] > first["timestamp"]
    assert "2017-10-08T21:50:59Z" in ctl(cluster, "tso", 395181938313123110)


def test_a_removed_store_drains_to_a_tombstone(cluster):
    held = [p["store_id"] for p in region(cluster)["peers"]]
    gone = held[0]
    ctl(cluster, "store", "delete", gone)
    assert get(cluster, f"store/{gone}")["store"]["state_name"] in ("Offline", "Tombstone")
    eventually(
        lambda: get(cluster, f"store/{gone}")["store"]["state_name"] == "Tombstone", 90,
        "the store is a tombstone")
    peers = region(cluster)["peers"]
    assert len(peers) == 3 and gone not in [p["store_id"] for p in peers]
    assert any(name in ctl(cluster, "operator", "history")
               for name in ("replace-offline-replica", "remove-extra-offline-replica"))
    # No store could take the place of another one.
    assert "cannot remove" in ctl(cluster, "store", "delete", peers[0]["store_id"], code=2)
    ctl(cluster, "store", "remove-tombstone")
    assert send(cluster, "GET", f"store/{gone}")[0] == 404


def test_what_is_not_a_change_is_refused(cluster):
    assert send(cluster, "PUT", "stores")[0] == 405
    assert send(cluster, "POST", "stores", {})[0] == 405
    assert send(cluster, "POST", "nothing", {})[0] == 404
    request = urllib.request.Request(
        f"http://{cluster.pd_address}{API}/config", data=b"{", method="POST")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=30)
    assert error.value.code == 400


def test_regions_are_split_by_operators_and_requests(cluster):
    """`operator add split-region`, `SplitRegions` and `SplitAndScatterRegions` of `pdpb.PD`."""
    ctl(cluster, "scheduler", "pause", "all", 600)
    found = region(cluster)
    ctl(cluster, "operator", "add", "split-region", found["id"], "--policy", "usekey", code=64)
    ctl(cluster, "operator", "add", "split-region", found["id"], "--keys", "6d", code=64)
    body = {"name": "split-region", "region_id": found["id"], "policy": "usekey", "keys": ["zz"]}
    assert send(cluster, "POST", "operators", body)[0] == 400
    ctl(cluster, "operator", "add", "split-region", found["id"], "--policy", "usekey", "--keys", "6d,74")
    eventually(lambda: len(get(cluster, "regions")["regions"]) == 3, 30, "three regions")
    assert "admin-split-region" in ctl(cluster, "operator", "history")
    pdpb = wire.module("pdpb")
    keys = [b"c", b"m", b"p"]
    reply = cluster.pd_stub.SplitRegions(
        pdpb.SplitRegionsRequest(header=cluster.header(), split_keys=keys), timeout=60)
    assert not reply.header.error.message and reply.finished_percentage == 100
    assert len(set(reply.regions_id)) == 3
    starts = {r["start_key"] for r in get(cluster, "regions")["regions"]}
    assert starts == {"", "63", "6D", "70", "74"}
    reply = cluster.pd_stub.SplitAndScatterRegions(
        pdpb.SplitAndScatterRegionsRequest(header=cluster.header(), split_keys=[b"e"], group="g"),
        timeout=60)
    assert reply.split_finished_percentage == 100 and reply.scatter_finished_percentage == 100
    refused = cluster.pd_stub.SplitRegions(
        pdpb.SplitRegionsRequest(header=cluster.header(), split_keys=[b""]), timeout=5)
    assert refused.header.error.message and refused.finished_percentage == 0
    ctl(cluster, "scheduler", "resume", "all")
