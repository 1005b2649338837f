"""A raft log that is damaged on the disk of one store: its peer is fenced and rebuilt without an operator. Then the loss of
a majority, with what is left going on."""

import pathlib
import random
import subprocess

from harness.client import RawClient
from harness.process import binary, eventually


def options(path):
    path.write_text(
        '[raftstore]\npd-store-heartbeat-tick-interval = "1s"\npd-heartbeat-tick-interval = "2s"\n'
        'consistency-check-interval = "1s"\nraft-log-gc-tick-interval = "1h"\n')
    return ["-C", str(path)]


def ctl(cluster, *arguments, timeout=60):
    return subprocess.run(
        [binary(), "ctl", *arguments, "--pd", cluster.pd_address],
        capture_output=True, text=True, timeout=timeout)


def key(i):
    return b"key%05d" % i


def value(i):
    return random.Random(i).randbytes(1000)


def load(cluster, count):
    client = RawClient(cluster)
    for i in range(count):
        client.put(key(i), value(i))
    return client


def flip(directory: pathlib.Path):
    """Turns a bit over in the middle of each large SST file there: small ones have the records of the store."""
    found = 0
    for path in directory.glob("*.sst"):
        content = bytearray(path.read_bytes())
        if len(content) < 200_000:
            continue
        content[len(content) // 2] ^= 0x40
        path.write_bytes(content)
        found += 1
    return found


def peers(cluster):
    return {p.store_id: p.id for p in cluster.regions()[0].region.peers}


def rebuilt(cluster, store_id, old):
    found = cluster.regions()[0]
    return (
        cluster.healthy(found, 3) and not found.down_peers
        and peers(cluster).get(store_id, old) != old)


def check(cluster, count):
    client = RawClient(cluster)
    for i in range(0, count, 7):
        assert client.get(key(i)) == value(i)


def damage_and_wait(cluster, which, count):
    store = cluster.stores[2]
    store_id = next(s.id for s in cluster.pd_stores() if s.address == store.address)
    old = peers(cluster)[store_id]
    # What a restart finds in the write-ahead logs is in files afterwards.
    assert store.process.terminate() == 0
    store.process.start()
    cluster.wait_ready()
    assert store.process.terminate() == 0
    assert flip(store.data / which) > 0
    store.process.start()
    eventually(lambda: rebuilt(cluster, store_id, old), 90, "the replica is rebuilt with a new id")
    assert store.process.running
    check(cluster, count)
    assert eventually(
        lambda: ctl(cluster, "region", "check", "all").returncode == 0, 60, "all replicas are equal")


def test_a_damaged_table_of_the_raft_log(make_cluster, tmp_path):
    cluster = make_cluster(stores=3, node_options=options(tmp_path / "store.toml"))
    load(cluster, 400)
    damage_and_wait(cluster, "raft", 400)


def test_two_of_three_stores_are_lost(make_cluster, tmp_path):
    cluster = make_cluster(stores=3, node_options=options(tmp_path / "store.toml"))
    load(cluster, 100)
    ids = {s.address: s.id for s in cluster.pd_stores()}
    lost = cluster.stores[:2]
    arguments = ",".join(str(ids[s.address]) for s in lost)
    assert ctl(cluster, "unsafe-recover", "remove-failed-stores", arguments).returncode != 0
    for store in lost:
        store.process.kill()

    def accepted(*more):
        return ctl(cluster, "unsafe-recover", "remove-failed-stores", arguments, *more).returncode == 0

    def shown(text):
        return text in ctl(cluster, "unsafe-recover", "show").stdout

    eventually(lambda: accepted("--dry-run"), 60, "the stores count as disconnected")
    eventually(lambda: shown("dry run: nothing is changed"), 30, "the plan")
    assert shown("goes on alone")
    assert accepted()
    eventually(lambda: shown("finished"), 60, "the recovery is finished")
    eventually(lambda: cluster.regions() and cluster.regions()[0].leader.id, 30, "a leader")
    check(cluster, 100)
    RawClient(cluster).put(b"after", b"1")
    assert RawClient(cluster).get(b"after") == b"1"


def test_a_damaged_table_of_the_data(make_cluster, tmp_path):
    """A compaction that meets the damage ends the process. Whoever starts it again has it rebuild the replica."""
    cluster = make_cluster(stores=3, node_options=options(tmp_path / "store.toml"))
    load(cluster, 400)
    store = cluster.stores[2]
    store_id = next(s.id for s in cluster.pd_stores() if s.address == store.address)
    old = peers(cluster)[store_id]
    assert store.process.terminate() == 0
    store.process.start()
    cluster.wait_ready()
    assert store.process.terminate() == 0
    assert flip(store.data / "db") > 0
    store.process.start()

    def supervised():
        if not store.process.running:
            store.process.start()
        return rebuilt(cluster, store_id, old)

    eventually(supervised, 90, "the replica is rebuilt with a new id", every=0.5)
    check(cluster, 400)
