"""Reports to the placement driver that no store sent: what they change heals, and ids stay safe."""

import queue

import grpc
import pytest

from harness import wire
from harness.client import RawClient
from harness.process import eventually

U64 = 2**64 - 1


@pytest.fixture
def cluster(make_cluster, tmp_path):
    # Region heartbeats every second, so that the driver decides within seconds. Regions hibernate soon: a refused report
    # is repeated all the same.
    settings = tmp_path / "node.toml"
    settings.write_text(
        '[raftstore]\npd-heartbeat-tick-interval = "1s"\nhibernate-timeout = "3s"\n')
    return make_cluster(
        stores=3, node_options=["--config", str(settings)],
        pd_options=["--region-claim-timeout", "4s"])


def heartbeat(cluster, **report):
    """Sends one heartbeat; returns the error of the reply, "" if there is none in time."""
    pdpb = wire.module("pdpb")
    requests = queue.Queue()
    requests.put(pdpb.RegionHeartbeatRequest(header=cluster.header(), **report))
    call = cluster.pd_stub.RegionHeartbeat(iter(requests.get, None), timeout=2)
    try:
        return next(call).header.error.message
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
        return ""
    finally:
        requests.put(None)
        call.cancel()


def true_region(cluster):
    found = cluster.region(b"k")
    assert len(found.region.peers) == 3 and found.leader.id, found
    return found


def epoch(cluster):
    return cluster.region(b"k").region.region_epoch


def absurd(region):
    forged = wire.module("metapb").Region()
    forged.CopyFrom(region)
    forged.region_epoch.version = forged.region_epoch.conf_ver = U64
    return forged


@pytest.mark.parametrize("restarts", [False, True])
def test_a_forged_epoch_is_replaced(cluster, restarts):
    RawClient(cluster).put(b"k", b"v")
    before = true_region(cluster)
    follower = next(p for p in before.region.peers if p.id != before.leader.id)
    assert heartbeat(cluster, region=absurd(before.region), leader=follower, term=U64) == ""
    assert epoch(cluster).version == U64
    if restarts:
        cluster.pd.terminate()
        cluster.pd.start()
        eventually(lambda: epoch(cluster).version, 30, "the placement driver is back")
    eventually(
        lambda: epoch(cluster) == before.region.region_epoch, 60, "the true region is known again")
    assert "what was known of regions was wrong" in cluster.pd.tail(200)
    RawClient(cluster).put(b"k", b"w")
    # It may change as before.
    eventually(lambda: cluster.healthy(cluster.region(b"k"), 3), 60, "the region is healthy")
    assert heartbeat(cluster, region=before.region, leader=before.leader, term=1).startswith(
        "region is stale")


def test_a_forged_split_is_replaced(cluster):
    pdpb, metapb = wire.module("pdpb"), wire.module("metapb")
    # It is awake, and reports.
    RawClient(cluster).put(b"k", b"v")
    before = true_region(cluster).region
    asked = cluster.pd_stub.AskBatchSplit(
        pdpb.AskBatchSplitRequest(header=cluster.header(), region=before, split_count=1), timeout=5)
    version = before.region_epoch.version + 1
    left, right = metapb.Region(), metapb.Region()
    right.CopyFrom(before)
    right.start_key, right.region_epoch.version = b"m", version
    left.CopyFrom(before)
    left.id, left.end_key, left.region_epoch.version = asked.ids[0].new_region_id, b"m", version
    for peer, number in zip(left.peers, asked.ids[0].new_peer_ids):
        peer.id = number
    reply = cluster.pd_stub.ReportBatchSplit(
        pdpb.ReportBatchSplitRequest(header=cluster.header(), regions=[left, right]), timeout=5)
    assert not reply.header.HasField("error"), reply
    eventually(lambda: cluster.region(b"k").region == before, 60, "the true region is known again")
    RawClient(cluster).put(b"k", b"w")


def test_unallocated_ids_are_refused(cluster):
    pdpb, metapb = wire.module("pdpb"), wire.module("metapb")
    before = true_region(cluster)
    strange = metapb.Region()
    strange.CopyFrom(before.region)
    strange.id = 10**9
    reason = heartbeat(cluster, region=strange, leader=before.leader)
    assert "never allocated" in reason and str(10**9) in reason
    reply = cluster.pd_stub.PutStore(
        pdpb.PutStoreRequest(
            header=cluster.header(),
            store=metapb.Store(id=10**9, address="127.0.0.1:1", version="8.5.0")), timeout=5)
    assert "never allocated" in reply.header.error.message
    assert true_region(cluster).region == before.region
