"""Raft messages and snapshots that no store of ours sends: each field at the edges of its type, in every
kind of message, with and without a store's identity on the stream. The process does not exit, every
stream ends, and clients are served as before.
"""

import json

import pytest

from harness import wire
from harness.attack import Attack, hostile
from harness.client import RawClient
from harness.cluster import Cluster
from harness.fields import block
from harness.process import http

# A store that the cluster does not know.
STRANGER = 9_001


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """One store: what it takes in is all that there is to go by."""
    made = Cluster(
        tmp_path_factory.mktemp("cluster"), stores=1, pd_options=["--max-replicas", "1"])
    try:
        yield made.start()
    finally:
        made.remove()


class Sender:
    """What a store that attacks the cluster's only one knows of it."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.region = cluster.region().region
        self.peer = self.region.peers[0]
        self.attack = Attack(cluster.stores[0].process, cluster.stores[0].address)
        self.identity = (
            ("apus-cluster-id", str(cluster.cluster_id)), ("apus-from-store", str(STRANGER)),
            ("apus-to-store", str(self.peer.store_id)), ("apus-incarnation", "1"))

    def state(self) -> dict:
        """Where the region's replica stands."""
        code, text = http(self.cluster.stores[0].status_port, "/regions")
        assert code == 200, text
        return next(found for found in json.loads(text) if found["id"] == self.region.id)

    def envelope(self, kind: str):
        """A message of that kind as a leader elected a moment ago would send it: right in all but its
        sender."""
        raft, meta = wire.module("eraftpb"), wire.module("metapb")
        state = self.state()
        message = raft.Message(
            msg_type=raft.MessageType.Value(kind), to=self.peer.id, term=state["term"] + 1000,
            log_term=state["term"], index=state["last"], commit=state["committed"])
        setattr(message, "from", STRANGER)
        if kind == "MsgAppend":
            message.entries.add(
                index=state["last"] + 1, term=state["term"] + 1000, data=self.command())
        if kind == "MsgSnapshot":
            message.snapshot.data = self.announcement().SerializeToString()
            message.snapshot.metadata.index = 1 << 20
            message.snapshot.metadata.term = state["term"]
            message.snapshot.metadata.conf_state.voters.append(self.peer.id)
        return wire.module("raft_serverpb").RaftMessage(
            region_id=self.region.id, from_peer=meta.Peer(id=STRANGER, store_id=STRANGER),
            to_peer=self.peer, region_epoch=self.region.region_epoch, message=message)

    def command(self) -> bytes:
        """An entry's data that changes nothing."""
        command = wire.module("raft_cmdpb").RaftCmdRequest()
        command.header.region_id = self.region.id
        command.header.peer.CopyFrom(self.peer)
        command.header.region_epoch.CopyFrom(self.region.region_epoch)
        return command.SerializeToString()

    def announcement(self):
        """What a snapshot says of its files."""
        raft = wire.module("raft_serverpb")
        data = raft.RaftSnapshotData(region=self.region, file_size=4, version=2)
        for family, size in ("default", 4), ("lock", 0), ("write", 0):
            data.meta.cf_files.add(cf=family, size=size)
        return data

    def raft(self, messages, metadata):
        """Each on a stream of its own, of either kind."""
        for what, message in messages:
            for path, request in (
                    ("/tikvpb.Tikv/BatchRaft", block(1, message)), ("/tikvpb.Tikv/Raft", message)):
                yield lambda path=path, request=request, what=what: self.attack.stream(
                    path, [request], what, metadata)

    def snapshots(self, messages, metadata):
        for what, message in messages:
            chunks = [block(1, message), block(2, b"data")]
            yield lambda chunks=chunks, what=what: self.attack.stream(
                "/tikvpb.Tikv/Snapshot", chunks, what, metadata)

    def check(self):
        """Clients are served."""
        client = RawClient(self.cluster)
        client.put(b"after the attack", b"value")
        assert client.get(b"after the attack") == b"value"


# By these a store of the cluster has another one destroy its peer, or apply what it likes.
AUTHORITY = ("is_tombstone", "to_peer", "message.entries.data", "message.entries.entry_type")
# A term beyond it makes every later message one of the past: sent last.
TERM = "message.term"


def kinds():
    return [
        name for name, number in wire.module("eraftpb").MessageType.items() if number <= 18]


def test_raft_messages(cluster):
    sender = Sender(cluster)
    envelope = wire.module("raft_serverpb").RaftMessage.DESCRIPTOR

    def messages(kind, depth, skip=()):
        base = sender.envelope(kind).SerializeToString()
        for what, message in hostile(base, envelope, depth, (*AUTHORITY, TERM, *skip), 4096):
            yield f"{kind}, {what}", message

    def terms(kind):
        base = sender.envelope(kind).SerializeToString()
        for what, message in hostile(base, envelope, 2, AUTHORITY, 4096):
            if what.startswith(TERM):
                yield f"{kind}, {what}", message

    # All fields of one kind, with and without a name; of the others those of the message itself.
    sender.attack.run(sender.raft(messages("MsgHeartbeat", 4), sender.identity))
    sender.attack.run(sender.raft(messages("MsgHeartbeat", 1), ()))
    around = [field.name for field in envelope.fields if field.name != "message"]
    for kind in kinds():
        sender.attack.run(sender.raft(messages(kind, 2, around), sender.identity))
    for kind in "MsgAppend", "MsgSnapshot":
        sender.attack.run(sender.raft(messages(kind, 5, around), sender.identity))
    for kind in kinds():
        sender.attack.run(sender.raft(terms(kind), sender.identity))
    sender.check()


def test_snapshots(cluster):
    sender = Sender(cluster)
    raft = wire.module("raft_serverpb")
    envelope = sender.envelope("MsgSnapshot")

    def announced():
        base = envelope.message.snapshot.data
        for what, data in hostile(base, raft.RaftSnapshotData.DESCRIPTOR, 3, huge_bytes=4096):
            envelope.message.snapshot.data = data
            yield what, envelope.SerializeToString()
        envelope.message.snapshot.data = base

    sender.attack.run(sender.snapshots(announced(), sender.identity))
    base = envelope.SerializeToString()
    chunks = list(hostile(base, raft.RaftMessage.DESCRIPTOR, 5, AUTHORITY, 4096))
    sender.attack.run(sender.snapshots(chunks, sender.identity))
    sender.attack.run(sender.snapshots(chunks[:200], ()))
    sender.check()
