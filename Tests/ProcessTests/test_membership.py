"""Stores that are lost permanently are replaced automatically."""

import shutil

from harness.client import RawClient
from harness.process import eventually


def test_a_wiped_store_is_replaced(make_cluster, tmp_path):
    """The disk is gone; the store comes back empty at its old address; three replicas again."""
    settings = tmp_path / "node.toml"
    settings.write_text('[raftstore]\npd-store-heartbeat-tick-interval = "1s"\n')
    cluster = make_cluster(
        stores=3, node_options=["-C", str(settings)],
        pd_options=["--store-replacement-delay", "6s"])
    client = RawClient(cluster)
    for i in range(200):
        client.put(b"m%04d" % i, b"v%d" % i)
    leader = cluster.leader()
    victim = next(s for s in cluster.stores if s is not leader)
    old = next(s.id for s in cluster.pd_stores() if s.address == victim.address)
    victim.process.kill()
    shutil.rmtree(victim.data)
    victim.process.start()

    def healed():
        regions = cluster.regions()
        return regions and all(
            cluster.healthy(r, 3) and old not in [p.store_id for p in r.region.peers]
            for r in regions)

    eventually(healed, 90, "every region is back at three replicas, none on the lost store")
    new = next(
        s.id for s in cluster.pd_stores() if s.address == victim.address and s.id != old)
    assert new in [p.store_id for p in cluster.regions()[0].region.peers]
    # The new replica carries its share: with one of the old ones gone there is still a majority.
    next(s for s in cluster.stores if s is not victim and s is not cluster.leader()).process.kill()
    for i in range(200):
        assert client.get(b"m%04d" % i, seconds=60) == b"v%d" % i


def test_a_fourth_store_replaces_a_dead_one(make_cluster):
    """Four stores, one dies for good: its replica is made anew on the spare one."""
    cluster = make_cluster(stores=4, pd_options=["--max-store-down-time", "3s"])
    members = {p.store_id for p in cluster.regions()[0].region.peers}
    assert len(members) == 3
    victim = cluster.store_of(sorted(members)[0])
    dead = sorted(members)[0]
    victim.process.kill()

    def moved():
        found = cluster.regions()[0]
        return cluster.healthy(found, 3) and dead not in [p.store_id for p in found.region.peers]

    eventually(moved, 120, "the dead store's replica was replaced")
