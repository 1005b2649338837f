"""Three Apus nodes beside three etcd nodes, the same load from the same client, in one run.

Every case says how many replies were successes. One reply is read before the load and must be a
success; the load's replies must then have its size to the byte, which no error's has (an error, Apus's
region errors among them, travels inside a message). etcd's put replies grow with the revision, so those
are counted by the revision the store has reached.
"""

import argparse
import multiprocessing
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests"))

import grpc  # noqa: E402

from harness import wire  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.process import eventually, free_ports  # noqa: E402

VALUE = b"v" * 256
KEY = b"bench-key-000001"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


# The fields of etcd's messages that are needed here.


def varint(number: int) -> bytes:
    out = b""
    while True:
        byte, number = number & 0x7F, number >> 7
        if not number:
            return out + bytes([byte])
        out += bytes([byte | 0x80])


def field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(message: bytes) -> dict:
    """Numbers and bytes of a message's fields; the last of each number."""
    found, at = {}, 0

    def take():
        nonlocal at
        shift = result = 0
        while True:
            byte = message[at]
            at += 1
            result |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return result

    while at < len(message):
        tag = take()
        if tag & 7 == 0:
            found[tag >> 3] = take()
        elif tag & 7 == 2:
            size = take()
            found[tag >> 3] = message[at:at + size]
            at += size
        else:
            raise ValueError(f"wire type {tag & 7}")
    return found


class Etcd:
    name = "etcd"

    def __init__(self, directory: pathlib.Path):
        ports = free_ports(6)
        peers = ",".join(f"n{i}=http://127.0.0.1:{ports[2 * i + 1]}" for i in range(3))
        self.addresses, self.processes = [], []
        for i in range(3):
            client, peer = f"http://127.0.0.1:{ports[2 * i]}", f"http://127.0.0.1:{ports[2 * i + 1]}"
            self.addresses.append(client.removeprefix("http://"))
            log = open(directory / f"etcd{i}.log", "wb")
            self.processes.append(subprocess.Popen(
                ["etcd", "--name", f"n{i}", "--data-dir", str(directory / f"etcd{i}"),
                 "--listen-client-urls", client, "--advertise-client-urls", client,
                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                 "--initial-cluster", peers, "--log-level", "error"],
                stdout=log, stderr=subprocess.STDOUT))
        self.leader = eventually(self._leader, 60, "etcd has a leader")

    def _call(self, address: str, method: str, request: bytes = b"") -> dict:
        with grpc.insecure_channel(address) as channel:
            return fields(channel.unary_unary(
                method, request_serializer=bytes, response_deserializer=bytes)(request, timeout=5))

    def _leader(self):
        for address in self.addresses:
            status = self._call(address, "/etcdserverpb.Maintenance/Status")
            if status.get(4) and fields(status[1]).get(2) == status[4]:
                return address
        return None

    def revision(self) -> int:
        reply = self._call(self.leader, "/etcdserverpb.KV/Range", field(1, KEY))
        return fields(reply[1])[3]

    def case(self, kind: str):
        if kind == "put":
            return "/etcdserverpb.KV/Put", field(1, KEY) + field(2, VALUE)
        return "/etcdserverpb.KV/Range", field(1, KEY)

    def before(self, kind: str):
        return self.revision()

    def reply(self, kind: str) -> bytes:
        """One reply to the case's request, seen to be a success."""
        path, message = self.case(kind)
        with grpc.insecure_channel(self.leader) as channel:
            raw = channel.unary_unary(
                path, request_serializer=bytes, response_deserializer=bytes)(message, timeout=5)
        if kind == "get":
            assert fields(fields(raw)[2])[5] == VALUE, raw
        return raw

    def successes(self, kind: str, before, sent: int, sizes: int) -> int:
        return self.revision() - before if kind == "put" else sizes

    @property
    def pids(self):
        return {f"etcd{i}": p.pid for i, p in enumerate(self.processes)}

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


