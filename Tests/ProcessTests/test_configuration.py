"""What a process must not start with: it ends at once, says what is wrong, and has done nothing."""

import shutil
import subprocess
import time

import pytest

from harness.client import RawClient
from harness.process import Process, binary, eventually, free_ports, http

USAGE = 64


def run(*arguments, seconds: float = 20) -> subprocess.CompletedProcess:
    """One command, to its end; text that is not UTF-8 is shown escaped."""
    return subprocess.run(
        [binary(), *arguments], capture_output=True, text=True, errors="backslashreplace",
        timeout=seconds)


def refused(*arguments, naming=()) -> str:
    """A command that ends with the code of wrong usage and names all of `naming`."""
    ended = run(*arguments)
    text = ended.stdout + ended.stderr
    assert ended.returncode == USAGE, (ended.returncode, text)
    for word in naming:
        assert str(word) in text, (word, text)
    return text


@pytest.fixture
def node(tmp_path):
    """The arguments of a node that could run, with others added."""
    port, status = free_ports(2)

    def make(*more):
        return ["node", "--addr", f"127.0.0.1:{port}", "--status-addr", f"127.0.0.1:{status}",
                "--data-dir", str(tmp_path / "data"), *more]

    yield make
    assert not (tmp_path / "data").exists(), "a refused node has made its directory"


@pytest.mark.parametrize("value", ["", ",", " ", ",,", "a:1,", "a", "a:0", "https://a:1"])
def test_empty_and_malformed_endpoints_are_refused(node, value):
    refused(*node("--pd-endpoints", value), naming=["--pd-endpoints"])


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "0"])
def test_unspecified_addresses_are_not_advertised(tmp_path, host):
    port, status = free_ports(2)
    data = tmp_path / "data"
    common = ["--data-dir", str(data)]
    refused("node", *common, "--addr", f"{host}:{port}", naming=["advertise-addr"])
    refused("node", *common, "--advertise-addr", f"{host}:{port}", naming=["advertise-addr"])
    refused("node", *common, "--advertise-status-addr", f"{host}:{status}",
            naming=["advertise-status-addr"])
    refused("pd", *common, "--client-addr", f"{host}:{port}", naming=["--advertise-client-addr"])
    refused("pd", *common, "--advertise-client-addr", f"{host}:{port}",
            naming=["--advertise-client-addr"])
    assert not data.exists()


@pytest.mark.parametrize("flag, value", [
    ("--capacity", "1"), ("--capacity", "1e400"), ("--capacity", "99999999999PB"),
    ("--block-cache-capacity", "1"), ("--block-cache-capacity", "2000TB"),
    ("--raft-log-gc-count-limit", "0"), ("--raft-log-gc-count-limit", "18446744073709551615"),
    ("--raft-log-gc-count-limit", "x"),
    ("--raft-log-gc-tick-interval", "0s"), ("--raft-log-gc-tick-interval", "1us"),
    ("--raft-log-gc-tick-interval", "1000000h"), ("--raft-log-gc-tick-interval", "1e9s1e9s"),
    ("--labels", "zone"), ("--labels", "=a"), ("--labels", "zo ne=a"), ("--labels", "zone=a*"),
    ("--labels", "zone=a,"), ("--advertise-addr", "127.0.0.1:0"),
])
def test_flags_of_a_node(node, flag, value):
    text = refused(*node(flag, value))
    # By the flag, or by the key of the file that it stands for.
    key = {"--block-cache-capacity": "storage.block-cache.capacity"}.get(flag, flag[2:])
    assert key in text or flag in text or "label" in text, text


