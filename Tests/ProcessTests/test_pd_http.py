"""PD's HTTP API on the placement driver's port: over HTTP/1.1, over HTTP/2, and beside gRPC."""

import json
import shutil
import socket
import subprocess

import grpc
import pytest

from harness import wire
from harness.cluster import Cluster
from harness.process import Process, eventually, free_ports, http


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("pd-http"), stores=1)
    cluster.start()
    yield cluster
    cluster.stop()


def get(cluster, path: str):
    code, text = http(cluster.pd_port, path, 10)
    assert code == 200, f"{path}: {code} {text}"
    return json.loads(text)


API = "/pd/api/v1"


def test_about_the_placement_driver(cluster):
    assert get(cluster, f"{API}/version")["version"].startswith("v8.")
    status = get(cluster, f"{API}/status")
    assert status["version"] and status["start_timestamp"] > 1_500_000_000
    (health,) = get(cluster, f"{API}/health")
    assert health["health"] is True and health["member_id"]
    members = get(cluster, f"{API}/members")
    assert members["header"]["cluster_id"] == cluster.cluster_id
    assert members["leader"]["client_urls"] == [f"http://127.0.0.1:{cluster.pd_port}"]
    assert members["members"][0]["member_id"] == members["etcd_leader"]["member_id"]
    assert get(cluster, f"{API}/leader")["name"] == members["leader"]["name"]
    assert get(cluster, f"{API}/cluster") == {"id": cluster.cluster_id, "max_peer_count": 3}
    assert get(cluster, f"{API}/cluster/status")["is_initialized"] is True
    assert http(cluster.pd_port, "/pd/ping") == (200, "")
    assert "# TYPE process_cpu_seconds_total counter" in http(cluster.pd_port, "/metrics")[1]


def test_stores(cluster):
    stores = get(cluster, f"{API}/stores")
    assert stores["count"] == 1
    (found,) = stores["stores"]
    store = found["store"]
    assert store["address"] == cluster.stores[0].address
    assert store["state_name"] == "Up" and store["version"]
    assert store["status_address"] == f"127.0.0.1:{cluster.stores[0].status_port}"
    eventually(
        lambda: get(cluster, f"{API}/store/{store['id']}")["status"]["capacity"].endswith("iB"),
        30, "the store has reported")
    one = get(cluster, f"{API}/store/{store['id']}")
    assert one["store"]["id"] == store["id"]
    assert one["status"]["region_count"] >= 1 and one["status"]["leader_count"] >= 1
    assert one["status"]["last_heartbeat_ts"].endswith("Z")
    assert get(cluster, f"{API}/stores?state=2") == {"count": 0, "stores": []}
    assert http(cluster.pd_port, f"{API}/stores?state=9")[0] == 400
    code, text = http(cluster.pd_port, f"{API}/store/99999")
    assert code == 404 and "99999 not found" in json.loads(text)
    for bad in ("x", "-1", "18446744073709551616", "0x1"):
        assert http(cluster.pd_port, f"{API}/store/{bad}")[0] == 400


def test_regions(cluster):
    regions = get(cluster, f"{API}/regions")
    assert isinstance(regions["count"], int) and regions["count"] == len(regions["regions"]) >= 1
    first = regions["regions"][0]
    assert first["start_key"] == "" and first["epoch"]["version"] >= 1
    assert first["leader"]["store_id"] == first["peers"][0]["store_id"]
    assert first["peers"][0]["role_name"] == "Voter"
    assert get(cluster, f"{API}/region/id/{first['id']}")["id"] == first["id"]
    assert get(cluster, f"{API}/region/key/a%00%FF")["id"] == first["id"]
    assert get(cluster, f"{API}/region/key/6100?format=hex")["id"] == first["id"]
    assert get(cluster, f"{API}/region/id/99999") is None
    assert get(cluster, f"{API}/regions/key?key=a&end_key=b&limit=5")["count"] == 1
    assert get(cluster, f"{API}/regions/count")["count"] == regions["count"]
    store = first["peers"][0]["store_id"]
    assert get(cluster, f"{API}/regions/store/{store}")["count"] == regions["count"]
    assert get(cluster, f"{API}/regions/store/4711")["count"] == 0
    statistics = get(cluster, f"{API}/stats/region?start_key=&end_key=")
    assert statistics["count"] == regions["count"]
    assert statistics["store_peer_count"][str(store)] == regions["count"]
    for bad in ("region/id/x", "region/key/%4", "regions/key?limit=x", "regions?limit=1e9",
                "regions/key?key=z&end_key=a", "stats/region?start_key=z&end_key=a"):
        assert http(cluster.pd_port, f"{API}/{bad}")[0] == 400, bad