class Apus:
    name = "apus"

    def __init__(self, directory: pathlib.Path):
        self.cluster = Cluster(directory / "apus", stores=3)
        self.cluster.directory.mkdir()
        self.cluster.start()
        # Let the leaders settle: a transfer in mid-measurement would measure errors.
        self.store = eventually(self.steady, 30, "the leader stays")

    def steady(self):
        first = self.cluster.leader()
        time.sleep(1)
        return first if self.cluster.leader() is first else None

    @property
    def leader(self):
        return self.store.address

    def context(self):
        found = self.cluster.region(KEY)
        kv = wire.module("kvrpcpb")
        return kv.Context(
            region_id=found.region.id, region_epoch=found.region.region_epoch, peer=found.leader)

    def case(self, kind: str):
        kv = wire.module("kvrpcpb")
        if kind == "put":
            request = kv.RawPutRequest(context=self.context(), key=KEY, value=VALUE)
            return "/tikvpb.Tikv/RawPut", request.SerializeToString()
        request = kv.RawGetRequest(context=self.context(), key=KEY)
        return "/tikvpb.Tikv/RawGet", request.SerializeToString()

    def before(self, kind: str):
        return None

    def reply(self, kind: str) -> bytes:
        """One reply to the case's request, seen to be a success."""
        path, message = self.case(kind)
        raw = self.cluster.channel(self.leader).unary_unary(
            path, request_serializer=bytes, response_deserializer=bytes)(message, timeout=5)
        kv = wire.module("kvrpcpb")
        answer = (kv.RawPutResponse if kind == "put" else kv.RawGetResponse).FromString(raw)
        assert not answer.HasField("region_error") and not answer.error, answer
        assert kind == "put" or answer.value == VALUE, answer
        return raw

    def successes(self, kind: str, before, sent: int, sizes: int) -> int:
        return sizes

    @property
    def pids(self):
        return {f"store{s.number}": s.process.child.pid for s in self.cluster.stores} | {
            "pd": self.cluster.pd.child.pid}

    def stop(self):
        self.cluster.stop()


def load(target, kind: str, in_flight: int, count: int, directory: pathlib.Path) -> dict:
    path, message = target.case(kind)
    body = directory / "request.bin"
    body.write_bytes(b"\0" + struct.pack(">I", len(message)) + message)
    clients = 1 if in_flight == 1 else 4 if in_flight < 1000 else 8
    frame = 5 + len(target.reply(kind))
    before = target.before(kind)
    cpu = {name: cpu_seconds(pid) for name, pid in target.pids.items()}
    run = subprocess.run(
        ["h2load", "-n", str(count), "-c", str(clients), "-m", str(in_flight // clients),
         "-d", str(body), "-H", "content-type: application/grpc", "-H", "te: trailers",
         f"http://{target.leader}{path}"],
        capture_output=True, text=True)
    used = {name: cpu_seconds(pid) - cpu[name] for name, pid in target.pids.items()}
    text = run.stdout
    finished = re.search(r"finished in ([0-9.]+)(us|ms|s), ([0-9.]+) req/s", text)
    assert finished, text + run.stderr
    done = int(re.search(r"(\d+) succeeded", text).group(1))
    mean = re.search(r"time for request:\s+(\S+)\s+(\S+)\s+(\S+)", text)
    data = int(re.search(r"\((\d+)\) data", text).group(1))
    # All or nothing: a sum that is off says that some replies were no successes, not how many.
    ok = target.successes(kind, before, done, done if data == done * frame else 0)
    return {
        "system": target.name, "case": kind, "in flight": in_flight, "sent": count,
        "succeeded": ok, "per second": float(finished.group(3)),
        "mean": mean.group(3), "max": mean.group(2),
        "cpu": {name: seconds / count * 1e6 for name, seconds in used.items()},
    }


# A long scan beside gets: what other clients see of a client that reads much.

SCANNED = 256
SCANNED_VALUE = 1 << 20
SCAN_LIMIT = 16
UNBOUNDED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def scanned_key(number: int) -> bytes:
    return b"bench-scan-%06d" % number


def call(channel, method: str):
    return channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)


def scan_for_ever(address: str, requests: list, started, bad):
    """Another process: Python's lock must not be what the gets wait for."""
    with grpc.insecure_channel(address, options=UNBOUNDED) as channel:
        scan = call(channel, "/tikvpb.Tikv/RawScan")
        while True:
            for request in requests:
                raw = scan(request, timeout=60)
                if len(raw) < SCAN_LIMIT * SCANNED_VALUE:
                    bad.set()
                started.set()


def scan_requests(target: Apus) -> list:
    kv = wire.module("kvrpcpb")
    return [
        kv.RawScanRequest(
            context=target.context(), start_key=scanned_key(first), limit=SCAN_LIMIT
        ).SerializeToString()
        for first in range(0, SCANNED, SCAN_LIMIT)]


