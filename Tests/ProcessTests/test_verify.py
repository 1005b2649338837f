"""`apus verify`: a verdict on a live cluster, and on a history file."""

import json
import pathlib
import signal
import subprocess
import time

import pytest

from harness.process import binary, eventually, free_ports


def apus(*arguments, seconds: float = 90) -> subprocess.CompletedProcess:
    return subprocess.run(
        [binary(), *map(str, arguments)], capture_output=True, text=True, timeout=seconds)


def result(run: subprocess.CompletedProcess, code: int) -> dict:
    assert run.returncode == code, run.stdout + run.stderr
    return json.loads(run.stdout)


def calls(path: pathlib.Path) -> list[dict]:
    """A history's calls; the header is checked."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {"format": "apus-history", "version": 1, "clock": "ns"}
    return lines[1:]


@pytest.fixture(scope="module")
def run(cluster, tmp_path_factory):
    """A short run on a healthy cluster: what it said and the history it wrote."""
    path = tmp_path_factory.mktemp("verify") / "history.jsonl"
    said = result(
        apus(
            "verify", "--pd-endpoints", cluster.pd_address, "--seconds", 4, "--clients", 8,
            "--keys", 20, "--prefix", "mine/", "--history", path, "--json"),
        0)
    return said, path


def test_a_healthy_cluster_is_linearizable(run, cluster):
    said, path = run
    assert said["verdict"] == "linearizable" and not said["reasons"] and not said["notes"]
    history = calls(path)
    assert len(history) == said["total"]["done"] + said["total"]["failed"] + said["total"]["unknown"]
    assert said["total"]["done"] > 100
    assert {kind["kind"] for kind in said["kinds"] if kind["done"]} >= {
        "get", "put", "delete", "batchGet", "batchPut", "batchDelete", "scan"}
    assert len({call["client"] for call in history}) == 8
    # All below the prefix, and nothing of it left behind.
    assert all(call["key"].startswith("mine/") for call in history if "key" in call)
    left = apus("ctl", "raw", "scan", "mine/", "mine0", "--pd", cluster.pd_address, "--json")
    assert json.loads(left.stdout) == []


def test_check_of_its_history_gives_the_same_verdict(run):
    said, path = run
    checked = result(apus("verify", "--check", path, "--json"), 0)
    assert checked["verdict"] == "linearizable"
    assert checked["checked"] == said["checked"] == len(calls(path))


def with_a_stale_read(lines: list[str]) -> tuple[list[str], dict]:
    """Lets a read return what its key had held before two later puts of one client; and that read."""
    history = [json.loads(line) for line in lines[1:]]
    puts: dict[tuple, list[dict]] = {}
    for call in history:
        if call["call"] == "put" and call["outcome"] == "done":
            puts.setdefault((call["client"], call["key"]), []).append(call)
    for index, call in enumerate(history):
        if call["call"] != "get" or not call.get("found"):
            continue
        for (_, key), written in puts.items():
            before = [put for put in written if put["end"] < call["start"]]
            if key == call["key"] and len(before) > 1:
                call["found"][0]["value"] = before[0]["value"]
                return lines[:index + 1] + [json.dumps(call)] + lines[index + 2:], call
    raise AssertionError("no read comes after two puts")


def test_a_corrupted_history_is_a_violation(run, tmp_path):
    lines, read = with_a_stale_read(run[1].read_text().splitlines())
    path = tmp_path / "corrupted.jsonl"
    path.write_text("\n".join(lines) + "\n")
    checked = apus("verify", "--check", path)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert "NOT linearizable" in checked.stdout
    assert read["key"] in checked.stdout and read["found"][0]["value"] in checked.stdout
    said = result(apus("verify", "--check", path, "--json"), 1)
    assert said["verdict"] == "violation" and said["bad_history"]


def test_a_malformed_history_is_undecided(run, tmp_path):
    lines = run[1].read_text().splitlines()
    path = tmp_path / "malformed.jsonl"
    path.write_text("\n".join(lines[:4] + [lines[4][:30]] + lines[5:]))
    for arguments, words in [
        ([path], [str(path), "line 5"]), ([tmp_path / "none"], ["none", "No such file"])]:
        checked = apus("verify", "--check", *arguments)
        assert checked.returncode == 2, checked.stdout + checked.stderr
        assert all(word in checked.stdout for word in ["undecided", *words]), checked.stdout


def test_a_run_that_cannot_start_is_undecided(cluster, tmp_path):
    started = time.monotonic()
    said = result(
        apus("verify", "--pd-endpoints", f"127.0.0.1:{free_ports(1)[0]}", "--json"), 2)
    assert time.monotonic() - started < 15
    assert said["verdict"] == "undecided" and "unreachable" in said["reasons"][0]
    unwritable = apus(
        "verify", "--pd-endpoints", cluster.pd_address, "--seconds", 1,
        "--history", tmp_path / "none" / "history.jsonl")
    assert unwritable.returncode == 2 and "No such file" in unwritable.stdout
    for wrong in (["--nemesis", "--pd-endpoints", cluster.pd_address], ["--stores", 3]):
        refused = apus("verify", *wrong)
        assert refused.returncode == 64 and "--nemesis" in refused.stderr


def test_processes_are_killed_during_the_run(tmp_path):
    said = result(
        apus(
            "verify", "--nemesis", "--seconds", 12, "--clients", 8, "--history",
            tmp_path / "history.jsonl", "--json"),
        0)
    assert said["verdict"] == "linearizable" and not said["notes"]
    assert said["nemesis"]["kills"] >= 1
    actions = [event["action"] for event in said["nemesis"]["events"]]
    assert actions.count("kill") == actions.count("restart")
    assert actions.count("pause") == actions.count("resume")
    assert said["recovery_seconds"] >= 0


def children(process: subprocess.Popen) -> list[int]:
    tasks = pathlib.Path(f"/proc/{process.pid}/task").glob("*/children")
    return [int(word) for task in tasks for word in task.read_text().split()]


def test_an_interrupted_run_is_checked_and_removes_its_keys(tmp_path):
    path = tmp_path / "history.jsonl"
    with subprocess.Popen(
        [binary(), "verify", "--nemesis", "--seconds", "60", "--history", str(path), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            eventually(lambda: path.exists() and path.stat().st_size > 10_000, 30, "calls are made")
            started = children(process)
            assert started
            process.send_signal(signal.SIGINT)
            said = json.loads(process.communicate(timeout=60)[0])
        finally:
            process.kill()
    assert process.returncode == 0, said
    assert said["verdict"] == "linearizable" and said["checked"] > 0
    assert "the run was interrupted" in said["notes"]
    assert not [child for child in started if pathlib.Path(f"/proc/{child}").exists()]
