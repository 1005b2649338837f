"""A store that is stopped, and whose place a copy of its data directory takes meanwhile."""

import shutil
import time

from harness.client import RawClient
from harness.process import Process, eventually, free_ports, http


def test_the_replaced_store_stops_when_it_resumes(make_cluster, tmp_path):
    settings = tmp_path / "node.toml"
    settings.write_text('[raftstore]\npd-store-heartbeat-tick-interval = "1s"\n')
    cluster = make_cluster(
        stores=3, node_options=["-C", str(settings)],
        pd_options=["--store-replacement-delay", "6s"])
    client = RawClient(cluster)
    client.put(b"k", b"v")
    original = cluster.stores[0]

    def places():
        return {s.id: s.address for s in cluster.pd_stores()}

    name = next(id for id, address in places().items() if address == original.address)
    # A machine that hangs, or a virtual one that was suspended and copied.
    original.process.pause()
    copied = cluster.directory / "copy"
    shutil.copytree(original.data, copied)
    # Processes are told apart by the second of their start.
    paused = time.time()
    eventually(lambda: time.time() > paused + 1.1, 30, "another second has begun")
    port, status = free_ports(2)
    address = f"127.0.0.1:{port}"
    copy = Process(
        "copy",
        ["node", "--addr", address, "--status-addr", f"127.0.0.1:{status}", "--pd-endpoints",
         cluster.pd_address, "--data-dir", str(copied), *cluster.node_options],
        cluster.directory / "copy.log")
    copy.start()
    try:
        eventually(lambda: places()[name] == address, 60, "the copy is the store")
        eventually(lambda: http(status, "/ready")[0] == 200, 60, "the copy serves")
        client.put(b"k", b"w")
        original.process.resume()
        assert original.process.wait(60) == 1, original.process.tail()
        text = original.process.tail(200)
        reason = next(line for line in text.splitlines() if "fatal" in line)
        assert original.address in reason and address in reason and "replaced" in reason, text
        assert places()[name] == address
        assert copy.running, copy.tail()
        client.put(b"k", b"x")
        assert client.get(b"k") == b"x"
        # Started again it is refused, as any second process of a living store.
        original.process.start()
        eventually(
            lambda: f"is alive at {address}" in original.process.tail(), 30, "it is refused")
        assert places()[name] == address
    finally:
        copy.kill()
