"""Two regions become one while clients write; nothing acknowledged is lost, before and after restarts."""

import json
import subprocess
import threading

import pytest

from harness.client import RawClient
from harness.process import binary, eventually


def ctl(cluster, *arguments):
    return subprocess.run(
        [binary(), "ctl", *map(str, arguments), "--pd", cluster.pd_address],
        capture_output=True, text=True, timeout=30)


class Writer(threading.Thread):
    """Counts up the values of some keys, and remembers what was acknowledged."""

    def __init__(self, cluster, keys):
        super().__init__(daemon=True)
        self.raw = RawClient(cluster)
        self.acknowledged = {key: 0 for key in keys}
        self.attempted = dict(self.acknowledged)
        self.ends = threading.Event()

    def run(self):
        number = 0
        while not self.ends.is_set():
            number += 1
            for key in self.acknowledged:
                self.attempted[key] = number
                try:
                    self.raw.put(key, b"%d" % number)
                except Exception:  # Its outcome is not known.
                    continue
                self.acknowledged[key] = number

    def check(self, raw):
        for key, least in self.acknowledged.items():
            value = int(raw.get(key))
            assert least <= value <= self.attempted[key], (key, value)


def halves(cluster):
    """The two regions, when both have leaders."""
    regions = cluster.regions()
    if len(regions) != 2 or not all(r.leader.id for r in regions):
        return None
    return [r.region.id for r in regions]


@pytest.mark.parametrize("to_the_right", [True, False])
def test_regions_merge_under_writes(cluster, to_the_right):
    keys = [b"a", b"f", b"p", b"z"]
    raw = RawClient(cluster)
    for key in keys:
        raw.put(key, b"0")
    region = eventually(lambda: cluster.region(b"a"), 20, "a region").region.id
    eventually(
        lambda: ctl(cluster, "region", "split", region, "--key", "m").returncode == 0, 20, "a split")
    left, right = eventually(lambda: halves(cluster), 20, "two regions with leaders")
    source, target = (left, right) if to_the_right else (right, left)
    writer = Writer(cluster, keys)
    writer.start()
    eventually(lambda: min(writer.acknowledged.values()) > 10, 30, "writes")

    def merges():
        # A busy region may have too much in flight: whoever wants a merge tries again.
        if len(cluster.regions()) == 1:
            return True
        ctl(cluster, "operator", "add", "merge-region", source, target)
        return False

    eventually(merges, 60, "one region is left")
    assert cluster.regions()[0].region.id == target
    assert cluster.regions()[0].region.start_key == cluster.regions()[0].region.end_key == b""
    seen = dict(writer.acknowledged)
    eventually(
        lambda: all(writer.acknowledged[key] > seen[key] + 5 for key in keys), 30, "writes go on")
    writer.ends.set()
    writer.join(30)
    writer.check(RawClient(cluster))
    for store in cluster.stores:
        store.process.kill()
    for store in cluster.stores:
        store.process.start()
    cluster.wait_ready()
    writer.check(RawClient(cluster))
    assert json.loads(ctl(cluster, "region", "check", "miss-peer").stdout)["count"] == 0
