"""One process without a placement driver: the same clients, the same results."""

import pytest

from harness.process import Process, eventually, free_ports, http

tikv_client = pytest.importorskip("tikv_client")


@pytest.fixture
def alone(tmp_path):
    port, status = free_ports(2)
    process = Process(
        "alone",
        ["node", "--addr", f"127.0.0.1:{port}", "--status-addr", f"127.0.0.1:{status}",
         "--data-dir", str(tmp_path / "data")],
        tmp_path / "alone.log")
    process.port, process.status = port, status
    process.start()
    eventually(lambda: http(status, "/ready")[0] == 200, 30, "ready")
    yield process
    process.kill()


def test_raw_client_and_kill(alone):
    raw = tikv_client.RawClient.connect([f"127.0.0.1:{alone.port}"])
    raw.batch_put({b"k%04d" % i: b"v%d" % i for i in range(1000)})
    assert raw.get(b"k0500") == b"v500"
    assert len(raw.scan(b"k", end=b"l", limit=5000)) == 1000
    raw.delete_range(b"k0100", end=b"k0200")
    alone.kill()
    alone.start()
    eventually(lambda: http(alone.status, "/ready")[0] == 200, 30, "ready again")
    raw = tikv_client.RawClient.connect([f"127.0.0.1:{alone.port}"])
    assert len(raw.scan(b"k", end=b"l", limit=5000)) == 900
    assert alone.terminate() == 0


def test_status_port(alone):
    code, text = http(alone.status, "/metrics")
    assert code == 200 and "# TYPE tikv_" in text
    code, text = http(alone.status, "/status")
    assert code == 200 and "version" in text
    assert http(alone.status, "/nothing")[0] == 404
