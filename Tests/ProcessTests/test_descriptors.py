"""Crowds of connections: a process with few descriptors goes on serving and never lacks a file."""

import contextlib
import os
import pathlib
import resource
import socket
import time

import grpc
import pytest

from harness import wire
from harness.process import Process, eventually, free_ports, http

LIMIT = 256


class Alone:
    """A node without a placement driver, and a raw client over one connection."""

    def __init__(self, directory, open_files=(LIMIT, LIMIT)):
        self.port, self.status = free_ports(2)
        self.process = Process(
            "alone",
            ["node", "--addr", f"127.0.0.1:{self.port}", "--status-addr",
             f"127.0.0.1:{self.status}", "--data-dir", str(directory / "data")],
            directory / "alone.log")
        self.process.open_files = open_files
        self.process.start()
        eventually(lambda: http(self.status, "/ready")[0] == 200, 60, "ready")
        self.channel = wire.channel(f"127.0.0.1:{self.port}")
        self.kv = wire.module("kvrpcpb")
        self.stub = wire.stubs("tikvpb").TikvStub(self.channel)
        pdpb = wire.module("pdpb")
        pd = wire.stubs("pdpb").PDStub(self.channel)
        header = pdpb.RequestHeader(
            cluster_id=pd.GetMembers(pdpb.GetMembersRequest(), timeout=10).header.cluster_id)
        found = pd.GetRegion(pdpb.GetRegionRequest(header=header), timeout=10)
        self.context = self.kv.Context(
            region_id=found.region.id, region_epoch=found.region.region_epoch, peer=found.leader)

    def put(self, key: bytes, value: bytes):
        reply = self.stub.RawPut(
            self.kv.RawPutRequest(context=self.context, key=key, value=value), timeout=20)
        assert not reply.error and not reply.HasField("region_error"), reply

    def get(self, key: bytes) -> bytes:
        return self.stub.RawGet(
            self.kv.RawGetRequest(context=self.context, key=key), timeout=20).value

    def metric(self, name: str, labels: str = "") -> float:
        code, text = http(self.status, "/metrics", 5)
        assert code == 200
        return next(
            float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
            if line.startswith(name + labels + " "))

    def asleep(self) -> bool:
        """Whether no thread runs or wants to run at this moment."""
        for task in pathlib.Path(f"/proc/{self.process.child.pid}/task").iterdir():
            if (task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "R":
                return False
        return True

    def rests(self, times: int = 15):
        """Waits until all threads are found asleep many times in a row: a loop that spins takes most of a
        processor and is found running before long."""
        found = 0

        def again() -> bool:
            nonlocal found
            found = found + 1 if self.asleep() else 0
            return found >= times

        eventually(again, 60, "no thread spins", every=0.02)

    def files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.child.pid}/fd"))


@pytest.fixture
def alone(tmp_path):
    node = Alone(tmp_path)
    yield node
    node.channel.close()
    node.process.kill()


@contextlib.contextmanager
def crowd(port: int, count: int):
    """Connections that are open and say nothing more than they must."""
    sockets = []
    try:
        for _ in range(count):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", port))
            sockets.append(s)
        yield sockets
    finally:
        for s in sockets:
            s.close()




def test_many_connections_do_not_use_all_cpu_or_descriptors(alone):
    allowed = alone.metric("apus_connections_max", '{port="rpc"}')
    assert 16 <= allowed < LIMIT
    with crowd(alone.port, LIMIT + 100):
        eventually(lambda: alone.metric("apus_accept_paused", '{port="rpc"}') == 1, 20, "paused")
        assert alone.files() < LIMIT
        # The old way took two thirds of a processor for nothing but failing to accept.
        alone.rests()
        # New tables and logs are opened meanwhile: 160 MiB are more than two write buffers hold.
        value = os.urandom(1 << 20)
        for number in range(160):
            alone.put(b"k%04d" % number, value)
        assert alone.get(b"k0000") == value
        assert http(alone.status, "/status", 5)[0] == 200
        assert alone.process.running
    eventually(lambda: alone.metric("apus_accept_paused", '{port="rpc"}') == 0, 20, "resumed")
    other = wire.channel(f"127.0.0.1:{alone.port}")
    grpc.channel_ready_future(other).result(timeout=20)
    other.close()
    log = alone.process.log.read_text()
    assert log.count("connection limit reached") == 1, "said once for one crowd"
    assert alone.process.terminate() == 0


