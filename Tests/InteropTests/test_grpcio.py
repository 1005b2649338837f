"""grpcio, an independent implementation of the protocol, in all four call shapes; and broken peers."""

import queue
import socket
import struct
import threading
import time

import grpc
import pytest

from harness import wire
from harness.client import RawClient
from harness.process import eventually


@pytest.fixture(scope="module")
def kv():
    return wire.module("kvrpcpb")


@pytest.fixture(scope="module")
def client(cluster):
    return RawClient(cluster)


@pytest.fixture(scope="module")
def stub(cluster):
    return wire.stubs("tikvpb").TikvStub(cluster.channel(cluster.leader().address))


def put(client, kv, key, value, **fields):
    """A put request with the context that is right now."""
    return kv.RawPutRequest(context=client._context(key), key=key, value=value, **fields)


# The four shapes


def test_unary(client):
    client.put(b"unary", b"1")
    assert client.get(b"unary") == b"1"


def test_client_stream(cluster, stub):
    """BatchRaft is a stream of requests with one response at its end."""
    tikvpb = wire.module("tikvpb")
    messages = [tikvpb.BatchRaftMessage(), tikvpb.BatchRaftMessage()]
    with pytest.raises(grpc.RpcError) as refused:
        stub.BatchRaft(iter(messages), timeout=5)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    identity = cluster.stream_identity(cluster.leader())
    assert stub.BatchRaft(iter(messages), timeout=5, metadata=identity) is not None


def test_server_stream(cluster):
    """Health/Watch responds at once and then stays open."""
    health = wire.module("health")
    watch = wire.stubs("health").HealthStub(cluster.channel(cluster.leader().address)).Watch(
        health.HealthCheckRequest(), timeout=10)
    assert next(watch).status == health.HealthCheckResponse.SERVING
    watch.cancel()


def test_bidirectional_stream(client, stub, kv):
    """BatchCommands: many requests, responses in any order, each with its id."""
    tikvpb = wire.module("tikvpb")
    requests = queue.Queue()
    replies = stub.BatchCommands(iter(requests.get, None), timeout=20)
    count = 200
    for i in range(count):
        command = tikvpb.BatchCommandsRequest.Request(
            RawPut=put(client, kv, b"batch%03d" % i, b"%d" % i))
        requests.put(tikvpb.BatchCommandsRequest(requests=[command], request_ids=[i]))
    seen = {}
    while len(seen) < count:
        reply = next(replies)
        assert len(reply.responses) == len(reply.request_ids)
        for response, number in zip(reply.responses, reply.request_ids):
            assert not response.RawPut.HasField("region_error"), response
            assert number not in seen
            seen[number] = response
    requests.put(None)
    assert sorted(seen) == list(range(count))
    assert client.get(b"batch199") == b"199"


def test_one_bad_command_does_not_end_the_stream(client, stub, kv):
    tikvpb = wire.module("tikvpb")
    request = tikvpb.BatchCommandsRequest.Request
    get = kv.RawGetRequest(context=client._context(b"x"), key=b"unary")
    batch = tikvpb.BatchCommandsRequest(
        requests=[request(RawGet=kv.RawGetRequest(key=b"no context")), request(), request(RawGet=get)],
        request_ids=[7, 8, 9])
    requests = queue.Queue()
    requests.put(batch)
    replies = stub.BatchCommands(iter(requests.get, None), timeout=10)
    seen = {}
    while 9 not in seen or 7 not in seen:
        reply = next(replies)
        seen.update(zip(reply.request_ids, reply.responses))
    assert seen[7].RawGet.HasField("region_error") or seen[7].RawGet.error
    assert not seen[9].RawGet.HasField("region_error")
    requests.put(None)


def test_tso_stream_and_half_close(cluster):
    """Each request is completed once, in order; half-close ends the stream with OK."""
    pdpb = wire.module("pdpb")
    header = cluster.header()
    replies = list(
        cluster.pd_stub.Tso(
            iter([pdpb.TsoRequest(header=header, count=n) for n in (1, 10, 100)]), timeout=5))
    assert [r.count for r in replies] == [1, 10, 100]
    stamps = [(r.timestamp.physical << 18) + r.timestamp.logical for r in replies]
    assert stamps[1] - stamps[0] >= 10 and stamps[2] - stamps[1] >= 100


# Deadlines, cancellation, sizes


def test_deadline(cluster):
    """A call that is not completed in time ends with DEADLINE_EXCEEDED, and the server continues."""
    health = wire.module("health")
    stub = wire.stubs("health").HealthStub(cluster.channel(cluster.leader().address))
    watch = stub.Watch(health.HealthCheckRequest(), timeout=0.3)
    with pytest.raises(grpc.RpcError) as error:
        for _ in watch:
            pass
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert stub.Check(health.HealthCheckRequest(), timeout=5).status