def test_configuration_and_more(cluster):
    assert get(cluster, f"{API}/config/replicate")["max-replicas"] == 3
    assert get(cluster, f"{API}/config/schedule")["max-store-down-time"] == "30m0s"
    assert get(cluster, f"{API}/config")["replication"]["max-replicas"] == 3
    assert get(cluster, f"{API}/config/cluster-version")
    assert http(cluster.pd_port, f"{API}/config/rules")[0] == 412
    assert get(cluster, f"{API}/operators") == []
    assert http(cluster.pd_port, f"{API}/operators/1")[0] == 500
    assert "balance-leader-scheduler" in get(cluster, f"{API}/schedulers")
    assert get(cluster, f"{API}/hotspot/regions/read") == {"as_peer": {}, "as_leader": {}}
    assert get(cluster, f"{API}/min-resolved-ts")["is_real_time"] is True
    assert http(cluster.pd_port, f"{API}/min-resolved-ts/4711")[0] != 200
    assert http(cluster.pd_port, f"{API}/min-resolved-ts/x")[0] == 400
    assert get(cluster, f"{API}/gc/safepoint")["gc_safe_point"] == 0
    assert get(cluster, "/pd/api/v2/keyspaces/DEFAULT")["name"] == "DEFAULT"
    code, text = http(cluster.pd_port, "/pd/api/v2/keyspaces/other")
    assert code == 500 and "keyspace does not exist" in json.loads(text)