def test_a_failing_accept_does_not_spin(alone):
    """The system has no descriptor for one more connection: tried again now and then, not all the time."""
    pid = alone.process.child.pid
    old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (alone.files(), old[1]))
    with crowd(alone.port, 5):
        eventually(
            lambda: "accepting paused" in alone.process.log.read_text(), 20, "noticed")
        alone.rests()
        assert alone.get(b"nothing") == b""
        resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
        eventually(lambda: alone.metric("apus_connections", '{port="rpc"}') >= 6, 20, "accepted")
    assert alone.process.log.read_text().count("accepting paused") == 1


def test_the_status_port_has_a_limit_of_its_own(alone):
    allowed = int(alone.metric("apus_connections_max", '{port="status"}'))
    with crowd(alone.status, allowed + 8):
        alone.put(b"a", b"1")
        assert alone.get(b"a") == b"1"
        # Who says nothing is sent away, so that others come in.
        assert eventually(lambda: http(alone.status, "/status", 30)[0] == 200, 60, "served")


def test_pipelined_requests_do_not_stall_the_node(alone):
    """Thousands of requests on one connection whose replies no one reads: few are worked on."""
    def seconds() -> float:
        return alone.metric("process_cpu_seconds_total")

    began = seconds()
    alone.metric("process_open_fds")
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    sockets = []
    for _ in range(20):
        s = socket.create_connection(("127.0.0.1", alone.status), timeout=20)
        with contextlib.suppress(OSError):
            s.sendall(request * 20_000)
        sockets.append(s)
    # They are disconnected, having sent more than may wait.
    for s in sockets:
        with contextlib.suppress(ConnectionResetError):
            while s.recv(1 << 16):
                pass
        s.close()
    assert http(alone.status, "/status", 30)[0] == 200
    alone.put(b"a", b"1")
    # 400,000 pages of metrics would be minutes of a processor's time.
    assert seconds() - began < 60


def test_the_soft_limit_is_raised(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    node = Alone(tmp_path, open_files=(LIMIT, wanted))
    try:
        assert node.metric("process_max_fds") == wanted
        assert node.metric("apus_connections_max", '{port="rpc"}') > LIMIT
    finally:
        node.channel.close()
        node.process.kill()


def test_too_few_descriptors_are_an_error(tmp_path):
    process = Process(
        "few", ["node", "--addr", "127.0.0.1:0", "--status-addr", "", "--data-dir",
                str(tmp_path / "data")], tmp_path / "few.log")
    process.open_files = (100, 100)
    process.start()
    assert process.wait(30) == 1
    assert "ulimit -n" in process.tail()


def test_an_incomplete_request_times_out(alone):
    began = time.monotonic()
    waiting = []
    for text in (b"", b"GET", b"GET /status HTTP/1.1\r\nHost: x\r\n"):
        s = socket.create_connection(("127.0.0.1", alone.status), timeout=60)
        s.sendall(text)
        waiting.append(s)
    for s in waiting:
        assert s.recv(100) == b""
        s.close()
    assert time.monotonic() - began < 50


def test_metrics_of_the_process(alone):
    code, text = http(alone.status, "/metrics")
    assert code == 200
    assert "# TYPE process_cpu_seconds_total counter" in text
    line = next(l for l in text.splitlines() if l.startswith("process_cpu_seconds_total "))
    assert float(line.split()[1]) > 0 and "." in line
    assert alone.metric("process_max_fds") == LIMIT
    assert alone.metric("process_virtual_memory_bytes") > alone.metric(
        "process_resident_memory_bytes")


def test_absolute_form(alone):
    with socket.create_connection(("127.0.0.1", alone.status), timeout=10) as s:
        s.sendall(
            b"GET http://some.host:1/status HTTP/1.1\r\nHost: some.host\r\n"
            b"Connection: close\r\n\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 200")
