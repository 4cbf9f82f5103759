"""NAS-Bench-301: accuracies that a surrogate predicts, and published zero-cost scores.

Zela et al., ICLR 2022; the scores are those of NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS
2022). The accuracies are not trainings: a model learnt them from 60,000 trainings.
"""

from __future__ import annotations

import re

from autodas.core.errors import FileProblem, InvalidInput
from autodas.tables.cells import Sheet, unique
from autodas.tables.nasbench import published_scores
from autodas.tables.table import Part, Table, Target, Training

__all__ = ["nasbench301_class", "read_nasbench301"]

_CELL = re.compile(r"\[((?:\(\d, \d\)(?:, )?){8})\]")
_PAIR = re.compile(r"\((\d), (\d)\)")


def read_nasbench301(sheet: Sheet, space: str | None) -> Table:
    """The columns ``task`` (cifar10), ``arch``, ``val_accuracy`` and published scores."""
    name = space or "nasbench301"
    for row, task in enumerate(sheet.text("task")):
        if task != "cifar10":
            raise sheet.problem(row, "task", f"{task[:60]!r} is not cifar10, the one that is known")
    texts = sheet.architectures(sheet.text("arch"), "arch", name)
    if not texts:
        raise FileProblem(sheet.path, "holds no architecture")
    target = Target(
        "cifar10_val",
        "cifar10",
        Training.VANILLA,
        Part.VALIDATION,
        sheet.percentages("val_accuracy"),
    )
    groups = []
    for row, text in enumerate(texts):
        try:
            groups.append(nasbench301_class(text))
        except InvalidInput as error:
            raise sheet.problem(row, "arch", str(error)) from None
    return Table(
        name=sheet.path.stem,
        space=name,
        architectures=unique(sheet.path, texts, [f"line {line}" for line in sheet.lines]),
        targets={target.name: target},
        source=str(sheet.path),
        digest=sheet.digest,
        groups=tuple(groups),
        published=published_scores(sheet),
    )


def nasbench301_class(architecture: str) -> str:
    """Text shared by architectures that differ in the order of their nodes or edges alone.

    A node is the sum of its two edges, and what the next cell sees is all four nodes through a
    convolution of all channels: neither order means anything.

    Raises:
        InvalidInput: the text is no pair of cells.
    """
    cells = _CELL.findall(architecture)
    if len(cells) != 2:
        raise InvalidInput(f"{architecture[:60]!r} is not a pair of DARTS cells")
    return "|".join(_cell_class(cell) for cell in cells)


def _cell_class(cell: str) -> str:
    nodes = ["a", "b"]
    pairs = _PAIR.findall(cell)
    for first in range(0, len(pairs), 2):
        terms = []
        for source, operation in pairs[first : first + 2]:
            if int(source) >= len(nodes):
                raise InvalidInput(f"node {source} does not come before the one it leads to")
            terms.append(f"{operation}({nodes[int(source)]})")
        nodes.append("+".join(sorted(terms)))
    return ",".join(sorted(nodes[2:]))
