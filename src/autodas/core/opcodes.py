"""Reading pickles as data: a stack machine that builds containers and runs nothing.

A pickle is a program. Some public files are pickles all the same, and what they hold is plain:
dictionaries, lists, numbers. The machine below walks through their opcodes (`pickletools` decodes
them and runs nothing) and knows those that plain containers need. A reader adds what its files
need beyond that; everything else is refused. Names in the file are symbols, never imported, and a
call of one is what the reader makes of it.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodas.core.errors import FileProblem

__all__ = [
    "ACTIONS",
    "CONSTANTS",
    "Actions",
    "Call",
    "Machine",
    "Mark",
    "Name",
    "Refused",
    "calls",
    "describe",
    "names",
]

# What broken bytes make of the decoder and of the machine.
DAMAGE = (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError)


class Refused(Exception):
    """The pickle holds something that its kind of file does not."""


class Mark:
    """Where the arguments of a later opcode begin."""


@dataclass(frozen=True)
class Name:
    """A name that the file mentions, by what it stands for."""

    name: str


Constants = Mapping[str, Callable[[Any], object]]
Actions = Mapping[str, Callable[["Machine", Any], None]]
Call = Callable[[str, tuple[Any, ...]], object]
"""From what a name stands for, and arguments, to a value; or it refuses them."""


class Machine:
    """A stack, a memo, and the opcodes it was given.

    Args:
        constants: Opcodes that push a value made from their argument.
        actions: Opcodes that change the machine.
        key: Turns what stands as key of a dictionary into a key, or refuses it.
    """

    def __init__(
        self, constants: Constants, actions: Actions, key: Callable[[Any], Any] = lambda key: key
    ) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.key = key
        self._constants, self._actions = constants, actions

    def run(self, data: bytes) -> Any:  # noqa: ANN401 - whatever the file holds
        """The one value that the pickle describes.

        Raises:
            Refused: an opcode is not known, or does not fit what it is applied to.
            Exception: one of :data:`DAMAGE`; the bytes are no pickle, or it breaks off.
        """
        for opcode, argument, _ in pickletools.genops(data):
            name = opcode.name
            if name in self._constants:
                self.stack.append(self._constants[name](argument))
            elif name in self._actions:
                self._actions[name](self, argument)
            else:
                raise Refused(f"it uses {name}")
        (found,) = self.stack
        return found

    def read(self, data: bytes, path: Path | str, kind: str) -> Any:  # noqa: ANN401
        """The one value that a file of some ``kind`` describes.

        Raises:
            FileProblem: the data is damaged or holds anything else.
        """
        try:
            return self.run(data)
        except Refused as refusal:
            raise FileProblem(path, f"is not a plain {kind}: {refusal}") from None
        except DAMAGE as error:
            raise FileProblem(path, f"is damaged or no {kind} ({describe(error)})") from None

    def since_mark(self) -> list[Any]:
        """Everything above the last mark, taken off with it."""
        position = len(self.stack) - 1
        while not isinstance(self.stack[position], Mark):
            position -= 1
            if position < 0:
                raise Refused("a mark is missing")
        items = self.stack[position + 1 :]
        del self.stack[position:]
        return items

    def append(self, items: list[Any]) -> None:
        """Append to the list on top."""
        target = self.stack[-1]
        if not isinstance(target, list):
            raise Refused("it appends to something that is no list")
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        """Set keys and values, in turn, of the dictionary on top."""
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise Refused("it sets an item of something that is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[self.key(key)] = value


def describe(error: Exception) -> str:
    """A damage in a few words."""
    return " ".join(str(error).split())[:80] or type(error).__name__


def _tuple(count: int) -> Callable[[Machine, Any], None]:
    def act(machine: Machine, _: object) -> None:
        items = tuple(machine.stack.pop() for _ in range(count))
        machine.stack.append(items[::-1])

    return act


def names(known: Mapping[str, str]) -> Actions:
    """Opcodes that mention one of the names ``known``, written ``module name``."""

    def mention(machine: Machine, argument: str) -> None:
        if argument not in known:
            raise Refused(f"it names {argument.replace(' ', '.')[:60]!r}")
        machine.stack.append(Name(known[argument]))

    def mention_from_stack(machine: Machine, _: object) -> None:
        name, module = machine.stack.pop(), machine.stack.pop()
        mention(machine, f"{module} {name}")

    return {"GLOBAL": mention, "STACK_GLOBAL": mention_from_stack}


def calls(call: Call) -> Actions:
    """The opcode that calls a name, which comes to what ``call`` makes of it."""

    def reduce(machine: Machine, _: object) -> None:
        arguments, function = machine.stack.pop(), machine.stack.pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise Refused("it calls something that is no name")
        machine.stack.append(call(function.name, arguments))

    return {"REDUCE": reduce}


def _put(machine: Machine, key: int) -> None:
    machine.memo[key] = machine.stack[-1]


CONSTANTS: Constants = {
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1"), lambda number: number),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINBYTES", "BINBYTES"), lambda text: text),
    "EMPTY_DICT": lambda _: {},
    "EMPTY_LIST": lambda _: [],
    "EMPTY_TUPLE": lambda _: (),
    "MARK": lambda _: Mark(),
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
}
ACTIONS: Actions = {
    "PROTO": lambda *_: None,
    "STOP": lambda *_: None,
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _put),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda m, key: m.stack.append(m.memo[key])),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.since_mark())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "APPEND": lambda m, _: m.append([m.stack.pop()]),
    "APPENDS": lambda m, _: m.append(m.since_mark()),
    "SETITEM": lambda m, _: m.set_items([m.stack.pop(), m.stack.pop()][::-1]),
    "SETITEMS": lambda m, _: m.set_items(m.since_mark()),
}
