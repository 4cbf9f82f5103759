"""Parameters, MACs and memory of architectures, counted once and kept on disk.

Counting a network on PyTorch's meta device takes tens of milliseconds, a space has thousands of
them, and the numbers never change: they depend on the architecture, the images, the number of
classes and the source text of networks and spaces alone. A book of costs is one SQLite file for
each such setting in the cache folder, to which several processes may add. A damaged file counts as
absent.

The file has a rollback journal rather than a write-ahead log: that needs shared memory, which a
folder shared by several machines has not, and a folder that can only be read could not be used.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import torch

from autodas.backends import Jobs, workers_of
from autodas.core.digest import digest
from autodas.core.errors import AutodasError
from autodas.core.keys import key_of
from autodas.core.places import cache_folder
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed
from autodas.core.text import brief
from autodas.networks import parameters, without_weights
from autodas.spaces import SPACES, Space, get_space
from autodas.workbench.budgets import Counted
from autodas.workbench.memory import memory
from autodas.workbench.source_digest import SIZES, source_digest

__all__ = ["CostBook", "Counted"]

Shape: TypeAlias = tuple[int, int, int]

FORMAT = 2
TABLE = (
    "CREATE TABLE IF NOT EXISTS costs (quantity TEXT, arch TEXT, number INTEGER, mark TEXT, "
    "PRIMARY KEY (quantity, arch)) WITHOUT ROWID"
)
PATIENCE = 10.0  # seconds to wait for another process that is writing
CHUNK = 32  # architectures per unit of work
SAVE_EVERY = 5.0  # seconds: what a kill may cost
# Starting processes takes seconds; below these numbers of networks they are counted here.
FEW = {"params": 400, "macs": 60, "memory": 60}


_Row: TypeAlias = tuple[str, str, int]
"""Quantity, architecture, number."""


@dataclass(frozen=True)
class _Unit:
    space: str
    architectures: tuple[str, ...]
    quantity: Counted
    num_classes: int
    input_shape: Shape
    batch: int


class CostBook:
    """What architectures of one space cost.

    Args:
        space: The space.
        num_classes: Classes the networks are built for.
        input_shape: (C, H, W) of the images they are built for.
        batch: Images in a pass, for memory.
        cache: Folder of the cache; the user's usual one by default.
        jobs: Processes, or workers, for many architectures at once.
        progress: Hears of every architecture that has to be counted.
    """

    def __init__(
        self,
        space: Space,
        *,
        num_classes: int | None = None,
        input_shape: Shape | None = None,
        batch: int = 1,
        cache: Path | None = None,
        jobs: Jobs = 1,
        progress: Progress = Silent(),
    ) -> None:
        self.space = space
        self.num_classes = space.num_classes if num_classes is None else num_classes
        self.input_shape = space.input_shape if input_shape is None else input_shape
        self.batch = batch
        self.workers = workers_of(jobs)
        self.progress = progress
        self.counted = 0
        self._file = self._path(cache_folder(cache) / "costs")
        self._known = self._read()
        self._unsaved: list[_Row] = []
        self._unwritable = False
        self._saved = time.monotonic()

    def get(self, quantity: Counted, architectures: Sequence[str]) -> list[int]:
        """Trainable parameters, MACs per image or bytes of memory of each architecture.

        Raises:
            AutodasError: a network cannot be built; what was counted so far is kept.
        """
        name = f"memory at {self.batch}" if quantity == "memory" else quantity
        keys = [self._key(quantity, text) for text in architectures]
        todo = list(dict.fromkeys(key for key in keys if (name, key) not in self._known))
        if todo:
            self._count(quantity, name, todo)
        return [self._known[name, key] for key in keys]

    def one(self, quantity: Counted, architecture: str) -> int:
        """The same of one architecture."""
        return self.get(quantity, [architecture])[0]

    def save(self) -> None:
        """Add to the file what was counted."""
        if self._file is None or not self._unsaved or self._unwritable:
            return
        rows = [(*row, _mark(self._file, *row)) for row in self._unsaved]
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(self._file, PATIENCE)) as book, book:
                book.execute(TABLE)
                book.executemany("INSERT OR IGNORE INTO costs VALUES (?, ?, ?, ?)", rows)
        except (OSError, sqlite3.Error) as error:
            # What is counted is known; only the next run has to count again.
            self._unwritable = True
            why = f"{self._file} cannot be written: {error}"
            self.progress.note(f"{why}; what is counted now is not kept for later")
        self._unsaved.clear()
        self._saved = time.monotonic()

    def _key(self, quantity: Counted, text: str) -> str:
        # Cells with the same operations on other edges hold other tensors alive, so memory is
        # counted for each architecture by itself.
        return (_text_of if quantity == "memory" else _class_of)(self.space, text)

    def _count(self, quantity: Counted, name: str, todo: list[str]) -> None:
        few = len(todo) < FEW[quantity] or self._file is None
        known_as = self.space.known_as
        sizes = self.num_classes, self.input_shape, self.batch
        chunks = [tuple(todo[i : i + CHUNK]) for i in range(0, len(todo), CHUNK)]
        units = [_Unit(known_as, chunk, quantity, *sizes) for chunk in chunks]
        progress = self.progress if len(todo) > 1 else Silent()
        progress.start(f"counting {quantity} of {brief(self.space.name)}", len(todo))
        runner = self.workers.runner(small=few)
        for i, result in runner.run(_count_unit if not few else self._count_here, units):
            if isinstance(result, Failed):
                self.save()
                raise AutodasError(f"counting {quantity} of {self.space.name}: {result.reason}")
            for text, number in zip(chunks[i], result.value, strict=True):
                self._known[name, text] = number
                self._unsaved.append((name, text, number))
            self.counted += len(chunks[i])
            progress.advance(len(chunks[i]))
            if time.monotonic() - self._saved > SAVE_EVERY:
                self.save()
        progress.finish()
        if len(todo) > 1:
            self.save()

    def _count_here(self, unit: _Unit) -> list[int]:
        return [_count_one(self.space, unit, text) for text in unit.architectures]

    def _path(self, folder: Path) -> Path | None:
        """The file; None for a space that nobody else could find by its name."""
        space = self.space
        if not space.reference and not (space.name in SPACES and SPACES.get(space.name) is space):
            return None
        source, known_as = source_digest(space, SIZES), space.known_as
        sizes = self.num_classes, self.input_shape
        return folder / f"{key_of(FORMAT, source, known_as, sizes, packages=('torch',))}.sqlite"

    def _read(self) -> dict[tuple[str, str], int]:
        """What the file knows; a damaged one is removed."""
        if self._file is None or not self._file.is_file():
            return {}
        try:
            with contextlib.closing(sqlite3.connect(self._file, PATIENCE)) as book:
                book.text_factory = lambda text: text.decode(errors="replace")
                whole = book.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
                rows = book.execute("SELECT quantity, arch, number, mark FROM costs").fetchall()
        except sqlite3.OperationalError:
            return {}  # in use, not to be opened, or without content yet
        except sqlite3.DatabaseError:
            whole, rows = False, []
        if whole and all(mark == _mark(self._file, *row) for *row, mark in rows):
            return {(quantity, text): number for quantity, text, number, _ in rows}
        self.progress.note(f"{self._file} is damaged and counts as absent")
        for file in (self._file, self._file.with_name(f"{self._file.name}-journal")):
            with contextlib.suppress(OSError):
                file.unlink()
        return {}


def _mark(file: Path, *row: object) -> str:
    # With the name, so that the costs of another space are not believed in this one's place.
    return digest(file.stem, repr(row))[:16]


def _count_unit(unit: _Unit) -> list[int]:
    torch.set_num_threads(1)
    space = get_space(unit.space)
    return [_count_one(space, unit, text) for text in unit.architectures]


def _count_one(space: Space, unit: _Unit, text: str) -> int:
    arch = space.decode(text)
    sizes = {"num_classes": unit.num_classes, "input_shape": unit.input_shape}
    if unit.quantity == "macs":
        return space.cost(arch, **sizes).macs  # type: ignore[arg-type]
    if unit.quantity == "memory":
        build = lambda: space.build(arch, **sizes)  # type: ignore[arg-type] # noqa: E731
        return memory(build, unit.input_shape, unit.batch).total
    # Building alone is several times as fast as counting MACs.
    return parameters(without_weights(lambda: space.build(arch, **sizes)))  # type: ignore[arg-type]


@lru_cache(maxsize=1 << 17)
def _text_of(space: Space, text: str) -> str:
    return space.canonical(text)


@lru_cache(maxsize=1 << 17)
def _class_of(space: Space, text: str) -> str:
    return space.encode(space.cost_class(space.decode(text)))
