"""Hostile requests: each field of each RPC at the edges of its type, lists empty and huge,
bytes that are no protobuf. No process exits, every call ends, memory stays bounded, and clients are served
as before.
"""

import pathlib

import pytest
from google.protobuf import message_factory

from harness import wire
from harness.attack import Attack, chunks, filled, hostile, methods
from harness.cluster import Cluster
from harness.fields import HUGE_BYTES, block, varint
from harness.process import Process, eventually, free_ports, http
from harness.transactions import encoded

STORE_FILES = ("tikvpb", "health")
PLACEMENT_FILES = ("pdpb", "etcdserverpb", "meta_storagepb", "keyspacepb")
# What stores call.
RAFT_PATHS = ("/tikvpb.Tikv/Raft", "/tikvpb.Tikv/BatchRaft", "/tikvpb.Tikv/Snapshot")
VALUE = b"the value"
# Every request of a store has the same context, which one function decodes. Its fields are changed in requests of these
# methods, one or two for each way on which requests go; in those of others it stays valid.
WITH_CONTEXT = (
    "RawGet", "RawPut", "RawScan", "RawCompareAndSwap", "KvGet", "KvScan", "KvPrewrite",
    "KvPessimisticLock", "SplitRegion", "ReadIndex", "GetHealthFeedback")
# The longest keys and values of requests that nothing else makes pass for valid ones.
SMALL_BYTES = 4096
COMMANDS_WITH_CONTEXT = ("RawGet", "RawPut", "Get", "Prewrite")


