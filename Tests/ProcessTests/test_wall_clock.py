"""The wall clock is set back and forward by an hour under timers and under a whole cluster: nothing waits
for it, timestamps go on and never go back."""

import mmap
import os
import pathlib
import struct
import subprocess
import threading
import time

import pytest

from harness import wire
from harness.client import RawClient
from harness.cluster import Cluster
from harness.native import shared_library
from harness.process import eventually

HOUR = 3600
STEPS = [-HOUR, HOUR, 0]


class WallClock:
    """The shift of the wall clock that processes started with `environment` see."""

    def __init__(self, directory):
        self.path = directory / "wall-clock"
        self.path.write_bytes(bytes(8))
        self.file = open(self.path, "r+b")
        self.memory = mmap.mmap(self.file.fileno(), 8)
        source = pathlib.Path(__file__).with_name("wall_clock.c")
        self.environment = {
            "LD_PRELOAD": str(shared_library(source, directory)),
            "APUS_WALL_CLOCK": str(self.path),
        }

    def set(self, seconds: int):
        self.memory[:8] = struct.pack("<q", seconds * 10**9)

    def now(self) -> float:
        return time.time() + struct.unpack("<q", self.memory[:8])[0] / 1e9


@pytest.fixture
def wall_clock(tmp_path):
    return WallClock(tmp_path)


@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_timers_do_not_wait_for_the_wall_clock(runtime_program, wall_clock, step):
    with subprocess.Popen(
            [runtime_program, "timers"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=os.environ | wall_clock.environment) as program:
        beats = []
        reader = threading.Thread(
            target=lambda: [beats.append(line) for line in iter(program.stdout.readline, b"")])
        reader.start()
        try:
            eventually(lambda: len(beats) > 5, 10, "timers run")
            wall_clock.set(step)
            before = len(beats)
            eventually(lambda: len(beats) > before + 20, 10, f"timers run after a step of {step} s")
        finally:
            program.kill()
        reader.join(10)


@pytest.fixture
def cluster(tmp_path, wall_clock):
    settings = tmp_path / "node.toml"
    settings.write_text('[raftstore]\npd-store-heartbeat-tick-interval = "300ms"\n')
    made = Cluster(tmp_path / "cluster", stores=3, node_options=["--config", str(settings)])
    made.directory.mkdir()
    for process in [made.pd] + [store.process for store in made.stores]:
        process.environment = wall_clock.environment
    try:
        yield made.start()
    finally:
        made.remove()


class Timestamps(threading.Thread):
    """Asks for timestamps all the time; each must be above the one before."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster = cluster
        self.count = 0
        self.last = 0
        self.failure: BaseException | None = None
        self.ended = threading.Event()

    def requests(self):
        header = self.cluster.header()
        while not self.ended.wait(0.005):
            yield wire.module("pdpb").TsoRequest(header=header, count=10)

    def run(self):
        try:
            for reply in self.cluster.pd_stub.Tso(self.requests(), timeout=120):
                value = (reply.timestamp.physical << 18) + reply.timestamp.logical
                assert value - reply.count >= self.last, f"{value} after {self.last}"
                self.last = value
                self.count += 1
        except BaseException as error:
            self.failure = error


def test_a_cluster_continues_when_the_wall_clock_is_set(cluster, wall_clock):
    client = RawClient(cluster)
    timestamps = Timestamps(cluster)
    timestamps.start()
    eventually(lambda: timestamps.count > 10, 10, "timestamps")
    for round, step in enumerate(STEPS):
        wall_clock.set(step)
        told = wall_clock.now()
        count = timestamps.count
        eventually(lambda: timestamps.count > count + 50 or timestamps.failure, 10, "timestamps go on")
        assert timestamps.failure is None, timestamps.failure
        # All stores report, by the new time; none is taken for gone.
        eventually(
            lambda: all(
                s.state == 0 and abs(s.last_heartbeat / 1e9 - wall_clock.now()) < HOUR / 2
                and s.last_heartbeat / 1e9 >= told for s in cluster.pd_stores()),
            10, f"heartbeats go on after a step to {step} s")
        # An election is the work of timers: it takes a second or two, not the step.
        victim = cluster.leader()
        victim.process.kill()
        client.put(b"round", b"%d" % round, seconds=10)
        assert client.get(b"round", seconds=10) == b"%d" % round
        victim.process.start()
        cluster.wait_ready()
    timestamps.ended.set()
    timestamps.join(10)
    assert timestamps.failure is None, timestamps.failure