@pytest.mark.parametrize("command, flag, value", [
    ("pd", "--max-replicas", "0"), ("pd", "--max-replicas", "9223372036854775807"),
    ("pd", "--max-store-down-time", "0s"), ("pd", "--max-store-down-time", "100000d"),
    ("pd", "--store-replacement-delay", "0s"), ("pd", "--store-replacement-delay", "2h"),
    ("pd", "--region-claim-timeout", "0s"), ("pd", "--region-claim-timeout", "2d"),
    ("playground", "--stores", "0"), ("playground", "--stores", "9223372036854775807"),
    ("playground", "--base-port", "0"), ("playground", "--base-port", "9223372036854775807"),
    ("playground", "--pd-port", "65536"),
    ("sim", "--jobs", "0"), ("sim", "--duration", "0s"), ("sim", "--duration", "100000d"),
    ("verify", "--seconds", "0"), ("verify", "--seconds", "nan"), ("verify", "--seconds", "1e400"),
    ("verify", "--clients", "0"), ("verify", "--keys", "9223372036854775807"),
    ("verify", "--rate", "0"), ("verify", "--pd-endpoints", ","),
    ("store list", "--timeout", "0"), ("store list", "--timeout", "nan"),
    ("store list", "--timeout", "1e300"), ("store list", "--pd", ""), ("store list", "-u", ","),
    ("region list", "--limit", "9223372036854775807"), ("raw scan", "--limit", "0"),
    ("raw scan", "--limit", "9223372036854775807"),
])
def test_flags_of_other_commands(tmp_path, command, flag, value):
    more = {"sim": ["--seed", "1"], "pd": ["--data-dir", str(tmp_path / "data")]}.get(command, [])
    words = command.split() if " " not in command else ["ctl", *command.split()]
    refused(*words, *more, flag, value, naming=[flag])
    assert not (tmp_path / "data").exists()


def test_too_many_seeds():
    refused("sim", "--seeds", "0...18446744073709551615", naming=["--seeds"])


@pytest.mark.parametrize("text, name", [
    ("[pd]\nendpoints = []", "pd.endpoints"), ("[pd]\nendpoints = [\"\"]", "pd.endpoints"),
    ("[pd]\nendpoints = \"a:1\"", "pd.endpoints"),
    ("[security]\nca-path = \"/etc/ca.pem\"", "security.ca-path"),
    ("[security.encryption]\ndata-encryption-method = \"aes128-ctr\"", "security.encryption"),
    ("[raftstore]\nraft-base-tick-interval = \"0s\"", "raftstore.raft-base-tick-interval"),
    ("[raftstore]\nraft-base-tick-interval = \"1us\"", "raftstore.raft-base-tick-interval"),
    ("[raftstore]\nraft-heartbeat-ticks = -1", "raftstore.raft-heartbeat-ticks"),
    ("[raftstore]\nnotify-capacity = 9223372036854775807", "raftstore.notify-capacity"),
    ("raftstore = 5", "raftstore"),
])
def test_files(node, tmp_path, text, name):
    path = tmp_path / "apus.toml"
    path.write_text(text + "\n")
    refused(*node("--config", str(path)), naming=[name])


def test_a_valid_configuration(node, tmp_path):
    path = tmp_path / "apus.toml"
    path.write_text(
        "[pd]\nendpoints = [\"a:1\"]\n[security]\nca-path = \"\"\n[server.labels]\nzone = \"\"\n")
    ended = run(*node("--config", str(path), "--labels", "zone=a,host=,zone=b", "--config-check"))
    assert ended.returncode == 0, ended.stdout + ended.stderr


# A directory and its copy


