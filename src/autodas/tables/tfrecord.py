"""TensorFlow's record files and the messages in them, without TensorFlow.

A record is: length (8 bytes), masked CRC-32C of the length (4), data, masked CRC-32C of the data
(4), all little-endian. CRC-32C is the Castagnoli polynomial (RFC 3720, appendix B.4).

A message is a protocol buffer, read as far as flat numeric ones need it: a sequence of fields, each
a varint ``number << 3 | kind`` and the value. Kind 0 is a varint, 1 eight bytes, 2 a length and
as many bytes, 5 four bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from autodas.core.errors import FileProblem

__all__ = ["fields", "is_tfrecord", "masked_crc", "records"]

POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
MASK = 0xA282EAD8
LONGEST_VARINT = 10  # bytes
LONGEST = 2**24  # bytes; records of the benchmarks have about a thousand


def _table() -> tuple[int, ...]:
    found = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (POLYNOMIAL if value & 1 else 0)
        found.append(value)
    return tuple(found)


TABLE = _table()


def masked_crc(data: bytes) -> int:
    """CRC-32C of ``data``, rotated and shifted as TensorFlow stores it."""
    table, value = TABLE, 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    value ^= 0xFFFFFFFF
    return (((value >> 15) | (value << 17)) + MASK) & 0xFFFFFFFF


def is_tfrecord(path: Path) -> bool:
    """Whether a file begins like one: a length followed by its own checksum."""
    try:
        with path.open("rb") as handle:
            head = handle.read(12)
    except OSError:
        return False
    return len(head) == 12 and struct.unpack("<I", head[8:])[0] == masked_crc(head[:8])


def records(path: Path) -> Iterator[bytes]:
    """The data of every record in turn; one is in memory at a time.

    Raises:
        FileProblem: the file breaks off, or a checksum is wrong; the message says at which byte.
    """
    try:
        with path.open("rb") as handle:
            while head := handle.read(12):
                yield _record(path, handle, head)
    except OSError as error:
        raise FileProblem(path, f"cannot be read: {error.strerror or error}") from error


def _record(path: Path, handle: BinaryIO, head: bytes) -> bytes:
    start = handle.tell() - len(head)
    if len(head) < 12:
        raise FileProblem(path, f"breaks off in the record at byte {start}")
    length, crc = struct.unpack("<QI", head)
    if crc != masked_crc(head[:8]) or length > LONGEST:
        raise FileProblem(path, f"the record at byte {start} is damaged (its length)")
    data, tail = handle.read(length), handle.read(4)
    if len(data) < length or len(tail) < 4:
        raise FileProblem(path, f"breaks off in the record at byte {start}")
    if struct.unpack("<I", tail)[0] != masked_crc(data):
        raise FileProblem(path, f"the record at byte {start} is damaged (checksum)")
    return data


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of every field in order; a varint is a number, the rest is bytes.

    Raises:
        ValueError: the bytes are no message.
    """
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        kind = key & 7
        if kind == 0:
            value, position = _varint(data, position)
            yield key >> 3, value
            continue
        if kind == 2:
            length, position = _varint(data, position)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"fields of kind {kind} are not known")
        if position + length > len(data):
            raise ValueError("the message breaks off")
        yield key >> 3, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index in range(LONGEST_VARINT):
        if position + index >= len(data):
            raise ValueError("the message breaks off")
        byte = data[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError("a number is longer than ten bytes")
