"""Real processes that are killed: nothing acknowledged is lost, no read is wrong."""

import threading
import time

from harness.client import RawClient, Unavailable
from harness.process import eventually


class Writer(threading.Thread):
    """Puts numbered keys without pause and remembers which were acknowledged, and the longest gap."""

    def __init__(self, cluster, prefix: bytes):
        super().__init__(daemon=True)
        self.client = RawClient(cluster)
        self.prefix = prefix
        self.acknowledged: dict[bytes, bytes] = {}
        self.gap = 0.0
        self.failure: BaseException | None = None
        self._ended = threading.Event()

    def key(self, number: int) -> bytes:
        return self.prefix + b"%08d" % number

    def run(self):
        try:
            number, last = 0, time.monotonic()
            while not self._ended.is_set():
                key, value = self.key(number), b"value of %d" % number
                try:
                    self.client.put(key, value, seconds=30)
                except Unavailable:
                    continue  # the same key again: a put may be repeated
                now = time.monotonic()
                self.gap = max(self.gap, now - last)
                last = now
                self.acknowledged[key] = value
                number += 1
        except BaseException as error:
            self.failure = error

    def finish(self):
        self._ended.set()
        self.join(60)
        assert not self.is_alive(), "the writer hangs"
        if self.failure:
            raise self.failure


class Reader(threading.Thread):
    """Reads acknowledged keys all the time; a wrong or missing value is a violation."""

    def __init__(self, cluster, writer: Writer):
        super().__init__(daemon=True)
        self.client = RawClient(cluster)
        self.writer = writer
        self.reads = 0
        self.violations: list[str] = []
        self._ended = threading.Event()

    def run(self):
        step = 0
        while not self._ended.is_set():
            known = list(self.writer.acknowledged)[-200:]
            if not known:
                continue
            key = known[(step * 37) % len(known)]
            step += 1
            want = self.writer.acknowledged[key]
            try:
                found = self.client.get(key, seconds=30)
            except Unavailable:
                continue
            self.reads += 1
            if found != want:
                self.violations.append(f"{key!r}: {found!r} instead of {want!r}")

    def finish(self):
        self._ended.set()
        self.join(60)


def check_all(cluster, acknowledged: dict[bytes, bytes]):
    client = RawClient(cluster)
    keys = sorted(acknowledged)
    for at in range(0, len(keys), 200):
        part = keys[at:at + 200]
        found = client.batch_get(part)
        wrong = [k for k in part if found.get(k) != acknowledged[k]]
        assert not wrong, f"{len(wrong)} of {len(part)} lost or wrong: {wrong[:5]}"


def test_stores_killed_one_after_the_other(make_cluster, capsys):
    """Ten rounds: the leader first, then each other store, is killed under load and comes back."""
    cluster = make_cluster(stores=3)
    writer = Writer(cluster, b"turn")
    reader = Reader(cluster, writer)
    writer.start()
    reader.start()
    try:
        for round in range(10):
            leader = cluster.leader()
            others = [s for s in cluster.stores if s is not leader]
            victim = leader if round % 3 == 0 else others[round % len(others)]
            before = len(writer.acknowledged)
            victim.process.kill()
            eventually(
                lambda: len(writer.acknowledged) > before + 20 or writer.failure, 30,
                f"writes go on after store {victim.number} died in round {round}")
            victim.process.start()
            cluster.wait_ready()
    finally:
        writer.finish()
        reader.finish()
    assert not reader.violations, reader.violations[:5]
    assert reader.reads > 100
    check_all(cluster, writer.acknowledged)
    with capsys.disabled():
        print(
            f"\n  {len(writer.acknowledged)} keys acknowledged, {reader.reads} reads, "
            f"longest gap in service {writer.gap * 1000:.0f} ms")


def test_all_stores_killed_at_once(make_cluster):
    cluster = make_cluster(stores=3)
    writers = [Writer(cluster, b"w%d-" % n) for n in range(4)]
    for writer in writers:
        writer.start()
    eventually(lambda: sum(len(w.acknowledged) for w in writers) > 400, 60, "some load")
    for process in [s.process for s in cluster.stores] + [cluster.pd]:
        process.kill()
    kept = {}
    for writer in writers:
        kept.update(dict(writer.acknowledged))
    cluster.pd.start()
    for store in cluster.stores:
        store.process.start()
    cluster.wait_ready()
    check_all(cluster, kept)
    for writer in writers:
        writer.finish()
        kept.update(writer.acknowledged)
    check_all(cluster, kept)


def test_sigterm_drains_and_exits_with_zero(make_cluster):
    cluster = make_cluster(stores=3)
    writer = Writer(cluster, b"term")
    writer.start()
    for store in cluster.stores:
        eventually(lambda: len(writer.acknowledged) > 50, 30, "some load")
        assert store.process.terminate() == 0, store.process.tail()
        store.process.start()
        cluster.wait_ready()
        writer.acknowledged and check_all(cluster, dict(writer.acknowledged))
    writer.finish()
    check_all(cluster, writer.acknowledged)
    assert cluster.pd.terminate() == 0, cluster.pd.tail()
