"""What regions cost that no one uses: three stores, many empty regions, no client.

Prints how long it takes to make them and until they are hibernated; processor time of each process and messages
between stores over a while; memory per peer; how long a store takes to start with them; and, when the store with the
most leaders is killed, how long until all its regions have leaders again.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests"))

from harness import wire  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.process import binary, eventually  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> int:
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def series(store, name: str, label: str) -> float:
    """One series of a metric."""
    from harness.process import http

    for line in http(store.status_port, "/metrics")[1].splitlines():
        if line.startswith(name + "{") and label in line:
            return float(line.rsplit(" ", 1)[1])
    return 0


def peers(store) -> int:
    return int(series(store, "tikv_raftstore_region_count", 'type="region"'))


def leaders(store) -> int:
    return int(series(store, "tikv_raftstore_region_count", 'type="leader"'))


def awake(store) -> int:
    return int(series(store, "tikv_raftstore_hibernated_peer_state", 'state="awaken"'))


def split(cluster, keys) -> bool:
    """Cuts the last region at `keys`; whether it was done, now or by a request whose response was lost."""
    kvrpcpb = wire.module("kvrpcpb")
    found = cluster.region(keys[-1])
    keys = [key for key in keys if key > found.region.start_key]
    if not keys:
        return True
    if not found.leader.id:
        return False
    stub = wire.stubs("tikvpb").TikvStub(
        cluster.channel(cluster.store_of(found.leader.store_id).address))
    reply = stub.SplitRegion(
        kvrpcpb.SplitRegionRequest(
            context=kvrpcpb.Context(
                region_id=found.region.id, region_epoch=found.region.region_epoch,
                peer=found.leader),
            split_keys=keys, is_raw_kv=True), timeout=60)
    return not reply.HasField("region_error")


def make(cluster, regions: int, batch: int, max_awake: int):
    keys = [b"key%09d" % number for number in range(1, regions)]
    for start in range(0, len(keys), batch):
        piece = keys[start:start + batch]
        eventually(lambda: split(cluster, piece), 120, f"a split at {piece[0]}")
        if max_awake:
            eventually(
                lambda: sum(map(awake, cluster.stores)) < max_awake, 120, "most regions are hibernated")


def processes(cluster):
    return {"pd": cluster.pd, **{f"store{s.number}": s.process for s in cluster.stores}}


def cpu(cluster) -> dict:
    return {name: cpu_seconds(p.child.pid) for name, p in processes(cluster).items()}


def measure(options, directory):
    settings = directory / "store.toml"
    settings.write_text(
        "[raftstore]\nhibernate-timeout = \"2s\"\n" + (
            "hibernate-regions = false\n" if options.awake else "") + options.settings.replace(";", "\n"))
    cluster = Cluster(directory, stores=3, node_options=["--config", str(settings), "--log-level", "warn"])
    try:
        cluster.start()
        # Otherwise leaders are spread over the stores at four in a second.
        subprocess.run(
            [binary(), "ctl", "config", "set", "leader-schedule-limit", "64", "--pd", cluster.pd_address],
            check=True, stdout=subprocess.DEVNULL)
        before = {s.number: resident(s.process.child.pid) for s in cluster.stores}
        began = time.monotonic()
        make(cluster, options.regions, options.batch, options.max_awake)
        eventually(
            lambda: sum(map(leaders, cluster.stores)) == options.regions
            and all(peers(s) == options.regions for s in cluster.stores),
            300, "every region is led and has three peers")
        print(f"{options.regions} regions made in {time.monotonic() - began:.1f} s")
        if not options.awake:
            began = time.monotonic()
            eventually(lambda: sum(map(awake, cluster.stores)) == 0, 600, "all are hibernated")
            print(f"all hibernated after {time.monotonic() - began:.1f} s more")
        time.sleep(options.settle)
        idle(cluster, options, before)
        restart(cluster, options)
        if not options.awake:
            failover(cluster, options)
    finally:
        cluster.stop()


def idle(cluster, options, before):
    sent = [s.metric("tikv_raftstore_raft_sent_message_total") for s in cluster.stores]
    start, began = cpu(cluster), time.monotonic()
    time.sleep(options.seconds)
    elapsed, end = time.monotonic() - began, cpu(cluster)
    used = {name: (end[name] - start[name]) / elapsed * 100 for name in end}
    print("processor, % of a core: " + ", ".join(f"{n} {u:.2f}" for n, u in used.items())
          + f"; all {sum(used.values()):.2f}")
    now = [s.metric("tikv_raftstore_raft_sent_message_total") for s in cluster.stores]
    print("raft messages per second: " + ", ".join(
        f"store{s.number} {(b - a) / elapsed:.1f}" for s, a, b in zip(cluster.stores, sent, now)))
    for store in cluster.stores:
        grown = resident(store.process.child.pid) - before[store.number]
        print(f"store{store.number}: {grown / 1e6:.1f} MB more than with one region, "
              f"{grown / options.regions / 1024:.1f} KiB per peer")
    print(f"pd: {resident(cluster.pd.child.pid) / 1e6:.1f} MB")


def restart(cluster, options):
    store = min(cluster.stores, key=leaders)
    assert store.process.terminate() == 0
    began = time.monotonic()
    store.process.start()
    eventually(store.ready, 300, "the store is ready")
    print(f"store{store.number} is ready {time.monotonic() - began:.2f} s after its start; "
          f"{resident(store.process.child.pid) / options.regions / 1024:.1f} KiB of memory per peer")
    if not options.awake:
        eventually(lambda: sum(map(awake, cluster.stores)) == 0, 600, "all are hibernated again")
        print(f"all hibernated again {time.monotonic() - began:.1f} s after its start")


def failover(cluster, options):
    victim = max(cluster.stores, key=leaders)
    lost, rest = leaders(victim), [s for s in cluster.stores if s is not victim]
    victim.process.kill()
    began = time.monotonic()
    eventually(lambda: sum(map(leaders, rest)) == options.regions, 300, "all have leaders again")
    print(f"{lost} regions have new leaders {time.monotonic() - began:.2f} s after their store was killed")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--regions", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=250, help="regions made by one split")
    parser.add_argument(
        "--max-awake", type=int, default=0,
        help="before the next split wait until fewer peers are awake; for machines that are busy with other things")
    parser.add_argument("--seconds", type=float, default=60, help="how long the idle cluster is watched")
    parser.add_argument("--settle", type=float, default=5, help="seconds before that")
    parser.add_argument("--awake", action="store_true", help="without hibernation")
    parser.add_argument("--settings", default="", help="lines of the section raftstore, separated by ';'")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="apus-regions-"))
    try:
        measure(options, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
