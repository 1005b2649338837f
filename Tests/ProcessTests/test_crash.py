"""A crash: the process is gone at once, says where it was, and leaves its ports free."""

import os
import pathlib
import signal
import socket
import subprocess

import pytest

from harness.client import RawClient
from harness.process import Process, eventually, free_ports, http
from test_survival import Writer, check_all

CLOSE_ON_EXEC = 0o2000000
# A crash takes milliseconds; what Swift's runtime does instead by default takes more than this.
DEADLINE = 4


class Alone(Process):
    def __init__(self, directory: pathlib.Path):
        self.port, self.status = free_ports(2)
        super().__init__(
            "alone",
            ["node", "--addr", f"127.0.0.1:{self.port}", "--status-addr", f"127.0.0.1:{self.status}",
             "--data-dir", str(directory / "data")],
            directory / "alone.log")

    def wait_ready(self):
        eventually(lambda: self.running and http(self.status, "/ready")[0] == 200, 30, "ready")


@pytest.fixture
def alone(tmp_path):
    process = Alone(tmp_path)
    process.start()
    process.wait_ready()
    yield process
    process.kill()


def inheritable(pid: int) -> list[str]:
    """The descriptors, beside the standard ones, that a program started by the process would get."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        if int(name) < 3:
            continue
        try:
            place = os.readlink(f"/proc/{pid}/fd/{name}")
            lines = pathlib.Path(f"/proc/{pid}/fdinfo/{name}").read_text().splitlines()
        except FileNotFoundError:
            continue  # closed meanwhile
        flags = next(line.split()[1] for line in lines if line.startswith("flags"))
        if not int(flags, 8) & CLOSE_ON_EXEC:
            found.append(f"{name} {place} {flags}")
    return found


def sockets(pid: int) -> int:
    names = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            names.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            continue
    return sum(name.startswith("socket:") for name in names)


def test_no_descriptor_outlives_exec(make_cluster):
    """Files, event loops, listeners, accepted and outgoing connections of stores and placement driver."""
    cluster = make_cluster(stores=3)
    RawClient(cluster).put(b"key", b"value")
    with socket.create_connection(("127.0.0.1", cluster.stores[0].status_port)) as status:
        status.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status.recv(1)
        for process in [cluster.pd] + [store.process for store in cluster.stores]:
            pid = process.child.pid
            assert sockets(pid) >= 4, process.name
            # A socket is marked a moment after it was made; one that stays unmarked is a fault.
            eventually(
                lambda: not inheritable(pid), 5, f"{process.name} keeps nothing inheritable open")


@pytest.mark.parametrize("name", ["ILL", "TRAP", "SEGV", "ABRT", "BUS", "FPE", "QUIT"])
def test_a_crash_ends_the_process_at_once(alone, name):
    number = getattr(signal, f"SIG{name}")
    alone.child.send_signal(number)
    assert alone.wait(DEADLINE) == -number
    lines = alone.tail(70).splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(f"apus: crashed: SIG{name} in thread "))
    assert any("apus(" in line for line in lines[at + 1:]), f"no stack\n{alone.tail()}"


def test_swift_backtrace_replaces_the_crash_report(alone):
    """SWIFT_BACKTRACE is the operator's wish; with it, this program's own report is not made."""
    alone.kill()
    alone.environment = {"SWIFT_BACKTRACE": "enable=no"}
    alone.start()
    alone.wait_ready()
    alone.child.send_signal(signal.SIGILL)
    assert alone.wait(DEADLINE) == -signal.SIGILL
    assert "crashed" not in alone.tail()


def test_a_store_restarts_after_a_crash(make_cluster):
    """The leader crashes under load with all its connections open, and is started again on the same
    address without a pause."""
    cluster = make_cluster(stores=3)
    writer = Writer(cluster, b"crash")
    writer.start()
    try:
        for number in [signal.SIGILL, signal.SIGKILL]:
            eventually(lambda: len(writer.acknowledged) > 50, 30, "some load")
            victim = cluster.leader()
            before = len(writer.acknowledged)
            victim.process.child.send_signal(number)
            assert victim.process.wait(DEADLINE) == -number
            victim.process.start()
            cluster.wait_ready()
            assert "Address already in use" not in victim.process.tail(200)
            eventually(
                lambda: len(writer.acknowledged) > before + 20 or writer.failure, 30,
                "writes go on")
    finally:
        writer.finish()
    check_all(cluster, writer.acknowledged)


def test_the_message_of_a_swift_trap_is_reported(runtime_program):
    """The message of the trap, then the report; the process dies of the trap's own signal."""
    done = subprocess.run([runtime_program, "trap"], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode in (-signal.SIGILL, -signal.SIGTRAP), done
    message = done.stderr.index("Fatal error: Index out of range")
    assert message < done.stderr.index("apus: crashed: SIG") < done.stderr.index("runtime_program(")
