"""Compare-and-swap, TTL and checksums against whole processes, by grpcio and by the command line."""

import json
import subprocess
import threading
import time

import grpc

from harness import wire
from harness.client import RawClient, Unavailable
from harness.process import Process, binary, eventually, free_ports, http

# Region errors after which nothing was written.
NOT_WRITTEN = {
    "not_leader", "region_not_found", "key_not_in_region", "epoch_not_match", "server_is_busy",
    "store_not_match", "mismatch_peer_id", "region_not_initialized", "read_index_not_ready"}


class Swapper(RawClient):
    """Swaps one at a time; the result is None if it is unknown whether it was written."""

    def swap(self, key: bytes, previous: bytes | None, value: bytes, deadline: float):
        request = self.kv.RawCASRequest(
            key=key, value=value, previous_not_exist=previous is None,
            previous_value=previous or b"")
        while time.monotonic() < deadline:
            try:
                request.context.CopyFrom(self._context(key))
                stub = self._stub(request.context.peer.store_id)
            except (grpc.RpcError, Unavailable, StopIteration):
                self._next_peer()
                continue
            try:
                reply = stub.RawCompareAndSwap(request, timeout=3)
            except grpc.RpcError:
                self._next_peer()
                return None
            if not reply.HasField("region_error"):
                assert not reply.error, reply.error
                return reply
            self._follow(reply.region_error)
            kinds = {field.name for field, _ in reply.region_error.ListFields()} - {"message"}
            if not kinds & NOT_WRITTEN:
                return None
        raise Unavailable("no leader in time")


def count(swapper: Swapper, key: bytes, stop: threading.Event, wins: list, unknown: list):
    """Increments a counter until it is stopped."""
    current = None
    while not stop.is_set():
        value = b"%d" % (int(current or b"0") + 1)
        reply = swapper.swap(key, current, value, time.monotonic() + 60)
        if reply is None:
            unknown.append(value)
            current = swapper.get(key, 60)
        elif reply.succeed:
            wins.append(value)
            current = value
        else:
            current = None if reply.previous_not_exist else reply.previous_value


def test_swaps_are_atomic_whoever_leads(make_cluster):
    """Leaders are killed and frozen under counters: no two swaps take the same step, and no step is lost."""
    cluster = make_cluster(stores=3)
    stop, wins, unknown, failures = threading.Event(), [], [], []
    key = b"counter"

    def run():
        try:
            count(Swapper(cluster), key, stop, wins, unknown)
        except Exception as error:
            failures.append(repr(error))
            stop.set()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for round in range(4):
            before = len(wins)
            eventually(lambda: len(wins) >= before + 50 or failures, 60, "swaps succeed")
            leader = eventually(cluster.leader, 30, "a leader")
            if round % 2 == 0:
                leader.process.kill()
            else:
                leader.process.pause()
            before = len(wins)
            eventually(lambda: len(wins) >= before + 20 or failures, 60, "another leader serves")
            if round % 2 == 0:
                leader.process.start()
            else:
                leader.process.resume()
            cluster.wait_ready()
    finally:
        stop.set()
        for thread in threads:
            thread.join(90)
    assert not failures, failures
    assert len(wins) == len(set(wins)), "two swaps took the same step"
    total = int(RawClient(cluster).get(key))
    assert len(wins) <= total <= len(wins) + len(unknown), (len(wins), total, len(unknown))
    steps = {int(w) for w in wins} | {int(u) for u in unknown}
    assert set(range(1, total + 1)) <= steps, "a step without a swap"


