"""Read the one shape of pickle in which CIFAR is published, without running a pickle.

The official CIFAR files are pickles: a dictionary of strings, lists and one array of bytes, written
by Python 2. They are read with :mod:`autodas.core.opcodes`. The only names a file may mention are
the three with which NumPy writes an array, and one with which Python 3 writes bytes; they are
symbols here and never imported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodas.core.errors import FileProblem
from autodas.core.opcodes import ACTIONS, CONSTANTS, Machine, Name, Refused, calls, names

__all__ = ["read_pickled_arrays"]

NAMES = {
    "numpy.core.multiarray _reconstruct": "reconstruct",
    "numpy._core.multiarray _reconstruct": "reconstruct",
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "encode",
}
BYTE = ("u1", "|u1")


class _ByteType:
    """The type uint8."""


@dataclass
class _Array:
    """An array, whose content follows its creation."""

    values: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))


def read_pickled_arrays(data: bytes, path: Path | str) -> dict[str, Any]:
    """The dictionary that ``data`` describes.

    Args:
        data: A pickle of protocol 2 or 3 that holds one dictionary.
        path: Named in messages.

    Returns:
        Text keys with values that are arrays of uint8, lists, integers, strings (those of
        Python 2 as bytes) or None.

    Raises:
        FileProblem: the data is damaged or holds anything else.
    """
    found = Machine(CIFAR_CONSTANTS, CIFAR_ACTIONS, _text).read(data, path, "CIFAR file")
    if not isinstance(found, dict):
        why = f"is not a plain CIFAR file: it holds a {type(found).__name__}"
        raise FileProblem(path, f"{why} where a dictionary belongs")
    return {
        key: value.values if isinstance(value, _Array) else value for key, value in found.items()
    }


def _call(function: str, arguments: tuple[Any, ...]) -> object:
    if function == "reconstruct" and arguments[0] == Name("ndarray"):
        return _Array()
    if function == "dtype" and _text(arguments[0]) in BYTE:
        return _ByteType()
    if function == "encode" and isinstance(arguments[0], str) and arguments[1:] == ("latin1",):
        return arguments[0].encode("latin-1")
    raise Refused(f"it calls {function} with other arguments than those of an array of bytes")


def _build(machine: Machine, _: object) -> None:
    state, target = machine.stack.pop(), machine.stack[-1]
    if isinstance(target, _ByteType) and isinstance(state, tuple):
        return  # byte order and alignment, which bytes do not have
    if not isinstance(target, _Array) or not isinstance(state, tuple):
        raise Refused("it changes something that is no array")
    _, shape, kind, fortran, content = state
    if not isinstance(kind, _ByteType) or not isinstance(content, bytes):
        raise Refused("an array holds something else than bytes")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise Refused("the shape of an array is no tuple of counts")
    if math.prod(shape) != len(content):
        raise Refused(f"an array of {math.prod(shape):.3g} bytes comes with {len(content)}")
    flat = np.frombuffer(content, np.uint8)
    target.values = flat.reshape(shape, order="F" if fortran else "C")


def _text(value: object) -> str:
    # Python 2 wrote its strings as bytes.
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise Refused(f"a {type(value).__name__} stands where a text belongs")
    return value


CIFAR_CONSTANTS = {
    **CONSTANTS,
    # pickletools shows the strings of Python 2 as text, one character per byte.
    **dict.fromkeys(("SHORT_BINSTRING", "BINSTRING"), lambda text: text.encode("latin-1")),
}
CIFAR_ACTIONS = {**ACTIONS, **names(NAMES), **calls(_call), "BUILD": _build}
