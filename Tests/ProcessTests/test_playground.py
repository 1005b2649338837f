"""The playground says what keeps it from starting, and why a process of it ended."""

import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest

from harness.process import Process, binary, eventually, free_ports


def playground(*options: str, seconds: float = 60) -> subprocess.CompletedProcess:
    """A playground that is expected to end by itself."""
    return subprocess.run(
        [binary(), "playground", *options], capture_output=True, text=True, timeout=seconds,
        stdin=subprocess.DEVNULL)


def base_port() -> int:
    """Of ports that are free with the status ports above them."""
    for _ in range(100):
        base = free_ports(1)[0]
        try:
            for port in [*range(base, base + 3), *range(base + 20, base + 23)]:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise AssertionError("no row of ports is free")


@pytest.mark.parametrize(
    "offset, flag", [(None, "--pd-port"), (1, "--base-port"), (22, "--base-port")],
    ids=["placement driver", "store", "status"])
def test_a_port_in_use_is_named(tmp_path, offset, flag):
    base, pd = base_port(), free_ports(1)[0]
    taken = pd if offset is None else base + offset
    with socket.create_server(("127.0.0.1", taken)):
        done = playground(
            "--pd-port", str(pd), "--base-port", str(base), "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 1, done
    complaints = done.stderr.splitlines()
    assert len(complaints) == 1, done
    assert f"127.0.0.1:{taken}" in complaints[0] and flag in complaints[0]
    assert "in use" in complaints[0]
    assert not (tmp_path / "data").exists(), "nothing is begun that cannot be finished"


@pytest.mark.parametrize("options, named", [
    (["--pd-port", "20161"], "20160 to 20162"),
    (["--pd-port", "20182"], "20180 to 20182"),
    (["--pd-port", "20180", "--stores", "1"], "status ports 20180;"),
    (["--pd-port", "0"], "from 1 to 65535"),
    (["--pd-port", "65536"], "from 1 to 65535"),
    (["--pd-port", "-9223372036854775808"], ""),
    (["--base-port", "0"], "from 1 to 65513"),
    (["--base-port", "65514"], "from 1 to 65513"),
    (["--base-port", "9223372036854775807"], "from 1 to 65513"),
    (["--stores", "0"], "--stores must be"),
    (["--stores", "9223372036854775807"], "--stores must be"),
    (["--pd-port", "18446744073709551616"], "--pd-port"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_impossible_ports_are_refused(options, named):
    done = playground(*options)
    assert done.returncode == 64, done
    assert "data and logs" not in done.stdout
    assert named in done.stderr


def test_the_reason_of_a_failed_start_is_printed(tmp_path):
    """The placement driver's directory is a file: its own words are the playground's."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "pd").write_text("no directory")
    # Of an earlier life, and not to be repeated.
    (data / "pd.log").write_text("apus: an old complaint\n")
    done = playground(
        "--pd-port", str(free_ports(1)[0]), "--base-port", str(base_port()), "--data-dir", str(data))
    assert done.returncode == 1, done
    reason = (data / "pd.log").read_text().splitlines()[-1].removeprefix("apus: ")
    assert "pd" in reason and "old complaint" not in reason
    assert f"apus: pd exited with 1: {reason}; its log is" in done.stderr


def children(pid: int) -> dict[str, int]:
    """The playground's processes by what they listen for: `pd`, or the name of the data directory."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            words = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
            found[pathlib.Path(words[words.index("--data-dir") + 1]).name] = int(child)
    return found


def test_a_crash_of_a_store_is_printed_and_it_inherited_no_output(tmp_path):
    process = Process(
        "playground",
        ["playground", "--pd-port", str(free_ports(1)[0]), "--base-port", str(base_port()),
         "--data-dir", str(tmp_path / "data")], tmp_path / "playground.log")
    process.start()
    try:
        eventually(lambda: re.search(r"^ready$", process.tail(), re.M), 60, "the playground is ready")
        found = children(process.child.pid)
        assert set(found) == {"pd", "store1", "store2", "store3"}
        own = {os.readlink(f"/proc/{process.child.pid}/fd/{fd}")
               for fd in ("1", "2")}
        for name, pid in found.items():
            held = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
            assert not held & own, f"{name} holds the playground's output"
        os.kill(found["store2"], signal.SIGILL)
        eventually(
            lambda: re.search(
                r"^apus: store2 was ended by signal 4: crashed: SIGILL in thread .+; its log is ",
                process.tail(), re.M),
            10, "the crash is printed")
        assert process.terminate() == 0
    finally:
        process.kill()


def test_values_can_expire_in_a_playground(tmp_path):
    pd = free_ports(1)[0]
    process = Process(
        "playground",
        ["playground", "--stores", "1", "--pd-port", str(pd), "--base-port", str(base_port()),
         "--data-dir", str(tmp_path / "data"), "--enable-ttl"], tmp_path / "playground.log")
    process.start()
    try:
        eventually(lambda: re.search(r"^ready$", process.tail(), re.M), 60, "the playground is ready")
        done = subprocess.run(
            [binary(), "ctl", "raw", "put", "a", "b", "--ttl", "900", "--pd", f"127.0.0.1:{pd}"],
            capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    finally:
        assert process.terminate() == 0


def test_stores_take_a_configuration(tmp_path):
    """A file that no store could start with is refused at once; another one reaches every store."""
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[coprocessor]\nregion-split-size = "many"\n')
    done = playground("-C", str(wrong), "--data-dir", str(tmp_path / "none"))
    assert done.returncode == 64 and "region-split-size" in done.stderr, done
    assert not (tmp_path / "none").exists()

    right = tmp_path / "right.toml"
    right.write_text('some-key-of-no-store = 1\n')
    data = tmp_path / "data"
    process = Process(
        "playground",
        ["playground", "-C", str(right), "--pd-port", str(free_ports(1)[0]), "--base-port",
         str(base_port()), "--data-dir", str(data)], tmp_path / "playground.log")
    process.start()
    try:
        eventually(lambda: re.search(r"^ready$", process.tail(), re.M), 60, "the playground is ready")
        for store in ("store1", "store2", "store3"):
            assert "some-key-of-no-store" in (data / f"{store}.log").read_text()
    finally:
        assert process.terminate() == 0
