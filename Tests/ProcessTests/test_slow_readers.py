"""Clients that ask for much and read nothing: what a process holds for them is bounded, and others are served."""

import pathlib
import select
import socket
import struct

import pytest

from harness import wire
from harness.client import RawClient

MEBIBYTE = 1 << 20


def resident(process) -> int:
    """The bytes of memory that a process has now."""
    for line in pathlib.Path(f"/proc/{process.child.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def framed(data: bytes) -> bytes:
    return b"\0" + struct.pack(">I", len(data)) + data


class Peer:
    """A bare HTTP/2 connection with one call on stream 1, which keeps to the server's windows."""

    def __init__(self, address: str, path: str, grant: int):
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.connection_window = self.stream_window = self.initial_window = 65_535
        self.unparsed = b""
        self.data = bytearray()
        self.is_over = False
        fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"),
                  ("content-type", "application/grpc"), ("te", "trailers")]
        block = b"".join(
            b"\0" + bytes([len(n)]) + n.encode() + bytes([len(v)]) + v.encode() for n, v in fields)
        opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(4, 0, 0, b"")
        opening += self.frame(4, 1, 0, b"") + self.frame(1, 4, 1, block)
        self.socket.sendall(opening)
        if grant:
            self.grant(grant)

    @staticmethod
    def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
            ">I", stream) + payload

    def grant(self, count: int):
        update = struct.pack(">I", count)
        self.socket.sendall(self.frame(8, 0, 0, update) + self.frame(8, 0, 1, update))

    @property
    def window(self) -> int:
        return min(self.connection_window, self.stream_window)

    def send(self, data: bytes):
        """Sends DATA that the window has room for."""
        assert len(data) <= self.window
        for start in range(0, len(data), 16_384):
            self.socket.sendall(self.frame(0, 0, 1, data[start:start + 16_384]))
        self.connection_window -= len(data)
        self.stream_window -= len(data)

    def receive(self, wait: float) -> bool:
        """Takes in what has come; false if nothing comes in time."""
        if not select.select([self.socket], [], [], wait)[0]:
            return False
        received = self.socket.recv(MEBIBYTE)
        assert received, "the server closed the connection"
        self.unparsed += received
        while len(self.unparsed) >= 9:
            length = int.from_bytes(self.unparsed[:3], "big")
            if len(self.unparsed) < 9 + length:
                break
            kind, flags = self.unparsed[3], self.unparsed[4]
            stream = int.from_bytes(self.unparsed[5:9], "big")
            self.take(kind, flags, stream, self.unparsed[9:9 + length])
            self.unparsed = self.unparsed[9 + length:]
        return True

    def take(self, kind: int, flags: int, stream: int, payload: bytes):
        assert kind not in (3, 7), (kind, payload)
        if kind == 0:
            self.data += payload
        if kind in (0, 1) and flags & 1:
            self.is_over = True
        if kind == 6 and not flags & 1:
            self.socket.sendall(self.frame(6, 1, 0, payload))
        if kind == 4 and not flags & 1:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at:at + 6])
                if name == 4:
                    self.stream_window += value - self.initial_window
                    self.initial_window = value
        if kind == 8:
            count = int.from_bytes(payload, "big")
            if stream == 0:
                self.connection_window += count
            else:
                self.stream_window += count

    def messages(self) -> list[bytes]:
        """The whole messages that have come since the last time."""
        found = []
        while len(self.data) >= 5:
            length = int.from_bytes(self.data[1:5], "big")
            if len(self.data) < 5 + length:
                break
            found.append(bytes(self.data[5:5 + length]))
            del self.data[:5 + length]
        return found


@pytest.fixture
def single(make_cluster):
    return make_cluster(stores=1)


def test_batch_commands_with_unread_responses(single):
    """One message requests 600 MB. The store starts what there is capacity for, and completes all in time."""
    client = RawClient(single)
    kv, tikvpb = wire.module("kvrpcpb"), wire.module("tikvpb")
    value = bytes(range(256)) * 8192
    client.put(b"large", value)
    client.put(b"small", b"1")
    count = 300
    get = tikvpb.BatchCommandsRequest.Request(
        RawGet=kv.RawGetRequest(context=client._context(b"large"), key=b"large"))
    request = tikvpb.BatchCommandsRequest(
        requests=[get] * count, request_ids=list(range(count))).SerializeToString()
    process = single.leader().process
    before = resident(process)

    peer = Peer(single.leader().address, "/tikvpb.Tikv/BatchCommands", grant=1 << 30)
    peer.send(framed(request))
    most = 0
    for _ in range(300):
        assert client.get(b"small") == b"1"
        most = max(most, resident(process))
    assert most - before < 250 * MEBIBYTE

    seen = set()
    while len(seen) < count:
        assert peer.receive(30), f"{len(seen)} of {count} responses came"
        for message in peer.messages():
            reply = tikvpb.BatchCommandsResponse.FromString(message)
            for number, response in zip(reply.request_ids, reply.responses):
                assert number not in seen
                assert response.RawGet.value == value, response.RawGet.region_error
                seen.add(number)
    peer.socket.close()


def test_unread_timestamps(single):
    """The placement driver stops reading requests long before two million of them are completed."""
    pdpb = wire.module("pdpb")
    request = framed(
        pdpb.TsoRequest(header=single.header(), count=1).SerializeToString())
    before = resident(single.pd)
    peer = Peer(single.pd_address, "/pdpb.PD/Tso", grant=0)
    piece = request * 600
    left = 2_000_000 // 600
    asked = 0
    while left > 0:
        if peer.window >= len(piece):
            peer.send(piece)
            left -= 1
            continue
        # Without a window for so long as others are served a hundred times: it has had enough.
        if not peer.receive(0):
            asked += 1
            assert single.pd_stub.IsBootstrapped(
                pdpb.IsBootstrappedRequest(header=single.header()), timeout=10).bootstrapped
            if asked > 100:
                break
        else:
            asked = 0
    assert left > 0, "all questions were taken in"
    assert resident(single.pd) - before < 200 * MEBIBYTE
    # A client that reads gets responses.
    assert peer.messages()
    peer.grant(1 << 20)
    while not peer.messages():
        assert peer.receive(30)
    peer.socket.close()
