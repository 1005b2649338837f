"""Python messages and stubs, compiled from proto/ into a temporary directory once per run."""

import atexit
import functools
import importlib
import pathlib
import shutil
import sys
import tempfile

import grpc
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[2]


@functools.cache
def _generated() -> str:
    out = tempfile.mkdtemp(prefix="apus-protos-")
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    files = sorted(str(p.name) for p in (ROOT / "proto").glob("*.proto"))
    code = protoc.main(
        ["protoc", f"-I{ROOT / 'proto'}", f"--python_out={out}", f"--grpc_python_out={out}", *files]
    )
    assert code == 0, "protoc failed on proto/"
    sys.path.insert(0, out)
    return out


def module(name: str):
    """The messages of proto/<name>.proto."""
    _generated()
    return importlib.import_module(f"{name}_pb2")


def stubs(name: str):
    """The client stubs of proto/<name>.proto."""
    _generated()
    return importlib.import_module(f"{name}_pb2_grpc")


def channel(address: str, **options) -> grpc.Channel:
    """A channel that notices a returning server quickly."""
    defaults = {
        "grpc.initial_reconnect_backoff_ms": 50,
        "grpc.min_reconnect_backoff_ms": 50,
        "grpc.max_reconnect_backoff_ms": 200,
        "grpc.max_receive_message_length": -1,
        "grpc.use_local_subchannel_pool": 1,
    }
    defaults.update(options)
    return grpc.insecure_channel(address, options=list(defaults.items()))
