"""Thousands of calls of given bytes on one process, many at a time, and what became of them."""

import asyncio
import pathlib

import grpc
import grpc.aio

from . import wire
from .fields import malformed, mutations
from .process import Process

# Seconds after which a call counts as hanging.
DEADLINE = 30
# By so much a process may grow at any time of one attack, bytes.
GROWTH = 400 << 20


class Attack:
    """Calls one process; `run` fails if it exits, lets a call hang or grows without bound."""

    def __init__(self, process: Process, address: str):
        self.process = process
        self.address = address
        self.pid = process.child.pid
        # How many calls ended with which code.
        self.responses: dict[str, int] = {}
        self.hanging: list[str] = []
        # Calls under way at a time.
        self.parallel = 128
        # The most memory it had until now becomes what it has.
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        self._memory = self._peak()

    def run(self, calls):
        """Makes the calls: functions of this attack that make a coroutine, taken as there is room."""
        # Not asyncio.run: it leaves the thread without the event loop that the blocking client uses.
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(self._run(calls))
        finally:
            loop.close()
        self._check_alive()
        assert not self.hanging, f"calls that did not end: {self.hanging[:20]}"
        grown = self._peak() - self._memory
        assert grown < GROWTH, f"{self.process.name} grew by {grown >> 20} MB"

    @property
    def count(self) -> int:
        return sum(self.responses.values())

    async def _run(self, calls):
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(self.address, options=options) as self.channel:
            room = asyncio.Semaphore(self.parallel)
            async with asyncio.TaskGroup() as group:
                for number, call in enumerate(calls):
                    await room.acquire()
                    group.create_task(call()).add_done_callback(lambda _: room.release())
                    if number % 256 == 0:
                        self._check_alive()

    async def unary(self, path: str, request: bytes, what: str):
        """One call: its response, or None if it was refused."""
        try:
            response = await self.channel.unary_unary(path)(request, timeout=DEADLINE)
        except grpc.aio.AioRpcError as error:
            self._note(error.code(), f"{path}: {what}")
            return None
        self._note(grpc.StatusCode.OK, f"{path}: {what}")
        return response

    async def stream(self, path: str, messages, what: str, metadata=(), most: int = 1 << 30):
        """A stream of these messages, closed behind them; what came back, `most` messages of it."""
        call = self.channel.stream_stream(path)(timeout=DEADLINE, metadata=metadata)
        responses = []
        try:
            try:
                for message in messages:
                    await call.write(message)
                await call.done_writing()
            except asyncio.InvalidStateError:
                pass  # it ended before the last message: its status is read below
            while len(responses) < most:
                response = await call.read()
                if response is grpc.aio.EOF:
                    break
                responses.append(response)
            if len(responses) == most:
                call.cancel()
                self._note(grpc.StatusCode.OK, f"{path}: {what}")
            else:
                self._note(await call.code(), f"{path}: {what}")
        except grpc.aio.AioRpcError as error:
            self._note(error.code(), f"{path}: {what}")
        return responses

    def _note(self, code, what: str):
        self.responses[code.name] = self.responses.get(code.name, 0) + 1
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            self.hanging.append(what)

    def _check_alive(self):
        assert self.process.running and self.process.child.pid == self.pid, (
            f"{self.process.name} has exited: {self.process.child.poll()}\n{self.process.tail(60)}")

    def _peak(self) -> int:
        """The most memory it had so far, bytes."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
        raise AssertionError("no VmHWM")


def methods(files):
    """(path, descriptor) of every RPC that these files of proto/ declare."""
    for name in files:
        for service in wire.module(name).DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield f"/{service.full_name}/{method.name}", method


def hostile(base: bytes, descriptor, depth: int, skip=(), huge_bytes: int = 1 << 20):
    """(what it is, bytes): a message of this type with one field changed on top of `base`, for each
    field and value, and what is no message at all."""
    for what, fragment in mutations(descriptor, depth, huge_bytes, skip):
        yield what, base + fragment
    for what, damaged in malformed():
        yield what, damaged


def filled(message, parts: dict):
    """The message with each field that `parts` knows, by its type or by its name."""
    for field in message.DESCRIPTOR.fields:
        kind = field.message_type.full_name if field.message_type is not None else None
        value = parts.get(kind) if kind else parts.get(field.name)
        if value is None:
            continue
        if kind:
            place = getattr(message, field.name)
            (place.add() if field.is_repeated else place).CopyFrom(value)
        elif field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
    return message


def chunks(items, limit: int, bytes_limit: int, size=len):
    """Lists of consecutive items, cut by number and by bytes."""
    chunk, total = [], 0
    for item in items:
        if chunk and (len(chunk) == limit or total + size(item) > bytes_limit):
            yield chunk
            chunk, total = [], 0
        chunk.append(item)
        total += size(item)
    if chunk:
        yield chunk
