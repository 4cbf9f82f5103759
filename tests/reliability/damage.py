"""Ways in which files get damaged, each drawn from a generator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Damage = Callable[[bytes, np.random.Generator], bytes]


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four bits are turned over."""
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 5)) if damaged else 0):
        damaged[int(rng.integers(len(damaged)))] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def digit(data: bytes, rng: np.random.Generator) -> bytes:
    """One digit of the text becomes another: the file stays well-formed, a number is wrong."""
    places = [i for i, byte in enumerate(data[: 1 << 16]) if byte in b"0123456789"]
    if not places:
        return flip(data, rng)
    damaged = bytearray(data)
    place = places[int(rng.integers(len(places)))]
    damaged[place] = ord("0") + (damaged[place] - ord("0") + int(rng.integers(1, 10))) % 10
    return bytes(damaged)


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """Only the beginning is there."""
    return data[: int(rng.integers(len(data)))] if data else data


def zeros(data: bytes, rng: np.random.Generator) -> bytes:
    """A range is all zeros, as after a crash of the file system."""
    start = int(rng.integers(len(data) + 1))
    length = int(rng.integers(1, 513))
    return data[:start] + bytes(len(data[start : start + length])) + data[start + length :]


def rubbish(data: bytes, rng: np.random.Generator) -> bytes:
    """Something stands behind the end: noise, or part of the file once more."""
    if rng.random() < 0.5:
        return data + rng.bytes(int(rng.integers(1, 257)))
    return data + data[int(rng.integers(len(data) + 1)) :]


def moved(data: bytes, rng: np.random.Generator) -> bytes:
    """Two blocks of the file have changed places."""
    a, b, c = sorted(int(place) for place in rng.integers(len(data) + 1, size=3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


DAMAGES: tuple[Damage, ...] = (flip, digit, cut, zeros, rubbish, moved)
