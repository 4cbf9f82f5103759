"""NAS-Bench-101 in the file its authors publish, ``nasbench_only108.tfrecord`` or the full one.

Every record is a JSON list: hash of the cell, epochs, adjacency as a row of digits, operations
separated by commas, and a protocol buffer in base64 that holds what was measured before, in the
middle and at the end of one training (Ying et al., ICML 2019; ``model_metrics.proto``).
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autodas.core.errors import FileProblem
from autodas.tables.tfrecord import fields, records

__all__ = ["COLUMNS", "nasbench101_rows"]

REPEATS = 3
# Numbers of the fields in model_metrics.proto.
EVALUATION, PARAMETERS = 1, 2
VALIDATION, TEST = 4, 5
COLUMNS = (
    "module_hash", "adjacency", "ops", "params", "cifar10_val", "cifar10_test",
    *(f"cifar10_{part}@{repeat}" for part in ("val", "test") for repeat in range(REPEATS)),
)  # fmt: skip


@dataclass
class _Cell:
    """What is known of one cell.

    Attributes:
        adjacency: Rows separated by bars.
        ops: Separated by semicolons.
        params: Trainable parameters.
        accuracies: Validation and test accuracy in percent of every training.
    """

    adjacency: str
    ops: str
    params: int
    accuracies: list[tuple[float, float]] = field(default_factory=list)


def nasbench101_rows(path: Path) -> list[Sequence[object]]:
    """A row per cell, with the columns ``COLUMNS``; of several budgets the longest is read.

    Raises:
        FileProblem: the file is damaged or holds something else.
    """
    by_epochs: dict[int, dict[str, _Cell]] = {}
    for number, data in enumerate(records(path), start=1):
        try:
            epochs, name, cell, accuracies = _parse(data)
        except (ValueError, TypeError, struct.error, binascii.Error, RecursionError) as error:
            why = " ".join(str(error).split())[:80]
            raise FileProblem(path, f"record {number} is not of NAS-Bench-101 ({why})") from None
        # Shorter trainings that came before are let go at once: the full file is large.
        if by_epochs and epochs != next(iter(by_epochs)):
            if epochs < next(iter(by_epochs)):
                continue
            by_epochs.clear()
        known = by_epochs.setdefault(epochs, {}).setdefault(name, cell)
        known.accuracies.append(accuracies)
        if len(known.accuracies) > REPEATS:
            raise FileProblem(path, f"record {number}: cell {name} has more than {REPEATS} runs")
    if not by_epochs:
        raise FileProblem(path, "holds no records")
    (cells,) = by_epochs.values()
    return [_row(name, cell) for name, cell in cells.items()]


def _parse(data: bytes) -> tuple[int, str, _Cell, tuple[float, float]]:
    name, epochs, digits, operations, encoded = json.loads(data)
    side = math.isqrt(len(digits))
    if side * side != len(digits) or set(digits) - {"0", "1"} or side < 2:
        raise ValueError(f"{digits[:60]!r} is no adjacency matrix")
    ops = operations.split(",")
    if len(ops) != side:
        raise ValueError(f"{len(ops)} operations for {side} vertices")
    params, last = 0, b""
    for number, value in fields(base64.b64decode(encoded, validate=True)):
        if number == EVALUATION and isinstance(value, bytes):
            last = value  # evaluations are in the order of time
        elif number == PARAMETERS and isinstance(value, int):
            params = value
    measured = {number: value for number, value in fields(last) if isinstance(value, bytes)}
    if VALIDATION not in measured or TEST not in measured:
        raise ValueError("it has no accuracies")
    accuracies = (_percent(measured[VALIDATION]), _percent(measured[TEST]))
    rows = "|".join(digits[start : start + side] for start in range(0, side * side, side))
    return int(epochs), str(name), _Cell(rows, ";".join(ops), params), accuracies


def _percent(data: bytes) -> float:
    (fraction,) = struct.unpack("<d", data)
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"{fraction} is no accuracy")
    return float(100.0 * fraction)


def _row(name: str, cell: _Cell) -> Sequence[object]:
    count = len(cell.accuracies)
    runs = [*cell.accuracies, *[None] * (REPEATS - count)]
    means = [sum(run[part] for run in cell.accuracies) / count for part in (0, 1)]
    each = ["" if run is None else f"{run[part]:.4f}" for part in (0, 1) for run in runs]
    return (
        name, cell.adjacency, cell.ops, f"{cell.params / 1e6:.6f}",
        *(f"{mean:.4f}" for mean in means), *each,
    )  # fmt: skip
