"""Write pickles as Python 2 wrote the published CIFAR files: protocol 2, strings as bytes."""

from __future__ import annotations

import struct

import numpy as np


def python2_pickle(content: dict[str, object]) -> bytes:
    """The bytes; values are texts, integers, lists of those, and arrays of uint8."""
    writer = _Writer()
    body = writer.dictionary(content)
    return b"\x80\x02" + body + b"."


class _Writer:
    def __init__(self) -> None:
        self.count = 0

    def put(self) -> bytes:
        # Python 2 memoises nearly everything; from number 256 on with the long opcode.
        self.count += 1
        if self.count < 256:
            return b"q" + bytes([self.count])
        return b"r" + struct.pack("<I", self.count)

    def dictionary(self, content: dict[str, object]) -> bytes:
        out = b"}" + self.put() + b"("
        for key, value in content.items():
            out += self.value(key) + self.value(value)
        return out + b"u"

    def value(self, value: object) -> bytes:
        if isinstance(value, str | bytes):
            return self.string(value.encode("latin-1") if isinstance(value, str) else value)
        if isinstance(value, int):
            return self.integer(value)
        if isinstance(value, list):
            out = b"]" + self.put()
            for start in range(0, len(value), 1000):
                out += b"(" + b"".join(map(self.value, value[start : start + 1000])) + b"e"
            return out
        return self.array(value)

    def string(self, text: bytes) -> bytes:
        if len(text) < 256:
            return b"U" + bytes([len(text)]) + text + self.put()
        return b"T" + struct.pack("<i", len(text)) + text + self.put()

    def integer(self, value: int) -> bytes:
        if 0 <= value < 256:
            return b"K" + bytes([value])
        if 0 <= value < 65536:
            return b"M" + struct.pack("<H", value)
        return b"J" + struct.pack("<i", value)

    def array(self, value: np.ndarray) -> bytes:
        created = b"cnumpy.core.multiarray\n_reconstruct\n" + self.put()
        created += b"cnumpy\nndarray\n" + self.put()
        created += b"K\x00\x85" + self.put() + b"U\x01b\x87" + self.put() + b"R" + self.put()
        shape = b"".join(map(self.integer, value.shape))
        close = {1: b"\x85", 2: b"\x86", 3: b"\x87"}[value.ndim]
        kind = b"cnumpy\ndtype\n" + self.put() + b"U\x02u1K\x00K\x01\x87" + self.put() + b"R"
        kind += self.put() + b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
        kind += self.put() + b"b"
        state = b"(K\x01" + shape + close + self.put() + kind + b"\x89"
        state += self.string(value.tobytes()) + b"t" + self.put()
        return created + state + b"b"