def fill_scanned(target: Apus):
    kv = wire.module("kvrpcpb")
    put = call(target.cluster.channel(target.leader), "/tikvpb.Tikv/RawPut")
    for number in range(SCANNED):
        request = kv.RawPutRequest(
            context=target.context(), key=scanned_key(number), value=os.urandom(SCANNED_VALUE))
        answer = kv.RawPutResponse.FromString(put(request.SerializeToString(), timeout=20))
        assert not answer.HasField("region_error") and not answer.error, answer


def time_gets(target: Apus, count: int) -> list:
    """Seconds of each of so many gets, one after the other, sorted."""
    path, message = target.case("get")
    expected = target.reply("get")
    times = []
    with grpc.insecure_channel(target.leader) as channel:
        get = call(channel, path)
        get(message, timeout=10)
        for _ in range(count):
            before = time.perf_counter()
            assert get(message, timeout=60) == expected
            times.append(time.perf_counter() - before)
    return sorted(times)


def scan_beside_gets(target: Apus, count: int) -> int:
    """Prints how long gets take without and with a client that scans; returns how many cases failed."""
    fill_scanned(target)

    def show(case: str, times: list):
        at = lambda share: times[min(len(times) - 1, int(len(times) * share))] * 1e3  # noqa: E731
        print(f"{case:<29}p50 {at(.5):.2f} ms, p99 {at(.99):.2f} ms, max {times[-1] * 1e3:.2f} ms",
              flush=True)

    show("get, one after another", time_gets(target, count))
    context = multiprocessing.get_context("spawn")
    started, bad = context.Event(), context.Event()
    scanner = context.Process(
        target=scan_for_ever, args=(target.leader, scan_requests(target), started, bad), daemon=True)
    scanner.start()
    try:
        if not started.wait(60):
            print("the scan does not begin")
            return 1
        show("get, beside scans of 16 MiB", time_gets(target, count))
        if bad.is_set() or not scanner.is_alive():
            print("scans failed")
            return 1
    finally:
        scanner.kill()
        scanner.join()
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the number of calls")
    parser.add_argument("--only", choices=["apus", "etcd"])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        "--smoke", action="store_true",
        help="few calls, and without etcd where there is none: whether this runs, not how fast")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.scale = 0.005
        if shutil.which("etcd") is None:
            print("etcd is not installed: Apus alone")
            arguments.only = "apus"
    directory = pathlib.Path(tempfile.mkdtemp(prefix="apus-bench-"))
    targets = []
    bad = 0
    try:
        for kind in (Apus, Etcd):
            if arguments.only in (None, kind.name):
                targets.append(kind(directory))
        for target in targets:
            load(target, "put", 1, 200, directory)  # the key exists, connections are made
        print(f"{'case':<22}{'system':<7}{'per second':>11}{'mean':>10}{'max':>10}"
              f"{'succeeded':>18}  CPU µs a call by process")
        for _ in range(arguments.rounds):
            for kind in ("put", "get"):
                for in_flight, count in ((1, 5_000), (100, 60_000), (1000, 120_000)):
                    if kind == "get":
                        count *= 2
                    for target in targets:
                        row = load(target, kind, in_flight, int(count * arguments.scale), directory)
                        cpu = " ".join(f"{n} {v:.1f}" for n, v in row["cpu"].items() if v >= 0.05)
                        total = sum(row["cpu"].values())
                        print(
                            f"{kind + ' 256 B, ' + str(in_flight):<22}{row['system']:<7}"
                            f"{row['per second']:>11,.0f}{row['mean']:>10}{row['max']:>10}"
                            f"{row['succeeded']:>9}/{row['sent']:<8}  {total:.1f} = {cpu}", flush=True)
                        if row["succeeded"] < row["sent"]:
                            bad += 1
        for target in targets:
            if isinstance(target, Apus):
                bad += scan_beside_gets(target, max(100, int(3000 * arguments.scale)))
        for target in targets:
            memory = ", ".join(f"{n} {resident_mb(p):.0f} MB" for n, p in target.pids.items())
            print(f"resident after the run: {memory}")
    finally:
        for target in targets:
            target.stop()
        shutil.rmtree(directory, ignore_errors=True)
    if bad:
        sys.exit(f"{bad} cases had replies that were not successes")


if __name__ == "__main__":
    main()
