"""The largest entry that may be configured still fits into the messages between stores."""

import re
import subprocess

import pytest

from harness import wire
from harness.cluster import Cluster
from harness.process import binary, eventually


def check(tmp_path, size: str) -> subprocess.CompletedProcess:
    file = tmp_path / "node.toml"
    file.write_text(f'[raftstore]\nraft-entry-max-size = "{size}"\n')
    return subprocess.run(
        [binary(), "node", "--config", str(file), "--config-check"], capture_output=True, text=True,
        timeout=30)


def largest(tmp_path) -> int:
    run = check(tmp_path, "100GB")
    assert run.returncode != 0
    return int(re.search(r"raft-entry-max-size must be at most (\d+) bytes", run.stderr).group(1))


@pytest.mark.parametrize("size", ["65MB", "3GB", "100GB"])
def test_an_entry_limit_above_the_message_limit_is_refused(tmp_path, size):
    run = check(tmp_path, size)
    assert run.returncode != 0, run.stdout
    assert "raft-entry-max-size must be at most" in run.stderr


def test_the_largest_entry_is_replicated(tmp_path):
    size = largest(tmp_path)
    assert check(tmp_path, f"{size}").returncode == 0
    file = tmp_path / "stores.toml"
    file.write_text(f'[raftstore]\nraft-entry-max-size = "{size}"\n')
    cluster = Cluster(tmp_path, stores=3, node_options=["--config", str(file)])
    kv = wire.module("kvrpcpb")
    try:
        cluster.start()
        value = b"v" * (size - 4096)

        def context():
            found = cluster.region(b"k")
            return kv.Context(
                region_id=found.region.id, region_epoch=found.region.region_epoch, peer=found.leader)

        def stub():
            return wire.stubs("tikvpb").TikvStub(cluster.channel(cluster.leader(b"k").address))

        def put():
            reply = stub().RawPut(
                kv.RawPutRequest(context=context(), key=b"k", value=value), timeout=60)
            assert not reply.error, reply.error
            return not reply.HasField("region_error")

        eventually(put, 120, "the largest value is written")
        # Whoever leads after this store had to get the entry in a message.
        cluster.leader(b"k").process.kill()

        def get():
            reply = stub().RawGet(kv.RawGetRequest(context=context(), key=b"k"), timeout=60)
            return not reply.HasField("region_error") and reply.value == value

        eventually(get, 120, "another store has the value")
    finally:
        cluster.stop()
