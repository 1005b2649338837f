"""A region of a given size, under writes, is sent to a store that was away: does it converge, how long does it take, and
how much memory do sender and receiver need for it?

    .venv/bin/python scripts/benchmarks/snapshot.py --gib 4 --writes 2 [--kills 10]

With --kills the sender and the receiver are killed so many times each, at random moments of a transfer. Needs about
ten times the size of the region on disk.
"""

import argparse
import json
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests"))

from harness.client import RawClient  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.process import eventually, http  # noqa: E402

CONFIGURATION = """
[coprocessor]
region-split-size = "1TiB"
region-split-keys = 1000000000000
[raftstore]
raft-log-gc-count-limit = 1000
raft-log-gc-tick-interval = "1s"
snap-mgr-gc-tick-interval = "5s"
"""
VALUE = 64 << 10
BATCH = 32


def resident(store) -> int:
    """Bytes of anonymous memory: pages of files that are read or written do not count."""
    for line in open(f"/proc/{store.process.child.pid}/status"):
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    return 0


def region(store) -> dict:
    code, text = http(store.status_port, "/regions", 10)
    assert code == 200, text
    return max(json.loads(text), key=lambda r: r["applied"], default={"applied": 0, "truncated": 0})


class Writer(threading.Thread):
    """Overwrites a few keys at a rate."""

    def __init__(self, cluster, megabytes: float):
        super().__init__(daemon=True)
        self.cluster, self.rate, self.ended = cluster, megabytes * 1e6, threading.Event()
        self.written = 0

    def run(self):
        client = RawClient(self.cluster)
        started = time.monotonic()
        while not self.ended.is_set():
            if self.written / self.rate > time.monotonic() - started:
                time.sleep(0.01)
                continue
            client.put(b"w%04d" % random.randrange(10_000), os.urandom(VALUE), seconds=120)
            self.written += VALUE


class Sampler(threading.Thread):
    """The most memory of stores while it runs."""

    def __init__(self, stores):
        super().__init__(daemon=True)
        self.stores, self.ended = stores, threading.Event()
        self.peak = {store.number: resident(store) for store in stores}

    def run(self):
        while not self.ended.wait(0.05):
            for store in self.stores:
                try:
                    self.peak[store.number] = max(self.peak[store.number], resident(store))
                except OSError:
                    pass  # It was killed.

    def over(self, other) -> dict:
        """MiB by which the peaks are above those of another sampler."""
        return {n: (self.peak[n] - other.peak[n]) / (1 << 20) for n in self.peak}


def fill(cluster, count: int):
    client = RawClient(cluster, attempt_seconds=20)
    for at in range(0, count, BATCH):
        client.batch_put(
            [(b"s%08d" % i, os.urandom(VALUE)) for i in range(at, min(at + BATCH, count))], seconds=120)


def leave_behind(cluster, store):
    """Stops the store until the leader's log begins after what it has."""
    behind = region(store)["applied"]
    store.process.kill()
    client = RawClient(cluster)
    number = 0

    def is_cut() -> bool:
        nonlocal number
        for _ in range(200):
            client.put(b"x%04d" % (number % 1000), b"x", seconds=60)
            number += 1
        return region(cluster.leader())["truncated"] > behind

    eventually(is_cut, 300, "the log is cut")


def caught_up(cluster, store) -> bool:
    return region(store)["applied"] + 50 >= region(cluster.leader())["applied"]


def files(store) -> list:
    directory = store.data / "snap"
    return sorted(os.listdir(directory)) if directory.exists() else []


def transfer(cluster, store, seconds: float, every: float = 0.2):
    eventually(lambda: store.ready() and caught_up(cluster, store), seconds, "the store catches up", every)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--gib", type=float, default=4)
    arguments.add_argument("--writes", type=float, default=2, help="MB/s during the transfer")
    arguments.add_argument("--usual", type=float, default=120, help="seconds of writes before the transfer")
    arguments.add_argument("--kills", type=int, default=0)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--directory", default=None)
    options = arguments.parse_args()
    random.seed(options.seed)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="snapshot-", dir=options.directory))
    configuration = directory / "store.toml"
    configuration.write_text(CONFIGURATION)
    cluster = Cluster(directory, stores=3, node_options=["-C", str(configuration)])
    try:
        cluster.start()
        started = time.monotonic()
        fill(cluster, int(options.gib * (1 << 30)) // VALUE)
        print(f"filled {options.gib} GiB in {time.monotonic() - started:.0f} s", flush=True)
        leader = cluster.leader()
        store = next(s for s in cluster.stores if s is not leader)
        eventually(lambda: all(caught_up(cluster, s) for s in cluster.stores), 600, "all have it")
        # What the same writes take without a snapshot, from a start of the store: memtables, most of all.
        store.process.kill()
        store.process.start()
        eventually(store.ready, 120, "it is ready")
        writer = Writer(cluster, options.writes)
        writer.start()
        usual = Sampler([leader, store])
        usual.start()
        time.sleep(options.usual)
        usual.ended.set()
        leave_behind(cluster, store)
        before, written = leader.metric("apus_snapshot_generated_total"), writer.written
        store.process.start()
        eventually(store.ready, 120, "it is ready")
        sampler = Sampler([leader, store])
        sampler.start()
        started = time.monotonic()
        transfer(cluster, store, 3600)
        took = time.monotonic() - started
        sampler.ended.set()
        print(json.dumps({
            "gib": options.gib, "writes_mb_s": round((writer.written - written) / took / 1e6, 2), "seconds": round(took, 1),
            "snapshots": leader.metric("apus_snapshot_generated_total") - before,
            "usual_mib": {n: round(p / (1 << 20), 1) for n, p in usual.peak.items()},
            "leader_growth_mib": round(sampler.over(usual)[leader.number], 1),
            "receiver_growth_mib": round(sampler.over(usual)[store.number], 1)}), flush=True)
        for number in range(2 * options.kills):
            leave_behind(cluster, store)
            store.process.start()
            victim = cluster.leader() if number % 2 == 0 else store
            time.sleep(random.uniform(0, took))
            victim.process.kill()
            victim.process.start()
            transfer(cluster, store, 3600)
            print(f"kill {number + 1}: store {victim.number} {'sends' if number % 2 == 0 else 'receives'}", flush=True)
        writer.ended.set()
        writer.join()
        for one in cluster.stores:
            eventually(lambda one=one: not files(one), 600, f"no file is left on store {one.number}")
        print("no snapshot file is left")
    finally:
        cluster.remove()


main()