def ctl(cluster, *arguments):
    run = subprocess.run(
        [binary(), "ctl", "raw", *arguments, "--pd", cluster.pd_address],
        capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout.strip(), run.stderr.strip()


def test_values_expire(make_cluster):
    cluster = make_cluster(stores=3, node_options=["--enable-ttl"])
    client = RawClient(cluster)
    kv = client.kv

    def call(method, key, request):
        reply = client.call(method, key, request, time.monotonic() + 20)
        assert not reply.error, reply.error
        return reply

    def ttl(key):
        reply = call("RawGetKeyTTL", key, kv.RawGetKeyTTLRequest(key=key))
        return None if reply.not_found else reply.ttl

    code, text = http(cluster.stores[0].status_port, "/config")
    assert code == 200 and json.loads(text)["storage"] == {"api-version": 1, "enable-ttl": True}
    client.put(b"for ever", b"1")
    call("RawPut", b"long", kv.RawPutRequest(key=b"long", value=b"2", ttl=1000))
    call("RawPut", b"short", kv.RawPutRequest(key=b"short", value=b"3", ttl=2))
    call("RawBatchPut", b"b1", kv.RawBatchPutRequest(
        pairs=[kv.KvPair(key=b"b1", value=b"x"), kv.KvPair(key=b"b2", value=b"y")], ttls=[2, 0]))
    assert ttl(b"for ever") == 0 and ttl(b"missing") is None
    assert 900 < ttl(b"long") <= 1000 and 900 < int(ctl(cluster, "ttl", "long")[1]) <= 1000
    eventually(lambda: client.get(b"short") is None and ttl(b"short") is None, 20, "short expires")
    eventually(lambda: client.get(b"b1") is None, 20, "b1 expires")
    assert [k for k, _ in client.scan(b"", b"", 10)] == [b"b2", b"for ever", b"long"]
    swapped = call("RawCompareAndSwap", b"short", kv.RawCASRequest(
        key=b"short", value=b"4", previous_not_exist=True, ttl=500))
    assert swapped.succeed and 400 < ttl(b"short") <= 500
    assert ctl(cluster, "put", "k", "v", "--ttl", "700")[0] == 0
    assert 600 < ttl(b"k") <= 700

    # The setting belongs to the data.
    store = cluster.stores[0]
    assert store.process.terminate() == 0
    store.process.arguments.remove("--enable-ttl")
    store.process.start()
    assert store.process.wait() != 0
    assert "can't disable ttl on a ttl instance" in store.process.tail()
    store.process.arguments.append("--enable-ttl")
    store.process.start()
    cluster.wait_ready()
    assert client.get(b"for ever") == b"1"


def test_a_store_of_the_other_kind_gets_no_data(make_cluster):
    """Replicas on stores that differ would misread each other's values."""
    cluster = make_cluster(stores=1, node_options=["--enable-ttl"])
    port, status = free_ports(2)
    other = Process("other", [
        "node", "--addr", f"127.0.0.1:{port}", "--status-addr", f"127.0.0.1:{status}",
        "--pd-endpoints", cluster.pd_address, "--data-dir", str(cluster.directory / "other")],
        cluster.directory / "other.log")
    other.start()
    try:
        eventually(
            lambda: "all stores of a cluster need the same --enable-ttl" in other.log.read_text(),
            60, "PD places a replica there, and the store refuses it")
        client = RawClient(cluster)
        client.put(b"a", b"1")
        assert client.get(b"a") == b"1"
    finally:
        other.kill()


def test_without_ttl(cluster, tmp_path):
    client = RawClient(cluster)
    kv = client.kv
    deadline = time.monotonic() + 20
    refused = client.call("RawPut", b"a", kv.RawPutRequest(key=b"a", value=b"1", ttl=5), deadline)
    assert refused.error == "ttl is not enabled, but get put request with ttl"
    assert "ttl is not enabled" in client.call(
        "RawGetKeyTTL", b"a", kv.RawGetKeyTTLRequest(key=b"a"), deadline).error
    assert client.call(
        "RawCoprocessor", b"a", kv.RawCoprocessorRequest(copr_name="x"),
        deadline).error == "Coprocessor plugin is disabled!"
    # A directory with values that have no expiry stays so.
    port, status = free_ports(2)
    alone = Process("alone", [
        "node", "--addr", f"127.0.0.1:{port}", "--status-addr", f"127.0.0.1:{status}",
        "--data-dir", str(tmp_path / "data")], tmp_path / "alone.log")
    alone.start()
    eventually(lambda: http(status, "/ready")[0] == 200, 30, "ready")
    assert alone.terminate() == 0
    alone.arguments.append("--enable-ttl")
    alone.start()
    assert alone.wait() != 0
    assert "can't enable ttl on a non-ttl instance" in alone.tail()


def test_the_command_line(cluster):
    assert ctl(cluster, "cas", "swapped", "1", "--absent") == (0, "ok; the key did not exist", "")
    assert ctl(cluster, "cas", "swapped", "2", "--expect", "9")[:2] == (
        1, "not swapped: the value was 1")
    assert ctl(cluster, "cas", "swapped", "2", "--expect", "1")[:2] == (0, "ok; the value was 1")
    code, text, _ = ctl(cluster, "cas", "swapped", "--delete", "--expect", "2", "--json")
    assert code == 0 and json.loads(text) == {"succeeded": True, "previous": "2"}
    assert ctl(cluster, "get", "swapped")[0] == 1
    assert ctl(cluster, "cas", "swapped", "2")[0] == 64
    assert ctl(cluster, "cas", "swapped", "--absent")[0] == 64
    # The published check value of CRC-64/XZ, of "123456789" in two parts.
    assert ctl(cluster, "put", "12345", "6789")[0] == 0
    code, text, _ = ctl(cluster, "checksum", "12345", "12346", "--json")
    assert code == 0
    assert json.loads(text) == {"checksum": "995dc9bbdf1939fa", "pairs": 1, "bytes": 9}
