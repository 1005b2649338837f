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


def test_bad_flags(tmp_path):
    for arguments in (["node", "--addr", "nonsense"], ["node", "--no-such-flag"], ["nonsense"]):
        run = subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=30)
        assert run.returncode != 0
        assert run.stderr