def test_a_copied_directory_is_refused(make_cluster, tmp_path):
    """The copy is told who has its name and where; the original goes on, and its death lets a moved
    one in."""
    settings = tmp_path / "node.toml"
    settings.write_text('[raftstore]\npd-store-heartbeat-tick-interval = "1s"\n')
    cluster = make_cluster(
        stores=3, node_options=["-C", str(settings)],
        pd_options=["--store-replacement-delay", "6s"])
    client = RawClient(cluster)
    client.put(b"k", b"v")
    original = cluster.stores[0]
    stores = {s.id: s.address for s in cluster.pd_stores()}
    name = next(id for id, address in stores.items() if address == original.address)
    # As an administrator would: stopped, copied, started again.
    original.process.terminate()
    copied = cluster.directory / "copy"
    shutil.copytree(original.data, copied)
    original.process.start()
    eventually(original.ready, 30, "the original is back")

    port, status = free_ports(2)
    copy = Process(
        "copy",
        ["node", "--addr", f"127.0.0.1:{port}", "--status-addr", f"127.0.0.1:{status}",
         "--pd-endpoints", cluster.pd_address, "--data-dir", str(copied), *cluster.node_options],
        cluster.directory / "copy.log")
    copy.start()
    try:
        def named():
            assert copy.running, copy.tail()
            return original.address in copy.tail() and f"127.0.0.1:{port}" in copy.tail()

        eventually(named, 30, "the copy says who has its name")
        # Longer than a store may be silent: the original's reports keep it out.
        def heard() -> int:
            return next(s.last_heartbeat for s in cluster.pd_stores() if s.id == name)

        began = heard()
        unlike = []

        def kept_out() -> bool:
            now = {s.id: s.address for s in cluster.pd_stores()}
            if now != stores or not original.process.running:
                unlike.append(now)
            return bool(unlike) or heard() - began > 8_000_000_000

        eventually(kept_out, 90, "the original has reported for longer than the delay")
        assert not unlike, (unlike, stores, original.process.tail())
        client.put(b"k", b"w")
        assert client.get(b"k") == b"w"
        # The original is gone for good: the one with its data is the store.
        original.process.kill()
        eventually(
            lambda: {s.id: s.address for s in cluster.pd_stores()}[name] == f"127.0.0.1:{port}", 60,
            "the store has moved")
        eventually(lambda: http(status, "/ready")[0] == 200, 30, "the moved store serves")
    finally:
        copy.kill()


# apus ctl


def ctl(cluster, *arguments, flag="--pd", seconds: float = 20):
    return run("ctl", *arguments, flag, cluster.pd_address, seconds=seconds)


def test_arguments_that_are_not_utf8(cluster):
    pd = ["--pd", cluster.pd_address]
    before = ctl(cluster, "raw", "scan").stdout
    for words in [["put", b"k\xff", "v"], ["put", "k", b"\xc3("], ["delete", b"\xff"],
                  ["get", b"\xed\xa0\x80"], ["put", "--hex", b"\x80", "00"]]:
        ended = run("ctl", "raw", *words, *pd)
        text = ended.stdout + ended.stderr
        assert ended.returncode == USAGE, text
        assert "--hex" in text and "ok" not in ended.stdout.split(), text
    assert ctl(cluster, "raw", "scan").stdout == before
    # The replacement character itself is text like any other, and the bytes can be written.
    assert ctl(cluster, "raw", "put", "\ufffd", "v").returncode == 0
    assert ctl(cluster, "raw", "put", r"\xff", "w").returncode == 0
    assert ctl(cluster, "raw", "get", "--hex", "efbfbd").stdout.strip() == "76"
    assert ctl(cluster, "raw", "get", "--hex", "ff").stdout.strip() == "77"


@pytest.mark.parametrize("words", [
    ["store", "show", "0"], ["store", "show", "4711"], ["store", "show", "18446744073709551615"],
    ["region", "show", "0"], ["region", "show", "4711"], ["region", "show", "18446744073709551615"],
])
def test_missing_stores_and_regions(cluster, words):
    start = time.monotonic()
    ended = ctl(cluster, *words)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "not found" in ended.stderr, ended.stderr
    # It hung until its timeout of ten seconds; the rest is for slow machines.
    assert time.monotonic() - start < 7


@pytest.mark.parametrize("flag", ["--pd", "--pd-endpoints", "-u"])
def test_names_of_the_endpoints_flag(cluster, flag):
    ended = ctl(cluster, "store", "list", flag=flag)
    assert ended.returncode == 0, ended.stderr
    assert cluster.stores[0].address in ended.stdout
    ended = run("ctl", "store", "list", flag, f"http://{cluster.pd_address}/")
    assert ended.returncode == 0, ended.stderr