class Bed:
    """A store and its placement driver, what valid requests to them hold, and a client of both."""

    def __init__(self, store: Process, store_address: str, driver: Process, driver_address: str):
        pd, kv = wire.module("pdpb"), wire.module("kvrpcpb")
        self.store, self.store_address = store, store_address
        self.driver, self.driver_address = driver, driver_address
        self.kv_stub = wire.stubs("tikvpb").TikvStub(wire.channel(store_address))
        self.pd_stub = wire.stubs("pdpb").PDStub(wire.channel(driver_address))
        members = self.pd_stub.GetMembers(pd.GetMembersRequest(), timeout=10)
        self.header = pd.RequestHeader(cluster_id=members.header.cluster_id)
        self.region = self.pd_stub.GetRegion(
            pd.GetRegionRequest(header=self.header), timeout=10).region
        self.context = kv.Context(
            region_id=self.region.id, region_epoch=self.region.region_epoch,
            peer=self.region.peers[0],
            # What takes long ends long before the attack loses its patience: a range over which others were
            # deleted thousands of times may be scanned ten thousand times.
            max_execution_duration_ms=5000)
        self.rounds = 0
        self.check()

    def parts(self) -> dict:
        """What makes a request pass for a valid one, by the type of a field or by its name."""
        kv, pd, meta = wire.module("kvrpcpb"), wire.module("pdpb"), wire.module("metapb")
        return {
            "kvrpcpb.Context": self.context, "pdpb.RequestHeader": self.header,
            "metapb.Region": self.region, "metapb.Peer": self.context.peer,
            "metapb.RegionEpoch": self.context.region_epoch,
            "metapb.Store": meta.Store(id=900_001, address="127.0.0.1:1"),
            "metapb.Cluster": meta.Cluster(id=self.header.cluster_id, max_peer_count=1),
            "pdpb.StoreStats": pd.StoreStats(store_id=self.context.peer.store_id),
            "pdpb.KeyRange": pd.KeyRange(end_key=b"k"),
            "kvrpcpb.KvPair": kv.KvPair(key=b"hostile", value=b"v"),
            "kvrpcpb.KeyRange": kv.KeyRange(start_key=b"h", end_key=b"i"),
            "key": b"hostile", "keys": b"hostile", "value": b"v", "start_key": b"h", "end_key": b"i",
            "limit": 10, "each_limit": 1, "count": 1, "split_count": 1, "region_key": b"h",
            "region_id": self.region.id, "regions_id": self.region.id, "ids": self.region.id,
            "store_id": self.context.peer.store_id, "service_id": b"hostile",
            "kvrpcpb.Mutation": kv.Mutation(key=b"hostile", value=b"v"),
            "primary_lock": b"hostile", "primary_key": b"hostile", "lock_ttl": 1, "generation": 1,
            "start_version": 10, "for_update_ts": 10, "lock_ts": 10, "start_ts": 10,
            "commit_version": 20, "commit_ts": 20, "max_version": 20, "wait_timeout": -1,
        }

    def bases(self, descriptor) -> dict[str, bytes]:
        """The requests on top of which one field is changed."""
        message = message_factory.GetMessageClass(descriptor)()
        return {"alone": b"", "valid": filled(message, self.parts()).SerializeToString()}

    def check(self):
        """Both serve clients."""
        self.rounds += 1
        key = b"hostile round %d" % self.rounds
        eventually(lambda: self._locate(key) and self._put(key, VALUE), 20, "a key is written")
        assert self._get(key) == VALUE
        self._transact(b"transaction %d" % self.rounds)
        pd = wire.module("pdpb")
        responses = self.pd_stub.Tso(iter([pd.TsoRequest(header=self.header, count=1)]), timeout=10)
        assert [response.count for response in responses] == [1]

    def _locate(self, key) -> bool:
        """Looks the key's region up, as clients do: a request may have split it."""
        pd = wire.module("pdpb")
        self.region = self.pd_stub.GetRegion(
            pd.GetRegionRequest(header=self.header, region_key=key), timeout=10).region
        self.context.region_id = self.region.id
        self.context.region_epoch.CopyFrom(self.region.region_epoch)
        self.context.peer.CopyFrom(self.region.peers[0])
        return True

    def _put(self, key, value) -> bool:
        request = wire.module("kvrpcpb").RawPutRequest(context=self.context, key=key, value=value)
        reply = self.kv_stub.RawPut(request, timeout=10)
        assert not reply.error and not reply.HasField("region_error"), reply
        return True

    def _get(self, key) -> bytes:
        reply = self.kv_stub.RawGet(
            wire.module("kvrpcpb").RawGetRequest(context=self.context, key=key), timeout=10)
        assert not reply.error and not reply.HasField("region_error"), reply
        return reply.value

    def _transact(self, key):
        """A transaction of one key in two phases, and a read of it."""
        kv, pd = wire.module("kvrpcpb"), wire.module("pdpb")
        self._locate(encoded(key))
        requests = iter([pd.TsoRequest(header=self.header, count=2)])
        last = list(self.pd_stub.Tso(requests, timeout=10))[0].timestamp
        commit = (last.physical << 18) + last.logical
        prewrite = self.kv_stub.KvPrewrite(kv.PrewriteRequest(
            context=self.context, mutations=[kv.Mutation(key=key, value=VALUE)], primary_lock=key,
            start_version=commit - 1, lock_ttl=3000), timeout=10)
        assert not prewrite.errors and not prewrite.HasField("region_error"), prewrite
        reply = self.kv_stub.KvCommit(kv.CommitRequest(
            context=self.context, start_version=commit - 1, commit_version=commit, keys=[key]),
            timeout=10)
        assert reply.commit_version == commit, reply
        reply = self.kv_stub.KvGet(
            kv.GetRequest(context=self.context, key=key, version=commit), timeout=10)
        assert reply.value == VALUE, reply

    def attack_store(self) -> Attack:
        return Attack(self.store, self.store_address)

    def attack_driver(self) -> Attack:
        return Attack(self.driver, self.driver_address)


@pytest.fixture(scope="module", params=["cluster", "alone"])
def bed(request, tmp_path_factory):
    """A cluster of one store, then the stand-alone node."""
    directory = tmp_path_factory.mktemp(request.param)
    if request.param == "cluster":
        cluster = Cluster(directory, stores=1, pd_options=["--max-replicas", "1"])
        try:
            cluster.start()
            store = cluster.stores[0]
            yield Bed(store.process, store.address, cluster.pd, cluster.pd_address)
        finally:
            cluster.remove()
    else:
        node, address = alone(directory)
        try:
            yield Bed(node, address, node, address)
        finally:
            node.kill()