def request(cluster, text: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", cluster.pd_port), timeout=30) as s:
        s.sendall(text)
        reply = b""
        while part := s.recv(65536):
            reply += part
        return reply


def test_refusals(cluster):
    for path in ("/", "/pd/api/v1/nothing", "/pd/api/v9/stores", "/dashboard"):
        assert http(cluster.pd_port, path) == (404, "404 page not found\n")
    post = request(
        cluster, b"POST /pd/api/v1/stores HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                 b"Connection: close\r\n\r\n{}")
    assert post.startswith(b"HTTP/1.1 405")
    keyspace = request(
        cluster, b"POST /pd/api/v2/keyspaces HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                 b"Connection: close\r\n\r\n{}")
    assert keyspace.startswith(b"HTTP/1.1 500") and b"keyspace manager" in keyspace
    absolute = request(
        cluster, b"GET http://pd:2379/pd/api/v1/version HTTP/1.1\r\nHost: pd\r\n"
                 b"Connection: close\r\n\r\n")
    assert absolute.startswith(b"HTTP/1.1 200")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_over_http2(cluster):
    def curl(path: str, *options: str):
        found = subprocess.run(
            ["curl", "-s", "--http2-prior-knowledge", "-w", "\n%{http_version} %{http_code}",
             *options, f"http://127.0.0.1:{cluster.pd_port}{path}"],
            capture_output=True, text=True, timeout=60)
        if "unsupported" in found.stderr.lower() or found.returncode == 1:
            pytest.skip("this curl speaks no HTTP/2")
        body, last = found.stdout.rsplit("\n", 1)
        return body, last

    body, last = curl(f"{API}/regions")
    assert last == "2 200" and json.loads(body)["count"] >= 1
    assert curl("/nothing") == ("404 page not found\n", "2 404")
    assert curl(f"{API}/stores", "-X", "POST", "-d", "{}") == ("", "2 405")
    assert curl("/pd/ping") == ("", "2 200")
    body, last = curl(f"{API}/version", "--head")
    assert last == "2 200" and "content-length" in body
    # gRPC methods are not for GET.
    assert curl("/pdpb.PD/GetMembers")[1] == "2 405"


def test_before_the_bootstrap(tmp_path):
    (port,) = free_ports(1)
    process = Process(
        "pd", ["pd", "--client-addr", f"127.0.0.1:{port}", "--data-dir", str(tmp_path / "pd")],
        tmp_path / "pd.log")
    process.start()
    try:
        eventually(lambda: http(port, "/pd/ping")[0] == 200, 30, "listening")
        assert http(port, f"{API}/version")[0] == 200
        assert json.loads(http(port, f"{API}/cluster/status")[1])["is_initialized"] is False
        for path in ("stores", "store/1", "regions", "region/id/1", "region/key/a", "regions/count"):
            code, text = http(port, f"{API}/{path}")
            assert code == 500 and "not bootstrapped" in text, path
        assert process.terminate() == 0
    finally:
        process.kill()


def test_many_regions_are_listed_page_by_page(tmp_path):
    (port,) = free_ports(1)
    process = Process(
        "pd", ["pd", "--client-addr", f"127.0.0.1:{port}", "--data-dir", str(tmp_path / "pd")],
        tmp_path / "pd.log")
    process.start()
    pdpb, metapb = wire.module("pdpb"), wire.module("metapb")
    channel = wire.channel(f"127.0.0.1:{port}")
    try:
        eventually(lambda: http(port, "/pd/ping")[0] == 200, 30, "listening")
        pd = wire.stubs("pdpb").PDStub(channel)
        header = pdpb.RequestHeader(
            cluster_id=pd.GetMembers(pdpb.GetMembersRequest(), timeout=5).header.cluster_id)
        # The ids that follow are given.
        given = pd.AllocID(pdpb.AllocIDRequest(header=header, count=30_000), timeout=5)
        assert given.id >= 30_000
        store = metapb.Store(id=1, address="127.0.0.1:1", version="8.5.0")

        def region(number: int, start: bytes, end: bytes, version: int):
            return metapb.Region(
                id=number, start_key=start, end_key=end, peers=[metapb.Peer(id=number + 1, store_id=1)],
                region_epoch=metapb.RegionEpoch(conf_ver=1, version=version))

        first = region(2, b"", b"", 1)
        pd.Bootstrap(pdpb.BootstrapRequest(header=header, store=store, region=first), timeout=5)
        keys = [b""] + [b"%06d" % n for n in range(1, 2500)] + [b""]
        regions = [
            region(2 + 10 * n, keys[n], keys[n + 1], 2500) for n in range(len(keys) - 1)]
        reply = pd.ReportBatchSplit(
            pdpb.ReportBatchSplitRequest(header=header, regions=regions), timeout=20)
        assert not reply.header.HasField("error"), reply

        def listed(path: str):
            code, text = http(port, f"{API}/{path}", 30)
            assert code == 200, text
            return json.loads(text)

        everything = listed("regions")
        assert everything["count"] == 2500
        assert [r["start_key"] for r in everything["regions"]] == [
            k.hex().upper() for k in keys[:-1]]
        assert listed("regions?limit=1500")["count"] == 1500
        assert listed("regions/store/1")["count"] == 2500
        assert listed("regions/store/2")["count"] == 0
        assert listed("regions/key?key=000100&end_key=000110&limit=100")["count"] == 10
        assert listed("regions/key?key=000100")["count"] == 16
        assert listed("stats/region")["store_peer_count"] == {"1": 2500}
    finally:
        channel.close()
        process.kill()


def test_a_standalone_node_serves_it_too(tmp_path):
    port, status = free_ports(2)
    process = Process(
        "alone", ["node", "--addr", f"127.0.0.1:{port}", "--status-addr", f"127.0.0.1:{status}",
                  "--data-dir", str(tmp_path / "data")], tmp_path / "alone.log")
    process.start()
    try:
        eventually(lambda: http(status, "/ready")[0] == 200, 30, "ready")
        code, text = http(port, f"{API}/regions")
        assert code == 200 and json.loads(text)["count"] == 1
    finally:
        process.kill()


def test_unimplemented_methods_fail_at_once(cluster):
    """client-go tries again for 20 to 40 s after a status, and not after an error in the response."""
    kv = wire.module("kvrpcpb")
    stub = wire.stubs("tikvpb").TikvStub(cluster.channel(cluster.stores[0].address))
    assert stub.RawCoprocessor(kv.RawCoprocessorRequest(), timeout=5).error
    assert stub.KvGC(kv.GCRequest(), timeout=5).error.abort
    assert stub.KvImport(kv.ImportRequest(), timeout=5).error
    with pytest.raises(grpc.RpcError) as error:
        cluster.channel(cluster.pd_address).unary_unary(
            "/pdpb.PD/NoSuchMethod", request_serializer=bytes, response_deserializer=bytes)(b"", timeout=5)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
