"""A store that was away too long catches up by snapshot, also when the transfer is cut short."""

import os
import pathlib
import random
import re
import shutil
import subprocess
import threading
import time

import pytest

from harness import wire
from harness.client import RawClient
from harness.process import eventually, http

KEYS = 50_000
NAME = re.compile(r"^(gen|rev)_\d+_\d+_\d+(_(default|lock|write)\.sst|\.meta)(\.tmp)?(\.reading)?$")
# Small limits, so that the log is cut soon.
OPTIONS = ["--raft-log-gc-count-limit", "100", "--raft-log-gc-tick-interval", "200ms"]


class Watcher(threading.Thread):
    """Collects every name that is ever seen in the snap directories, and copies finished files."""

    def __init__(self, cluster, keep: pathlib.Path):
        super().__init__(daemon=True)
        self.directories = [s.data / "snap" for s in cluster.stores]
        self.keep = keep
        self.names: set[str] = set()
        self._ended = threading.Event()

    def run(self):
        while not self._ended.is_set():
            for directory in self.directories:
                try:
                    names = os.listdir(directory)
                except FileNotFoundError:
                    continue
                for name in names:
                    if name in self.names:
                        continue
                    self.names.add(name)
                    if name.endswith(".sst"):
                        try:
                            os.link(directory / name, self.keep / name)
                        except OSError:
                            self.names.discard(name)  # gone again; perhaps seen later
            self._ended.wait(0.002)

    def finish(self):
        self._ended.set()
        self.join()


def fill(cluster, count: int, prefix: bytes = b"s"):
    client = RawClient(cluster)
    for at in range(0, count, 500):
        client.batch_put(
            [(prefix + b"%08d" % i, b"v%d" % i + b"." * 100) for i in range(at, min(at + 500, count))],
            seconds=60)


def applied(store, cluster) -> int:
    """A store's applied index of the first region; 0 when it has none."""
    code, text = http(store.status_port, "/regions")
    assert code == 200, text
    import json

    regions = json.loads(text)
    return max((r["applied"] for r in regions), default=0)


def leader_cut_off(cluster, store, at_least: int) -> bool:
    """Whether the leader's log starts above what the stopped store has."""
    import json

    code, text = http(cluster.leader().status_port, "/regions")
    return code == 200 and any(r["truncated"] > at_least for r in json.loads(text))


def empty(directory: pathlib.Path) -> bool:
    return not directory.exists() or not os.listdir(directory)


def lagging(cluster):
    """A follower, stopped; and the index it has."""
    leader = cluster.leader()
    store = next(s for s in cluster.stores if s is not leader)
    index = applied(store, cluster)
    store.process.kill()
    return store, index


def caught_up(cluster, store):
    top = applied(cluster.leader(), cluster)
    return applied(store, cluster) >= top


def check(cluster, store, count: int):
    """Reads from the caught-up store alone: the leader is moved there first."""
    client = RawClient(cluster)
    found = client.scan(b"s", b"t", limit=count + 1, seconds=60)
    assert len(found) == count
    assert all(k == b"s%08d" % i and v.startswith(b"v%d." % i) for i, (k, v) in enumerate(found))


def test_catching_up_by_snapshot(make_cluster, tmp_path):
    cluster = make_cluster(stores=3, node_options=OPTIONS)
    store, index = lagging(cluster)
    fill(cluster, KEYS)
    eventually(lambda: leader_cut_off(cluster, store, index), 60, "the leader's log is cut")
    keep = tmp_path / "kept"
    keep.mkdir()
    watcher = Watcher(cluster, keep)
    watcher.start()
    store.process.start()
    eventually(lambda: caught_up(cluster, store), 120, "the store caught up")
    for one in cluster.stores:
        eventually(lambda: empty(one.data / "snap"), 60, f"store {one.number}'s snap is empty again")
    watcher.finish()

    assert watcher.names, "no snapshot was seen"
    assert all(NAME.match(name) for name in watcher.names), watcher.names
    kinds = {name.split("_")[0] for name in watcher.names}
    assert kinds == {"gen", "rev"}, watcher.names
    if shutil.which("sst_dump"):
        files = [f for f in keep.iterdir() if f.name.endswith("_default.sst")]
        assert files
        for file in files:
            text = subprocess.run(
                ["sst_dump", f"--file={file}", "--command=check"], capture_output=True, text=True)
            assert text.returncode == 0, text.stdout + text.stderr
    check(cluster, store, KEYS)


@pytest.mark.parametrize("who", ["sender", "receiver"])
def test_killed_during_a_snapshot(make_cluster, who):
    cluster = make_cluster(stores=3, node_options=OPTIONS)
    store, index = lagging(cluster)
    fill(cluster, KEYS)
    eventually(lambda: leader_cut_off(cluster, store, index), 60, "the leader's log is cut")
    leader = cluster.leader()
    victim = leader if who == "sender" else store
    origin = "gen" if who == "sender" else "rev"

    def began():
        names = os.listdir(victim.data / "snap") if (victim.data / "snap").exists() else []
        return any(name.startswith(origin) for name in names)

    store.process.start()
    eventually(began, 60, "a snapshot is under way", every=0.001)
    victim.process.kill()
    victim.process.start()
    cluster.wait_ready(120)
    eventually(lambda: caught_up(cluster, store), 120, "the store caught up")
    for one in cluster.stores:
        eventually(lambda: empty(one.data / "snap"), 90, f"store {one.number}'s snap is empty again")
    check(cluster, store, KEYS)


def test_killed_at_random_moments(make_cluster, tmp_path):
    """Transfers that are cut short by kills of the sender or the receiver: nothing is lost, and no file is left.

    APUS_SNAPSHOT_KILLS: how many; APUS_SNAPSHOT_SEED: which moments.
    """
    configuration = tmp_path / "store.toml"
    # Slow transfers of several files, so that kills fall into all stages.
    configuration.write_text(
        '[server]\nsnap-io-max-bytes-per-sec = "512KiB"\n'
        '[raftstore]\nmax-snapshot-file-raw-size = "128KiB"\nsnap-mgr-gc-tick-interval = "500ms"\n'
        'snap-gc-timeout = "1s"\nraft-log-gc-count-limit = 20\nraft-log-gc-tick-interval = "200ms"\n')
    cluster = make_cluster(stores=3, node_options=["-C", str(configuration)])
    count = 5_000
    fill(cluster, count)
    generator = random.Random(int(os.environ.get("APUS_SNAPSHOT_SEED", "7")))
    client = RawClient(cluster)
    for round_ in range(int(os.environ.get("APUS_SNAPSHOT_KILLS", "3"))):
        store, index = lagging(cluster)
        # The limit of the log counts entries, and a batch is one: each of these is an entry of its own.
        for number in range(50):
            client.put(b"t%d-%d" % (round_, number), b"x", seconds=60)
        eventually(lambda: leader_cut_off(cluster, store, index), 30, "the leader's log is cut")
        victim = cluster.leader() if round_ % 2 == 0 else store
        store.process.start()
        time.sleep(generator.uniform(0, 1.5))
        victim.process.kill()
        victim.process.start()
        cluster.wait_ready(60)
        eventually(lambda: caught_up(cluster, store), 60, "the store caught up")
    for one in cluster.stores:
        eventually(lambda: empty(one.data / "snap"), 60, f"store {one.number}'s snap is empty again")
    check(cluster, store, count)
