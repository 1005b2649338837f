"""Messages from outside the cluster, or from a store that cannot have sent them, reach real stores."""

import threading

import grpc
import pytest

from harness import wire
from harness.client import RawClient
from harness.cluster import Cluster
from harness.process import eventually, http


def series(store, name: str, label: str) -> float:
    code, text = http(store.status_port, "/metrics")
    assert code == 200, text
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith(name + "{") and f'type="{label}"' in line)


def heartbeat(cluster, receiver_id: int, sender_id: int, commit: int):
    """A heartbeat of a leader by which the receiver has entries that it does not have."""
    found = cluster.regions()[0].region
    peers = {p.store_id: p for p in found.peers}
    envelope = wire.module("raft_serverpb").RaftMessage(
        region_id=found.id, from_peer=peers[sender_id], to_peer=peers[receiver_id],
        region_epoch=found.region_epoch)
    envelope.message.msg_type = wire.module("eraftpb").MessageType.MsgHeartbeat
    setattr(envelope.message, "from", peers[sender_id].id)
    envelope.message.to = peers[receiver_id].id
    envelope.message.term = 1000
    envelope.message.commit = commit
    return wire.module("tikvpb").BatchRaftMessage(msgs=[envelope])


def test_streams_of_other_clusters_are_refused(cluster):
    tikvpb = wire.module("tikvpb")
    store = cluster.leader()
    stub = wire.stubs("tikvpb").TikvStub(cluster.channel(store.address))
    right = dict(cluster.stream_identity(store, incarnation=5))

    def refusal(call, **changes):
        headers = right | {f"apus-{k.replace('_', '-')}": v for k, v in changes.items()}
        with pytest.raises(grpc.RpcError) as refused:
            call(iter([]), timeout=5, metadata=[(k, v) for k, v in headers.items() if v])
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        return refused.value.details()

    # An incarnation counts as long as a stream of it is open.
    over = threading.Event()

    def messages():
        over.wait(60)
        yield from ()

    newest = stub.BatchRaft.future(messages(), timeout=60, metadata=list(right.items()))
    newest.initial_metadata()
    for call in (stub.BatchRaft, stub.Raft, stub.Snapshot):
        text = refusal(call, cluster_id="12345")
        assert "12345" in text and str(cluster.cluster_id) in text
        assert "777" in refusal(call, to_store="777")
        refusal(call, from_store=right["apus-to-store"])
        refusal(call, incarnation="4")
        for name in ("cluster_id", "from_store", "to_store", "incarnation"):
            refusal(call, **{name: None})
            refusal(call, **{name: "-1"})
    assert series(store, "apus_raft_stream_refused_total", "mismatch_cluster_id") == 3
    assert series(store, "apus_raft_stream_refused_total", "stale_incarnation") == 3
    over.set()
    assert newest.result(timeout=10) is not None
    earlier = [(k, v) for k, v in (right | {"apus-incarnation": "4"}).items()]
    assert stub.BatchRaft(iter([]), timeout=5, metadata=earlier) is not None


def test_a_forged_commit_index_ends_no_store(cluster):
    """As seen: `tocommit(210) is out of range [lastIndex(70)]`, and the process was gone."""
    client = RawClient(cluster)
    client.put(b"a", b"1")
    leader = cluster.leader()
    follower = next(s for s in cluster.stores if s is not leader)
    ids = {s.address: s.id for s in cluster.pd_stores()}
    message = heartbeat(cluster, ids[follower.address], ids[leader.address], 100_000)
    stub = wire.stubs("tikvpb").TikvStub(cluster.channel(follower.address))
    before = series(follower, "tikv_raftstore_raft_dropped_message_total", "invalid")
    stub.BatchRaft(
        iter([message]), timeout=5,
        metadata=cluster.stream_identity(follower, sender=ids[leader.address]))
    eventually(
        lambda: series(follower, "tikv_raftstore_raft_dropped_message_total", "invalid") > before,
        20, "the heartbeat is refused")
    assert follower.process.running
    client.put(b"b", b"2")
    assert client.get(b"b") == b"2"


def test_a_store_left_over_from_an_earlier_cluster(tmp_path):
    """Its neighbours' addresses belong to a new cluster now, whose ids came out equal."""
    old = Cluster(tmp_path / "old", stores=3)
    old.directory.mkdir()
    new = None
    try:
        old.start()
        client = RawClient(old)
        for i in range(200):
            client.put(b"k%d" % i, b"v")
        left = old.stores[2]
        for store in old.stores[:2]:
            store.process.kill()
        new = Cluster(
            tmp_path / "new", stores=3,
            store_ports=[port for s in old.stores[:2] for port in (s.port, s.status_port)])
        new.directory.mkdir()
        new.start()
        client = RawClient(new)
        client.put(b"n", b"1")
        eventually(
            lambda: sum(
                series(s, "apus_raft_stream_refused_total", "mismatch_cluster_id")
                for s in new.stores) >= 2,
            60, "the old store's streams are refused")
        assert left.process.running
        assert all(s.process.running for s in new.stores), new.logs()
        assert client.get(b"n") == b"1" and client.get(b"k1") is None
    finally:
        old.remove()
        if new:
            new.remove()
