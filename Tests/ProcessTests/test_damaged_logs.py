"""A write-ahead log that is damaged before acknowledged writes: the process says so instead of starting
without them. One that a crash has cut off is no damage."""

import pathlib
import shutil

import pytest

from harness import wire
from harness.client import RawClient
from harness.process import Process, eventually, free_ports, http


def log_of(database: pathlib.Path) -> pathlib.Path:
    return max(database.glob("*.log"))


def flip(log: pathlib.Path, place: int):
    content = bytearray(log.read_bytes())
    content[place] ^= 0x10
    log.write_bytes(content)


def refused(process: Process, log: pathlib.Path) -> str:
    process.start()
    assert process.wait(30) == 1, process.tail()
    line = next(line for line in process.tail().splitlines() if line.startswith("apus: "))
    assert f"{log} is damaged at byte " in line, line
    return line


class Alone(Process):
    """A stand-alone node; what is asked of a cluster of one store can be asked of it."""

    def __init__(self, directory: pathlib.Path):
        self.port, self.status = free_ports(2)
        self.data = directory / "data"
        super().__init__(
            "alone",
            ["node", "--addr", f"127.0.0.1:{self.port}", "--status-addr", f"127.0.0.1:{self.status}",
             "--data-dir", str(self.data)],
            directory / "alone.log")

    def start_ready(self):
        self.start()
        eventually(lambda: http(self.status, "/ready")[0] == 200, 30, "ready")

    def values(self) -> dict:
        return {bytes(p.key): bytes(p.value) for p in self._call("RawScan", limit=10_000).kvs}

    def put(self, key: bytes, value: bytes):
        response = self._call("RawPut", key=key, value=value)
        assert not response.error and not response.HasField("region_error"), response

    def _call(self, method: str, **fields):
        pdpb, kv = wire.module("pdpb"), wire.module("kvrpcpb")
        channel = wire.channel(f"127.0.0.1:{self.port}")
        try:
            pd = wire.stubs("pdpb").PDStub(channel)
            cluster = pd.GetMembers(pdpb.GetMembersRequest(), timeout=10).header.cluster_id
            found = pd.GetRegion(pdpb.GetRegionRequest(
                header=pdpb.RequestHeader(cluster_id=cluster)), timeout=10)
            context = kv.Context(
                region_id=found.region.id, region_epoch=found.region.region_epoch,
                peer=found.region.peers[0])
            request = getattr(kv, f"{method}Request")(context=context, **fields)
            return getattr(wire.stubs("tikvpb").TikvStub(channel), method)(request, timeout=10)
        finally:
            channel.close()


@pytest.fixture
def alone(tmp_path):
    process = Alone(tmp_path)
    yield process
    process.kill()


def test_a_standalone_node(alone):
    alone.start_ready()
    written = {b"k%04d" % n: b"v" * (50 + n) for n in range(100)}
    for key, value in written.items():
        alone.put(key, value)
    assert alone.values() == written
    alone.kill()
    log = log_of(alone.data / "db")
    original = log.read_bytes()
    for percent in (0, 10, 50, 90):
        flip(log, len(original) * percent // 100)
        assert "backup" in refused(alone, log)
        log.write_bytes(original)
    # A write that was under way when the machine stopped: all before it is there.
    last = max(written)
    log.write_bytes(original[:-20])
    alone.start_ready()
    del written[last]
    assert alone.values() == written
    assert alone.terminate() == 0


def test_a_placement_driver(make_cluster):
    cluster = make_cluster(stores=1)
    pdpb = wire.module("pdpb")

    def allocate() -> int:
        header = pdpb.RequestHeader(cluster_id=cluster_id)
        return cluster.pd_stub.AllocID(pdpb.AllocIDRequest(header=header), timeout=10).id

    cluster_id = cluster.cluster_id
    highest = max(allocate() for _ in range(5000))
    cluster.stores[0].process.kill()
    cluster.pd.kill()
    log = log_of(cluster.directory / "pd" / "db")
    original = log.read_bytes()
    for percent in (10, 50, 75):
        flip(log, len(original) * percent // 100)
        assert "backup" in refused(cluster.pd, log)
        log.write_bytes(original)
    # The beginning of a record: a write that was under way when the machine stopped.
    log.write_bytes(original + original[:20])
    cluster.pd.start()
    eventually(lambda: cluster.cluster_id == cluster_id, 30, "the same cluster")
    assert allocate() > highest


def test_a_stores_raft_log(make_cluster):
    """The store refuses, the others serve on; a new store takes its place."""
    cluster = make_cluster(stores=3)
    client = RawClient(cluster)
    for number in range(100):
        client.put(b"k%04d" % number, b"v" * 50)
    victim = cluster.stores[0]
    victim.process.kill()
    log = log_of(victim.data / "raft")
    original = log.read_bytes()
    flip(log, len(original) // 2)
    assert "replicated" in refused(victim.process, log)
    client.put(b"other", b"stores")
    log.write_bytes(original)
    victim.process.start()
    eventually(victim.ready, 60, "the store with its undamaged log")


@pytest.mark.parametrize("how", ["remove", "empty"])
def test_a_placement_driver_without_its_database(make_cluster, how):
    """It neither begins another cluster nor gives ids that were given before."""
    cluster = make_cluster(stores=1)
    cluster_id = cluster.cluster_id
    cluster.pd.kill()
    database = cluster.directory / "pd" / "db"
    if how == "remove":
        shutil.rmtree(database)
    else:
        log = log_of(database)
        log.write_bytes(b"")
    cluster.pd.start()
    assert cluster.pd.wait(30) == 1
    assert str(database) in cluster.pd.tail() and str(cluster_id) in cluster.pd.tail()
