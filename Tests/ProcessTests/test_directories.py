"""Data directories that cannot be used: a clear message that names the path, and nothing is touched."""

import os
import shutil
import subprocess

import pytest

from harness.process import Process, binary, eventually, free_ports, http


def node(tmp_path, data, *options, name="node"):
    port, status = free_ports(2)
    process = Process(
        name,
        ["node", "--addr", f"127.0.0.1:{port}", "--status-addr", f"127.0.0.1:{status}",
         "--data-dir", str(data), *options],
        tmp_path / f"{name}.log")
    process.port, process.status = port, status
    return process


@pytest.fixture
def running(tmp_path):
    made = []

    def start(*arguments, **options):
        process = node(tmp_path, *arguments, **options)
        made.append(process)
        process.start()
        return process

    yield start
    for process in made:
        process.kill()


def ready(process) -> bool:
    return http(process.status, "/ready")[0] == 200


def refused(process, path) -> str:
    code = process.wait(30)
    text = process.tail(20)
    assert code != 0, text
    assert str(path) in text, text
    return text


def test_in_use(tmp_path, running):
    first = running(tmp_path / "data", name="first")
    eventually(lambda: ready(first), 30, "first node ready")
    second = running(tmp_path / "data", name="second")
    assert "in use" in refused(second, tmp_path / "data")
    assert ready(first)


def test_a_file_in_the_way(tmp_path, running):
    (tmp_path / "data").write_text("not a directory")
    refused(running(tmp_path / "data"), tmp_path / "data")
    assert (tmp_path / "data").read_text() == "not a directory"


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_read_only(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o555)
    tmp_path.chmod(0o755)
    port, status = free_ports(2)
    run = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary(), "node",
         "--addr", f"127.0.0.1:{port}", "--status-addr", f"127.0.0.1:{status}",
         "--data-dir", str(data)],
        capture_output=True, text=True, timeout=30)
    if "setpriv" in run.stderr and "apus" not in run.stderr:
        pytest.skip(run.stderr)
    assert run.returncode != 0
    assert str(data) in run.stdout + run.stderr


def test_half_written(tmp_path, running):
    """A database whose manifest is gone says so instead of starting empty."""
    data = tmp_path / "data"
    first = running(data, name="first")
    eventually(lambda: ready(first), 30, "first node ready")
    assert first.terminate() == 0
    for name in os.listdir(data / "db"):
        if name.startswith("MANIFEST"):
            os.truncate(data / "db" / name, 3)
    refused(running(data, name="second"), data)


def test_another_clusters_store(make_cluster, running):
    """A store of one cluster pointed at another's placement driver refuses to join."""
    one = make_cluster(stores=1)
    other = make_cluster(stores=1)
    victim = one.stores[0]
    assert victim.process.terminate() == 0
    stranger = running(victim.data, "--pd-endpoints", other.pd_address, name="stranger")
    text = refused(stranger, victim.data)
    assert "cluster" in text


def test_another_roles_directory(make_cluster, running):
    """Neither process takes the other's data for its own, and both still start on theirs."""
    cluster = make_cluster(stores=1)
    store, pd = cluster.stores[0], cluster.pd
    assert store.process.terminate() == 0
    assert pd.terminate() == 0
    pd_data = cluster.directory / "pd"
    text = refused(running(pd_data, name="alone"), pd_data)
    assert "belongs to a placement driver" in text
    text = refused(running(pd_data, "--pd-endpoints", cluster.pd_address, name="joining"), pd_data)
    assert "belongs to a placement driver" in text
    text = refused(running(store.data, name="apart"), store.data)
    assert "--pd-endpoints" in text
    other = Process(
        "other", ["pd", "--client-addr", cluster.pd_address, "--data-dir", str(store.data)],
        cluster.directory / "other.log")
    other.start()
    assert "belongs to a store" in refused(other, store.data)
    pd.start()
    store.process.start()
    cluster.wait_ready()


def test_directories_among_the_snapshots(make_cluster):
    cluster = make_cluster(stores=1)
    store = cluster.stores[0]
    assert store.process.terminate() == 0
    foreign = [store.data / "snap" / name for name in ("rev_2_6_10_default.sst", "gen_2_6_7.meta")]
    for directory in foreign:
        (directory / "inner").mkdir(parents=True)
    store.process.start()
    eventually(store.ready, 30, "ready")
    assert all((directory / "inner").is_dir() for directory in foreign)
    assert "rev_2_6_10_default.sst" in store.process.tail(200)


def test_bad_flags(tmp_path):
    for arguments in (["node", "--addr", "nonsense"], ["node", "--no-such-flag"], ["nonsense"]):
        run = subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=30)
        assert run.returncode != 0
        assert run.stderr
