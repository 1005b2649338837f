"""A cluster whose raft logs are segment logs: crashes, conversion to another engine and back."""

import subprocess

from harness.client import RawClient
from harness.process import binary, eventually


def ctl(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        [binary(), "ctl", "log", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def configure(directory, engine: str) -> str:
    path = directory / f"{engine}.toml"
    path.write_text(f'[raftstore]\nlog-engine = "{engine}"\n')
    return str(path)


def test_segment_logs(tmp_path, make_cluster):
    cluster = make_cluster(stores=3, node_options=["--config", configure(tmp_path, "segment")])
    client = RawClient(cluster)
    written = {b"k%04d" % n: b"value %d" % n for n in range(200)}
    for key, value in written.items():
        client.put(key, value)
    # All at once: what is read afterwards was in the logs.
    for store in cluster.stores:
        store.process.kill()
        assert (store.data / "raft-segment").is_dir() and not (store.data / "raft").exists()
        assert 'log-engine = "segment"' in (store.data / "APUS").read_text()
    for store in cluster.stores:
        verified = ctl("verify", "--data-dir", store.data)
        assert verified.returncode == 0, verified.stderr
        store.process.start()
    client.put(b"after", b"the crash")
    written[b"after"] = b"the crash"
    for key, value in written.items():
        assert client.get(key) == value

    # One store goes over to RocksDB, the others stay as they are.
    store = cluster.stores[0]
    assert ctl("stat", "--data-dir", store.data).returncode == 1  # in use
    assert store.process.terminate() == 0
    stat = ctl("stat", "--data-dir", store.data)
    assert stat.returncode == 0 and "segment" in stat.stdout, stat
    converted = ctl("convert", "--data-dir", store.data, "--to", "rocksdb")
    assert converted.returncode == 0, converted.stderr
    store.process.start()
    assert store.process.wait(30) == 1
    assert f"apus ctl log convert --data-dir {store.data} --to segment" in store.process.tail()
    arguments = store.process.arguments
    arguments[arguments.index("--config") + 1] = configure(tmp_path, "rocksdb")
    store.process.start()
    eventually(store.ready, 60, "the converted store")
    assert (store.data / "raft").is_dir() and not (store.data / "raft-segment").exists()
    client.put(b"after", b"the conversion")
    assert client.get(b"after") == b"the conversion"
    assert client.get(b"k0007") == b"value 7"
