"""A client whose scans take long delays no other client: they run beside the event loop, in turns, and no
longer than the client waits for them."""

import pathlib
import threading

import grpc
import pytest

from harness import wire
from harness.client import RawClient
from harness.process import Process, eventually, free_ports, http

KEYS = 24
VALUE = b"v" * (2 << 20)
SCANS = 6


def test_gets_go_on_beside_long_scans(make_cluster):
    cluster = make_cluster(stores=3)
    kv = wire.module("kvrpcpb")
    client = RawClient(cluster, attempt_seconds=20)
    for number in range(KEYS):
        client.put(b"large%02d" % number, VALUE)
    found = cluster.region()
    context = kv.Context(
        region_id=found.region.id, region_epoch=found.region.region_epoch, peer=found.leader)
    address = cluster.leader().address

    def method(name, channel):
        return channel.unary_unary(
            f"/tikvpb.Tikv/{name}", request_serializer=bytes, response_deserializer=bytes)

    scan_request = kv.RawScanRequest(
        context=context, start_key=b"large", limit=KEYS).SerializeToString()
    get_request = kv.RawGetRequest(context=context, key=b"small").SerializeToString()
    sizes, done = [], threading.Event()

    def scan():
        try:
            with wire.channel(address) as channel:
                for _ in range(SCANS):
                    sizes.append(len(method("RawScan", channel)(scan_request, timeout=60)))
        finally:
            done.set()

    scanner = threading.Thread(target=scan)
    gets = 0
    with wire.channel(address) as channel:
        get = method("RawGet", channel)
        get(get_request, timeout=30)
        scanner.start()
        while not done.is_set():
            reply = kv.RawGetResponse.FromString(get(get_request, timeout=30))
            assert reply.not_found and not reply.HasField("region_error"), reply
            gets += 1
    scanner.join()
    assert len(sizes) == SCANS and min(sizes) > KEYS * len(VALUE)
    # Gets that wait for scans finish with them, one or two to each.
    assert gets > 10 * SCANS, f"{gets} gets during {SCANS} scans"


# Scans that find nothing and take long all the same.

RANGES = 10_000
DELETED = 300


class Node:
    """A stand-alone node over whose keys many ranges were deleted: each seek looks at all of them."""

    def __init__(self, directory):
        self.port, status = free_ports(2)
        self.process = Process(
            "node",
            ["node", "--addr", f"127.0.0.1:{self.port}", "--status-addr", f"127.0.0.1:{status}",
             "--data-dir", str(directory / "data")], directory / "node.log")
        self.process.start()
        eventually(lambda: http(status, "/ready")[0] == 200, 60, "ready")
        self.kv, pd = wire.module("kvrpcpb"), wire.module("pdpb")
        self.channel = wire.channel(f"127.0.0.1:{self.port}")
        grpc.channel_ready_future(self.channel).result(timeout=60)
        self.stub = wire.stubs("tikvpb").TikvStub(self.channel)
        driver = wire.stubs("pdpb").PDStub(self.channel)
        header = pd.RequestHeader(
            cluster_id=driver.GetMembers(pd.GetMembersRequest(), timeout=10).header.cluster_id)
        self.found = driver.GetRegion(pd.GetRegionRequest(header=header), timeout=10)
        for number in range(DELETED):
            reply = self.stub.RawDeleteRange(
                self.kv.RawDeleteRangeRequest(
                    context=self.context(), start_key=b"d%05d" % number, end_key=b"e"), timeout=30)
            assert not reply.error and not reply.HasField("region_error"), reply
        for key in (b"d", b"f"):
            reply = self.stub.RawPut(
                self.kv.RawPutRequest(context=self.context(), key=key, value=b"v"), timeout=30)
            assert not reply.error and not reply.HasField("region_error"), reply

    def context(self, milliseconds: int = 0):
        return self.kv.Context(
            region_id=self.found.region.id, region_epoch=self.found.region.region_epoch,
            peer=self.found.leader, max_execution_duration_ms=milliseconds)

    def dear(self, milliseconds: int, ranges: int = RANGES):
        return self.kv.RawBatchScanRequest(
            context=self.context(milliseconds), each_limit=1,
            ranges=[self.kv.KeyRange(start_key=b"d%05d" % (n % DELETED), end_key=b"e")
                    for n in range(ranges)])

    def reading(self) -> bool:
        """Whether a thread for reads runs or wants to run at this moment."""
        for task in pathlib.Path(f"/proc/{self.process.child.pid}/task").iterdir():
            name, rest = (task / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
            if name.startswith("read-") and rest.split()[0] == "R":
                return True
        return False

    def rests(self, times: int = 15):
        """Waits until the threads for reads are found asleep many times in a row."""
        found = 0

        def again() -> bool:
            nonlocal found
            found = 0 if self.reading() else found + 1
            return found >= times

        eventually(again, 30, "no thread reads", every=0.02)

    def stop(self):
        self.channel.close()
        self.process.kill()


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    made = Node(tmp_path_factory.mktemp("node"))
    yield made
    made.stop()


def test_a_scan_ends_at_the_deadline_of_the_client(node):
    reply = node.stub.RawBatchScan(node.dear(20), timeout=120)
    assert reply.region_error.HasField("server_is_busy"), reply
    assert "Deadline is exceeded" in reply.region_error.message
    assert not reply.kvs


def test_a_short_scan_does_not_wait_for_long_ones(node):
    """More long scans than threads: a short one that comes last is done first."""
    ended = []
    calls = [node.stub.RawBatchScan.future(node.dear(60_000), timeout=120) for _ in range(8)]
    for call in calls:
        call.add_done_callback(ended.append)
    for key in (b"d", b"f"):
        reply = node.stub.RawScan(
            node.kv.RawScanRequest(
                context=node.context(), start_key=key, end_key=key + b"\0", limit=10), timeout=120)
        assert [pair.key for pair in reply.kvs] == [key], reply
    assert not ended, f"{len(ended)} long scans ended before a short one"
    for call in calls:
        call.cancel()


def test_reads_of_ended_calls_are_dropped(node):
    """Calls that are cancelled, and a stream whose connection is closed: their scans would go on for a minute."""
    scan = node.dear(0, 8 * RANGES)
    calls = [node.stub.RawBatchScan.future(scan, timeout=120) for _ in range(48)]
    eventually(node.reading, 30, "the scans are under way")
    for call in calls:
        call.cancel()
    node.rests()
    tikv = wire.module("tikvpb")
    one = tikv.BatchCommandsRequest.Request(RawBatchScan=scan)
    messages = [
        tikv.BatchCommandsRequest(requests=[one] * 4, request_ids=range(4)) for _ in range(12)]
    channel = wire.channel(f"127.0.0.1:{node.port}")
    responses = wire.stubs("tikvpb").TikvStub(channel).BatchCommands(iter(messages), timeout=120)
    eventually(node.reading, 30, "the scans are under way")
    channel.close()
    node.rests()
    del responses
