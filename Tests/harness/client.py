"""A raw client over grpcio: routes by the placement driver, follows region errors, never lies.

Where the outcome of a write is unknown (a lost connection, a deadline) it says so, so that a test can
tell "acknowledged" from "perhaps".
"""

import time

import grpc

from . import wire


class Unavailable(Exception):
    """No response in time; a write may or may not have taken effect."""


class RawClient:
    def __init__(self, cluster, attempt_seconds: float = 1.0):
        self.cluster = cluster
        self.attempt_seconds = attempt_seconds
        self.kv = wire.module("kvrpcpb")
        self._route = None
        self._stores = {}

    # Routing: the region of the last key is remembered; errors refresh it.

    @staticmethod
    def _contains(region, key: bytes) -> bool:
        return region.start_key <= key and (not region.end_key or key < region.end_key)

    def _context(self, key: bytes):
        if self._route is not None and not self._contains(self._route[0], key):
            self._route = None
        if self._route is None:
            found = self.cluster.region(key)
            if not found.region.id or not found.leader.id:
                raise Unavailable("no leader known")
            self._route = (found.region, found.leader)
        region, leader = self._route
        return self.kv.Context(
            region_id=region.id, region_epoch=region.region_epoch, peer=leader)

    def _stub(self, store_id: int):
        if store_id not in self._stores:
            store = next(s for s in self.cluster.pd_stores() if s.id == store_id)
            self._stores[store_id] = store.address
        return wire.stubs("tikvpb").TikvStub(self.cluster.channel(self._stores[store_id]))

    def _follow(self, error):
        """Learns from a region error where to go next."""
        if error.HasField("not_leader") and error.not_leader.leader.id and self._route:
            self._route = (self._route[0], error.not_leader.leader)
        elif error.HasField("epoch_not_match") or error.HasField("region_not_found"):
            self._route = None
        elif error.HasField("not_leader") or error.HasField("store_not_match"):
            self._next_peer()
        elif error.HasField("mismatch_peer_id"):
            self._route = None

    def _next_peer(self):
        """Tries the other replicas in turn: the placement driver may know the new leader late."""
        if not self._route:
            return
        region, leader = self._route
        ids = [p.id for p in region.peers]
        at = ids.index(leader.id) if leader.id in ids else -1
        self._route = (region, region.peers[(at + 1) % len(ids)])
        if (at + 1) % len(ids) == 0:
            self._route = None

    def call(self, method: str, key: bytes, request, deadline: float):
        """Retries until a response has no region error; Unavailable after the deadline."""
        last = None
        while time.monotonic() < deadline:
            try:
                request.context.CopyFrom(self._context(key))
                peer = request.context.peer
                timeout = min(self.attempt_seconds, max(0.05, deadline - time.monotonic()))
                reply = getattr(self._stub(peer.store_id), method)(request, timeout=timeout)
            except (grpc.RpcError, Unavailable, StopIteration) as error:
                last = error
                self._next_peer()
                time.sleep(0.01)
                continue
            if reply.HasField("region_error"):
                last = reply.region_error
                self._follow(reply.region_error)
                time.sleep(0.005)
                continue
            return reply
        raise Unavailable(f"{method} {key!r}: {last!r}")

    def put(self, key: bytes, value: bytes, seconds: float = 20):
        reply = self.call(
            "RawPut", key, self.kv.RawPutRequest(key=key, value=value),
            time.monotonic() + seconds)
        assert not reply.error, reply.error

    def get(self, key: bytes, seconds: float = 20) -> bytes | None:
        reply = self.call(
            "RawGet", key, self.kv.RawGetRequest(key=key), time.monotonic() + seconds)
        assert not reply.error, reply.error
        return None if reply.not_found else reply.value

    def scan(self, start: bytes, end: bytes, limit: int, seconds: float = 20):
        reply = self.call(
            "RawScan", start,
            self.kv.RawScanRequest(start_key=start, end_key=end, limit=limit),
            time.monotonic() + seconds)
        return [(p.key, p.value) for p in reply.kvs]

    def batch_put(self, pairs, seconds: float = 20):
        request = self.kv.RawBatchPutRequest(
            pairs=[self.kv.KvPair(key=k, value=v) for k, v in pairs])
        reply = self.call("RawBatchPut", pairs[0][0], request, time.monotonic() + seconds)
        assert not reply.error, reply.error

    def batch_get(self, keys, seconds: float = 20) -> dict:
        request = self.kv.RawBatchGetRequest(keys=keys)
        reply = self.call("RawBatchGet", keys[0], request, time.monotonic() + seconds)
        return {p.key: p.value for p in reply.pairs}
