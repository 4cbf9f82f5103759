"""NAS-Bench-201 in the files its authors publish: the folder ``NATS-tss-v1_0-3ffb9-simple``.

The folder holds one file per cell, a pickle packed by bzip2 (Dong et al., TPAMI 2021). Without
trained weights these are plain: dictionaries, lists, texts and numbers, some of them NumPy's. They
are read as data with :mod:`autodas.core.opcodes`; the only names they may mention are those of an
ordered dictionary and of a NumPy number, which are symbols here and never imported.
"""

from __future__ import annotations

import bz2
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodas.core.errors import FileProblem
from autodas.core.opcodes import (
    ACTIONS,
    CONSTANTS,
    Actions,
    Machine,
    Refused,
    calls,
    describe,
    names,
)
from autodas.tables.cells import percent, read_file

__all__ = ["is_nats_folder", "nasbench201_columns", "nasbench201_rows", "read_nats_pickle"]

FILE = re.compile(r"\d{6}\.pickle\.pbz2", flags=re.ASCII)
LARGEST = 2**26  # bytes unpacked; those of the benchmark have about one million
EPOCHS = "200"
SEEDS = (777, 888, 999)
# Our column, and the data set and images under which the file has it.
PARTS = {
    "cifar10_val": ("cifar10-valid", "x-valid"),
    "cifar10_test": ("cifar10", "ori-test"),
    "cifar100_val": ("cifar100", "x-valid"),
    "cifar100_test": ("cifar100", "x-test"),
    "imagenet16_val": ("ImageNet16-120", "x-valid"),
    "imagenet16_test": ("ImageNet16-120", "x-test"),
}
NAMES = {
    "collections OrderedDict": "dictionary",
    "numpy.core.multiarray scalar": "number",
    "numpy._core.multiarray scalar": "number",
    "numpy dtype": "type",
}
NUMBERS = {"f8": "d", "f4": "f", "i8": "q", "i4": "i"}


def is_nats_folder(path: Path) -> bool:
    """Whether a folder holds files of the benchmark."""
    return path.is_dir() and any(FILE.fullmatch(each.name) for each in path.iterdir())


def nasbench201_columns() -> tuple[str, ...]:
    """Columns of the rows: the cell, its number, means over trainings, and every training."""
    runs = (f"{name}@{seed}" for name in PARTS for seed in SEEDS)
    return ("arch_str", "index", *PARTS, *runs)


def nasbench201_rows(folder: Path) -> list[Sequence[object]]:
    """A row per file of the folder: accuracies after 200 epochs, in percent.

    Raises:
        FileProblem: a file is damaged or holds something else.
    """
    files = sorted(each for each in folder.iterdir() if FILE.fullmatch(each.name))
    return [_row(file) for file in files]


def _row(file: Path) -> Sequence[object]:
    content = read_nats_pickle(_unpacked(file), file)
    try:
        trained = content[EPOCHS]
        architecture, results = trained["arch_str"], trained["all_results"]
        found = {
            (name, seed): _accuracy(results[dataset, seed], images)
            for name, (dataset, images) in PARTS.items()
            for seed in SEEDS
            if (dataset, seed) in results
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FileProblem(file, f"is not of NAS-Bench-201 ({describe(error)})") from None
    means = []
    for name in PARTS:
        runs = [value for (part, _), value in found.items() if part == name]
        means.append(f"{sum(runs) / len(runs):.4f}" if runs else "")
    each = [f"{found[n, s]:.4f}" if (n, s) in found else "" for n in PARTS for s in SEEDS]
    return (str(architecture), int(file.name[:6]), *means, *each)


def _accuracy(result: Mapping[str, Any], images: str) -> float:
    value = percent(result["eval_acc1es"][f"{images}@{int(result['epochs']) - 1}"])
    if isinstance(value, str):
        raise ValueError(value)
    return value


def _unpacked(file: Path) -> bytes:
    machine = bz2.BZ2Decompressor()
    try:
        data = machine.decompress(read_file(file), LARGEST)
    except (OSError, ValueError):
        raise FileProblem(file, "is not packed by bzip2, or damaged") from None
    if not machine.eof:
        why = "is larger than the files of the benchmark" if len(data) == LARGEST else "breaks off"
        raise FileProblem(file, why)
    return data


def read_nats_pickle(data: bytes, path: Path | str) -> Any:  # noqa: ANN401 - plain containers
    """The plain containers and numbers that ``data`` describes.

    Raises:
        FileProblem: the data is damaged or holds anything else.
    """
    return Machine(NATS_CONSTANTS, NATS_ACTIONS, _key).read(data, path, "file of NATS-Bench")


@dataclass(frozen=True)
class _Type:
    """A type of number, as of module ``struct``."""

    code: str


def _key(value: object) -> object:
    parts = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(part, str | int | float) for part in parts):
        raise Refused(f"a {type(value).__name__} stands where a key belongs")
    return value


def _call(function: str, arguments: tuple[Any, ...]) -> object:
    if function == "dictionary" and not arguments:
        return {}
    if function == "type" and str(arguments[0]) in NUMBERS:
        return _Type(NUMBERS[str(arguments[0])])
    if function == "number" and isinstance(arguments[0], _Type) and isinstance(arguments[1], bytes):
        code = f"<{arguments[0].code}"
        if len(arguments[1]) == struct.calcsize(code):
            return struct.unpack(code, arguments[1])[0]
    raise Refused(f"it calls {function} with other arguments than the benchmark's")


def _build(machine: Machine, _: object) -> None:
    state, target = machine.stack.pop(), machine.stack[-1]
    # Byte order and alignment of a type, which must be what it is made with.
    if not isinstance(target, _Type) or not isinstance(state, tuple) or state[1] != "<":
        raise Refused("it changes something that is no type of a number")


def _add_items(machine: Machine, _: object) -> None:
    items = machine.since_mark()
    target = machine.stack[-1]
    if not isinstance(target, set):
        raise Refused("it adds to something that is no set")
    target.update(_key(item) for item in items)


NATS_CONSTANTS = {
    **CONSTANTS,
    **dict.fromkeys(("SHORT_BINUNICODE", "BINUNICODE8", "BINFLOAT"), lambda value: value),
    "EMPTY_SET": lambda _: set(),
}
NATS_ACTIONS: Actions = {
    **ACTIONS,
    "FRAME": lambda *_: None,
    "MEMOIZE": lambda m, _: m.memo.__setitem__(len(m.memo), m.stack[-1]),
    **names(NAMES),
    **calls(_call),
    "BUILD": _build,
    "ADDITEMS": _add_items,
}
