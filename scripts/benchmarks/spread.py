"""The same load over 1, 100 and 1,000 regions, beside etcd: what it costs that the keys lie in many regions.

A call is a stream of BatchCommands with 100 puts or gets of 256 B whose keys lie in as many regions as there are, up to
100; ten calls are in progress at a time, spread over the stores by the leaders of the regions. etcd gets 1,000 single
calls at a time: it has no regions and no such batches.

A case counts only if a call before it and one after it succeed in all their commands, no region has changed its leader
or epoch in between, and no store has refused a proposal.
"""

import argparse
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests"))

import cluster as single  # noqa: E402
import regions as making  # noqa: E402
from harness import wire  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.process import binary, eventually, http  # noqa: E402

VALUE = b"v" * 256
COMMANDS = 100
CALLS = 10


class Changed(Exception):
    """The figures of a run do not count."""


class Spread:
    """Three stores whose keys lie in `count` regions, led by all of them alike."""

    def __init__(self, directory: pathlib.Path, count: int):
        self.count = count
        directory.mkdir()
        settings = directory / "store.toml"
        # What is measured is the load, not that regions are divided or come to rest.
        settings.write_text(
            '[coprocessor]\nregion-split-size = "100GiB"\nregion-split-keys = 1000000000\n'
            "[raftstore]\nhibernate-regions = false\n[split]\nqps-threshold = 1000000000\n")
        self.cluster = Cluster(
            directory, stores=3, node_options=["--config", str(settings), "--log-level", "warn"])
        self.cluster.start()
        self._set("merge-schedule-limit", "0")
        self._set("leader-schedule-limit", "64")
        making.make(self.cluster, count, 250, 0)
        eventually(self._is_balanced, 300, "leaders are spread")
        self._set("leader-schedule-limit", "0")
        self._set("region-schedule-limit", "0")
        self._set("hot-region-schedule-limit", "0")
        time.sleep(2)
        self.keys = [b"key%09d" % number for number in range(max(count, COMMANDS))]
        if count == 1:
            self.keys = [key + b"." for key in self.keys]

    def _set(self, name: str, value: str):
        subprocess.run(
            [binary(), "ctl", "config", "set", name, value, "--pd", self.cluster.pd_address],
            check=True, stdout=subprocess.DEVNULL)

    def _is_balanced(self) -> bool:
        led = [making.leaders(store) for store in self.cluster.stores]
        return (sum(led) == self.count
                and all(making.peers(store) == self.count for store in self.cluster.stores)
                and (max(led) - min(led) <= max(1, self.count // 8)))

    def leaders(self) -> dict:
        """Id, epoch and leader of the region of each key."""
        places, at = {}, None
        for key in sorted(self.keys):
            if at is None or at.region.end_key and key >= at.region.end_key:
                at = self.cluster.region(key)
            places[key] = at
        return places

    def bodies(self, kind: str, places: dict) -> list:
        """Address and message of each of the calls."""
        kv, tikv = wire.module("kvrpcpb"), wire.module("tikvpb")
        by_store = {}
        for key, found in places.items():
            by_store.setdefault(found.leader.store_id, []).append(key)
        stores = sorted(by_store)
        made = []
        for number in range(CALLS):
            store = stores[number % len(stores)]
            keys = by_store[store]
            chosen = random.sample(keys, min(COMMANDS, len(keys)))
            chosen = (chosen * COMMANDS)[:COMMANDS]
            batch = tikv.BatchCommandsRequest()
            for identity, key in enumerate(chosen):
                found = places[key]
                context = kv.Context(
                    region_id=found.region.id, region_epoch=found.region.region_epoch, peer=found.leader)
                command = batch.requests.add()
                if kind == "put":
                    command.RawPut.CopyFrom(kv.RawPutRequest(context=context, key=key, value=VALUE))
                else:
                    command.RawGet.CopyFrom(kv.RawGetRequest(context=context, key=key))
                batch.request_ids.append(identity)
            made.append((self.cluster.store_of(store).address, batch))
        return made

    def check(self, kind: str, calls: list):
        """One call of each kind: every command succeeds."""
        for address, batch in calls:
            stub = wire.stubs("tikvpb").TikvStub(self.cluster.channel(address))
            seen = 0
            for reply in stub.BatchCommands(iter([batch]), timeout=30):
                for response in reply.responses:
                    answer = response.RawPut if kind == "put" else response.RawGet
                    if answer.HasField("region_error"):
                        raise Changed(answer.region_error.message)
                    assert not answer.error, answer
                    assert kind == "put" or answer.value == VALUE, answer
                    seen += 1
            assert seen == COMMANDS, f"{seen} responses"

    def refused(self) -> list:
        """The counters of refused proposals, by store and reason."""
        name = "tikv_raftstore_raft_invalid_proposal_total"
        return [
            f"store{store.number} {line}" for store in self.cluster.stores
            for line in http(store.status_port, "/metrics")[1].splitlines() if line.startswith(name)]

    def pids(self) -> dict:
        return {f"store{s.number}": s.process.child.pid for s in self.cluster.stores}

    def load(self, kind: str, commands: int, directory: pathlib.Path) -> str:
        """The figures of a run in which nothing was refused and no region changed."""
        for _ in range(5):
            try:
                return self._load(kind, commands, directory)
            except Changed as reason:
                print(f"{kind}, {self.count} regions: {reason}; once more", flush=True)
                time.sleep(5)
        sys.exit("regions do not come to rest")

    def _load(self, kind: str, commands: int, directory: pathlib.Path) -> str:
        places = self.leaders()
        calls = self.bodies(kind, places)
        if kind == "get":
            self.check("put", self.bodies("put", places))
            for address, batch in calls:  # Every key that is read exists.
                writes = wire.module("tikvpb").BatchCommandsRequest(request_ids=batch.request_ids)
                for command in batch.requests:
                    request = command.RawGet
                    writes.requests.add().RawPut.CopyFrom(wire.module("kvrpcpb").RawPutRequest(
                        context=request.context, key=request.key, value=VALUE))
                self.check("put", [(address, writes)])
        self.check(kind, calls)
        refused = self.refused()
        each = max(1, commands // COMMANDS // CALLS)
        cpu = {name: single.cpu_seconds(pid) for name, pid in self.pids().items()}
        running, began = [], time.monotonic()
        for number, (address, batch) in enumerate(calls):
            body, message = directory / f"body{number}", batch.SerializeToString()
            body.write_bytes(b"\0" + struct.pack(">I", len(message)) + message)
            running.append(subprocess.Popen(
                ["h2load", "-n", str(each), "-c", "1", "-m", "1", "-d", str(body),
                 "-H", "content-type: application/grpc", "-H", "te: trailers",
                 f"http://{address}/tikvpb.Tikv/BatchCommands"],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        outputs = [process.communicate()[0] for process in running]
        elapsed = time.monotonic() - began
        used = sum(single.cpu_seconds(pid) - cpu[name] for name, pid in self.pids().items())
        for text in outputs:
            assert f"{each} succeeded" in text, text
        now = self.refused()
        if now != refused:
            raise Changed(f"proposals were refused: {set(now) - set(refused)}")
        after = self.leaders()
        changed = [
            key for key in places
            if after[key].leader != places[key].leader
            or after[key].region.region_epoch != places[key].region.region_epoch]
        if changed:
            raise Changed(f"the regions of {len(changed)} keys have changed")
        self.check(kind, calls)
        total = each * CALLS * COMMANDS
        means = [re.search(r"time for request:\s+\S+\s+\S+\s+(\S+)", text).group(1) for text in outputs]
        return (f"{total / elapsed:>11,.0f} a second, {used / total * 1e6:6.1f} µs of CPU each, "
                f"a call of {COMMANDS} takes {sorted(means)[len(means) // 2]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--regions", default="1,100,1000")
    parser.add_argument("--commands", type=int, default=500_000)
    parser.add_argument("--no-etcd", action="store_true")
    options = parser.parse_args()
    random.seed(1)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="apus-spread-"))
    targets = []
    try:
        for count in map(int, options.regions.split(",")):
            target = Spread(directory / f"regions{count}", count)
            targets.append(target)
            for kind in ("put", "get"):
                target.load(kind, 20_000, directory)
                print(f"{kind} 256 B, {count:>5} regions  apus"
                      + target.load(kind, options.commands * (2 if kind == "get" else 1), directory), flush=True)
            target.cluster.stop()
        if not options.no_etcd and shutil.which("etcd"):
            etcd = single.Etcd(directory)
            try:
                single.load(etcd, "put", 1, 200, directory)
                for kind in ("put", "get"):
                    row = single.load(etcd, kind, 1000, options.commands // 4, directory)
                    print(f"{kind} 256 B, single calls   etcd{row['per second']:>11,.0f} a second, "
                          f"{sum(row['cpu'].values()):6.1f} µs of CPU each", flush=True)
            finally:
                etcd.stop()
    finally:
        for target in targets:
            target.cluster.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