def test_cancellation(cluster, client):
    health = wire.module("health")
    stub = wire.stubs("health").HealthStub(cluster.channel(cluster.leader().address))
    for _ in range(50):
        watch = stub.Watch(health.HealthCheckRequest())
        next(watch)
        watch.cancel()
    assert client.get(b"unary") is not None


def test_one_mebibyte(client):
    value = bytes(range(256)) * 4096
    client.put(b"mebibyte", value)
    assert client.get(b"mebibyte") == value


def test_oversized_message(client, stub, kv):
    """Above the message limit: RESOURCE_EXHAUSTED, and the connection or its successor works."""
    with pytest.raises(grpc.RpcError) as error:
        stub.RawPut(put(client, kv, b"huge", b"x" * (65 << 20)), timeout=60)
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    client.put(b"after huge", b"1")


def test_oversized_entry(client, stub, kv):
    """Above raft's entry limit but within the message limit: a region error or a raw error."""
    reply = stub.RawPut(put(client, kv, b"big", b"x" * (9 << 20)), timeout=20)
    assert reply.region_error.HasField("raft_entry_too_large") or reply.error
    assert client.get(b"big") is None


def test_a_batch_of_more_than_16_mebibytes(client, stub, kv):
    """TiKV sets no limit to what it receives: one message may hold many large commands."""
    tikvpb = wire.module("tikvpb")
    value = bytes(range(256)) * 4096
    commands = [
        tikvpb.BatchCommandsRequest.Request(RawPut=put(client, kv, b"large batch %02d" % i, value))
        for i in range(20)
    ]
    requests = queue.Queue()
    requests.put(tikvpb.BatchCommandsRequest(requests=commands, request_ids=list(range(20))))
    replies = stub.BatchCommands(iter(requests.get, None), timeout=60)
    seen = {}
    while len(seen) < 20:
        reply = next(replies)
        seen.update(zip(reply.request_ids, reply.responses))
    requests.put(None)
    for response in seen.values():
        assert not response.RawPut.HasField("region_error") and not response.RawPut.error
    assert client.get(b"large batch 19") == value


def test_unknown_method(cluster):
    call = cluster.channel(cluster.leader().address).unary_unary(
        "/tikvpb.Tikv/NoSuchMethod", request_serializer=bytes, response_deserializer=bytes)
    with pytest.raises(grpc.RpcError) as error:
        call(b"", timeout=5)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_malformed_protobuf(cluster):
    call = cluster.channel(cluster.leader().address).unary_unary(
        "/tikvpb.Tikv/RawGet", request_serializer=bytes, response_deserializer=bytes)
    with pytest.raises(grpc.RpcError) as error:
        call(b"\xff\xff\xff\xff", timeout=5)
    assert error.value.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT)


# Compression


@pytest.fixture(scope="module")
def gzip_channel(cluster):
    channel = grpc.insecure_channel(
        cluster.leader().address, compression=grpc.Compression.Gzip,
        options=[("grpc.max_receive_message_length", -1)])
    yield channel
    channel.close()


def test_gzip_unary(client, kv, gzip_channel):
    stub = wire.stubs("tikvpb").TikvStub(gzip_channel)
    value = b"compressible " * 50_000
    reply = stub.RawPut(put(client, kv, b"gzip", value), timeout=20)
    assert not reply.HasField("region_error") and not reply.error
    assert client.get(b"gzip") == value
    # Small and empty messages may be sent as they are, under the same header.
    assert stub.RawGet(kv.RawGetRequest(context=client._context(b"gzip"), key=b"gzip")).value == value


def test_gzip_batch_commands(client, kv, gzip_channel):
    tikvpb = wire.module("tikvpb")
    stub = wire.stubs("tikvpb").TikvStub(gzip_channel)
    requests = queue.Queue()
    replies = stub.BatchCommands(iter(requests.get, None), timeout=30)
    count = 100
    for i in range(count):
        command = tikvpb.BatchCommandsRequest.Request(
            RawPut=put(client, kv, b"gzip%03d" % i, b"%d" % i * 2000))
        requests.put(tikvpb.BatchCommandsRequest(requests=[command], request_ids=[i]))
    seen = {}
    while len(seen) < count:
        reply = next(replies)
        seen.update(zip(reply.request_ids, reply.responses))
    requests.put(None)
    for response in seen.values():
        assert not response.RawPut.HasField("region_error"), response
    assert client.get(b"gzip099") == b"99" * 2000


def test_gzip_tso(cluster):
    pdpb = wire.module("pdpb")
    with grpc.insecure_channel(
            cluster.pd_address, compression=grpc.Compression.Gzip) as channel:
        header = cluster.header()
        stub = wire.stubs("pdpb").PDStub(channel)
        replies = list(
            stub.Tso(iter([pdpb.TsoRequest(header=header, count=n) for n in range(1, 50)]), timeout=10))
    assert [r.count for r in replies] == list(range(1, 50))


