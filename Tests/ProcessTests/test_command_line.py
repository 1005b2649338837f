"""Commands at their edges: output that cannot be written, input without end, values that mean nothing."""

import resource
import signal
import subprocess
import time

import pytest

from harness.process import Process, binary, eventually, free_ports

OUTPUT_FAILED = 74


def apus(*arguments, seconds: float = 30, **options) -> subprocess.CompletedProcess:
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run(
        [binary(), *map(str, arguments)], stderr=subprocess.PIPE, text=True, timeout=seconds,
        **options)


# Output


def test_output_that_cannot_be_written_is_a_failure(cluster):
    commands = [
        ["ctl", "store", "list", "--pd", cluster.pd_address],
        ["ctl", "store", "list", "--json", "--pd", cluster.pd_address],
        ["ctl", "raw", "put", "a", "b", "--pd", cluster.pd_address],
        ["node", "--config-check"],
        ["--help"],
        ["node", "--help"],
        ["--version"],
    ]
    for command in commands:
        with open("/dev/full", "w") as full:
            run = apus(*command, stdout=full)
        assert run.returncode == OUTPUT_FAILED, (command, run)
        assert "cannot write the output" in run.stderr, (command, run)
        closed = subprocess.run(
            ["sh", "-c", 'exec "$0" "$@" >&-', binary(), *command], stderr=subprocess.PIPE, text=True,
            timeout=30)
        assert closed.returncode == OUTPUT_FAILED, (command, closed)
        assert apus(*command).returncode == 0, command


def test_another_failure_keeps_its_code():
    with open("/dev/full", "w") as full:
        assert apus("ctl", "raw", "get", "a", "--timeout", "x", stdout=full).returncode == 64


# Input


def test_a_history_without_an_end_of_line_is_refused_in_bounded_memory():
    limit = 6 << 30  # of address space, of which Swift and its threads reserve much
    run = subprocess.run(
        [binary(), "verify", "--check", "/dev/zero"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert run.returncode not in (0, -signal.SIGKILL, -signal.SIGSEGV, -signal.SIGILL), run
    assert "line 1" in run.stdout and "longer than" in run.stdout, run.stdout


@pytest.mark.parametrize("text", [
    "a." * 100_000 + "b = 1", "[" + "a." * 50_000 + "b]", "a = " + "[" * 100_000,
    "a = " + "{ a = " * 20_000,
])
def test_a_deep_configuration_file(tmp_path, text):
    path = tmp_path / "deep.toml"
    path.write_text(text)
    run = apus("node", "--config-check", "-C", path)
    assert run.returncode == 64, run
    assert "line 1" in run.stderr and str(path) in run.stderr, run.stderr


def test_a_large_configuration_file(tmp_path):
    path = tmp_path / "large.toml"
    path.write_text("# comment\n" * 30_000)
    run = apus("node", "--config-check", "-C", path)
    assert run.returncode == 64 and "256 KiB" in run.stderr, run


# Values


def test_an_empty_status_address_turns_it_off():
    for arguments in (["--status-addr="], ["--status-addr", ""]):
        assert apus("node", "--config-check", *arguments).returncode == 0, arguments
    # Off: then nothing may be advertised.
    run = apus("node", "--config-check", "--status-addr=", "--advertise-status-addr", "a:1")
    assert run.returncode == 64 and "status-addr" in run.stderr, run


@pytest.mark.parametrize("command, flag", [
    ("node", "--addr"), ("node", "--advertise-addr"), ("node", "--status-addr"),
    ("node", "--advertise-status-addr"), ("pd", "--client-addr"), ("pd", "--advertise-client-addr"),
    ("pd", "--status-addr"),
])
@pytest.mark.parametrize("scheme", ["http", "https", "tcp"])
def test_an_address_with_a_scheme(tmp_path, command, flag, scheme):
    run = apus(command, "--data-dir", tmp_path / "data", flag, f"{scheme}://127.0.0.1:1")
    assert run.returncode == 64, run
    assert f"is invalid for '{flag} <host:port>'" in run.stderr, run.stderr
    assert not (tmp_path / "data").exists()


def test_an_inverted_range_is_not_deleted(cluster):
    for to in ("a", "b"):
        run = apus("ctl", "raw", "delete", "b", "--to", to, "--pd", cluster.pd_address)
        assert run.returncode == 64 and "--to" in run.stderr, run
    assert apus("ctl", "raw", "delete", "b", "--to", "c", "--pd", cluster.pd_address).returncode == 0


# Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_that_waits_for_its_placement_driver_stops(tmp_path, number):
    port, status, nobody = free_ports(3)
    process = Process(
        "waiting",
        ["node", "--addr", f"127.0.0.1:{port}", "--status-addr", f"127.0.0.1:{status}",
         "--pd-endpoints", f"127.0.0.1:{nobody}", "--data-dir", str(tmp_path / "data")],
        tmp_path / "waiting.log")
    for _ in range(2):
        process.log.unlink(missing_ok=True)
        process.start()
        try:
            eventually(
                lambda: "waiting for the placement driver" in process.tail(), 30, "waits")
            process.child.send_signal(number)
            begun = time.monotonic()
            assert process.wait(20) == 0, process.tail()
            assert time.monotonic() - begun < 10
        finally:
            process.kill()
