"""A node whose disk fails to sync stops serving and exits non-zero; nothing acknowledged is lost."""

import pathlib

import pytest

from harness.client import RawClient
from harness.native import shared_library
from harness.process import eventually


@pytest.fixture
def failing_sync(tmp_path):
    """A library that makes syncs fail on demand, and the file whose existence demands it."""
    library = shared_library(pathlib.Path(__file__).with_name("failing_sync.c"), tmp_path)
    return library, tmp_path / "fail-now"


@pytest.mark.parametrize("victim_leads", [True, False], ids=["leader", "follower"])
def test_a_failed_sync_ends_the_node(make_cluster, failing_sync, victim_leads):
    library, trigger = failing_sync
    cluster = make_cluster(stores=3)
    client = RawClient(cluster)
    client.put(b"before", b"kept")
    leader = cluster.leader()
    victim = leader if victim_leads else next(s for s in cluster.stores if s is not leader)
    # Started again below the library; leadership may have moved, so it is looked at anew.
    victim.process.kill()
    victim.process.environment = {"LD_PRELOAD": str(library), "APUS_FAIL_SYNC": str(trigger)}
    victim.process.start()
    cluster.wait_ready()

    trigger.touch()
    acknowledged = {}
    for number in range(50):
        key = b"during%03d" % number
        client.put(key, b"%d" % number)
        acknowledged[key] = b"%d" % number
    code = victim.process.wait(30)
    assert code > 0, f"exit code {code}\n{victim.process.tail()}"
    assert "fatal" in victim.process.tail()

    trigger.unlink()
    victim.process.start()
    cluster.wait_ready()
    assert client.get(b"before") == b"kept"
    for key, value in acknowledged.items():
        assert client.get(key) == value
