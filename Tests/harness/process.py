"""One Apus process: its command line, its log, its end."""

import os
import pathlib
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


def binary() -> str:
    path = os.environ.get("APUS_BINARY")
    if not path:
        root = pathlib.Path(__file__).resolve().parents[2]
        candidates = [root / ".build" / kind / "apus" for kind in ("debug", "release")]
        path = next((str(c) for c in candidates if c.exists()), None)
    assert path and os.path.exists(path), "build apus first, or set APUS_BINARY"
    return path


def free_ports(count: int) -> list[int]:
    """Free ports. They lie below the range from which the system gives local ports to
    connections, so that none is taken by chance while a process that owns it is down."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(10_000, 32_768)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def eventually(condition, seconds: float = 30, what: str = "condition", every: float = 0.05):
    """Waits until condition() is true and returns its value; fails after the deadline."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except Exception as error:  # the condition is not met yet; shown if it never is
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}" + (f" ({last!r})" if last else ""))
        time.sleep(every)


class Process:
    def __init__(self, name: str, arguments: list[str], log: pathlib.Path):
        self.name = name
        self.arguments = arguments
        self.log = log
        self.child: subprocess.Popen | None = None
        # Added to the environment at the next start.
        self.environment: dict[str, str] = {}
        # Soft and hard limit of open files at the next start.
        self.open_files: tuple[int, int] | None = None

    def start(self):
        assert not self.running, f"{self.name} runs already"
        command = [binary(), *self.arguments]
        if self.open_files:
            # Set by a shell that becomes the process: Python code between fork and exec may hang where other
            # threads, such as a channel's, hold locks.
            soft, hard = self.open_files
            command = ["sh", "-c", f'ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$0" "$@"', *command]
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env=os.environ | self.environment)

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def kill(self):
        """SIGKILL, and waits for the end."""
        if self.running:
            self.child.send_signal(signal.SIGKILL)
        if self.child:
            self.child.wait()

    def terminate(self, seconds: float = 30) -> int:
        """SIGTERM; the exit code."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(timeout=seconds)

    def wait(self, seconds: float = 30) -> int:
        return self.child.wait(timeout=seconds)

    def pause(self):
        self.child.send_signal(signal.SIGSTOP)

    def resume(self):
        self.child.send_signal(signal.SIGCONT)

    def tail(self, lines: int = 30) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def http(port: int, path: str, seconds: float = 2) -> tuple[int, str]:
    """A GET on a status port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=seconds) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