def alone(directory: pathlib.Path) -> tuple[Process, str]:
    port, status_port = free_ports(2)
    node = Process(
        "node",
        [
            "node", "--addr", f"127.0.0.1:{port}", "--status-addr", f"127.0.0.1:{status_port}",
            "--data-dir", str(directory / "data"),
        ],
        directory / "node.log")
    node.start()
    try:
        eventually(lambda: http(status_port, "/ready")[0] == 200, 30, "node ready")
    except BaseException:
        node.kill()
        raise
    return node, f"127.0.0.1:{port}"


def served(bed: Bed, attack: Attack, files, skip=()):
    """(path, method) of the RPCs that the process serves at all."""
    tried = [(path, method) for path, method in methods(files) if path not in skip]
    unserved = set()

    async def probe(path, method):
        before = attack.responses.get("UNIMPLEMENTED", 0)
        if method.client_streaming or method.server_streaming:
            await attack.stream(path, [b""], "empty", most=1)
        else:
            await attack.unary(path, b"", "empty")
        if attack.responses.get("UNIMPLEMENTED", 0) > before:
            unserved.add(path)

    for path, method in tried:
        attack.run([lambda path=path, method=method: probe(path, method)])
    return [(path, method) for path, method in tried if path not in unserved]


def calls(bed: Bed, attack: Attack, path: str, method, depth: int):
    """A call for each hostile request of one method."""
    is_stream = method.client_streaming or method.server_streaming
    skip = () if not path.startswith("/tikvpb.") or method.name in WITH_CONTEXT else ("context",)
    # A watch never ends by itself.
    most = 1 if method.server_streaming and not method.client_streaming else 1 << 30
    for label, base in bed.bases(method.input_type).items():
        shape = (depth, skip, HUGE_BYTES) if base else (1, skip, SMALL_BYTES)
        for what, request in hostile(base, method.input_type, *shape):
            what = f"{label}, {what}"
            if is_stream:
                yield lambda request=request, what=what: attack.stream(
                    path, [request], what, most=most)
            else:
                yield lambda request=request, what=what: attack.unary(path, request, what)


def test_unary_requests_to_the_store(bed):
    attack = bed.attack_store()
    skip = (*RAFT_PATHS, "/tikvpb.Tikv/BatchCommands")
    paths = served(bed, attack, STORE_FILES, skip)
    assert len(paths) >= 35, paths
    # Reading goes before what leaves hundreds of deleted ranges behind.
    paths.sort(key=lambda item: "DeleteRange" in item[0])
    attack.run(
        call for path, method in paths for call in calls(bed, attack, path, method, depth=3))
    assert attack.responses["OK"] > 1000, attack.responses
    bed.check()


def test_commands_in_batches(bed):
    """The same in BatchCommands: many on one stream, each completed under its id."""
    attack = bed.attack_store()
    # Each stream is a hundred requests: with all at once, the last would wait for all others.
    attack.parallel = 8
    tikv = wire.module("tikvpb")
    one = tikv.BatchCommandsRequest.Request.DESCRIPTOR
    commands = []
    for field in one.oneofs_by_name["cmd"].fields:
        # A command for tests, which is completed after the requested delay.
        skip = ("delay_time",) if field.name == "Empty" else ()
        if field.name not in COMMANDS_WITH_CONTEXT:
            skip += ("context",)
        for label, base in bed.bases(field.message_type).items():
            shape = (3, skip, HUGE_BYTES) if base else (1, skip, SMALL_BYTES)
            for what, request in hostile(base, field.message_type, *shape):
                commands.append((f"{field.name} {label}, {what}", block(field.number, request)))
    malformed = {what for what, _ in commands if "=" not in what}
    whole = [command for command in commands if command[0] not in malformed]
    whole.sort(key=lambda command: "DeleteRange" in command[0])
    broken = [command for command in commands if command[0] in malformed]

    async def send(batch):
        ids = b"".join(varint(number) for number in range(len(batch)))
        message = b"".join(block(1, request) for _, request in batch) + block(2, ids)
        responses = await attack.stream("/tikvpb.Tikv/BatchCommands", [message], batch[0][0])
        found = [
            id for response in responses
            for id in tikv.BatchCommandsResponse.FromString(response).request_ids]
        assert sorted(found) == list(range(len(batch))), [what for what, _ in batch]

    async def end(command):
        message = block(1, command[1]) + block(2, b"\1")
        await attack.stream("/tikvpb.Tikv/BatchCommands", [message], command[0])

    batches = chunks(whole, 100, 4 << 20, size=lambda command: len(command[1]))
    attack.run(lambda batch=batch: send(batch) for batch in batches)
    attack.run(lambda command=command: end(command) for command in broken)
    # And the message around them.
    attack.run(
        lambda message=message, what=what: attack.stream(
            "/tikvpb.Tikv/BatchCommands", [message], what)
        for what, message in hostile(b"", tikv.BatchCommandsRequest.DESCRIPTOR, 1))
    bed.check()


