"""Read the one shape of pickle in which CIFAR is published, without running a pickle.

A pickle is a program. The official CIFAR files are pickles all the same: a dictionary of strings,
lists and one array of bytes, written by Python 2. The reader below walks through the opcodes
(`pickletools` decodes them and runs nothing) and knows those that such a dictionary needs. The
only names a file may mention are the three with which NumPy writes an array, and one with which
Python 3 writes bytes; they are symbols here and never imported.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodas.core.errors import FileProblem

__all__ = ["read_pickled_arrays"]

NAMES = {
    "numpy.core.multiarray _reconstruct": "reconstruct",
    "numpy._core.multiarray _reconstruct": "reconstruct",
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "encode",
}
BYTE = ("u1", "|u1")


class _Refused(Exception):
    """The pickle holds something that CIFAR's do not."""


@dataclass(frozen=True)
class _Name:
    """A name that the file mentions."""

    name: str


class _Mark:
    """Where the arguments of a later opcode begin."""


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
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(data):
            machine.step(opcode.name, argument)
        result = machine.result()
    except _Refused as refusal:
        raise FileProblem(path, f"is not a plain CIFAR file: {refusal}") from None
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError) as error:
        why = " ".join(str(error).split())[:80] or type(error).__name__
        raise FileProblem(path, f"is damaged or no CIFAR file ({why})") from None
    return {key: value.values if isinstance(value, _Array) else value for key, value in result}


class _Machine:
    """A stack, a memo, and the few opcodes that build a dictionary."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, opcode: str, argument: Any) -> None:  # noqa: ANN401 - as pickletools gives it
        """Do one instruction."""
        if opcode in CONSTANTS:
            self.stack.append(CONSTANTS[opcode](argument))
        elif opcode in ACTIONS:
            ACTIONS[opcode](self, argument)
        else:
            raise _Refused(f"it uses {opcode}")

    def result(self) -> list[tuple[str, Any]]:
        """The items of the dictionary that is left on the stack."""
        (found,) = self.stack
        if not isinstance(found, dict):
            raise _Refused(f"it holds a {type(found).__name__} where a dictionary belongs")
        return list(found.items())

    def since_mark(self) -> list[Any]:
        """Everything above the last mark, taken off with it."""
        position = len(self.stack) - 1
        while not isinstance(self.stack[position], _Mark):
            position -= 1
            if position < 0:
                raise _Refused("a mark is missing")
        items = self.stack[position + 1 :]
        del self.stack[position:]
        return items


def _name(machine: _Machine, argument: str) -> None:
    if argument not in NAMES:
        raise _Refused(f"it names {argument.replace(' ', '.')[:60]!r}")
    machine.stack.append(_Name(NAMES[argument]))


def _reduce(machine: _Machine, _: object) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    if not isinstance(function, _Name) or not isinstance(arguments, tuple):
        raise _Refused("it calls something that is no name")
    machine.stack.append(_call(function.name, arguments))


def _call(function: str, arguments: tuple[Any, ...]) -> object:
    if function == "reconstruct" and arguments[0] == _Name("ndarray"):
        return _Array()
    if function == "dtype" and _text(arguments[0]) in BYTE:
        return _ByteType()
    if function == "encode" and isinstance(arguments[0], str) and arguments[1:] == ("latin1",):
        return arguments[0].encode("latin-1")
    raise _Refused(f"it calls {function} with other arguments than those of an array of bytes")


def _build(machine: _Machine, _: object) -> None:
    state, target = machine.stack.pop(), machine.stack[-1]
    if isinstance(target, _ByteType) and isinstance(state, tuple):
        return  # byte order and alignment, which bytes do not have
    if not isinstance(target, _Array) or not isinstance(state, tuple):
        raise _Refused("it changes something that is no array")
    _, shape, kind, fortran, content = state
    if not isinstance(kind, _ByteType) or not isinstance(content, bytes):
        raise _Refused("an array holds something else than bytes")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise _Refused("the shape of an array is no tuple of counts")
    if math.prod(shape) != len(content):
        raise _Refused(f"an array of {math.prod(shape):.3g} bytes comes with {len(content)}")
    flat = np.frombuffer(content, np.uint8)
    target.values = flat.reshape(shape, order="F" if fortran else "C")


def _append(machine: _Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if not isinstance(target, list):
        raise _Refused("it appends to something that is no list")
    target.extend(items)


def _set_items(machine: _Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if not isinstance(target, dict):
        raise _Refused("it sets an item of something that is no dictionary")
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[_text(key)] = value


def _text(value: object) -> str:
    # Python 2 wrote its strings as bytes.
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise _Refused(f"a {type(value).__name__} stands where a text belongs")
    return value


def _tuple(count: int) -> Callable[[_Machine, Any], None]:
    def act(machine: _Machine, _: object) -> None:
        items = tuple(machine.stack.pop() for _ in range(count))
        machine.stack.append(items[::-1])

    return act


def _put(machine: _Machine, key: int) -> None:
    machine.memo[key] = machine.stack[-1]


CONSTANTS: dict[str, Callable[[Any], object]] = {
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1"), lambda number: number),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINBYTES", "BINBYTES"), lambda text: text),
    # pickletools shows the strings of Python 2 as text, one character per byte.
    **dict.fromkeys(("SHORT_BINSTRING", "BINSTRING"), lambda text: text.encode("latin-1")),
    "EMPTY_DICT": lambda _: {},
    "EMPTY_LIST": lambda _: [],
    "EMPTY_TUPLE": lambda _: (),
    "MARK": lambda _: _Mark(),
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
}
ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda *_: None,
    "STOP": lambda *_: None,
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _put),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda m, key: m.stack.append(m.memo[key])),
    "GLOBAL": _name,
    "REDUCE": _reduce,
    "BUILD": _build,
    "TUPLE": lambda m, _: m.stack.append(tuple(m.since_mark())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "APPEND": lambda m, _: _append(m, [m.stack.pop()]),
    "APPENDS": lambda m, _: _append(m, m.since_mark()),
    "SETITEM": lambda m, _: _set_items(m, [m.stack.pop(), m.stack.pop()][::-1]),
    "SETITEMS": lambda m, _: _set_items(m, m.since_mark()),
}
