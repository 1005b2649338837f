"""Hostile protobuf: every field of a message at values that break arithmetic, as bytes on the wire.

A mutation is appended to an encoded message. Protobuf merges what comes later into what came before (a
number replaces, a message is merged, a list grows), so one field is changed at a time, and to values
that no honest encoder writes: 2^64-1 in a bool, for one.
"""

import struct

from google.protobuf.descriptor import FieldDescriptor as F

NUMBERS = (0, 1, 1 << 31, 1 << 32, 1 << 63, (1 << 64) - 1)
HUGE_COUNT = 10_000
HUGE_BYTES = 1 << 20

_FIXED32 = (F.TYPE_FIXED32, F.TYPE_SFIXED32, F.TYPE_FLOAT)
_FIXED64 = (F.TYPE_FIXED64, F.TYPE_SFIXED64, F.TYPE_DOUBLE)
_BYTES = (F.TYPE_BYTES, F.TYPE_STRING)


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def block(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def _leaf(field, huge_bytes: int):
    """The encodings of one field, its path left out."""
    number = field.number
    if field.type == F.TYPE_MESSAGE:
        yield "empty", block(number, b"")
    elif field.type in _BYTES:
        for size in (0, 1, huge_bytes):
            yield f"{size} bytes", block(number, b"\x7f" * size)
    elif field.type in _FIXED32:
        for value in (0, 1, 1 << 31, (1 << 32) - 1):
            yield str(value), varint(number << 3 | 5) + struct.pack("<I", value)
    elif field.type in _FIXED64:
        for value in NUMBERS:
            yield str(value), varint(number << 3 | 1) + struct.pack("<Q", value)
    else:
        for value in NUMBERS:
            yield str(value), varint(number << 3) + varint(value)
    if field.is_repeated:
        one = varint(number << 3 | 2) + b"\0"
        if field.type in (F.TYPE_MESSAGE, *_BYTES):
            yield f"{HUGE_COUNT} elements", one * HUGE_COUNT
        elif field.type not in (*_FIXED32, *_FIXED64):
            yield f"{HUGE_COUNT} numbers", block(number, b"\x01" * HUGE_COUNT)


def mutations(descriptor, depth: int, huge_bytes: int = HUGE_BYTES, skip=(), _path=()):
    """(what was done, bytes to append) for each field down to `depth` messages deep.

    Only the first level gets `huge_bytes` of bytes; deeper ones 4 KiB. Fields whose dotted name is in
    `skip` are left out, with all below them.
    """
    for field in descriptor.fields:
        path = (*_path, field)
        name = ".".join(f.name for f in path)
        if name in skip:
            continue
        for what, fragment in _leaf(field, huge_bytes if not _path else 4096):
            for outer in reversed(_path):
                fragment = block(outer.number, fragment)
            yield f"{name} = {what}", fragment
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if field.type == F.TYPE_MESSAGE and depth > 1 and not is_map:
            yield from mutations(field.message_type, depth - 1, huge_bytes, skip, path)


def malformed():
    """(what it is, bytes) of what is no protobuf message at all, or one that is dear to read."""
    yield "a number that ends inside", b"\x08\xff"
    yield "a number of eleven bytes", b"\x08" + b"\xff" * 10 + b"\x01"
    yield "a length beyond the end", b"\x0a\x7f\x00"
    yield "a length of 2^63", b"\x0a" + varint(1 << 63)
    yield "a length of 2^64-1", b"\x0a" + varint((1 << 64) - 1)
    yield "a length of 2^31-1", b"\x0a" + varint((1 << 31) - 1)
    yield "field number 0", b"\x00\x01"
    yield "a field number beyond 2^29", varint(1 << 40) + b"\x01"
    yield "wire type 6", b"\x0e\x01"
    yield "wire type 7", b"\x0f\x01"
    yield "a group that does not close", b"\x0b"
    yield "a group that was not opened", b"\x0c"
    yield "10,000 groups inside one another", b"\x0b" * 10_000 + b"\x0c" * 10_000
    yield "100,000 open groups", b"\x0b" * 100_000
    yield "four bytes missing of eight", b"\x09\0\0\0\0"
    nested = b""
    for _ in range(10_000):
        nested = block(1, nested)
    yield "10,000 messages inside one another", nested
    yield "nothing but zeros", b"\0" * 4096
    yield "nothing but ones", b"\xff" * 4096
