"""Transactions over grpcio, RPC by RPC: what the Python client does not reach, and its errors."""

import queue
import time

from . import wire
from .client import RawClient
from .process import eventually

LARGEST = (1 << 64) - 1


def encoded(key: bytes) -> bytes:
    """A key as regions have it: groups of eight bytes, each with a byte for its padding."""
    out = bytearray()
    for at in range(0, len(key) + 1, 8):
        group = key[at:at + 8]
        out += group.ljust(8, b"\0") + bytes([0xFF - (8 - len(group))])
    return bytes(out)


def split(cluster, keys):
    """Splits the regions at these keys of transactions, and waits until PD knows them."""
    pdpb = wire.module("pdpb")
    bounds = {encoded(key) for key in keys}
    reply = cluster.pd_stub.SplitRegions(
        pdpb.SplitRegionsRequest(header=cluster.header(), split_keys=sorted(bounds)), timeout=60)
    assert reply.finished_percentage == 100, reply
    eventually(
        lambda: bounds <= {found.region.start_key for found in cluster.regions()}
        and all(cluster.healthy(found, 3) for found in cluster.regions()), 30, "the new regions")


class Transactions(RawClient):
    """Calls of the transactional methods. Each returns the response, with its errors."""

    # Fields of the context beside those of the region, for one call.
    _extra: dict = {}

    def _context(self, key: bytes):
        context = super()._context(encoded(key))
        context.MergeFrom(self.kv.Context(**self._extra))
        return context

    def timestamp(self) -> int:
        pdpb = wire.module("pdpb")
        header = self.cluster.header()
        request = iter([pdpb.TsoRequest(header=header, count=1)])
        stamp = list(self.cluster.pd_stub.Tso(request, timeout=10))[0].timestamp
        return (stamp.physical << 18) + stamp.logical

    def ask(self, method: str, key: bytes, request, seconds: float = 20):
        return self.call(method, key, request, time.monotonic() + seconds)

    # Mutations

    def put(self, key: bytes, value: bytes, **fields):
        return self.kv.Mutation(op=self.kv.Put, key=key, value=value, **fields)

    def delete(self, key: bytes):
        return self.kv.Mutation(op=self.kv.Del, key=key)

    # Writes. The keys of a call lie in one region.

    def prewrite(self, start: int, mutations, primary: bytes | None = None, **fields):
        key = mutations[0].key
        fields.setdefault("lock_ttl", 3000)
        return self.ask("KvPrewrite", key, self.kv.PrewriteRequest(
            mutations=mutations, primary_lock=primary or key, start_version=start,
            txn_size=len(mutations), **fields))

    def commit(self, start: int, at: int, keys):
        return self.ask("KvCommit", keys[0], self.kv.CommitRequest(
            start_version=start, keys=keys, commit_version=at))

    def rollback(self, start: int, keys):
        return self.ask("KvBatchRollback", keys[0], self.kv.BatchRollbackRequest(
            start_version=start, keys=keys))

    def write(self, key: bytes, value: bytes) -> int:
        """A whole transaction; its commit timestamp."""
        start = self.timestamp()
        assert not self.prewrite(start, [self.put(key, value)]).errors
        at = self.timestamp()
        assert not self.commit(start, at, [key]).HasField("error")
        return at

    def lock(self, start: int, keys, at: int | None = None, **fields):
        """A pessimistic lock of keys."""
        mutations = [self.kv.Mutation(op=self.kv.PessimisticLock, key=key) for key in keys]
        fields.setdefault("lock_ttl", 20_000)
        fields.setdefault("primary_lock", keys[0])
        return self.ask("KvPessimisticLock", keys[0], self.kv.PessimisticLockRequest(
            mutations=mutations, start_version=start, for_update_ts=at or start, **fields))

    def check(self, primary: bytes, start: int, now: int, caller: int = LARGEST, **fields):
        """CheckTxnStatus."""
        fields.setdefault("verify_is_primary", True)
        return self.ask("KvCheckTxnStatus", primary, self.kv.CheckTxnStatusRequest(
            primary_key=primary, lock_ts=start, caller_start_ts=caller, current_ts=now, **fields))

    def resolve(self, start: int, at: int, key: bytes, keys=()):
        """ResolveLock: of the keys, or of the whole region of `key`."""
        return self.ask("KvResolveLock", key, self.kv.ResolveLockRequest(
            start_version=start, commit_version=at, keys=keys))

    # Reads

    def read(self, key: bytes, at: int | None = None, **context):
        request = self.kv.GetRequest(key=key, version=at or self.timestamp())
        self._extra = context
        try:
            return self.ask("KvGet", key, request)
        finally:
            self._extra = {}

    def pairs(self, keys, at: int | None = None):
        return self.ask("KvBatchGet", keys[0], self.kv.BatchGetRequest(
            keys=keys, version=at or self.timestamp()))

    def range(self, start: bytes, end: bytes, at: int | None = None, limit: int = 100, **fields):
        return self.ask("KvScan", start, self.kv.ScanRequest(
            start_key=start, end_key=end, limit=limit, version=at or self.timestamp(), **fields))

    def value(self, key: bytes, at: int | None = None) -> bytes | None:
        reply = self.read(key, at)
        assert not reply.HasField("error"), reply
        return None if reply.not_found else reply.value

    def locks(self, start: bytes, end: bytes, limit: int = 0):
        reply = self.ask("KvScanLock", start, self.kv.ScanLockRequest(
            max_version=self.timestamp(), start_key=start, end_key=end, limit=limit))
        assert not reply.HasField("error"), reply
        return list(reply.locks)

    # Streams

    def batch(self, key: bytes, commands: dict):
        """BatchCommands of {id: command}, all for the region of `key`; {id: response}."""
        tikvpb = wire.module("tikvpb")
        requests = queue.Queue()
        request = tikvpb.BatchCommandsRequest(request_ids=list(commands))
        for command in commands.values():
            one = request.requests.add()
            one.CopyFrom(command)
            getattr(one, one.WhichOneof("cmd")).context.CopyFrom(self._context(key))
        requests.put(request)
        stub = self._stub(self._context(key).peer.store_id)
        replies = stub.BatchCommands(iter(requests.get, None), timeout=20)
        found = {}
        while len(found) < len(commands):
            reply = next(replies)
            found.update(zip(reply.request_ids, reply.responses))
        requests.put(None)
        return found
