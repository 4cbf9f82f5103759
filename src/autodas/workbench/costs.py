"""Parameters, MACs and memory of architectures, counted once and kept on disk.

Counting a network on PyTorch's meta device takes tens of milliseconds, a space has thousands of
them, and the numbers never change: they depend on the architecture, the images, the number of
classes and the source text of networks and spaces alone. A book of costs is one JSON file for
each such setting in the cache folder. A damaged file counts as absent.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import torch

from autodas.backends import Jobs, workers_of
from autodas.core.digest import canonical_json, digest, digest_bytes
from autodas.core.errors import AutodasError, FileProblem
from autodas.core.files import write_text
from autodas.core.places import cache_folder
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed
from autodas.networks import parameters
from autodas.spaces import SPACES, Space, get_space
from autodas.workbench.budgets import Counted
from autodas.workbench.memory import memory

__all__ = ["CostBook", "Counted"]

Shape: TypeAlias = tuple[int, int, int]

FORMAT = 1
CHUNK = 32  # architectures per unit of work
SAVE_EVERY = 5.0  # seconds: what a kill may cost
# Starting processes takes seconds; below these numbers of networks they are counted here.
FEW = {"params": 400, "macs": 60, "memory": 60}


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
        self._unwritable = False
        self._file = self._path(cache_folder(cache) / "costs")
        self._known: dict[str, dict[str, int]] = {}
        self._absorb()
        self._saved = time.monotonic()

    def get(self, quantity: Counted, architectures: Sequence[str]) -> list[int]:
        """Trainable parameters, MACs per image or bytes of memory of each architecture.

        Raises:
            AutodasError: a network cannot be built; what was counted so far is kept.
        """
        name = f"memory at {self.batch}" if quantity == "memory" else quantity
        known = self._known.setdefault(name, {})
        keys = [self._key(quantity, text) for text in architectures]
        todo = list(dict.fromkeys(key for key in keys if key not in known))
        if todo:
            self._count(quantity, todo, known)
        return [known[key] for key in keys]

    def one(self, quantity: Counted, architecture: str) -> int:
        """The same of one architecture."""
        return self.get(quantity, [architecture])[0]

    def save(self) -> None:
        """Write to disk what was counted, beside what others have written meanwhile."""
        if self._file is None or not self.counted or self._unwritable:
            return
        self._absorb()
        body = canonical_json(self._known)
        try:
            write_text(self._file, _checksum(self._file, body) + "\n" + body + "\n")
        except FileProblem as error:
            # What is counted is known; only the next run has to count again.
            self._unwritable = True
            self.progress.note(f"{error}; what is counted now is not kept for later")
        self._saved = time.monotonic()

    def _key(self, quantity: Counted, text: str) -> str:
        # Cells with the same operations on other edges hold other tensors alive, so memory is
        # counted for each architecture by itself.
        return text if quantity == "memory" else _class_of(self.space, text)

    def _count(self, quantity: Counted, todo: list[str], known: dict[str, int]) -> None:
        few = len(todo) < FEW[quantity] or self._file is None
        units = [
            _Unit(
                self.space.reference or self.space.name,
                tuple(todo[i : i + CHUNK]),
                quantity,
                self.num_classes,
                self.input_shape,
                self.batch,
            )
            for i in range(0, len(todo), CHUNK)
        ]
        if len(todo) > 1:
            self.progress.start(f"counting {quantity} of {self.space.name}", len(todo))
        runner = self.workers.runner(small=few)
        for i, result in runner.run(_count_unit if not few else self._count_here, units):
            if isinstance(result, Failed):
                self.save()
                raise AutodasError(f"counting {quantity} of {self.space.name}: {result.reason}")
            known.update(zip(units[i].architectures, result.value, strict=True))
            self.counted += len(result.value)
            if len(todo) > 1:
                self.progress.advance(len(result.value))
            if time.monotonic() - self._saved > SAVE_EVERY:
                self.save()
        if len(todo) > 1:
            self.progress.finish()
            self.save()

    def _count_here(self, unit: _Unit) -> list[int]:
        return [_count_one(self.space, unit, text) for text in unit.architectures]

    def _path(self, folder: Path) -> Path | None:
        """The file; None for a space that nobody else could find by its name."""
        reference = self.space.reference
        if not reference and (
            self.space.name not in SPACES or SPACES.get(self.space.name) is not self.space
        ):
            return None
        key = digest(
            FORMAT,
            torch.__version__,
            _source(self.space),
            reference or self.space.name,
            self.num_classes,
            self.input_shape,
        )
        return folder / f"{key}.json"

    def _absorb(self) -> None:
        """Add what the file knows."""
        if self._file is None:
            return
        try:
            checksum, _, body = self._file.read_text(encoding="utf-8").strip().partition("\n")
            content = json.loads(body) if _checksum(self._file, body) == checksum else {}
        except (OSError, ValueError):
            return
        for quantity, numbers in content.items():
            mine = self._known.setdefault(quantity, {})
            mine.update((key, number) for key, number in numbers.items() if key not in mine)


def _checksum(file: Path, body: str) -> str:
    # With the name, so that the costs of another space are not believed in this one's place.
    return digest(file.stem, body)


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
    with torch.device("meta"):
        return parameters(space.build(arch, **sizes))  # type: ignore[arg-type]


@lru_cache(maxsize=1 << 17)
def _class_of(space: Space, text: str) -> str:
    return space.encode(space.cost_class(space.decode(text)))


@lru_cache(maxsize=64)
def _source(space: Space) -> str:
    """Digest of the source text that decides what a network of the space costs."""
    package = Path(__file__).parent.parent
    paths: Iterable[Path] = (
        path for name in ("networks", "spaces") for path in (package / name).rglob("*.py")
    )
    files = {*paths, Path(__file__).with_name("memory.py")}
    for name in (type(space).__module__, space.reference.partition(":")[0]):
        module = sys.modules.get(name)
        if module is not None and module.__file__:
            files.add(Path(module.__file__))
    return digest([digest_bytes(path.read_bytes()) for path in sorted(files)])
