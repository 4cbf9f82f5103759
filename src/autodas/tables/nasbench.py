"""NAS-Bench-101 and NAS-Bench-201: published accuracies and zero-cost scores.

Ying et al., ICML 2019; Dong & Yang, ICLR 2020 (as NATS-Bench: Dong et al., TPAMI 2021); the scores
are those of NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from autodas.core.errors import FileProblem, InvalidInput
from autodas.tables.cells import Floats, Sheet, meaning, unique
from autodas.tables.table import Part, Table, Target, Training

__all__ = [
    "SCORES",
    "nasbench201_class",
    "published_scores",
    "read_nasbench101",
    "read_nasbench201",
    "read_nasbench201_scores",
    "spread_over",
]

SCORES = (
    "snip", "grasp", "synflow", "jacov", "nwot", "epe_nas", "fisher", "grad_norm", "l2_norm",
    "plain", "zen", "flops", "params",
)  # fmt: skip
CELL = re.compile(
    r"\|(?P<a>\w+)~0\|\+\|(?P<b>\w+)~0\|(?P<c>\w+)~1\|\+\|(?P<d>\w+)~0\|(?P<e>\w+)~1\|(?P<f>\w+)~2\|"
)
RUN = re.compile(r"@\d{1,9}", flags=re.ASCII)
# What jacov and epe_nas say of a network they cannot be computed for.
SENTINEL = -1e8


def _lines(sheet: Sheet) -> list[str]:
    return [f"line {line}" for line in sheet.lines]


def _targets(sheet: Sheet) -> dict[str, Target]:
    """Targets of the columns ``…_test`` and ``…_val``, with their runs ``…_test@SEED`` if any."""
    targets = {}
    for column in sheet.columns:
        found = meaning(column) if column.endswith(("_test", "_val")) else None
        if found is not None:
            seeds = [name for name in sheet.columns if RUN.fullmatch(name.removeprefix(column))]
            runs = [sheet.percentages(name) for name in seeds]
            targets[column] = Target(
                column,
                *found,
                sheet.percentages(column),
                tuple(int(name.rpartition("@")[2]) for name in seeds),
                np.stack(runs, axis=1) if runs else None,
            )
    return targets


def published_scores(sheet: Sheet) -> dict[str, Floats]:
    """The scores that came with a table; NaN where there is none."""
    return {name: sheet.numbers(name, SENTINEL) for name in SCORES if name in sheet.columns}


def spread_over(
    kinds: Sequence[str], names: Sequence[str]
) -> tuple[tuple[str, ...], Callable[[str, Floats], Floats]]:
    """One row per architecture, of files with a line for each architecture and kind.

    Args:
        kinds: Of each line, such as its data set.
        names: The architecture of each line.

    Returns:
        The A architectures, and a function that gives the ``(A,)`` numbers of a kind from those of
        all lines, NaN where there is no line.
    """
    architectures = tuple(dict.fromkeys(names))
    row_of = {name: row for row, name in enumerate(architectures)}

    def spread(kind: str, values: Floats) -> Floats:
        lines = [line for line, each in enumerate(kinds) if each == kind]
        found = np.full(len(architectures), np.nan)
        found[[row_of[names[line]] for line in lines]] = values[lines]
        return found

    return architectures, spread


def _classes(sheet: Sheet, architectures: Sequence[str]) -> tuple[str, ...]:
    found = []
    for architecture in architectures:
        try:
            found.append(nasbench201_class(architecture))
        except InvalidInput as error:
            row = sheet.text("arch_str").index(architecture)
            raise sheet.problem(row, "arch_str", str(error)) from None
    return tuple(found)


def read_nasbench201(sheet: Sheet, space: str | None) -> Table:
    """The columns ``arch_str``, at least one ``…_test``, optionally ``…_val`` and ``iso_class``.

    ``cifar10_test@777`` is the run with seed 777 among those that ``cifar10_test`` averages.

    Cells of NAS-Bench-201 are grouped by what they compute; that joins whole classes of
    ``iso_class``.
    """
    texts = sheet.architectures(sheet.text("arch_str"), "arch_str", space or "nasbench201")
    architectures = unique(sheet.path, texts, _lines(sheet))
    groups: tuple[str, ...] | None = None
    if space in (None, "nasbench201"):
        groups = _classes(sheet, architectures)
    elif "iso_class" in sheet.columns:
        groups = tuple(sheet.text("iso_class"))
    return Table(
        name=sheet.path.stem,
        space=space or "nasbench201",
        architectures=architectures,
        targets=_targets(sheet),
        source=str(sheet.path),
        digest=sheet.digest,
        groups=groups,
    )


def read_nasbench101(sheet: Sheet, space: str | None) -> Table:
    """The columns ``adjacency``, ``ops``, ``cifar10_val`` and optionally published scores."""
    name = space or "nasbench101"
    cells = zip(sheet.text("adjacency"), sheet.text("ops"), strict=True)
    texts = sheet.architectures([";".join(pair) for pair in cells], "adjacency", name)
    return Table(
        name=sheet.path.stem,
        space=name,
        architectures=unique(sheet.path, texts, _lines(sheet)),
        targets=_targets(sheet),
        source=str(sheet.path),
        digest=sheet.digest,
        published=published_scores(sheet),
    )


def read_nasbench201_scores(sheet: Sheet, space: str | None) -> Table:
    """The columns ``dataset``, ``arch_str``, ``val_accuracy`` and published scores.

    The rows of one architecture, one per data set, become one row of the table: the targets
    are ``<data set>_val`` and the scores ``<data set>/<score>``.
    """
    datasets = sheet.text("dataset")
    names = sheet.architectures(sheet.text("arch_str"), "arch_str", space or "nasbench201")
    keys = [f"{d} {a}" for d, a in zip(datasets, names, strict=True)]
    unique(sheet.path, keys, _lines(sheet))
    architectures, spread = spread_over(datasets, names)
    accuracy, scores = sheet.percentages("val_accuracy"), published_scores(sheet)
    targets: dict[str, Target] = {}
    published: dict[str, Floats] = {}
    for dataset in dict.fromkeys(datasets):
        column = f"{dataset}_val"
        found = meaning(column) or (dataset, Training.VANILLA, Part.VALIDATION)
        targets[column] = Target(column, *found, spread(dataset, accuracy))
        published.update(
            {f"{dataset}/{name}": spread(dataset, each) for name, each in scores.items()}
        )
    if not targets:
        raise FileProblem(sheet.path, "holds no data set")
    return Table(
        name=sheet.path.stem,
        space=space or "nasbench201",
        architectures=architectures,
        targets=targets,
        source=str(sheet.path),
        digest=sheet.digest,
        groups=_classes(sheet, architectures),
        published=published,
    )


def nasbench201_class(architecture: str) -> str:
    """Text shared by cells that compute the same function of their input ``x``.

    Each node is the sum of its inputs: zeroed edges vanish, a skip connection passes on the terms
    of its source, and the order of terms does not matter. A convolution of zeros counts as zero,
    although its normalisation may add a constant. Cells with the same ``iso_class`` of the
    benchmark's authors, who count 6,466, always share a class here; some of their classes
    differ only in dead nodes or in the order of terms behind a skip connection, and are joined.
    (:func:`autodas.spaces.isomorphism_class` is the finer one, and says why it has to be.)

    Raises:
        InvalidInput: the text is not a cell.
    """
    found = CELL.fullmatch(architecture)
    if found is None:
        raise InvalidInput(f"{architecture[:60]!r} is not a NAS-Bench-201 cell")
    nodes = [["x"]]
    for edges in (("a",), ("b", "c"), ("d", "e", "f")):
        terms = [
            term for source, edge in enumerate(edges) for term in _terms(found[edge], nodes[source])
        ]
        nodes.append(sorted(terms))
    return "+".join(nodes[-1]) or "0"


def _terms(operation: str, node: list[str]) -> list[str]:
    if operation == "none" or not node:
        return []
    return node if operation == "skip_connect" else [f"{operation}({'+'.join(node)})"]
