"""A leader that was frozen does not know that the world went on: it must not serve its old data."""

import time

import grpc

from harness import wire
from harness.client import RawClient
from harness.process import eventually


def test_a_frozen_leader_serves_no_stale_read(make_cluster):
    cluster = make_cluster(stores=3)
    kv = wire.module("kvrpcpb")
    client = RawClient(cluster)
    for round in range(5):
        key = b"frozen%d" % round
        client.put(key, b"old")
        assert client.get(key) == b"old"  # by lease: it is held now
        leader = eventually(cluster.leader, 20, "a leader")
        found = cluster.region(key)
        context = kv.Context(
            region_id=found.region.id, region_epoch=found.region.region_epoch, peer=found.leader)
        stub = wire.stubs("tikvpb").TikvStub(cluster.channel(leader.address))
        leader.process.pause()
        try:
            client.put(key, b"new", seconds=60)
        finally:
            # Asked before it runs again: the request waits in its socket, first in line.
            waiting = stub.RawGet.future(kv.RawGetRequest(context=context, key=key), timeout=10)
            leader.process.resume()
        responses = []
        until = time.monotonic() + 1
        while time.monotonic() < until:
            try:
                responses.append(waiting.result() if waiting else stub.RawGet(
                    kv.RawGetRequest(context=context, key=key), timeout=5))
            except grpc.RpcError:
                pass  # no response is no stale response
            waiting = None
        assert responses
        stale = [a for a in responses if not a.HasField("region_error") and a.value != b"new"]
        assert not stale, f"{len(stale)} of {len(responses)} responses were stale in round {round}"
        cluster.wait_ready()
