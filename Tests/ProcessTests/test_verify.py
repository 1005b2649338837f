"""`apus verify`: a verdict on a live cluster, and on a history file."""

import json
import os
import signal
import subprocess
import time

import pytest

from harness.process import binary, eventually, free_ports


def verify(*arguments, seconds: float = 60) -> subprocess.CompletedProcess:
    return subprocess.run(
        [binary(), "verify", *map(str, arguments)], capture_output=True, text=True,
        timeout=seconds)


def answer(run: subprocess.CompletedProcess) -> dict:
    assert run.stdout, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def history(cluster, tmp_path_factory):
    """The history of a short run on a healthy cluster, and what the run said."""
    path = tmp_path_factory.mktemp("verify") / "history.jsonl"
    run = verify(
        "--pd-endpoints", cluster.pd_address, "--seconds", 4, "--clients", 8, "--keys", 20,
        "--history", path, "--json")
    assert run.returncode == 0, run.stdout + run.stderr
    return path, answer(run)