# Lists of elements of two bytes, millions of them: in memory each is hundreds of bytes.
LIST_BYTES = 12 << 20


def test_lists_of_millions(bed):
    """They are refused before they are decoded: no gigabytes, and other requests do not wait for seconds."""
    context = block(1, bed.context.SerializeToString())
    header = block(1, bed.header.SerializeToString())

    def many(element: bytes, parts: int = 1) -> bytes:
        return element * (LIST_BYTES // parts // len(element))

    get = block(1, block(13, b""))
    store = [
        ("RawBatchGet", context + many(b"\x12\0")), ("RawBatchPut", context + many(b"\x12\0")),
        ("RawBatchDelete", context + many(b"\x12\0")), ("RawBatchScan", context + many(b"\x12\0")),
        ("KvBatchGet", context + many(b"\x12\0")), ("KvPrewrite", context + many(b"\x12\0")),
        ("KvPrewrite", context + many(b"\x62\0")), ("KvPessimisticLock", context + many(b"\x12\0")),
        ("KvCommit", context + many(b"\x1a\0")), ("KvResolveLock", context + many(b"\x22\0")),
    ]
    streams = [
        ("BatchCommands", many(get, 2) + block(2, b"\1" * (LIST_BYTES // 2 // len(get)))),
        ("BatchCommands", many(b"\x0a\0", 2) + block(2, b"\1" * (LIST_BYTES // 4))),
    ]
    if bed.store is not bed.driver:
        streams += [("BatchRaft", many(b"\x0a\0")), ("Raft", block(4, many(b"\x3a\0")))]
    region = block(2, bed.region.SerializeToString() + many(b"\x2a\0"))
    driver = [
        ("ReportBatchSplit", header + many(b"\x12\0")), ("AskBatchSplit", header + region),
        ("PutStore", header + block(2, b"\x08\x63\x12\x01a" + many(b"\x22\0"))),
        ("BatchScanRegions", header + many(b"\x1a\0")), ("GetRegion", header + many(b"\x98\x06\1")),
    ]
    refused = {"RESOURCE_EXHAUSTED", "INVALID_ARGUMENT"}
    # Raft messages are taken from a store of the same cluster.
    identity = (
        ("apus-cluster-id", str(bed.header.cluster_id)), ("apus-from-store", "9001"),
        ("apus-to-store", str(bed.context.peer.store_id)), ("apus-incarnation", "1"))
    attack = bed.attack_store()
    attack.parallel = 1
    attack.run(
        [lambda name=name, request=request: attack.unary(f"/tikvpb.Tikv/{name}", request, "a list")
         for name, request in store])
    attack.run(
        [lambda name=name, request=request: attack.stream(
            f"/tikvpb.Tikv/{name}", [request], "a list", identity) for name, request in streams])
    assert set(attack.responses) <= refused, attack.responses
    attack = bed.attack_driver()
    attack.parallel = 1
    attack.run(
        [lambda name=name, request=request: attack.unary(f"/pdpb.PD/{name}", request, "a list")
         for name, request in driver])
    attack.run(
        [lambda: attack.stream("/pdpb.PD/QueryRegion", [header + many(b"\x12\0")], "a list")])
    assert set(attack.responses) <= refused, attack.responses
    bed.check()


def test_requests_to_the_placement_driver(bed):
    attack = bed.attack_driver()
    paths = served(bed, attack, PLACEMENT_FILES)
    assert len(paths) >= 30, paths
    attack.run(
        call for path, method in paths for call in calls(bed, attack, path, method, depth=3))
    assert attack.responses["OK"] > 1500, attack.responses
    bed.check()