def test_unknown_compression(client, kv, stub):
    """Neither served nor taken for something else."""
    with pytest.raises(grpc.RpcError) as error:
        stub.RawPut(
            put(client, kv, b"deflate", b"x" * 10_000), timeout=5,
            compression=grpc.Compression.Deflate)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


# Requests that do not fit


def test_region_errors(cluster, client, stub, kv):
    good = client._context(b"e")

    def response(**changes):
        context = kv.Context()
        context.CopyFrom(good)
        for name, value in changes.items():
            if value is None:
                context.ClearField(name)
            elif hasattr(value, "DESCRIPTOR"):
                getattr(context, name).CopyFrom(value)
            else:
                setattr(context, name, value)
        return stub.RawGet(kv.RawGetRequest(context=context, key=b"e"), timeout=5).region_error

    metapb = wire.module("metapb")
    assert response(region_id=999_999).HasField("region_not_found")
    stale = metapb.RegionEpoch(conf_ver=1, version=good.region_epoch.version + 7)
    assert response(region_epoch=stale).HasField("epoch_not_match")
    other = metapb.Peer(id=good.peer.id, store_id=good.peer.store_id + 100)
    assert response(peer=other).HasField("store_not_match")
    wrong = metapb.Peer(id=good.peer.id + 10_000, store_id=good.peer.store_id)
    error = response(peer=wrong)
    assert error.HasField("mismatch_peer_id") or error.message


def test_a_follower_names_the_leader(cluster, client, kv):
    found = cluster.region(b"")
    follower = next(p for p in found.region.peers if p.id != found.leader.id)
    stub = wire.stubs("tikvpb").TikvStub(
        cluster.channel(cluster.store_of(follower.store_id).address))
    context = kv.Context(
        region_id=found.region.id, region_epoch=found.region.region_epoch, peer=follower)
    reply = stub.RawGet(kv.RawGetRequest(context=context, key=b"x"), timeout=5)
    assert reply.region_error.not_leader.leader.id == found.leader.id


def test_wrong_cluster_id_at_the_placement_driver(cluster):
    pdpb = wire.module("pdpb")
    wrong = pdpb.RequestHeader(cluster_id=cluster.cluster_id + 1)
    try:
        reply = cluster.pd_stub.GetRegion(
            pdpb.GetRegionRequest(header=wrong, region_key=b""), timeout=5)
        assert reply.header.HasField("error")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION


# Peers that ping, and peers that are broken


def test_a_client_that_pings_every_second(cluster):
    """No GOAWAY for pings, with or without calls."""
    channel = wire.channel(
        cluster.leader().address,
        **{
            "grpc.keepalive_time_ms": 1000,
            "grpc.keepalive_timeout_ms": 1000,
            "grpc.keepalive_permit_without_calls": 1,
            "grpc.http2.max_pings_without_data": 0,
        })
    lost = threading.Event()
    states = []

    def watch(state):
        states.append(state)
        if state in (grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
            if grpc.ChannelConnectivity.READY in states:
                lost.set()

    channel.subscribe(watch, try_to_connect=True)
    grpc.channel_ready_future(channel).result(timeout=5)
    assert not lost.wait(6), states
    health = wire.module("health")
    assert wire.stubs("health").HealthStub(channel).Check(
        health.HealthCheckRequest(), timeout=5).status
    channel.close()


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        bytes(range(256)) * 16,
        PREFACE + b"\xff" * 100,
        PREFACE + frame(4, 0, 0, b"") + frame(0, 0, 0, b"data on stream zero"),
        PREFACE + frame(4, 0, 0, b"") + frame(1, 4, 1, b"\xff\xff\xff broken hpack"),
        PREFACE + frame(4, 0, 0, b"\x00"),
        PREFACE + frame(4, 0, 0, b"") + frame(8, 0, 0, struct.pack(">I", 0)),
        PREFACE + frame(4, 0, 0, b"") + struct.pack(">I", 0xFFFFFF)[1:] + b"\x00\x00\x00\x00\x00\x01",
    ],
    ids=["http1", "noise", "noise after preface", "data on stream 0", "hpack", "settings size",
         "window 0", "frame size"])
def test_garbage_ends_that_connection_only(cluster, client, garbage):
    address = cluster.leader().address
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as broken:
        broken.sendall(garbage)
        broken.settimeout(10)
        try:
            while broken.recv(65536):
                pass
        except OSError:
            pass  # reset is as good an end as a close
    assert client.get(b"unary") is not None


def test_half_a_frame_then_silence_does_not_stop_others(cluster, client):
    host, port = cluster.leader().address.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as broken:
        broken.sendall(PREFACE + frame(4, 0, 0, b"") + frame(1, 4, 1, b"x" * 50)[:20])
        started = time.monotonic()
        assert client.get(b"unary") is not None
        assert time.monotonic() - started < 5
    eventually(lambda: client.get(b"unary") is not None, 5, "served after the peer left")
