"""Originals of public tables, in their authors' formats, made into files that can be read.

Text, JSON and records are converted; nothing is unpickled.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodas.core.catalog import Catalog
from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.files import write_text
from autodas.core.places import expanded
from autodas.core.text import quotes_in, text_of
from autodas.tables.cells import percent, read_file, read_sheet
from autodas.tables.nasbench import SCORES, nasbench201_class
from autodas.tables.official import is_official, official_text

__all__ = ["CONVERTERS", "Converter", "convert"]

# The operations of NASLib's number codes, and the edges (to, from) they stand for in order.
NASLIB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
NASLIB_EDGES = ((1, 0), (2, 0), (3, 0), (2, 1), (3, 1), (3, 2))
NASLIB_CODE = re.compile(r"\([0-4](, ?[0-4]){5}\)", flags=re.ASCII)
NASLIB_DATASETS = ("cifar10", "cifar100", "ImageNet16-120")
NATS_COLUMNS = {
    "cifar10_test": "CIFAR10TestAccuracy200Epochs",
    "cifar100_test": "CIFAR100TestAccuracy200Epochs",
    "imagenet16_test": "ImageNetTestAccuracy200Epochs",
}


@dataclass(frozen=True)
class Converter:
    """How the originals of a table become a file that :func:`read_table` understands.

    Attributes:
        name: Of the table.
        sources: What the originals are called, in the order they are given.
        description: What they are.
        run: Makes the text of the file.
    """

    name: str
    sources: tuple[str, ...]
    description: str
    run: Callable[[Sequence[Path]], str]


def _csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _digits_and_accuracy(path: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    text = text_of(read_file(path), path)
    for number, line in enumerate(text.splitlines(), start=1):
        cells = line.split()
        if not cells:
            continue
        value = percent(cells[1]) if len(cells) == 2 else "an architecture and an accuracy expected"
        if isinstance(value, str):
            raise FileProblem(path, f"line {number}: {value}")
        if cells[0] in found:
            raise FileProblem(path, f"line {number}: architecture {cells[0][:60]} appears twice")
        found[cells[0]] = value
    return found


def _s0(sources: Sequence[Path]) -> str:
    vanilla, distilled = (_digits_and_accuracy(path) for path in sources)
    if vanilla.keys() != distilled.keys():
        odd = sorted(vanilla.keys() ^ distilled.keys())[0]
        raise FileProblem(sources[1], f"architecture {odd} is not in both files")
    rows = [(arch, f"{vanilla[arch]:.2f}", f"{distilled[arch]:.2f}") for arch in vanilla]
    return _csv(("arch", "cls_acc", "kd_acc"), rows)


def _nats(sources: Sequence[Path]) -> str:
    if is_official(sources[0]):
        return official_text(sources[0])
    sheet = read_sheet(sources[0])
    for column in ("ArchitectureString", *NATS_COLUMNS.values()):
        if column not in sheet.columns:
            raise FileProblem(sheet.path, f"column {column} is missing")
    architectures = sheet.text("ArchitectureString")
    accuracies = [sheet.percentages(column) for column in NATS_COLUMNS.values()]
    classes: dict[str, int] = {}
    rows = []
    for index, architecture in enumerate(architectures):
        try:
            label = nasbench201_class(architecture)
        except InvalidInput as error:
            raise sheet.problem(index, "ArchitectureString", str(error)) from None
        number = classes.setdefault(label, len(classes))
        values = ["" if math.isnan(c[index]) else f"{c[index]:.4f}" for c in accuracies]
        rows.append((architecture, *values, index, number))
    return _csv(("arch_str", *NATS_COLUMNS, "index", "iso_class"), rows)


def _naslib_architecture(path: Path, code: str) -> str:
    if not NASLIB_CODE.fullmatch(code):
        raise FileProblem(
            path, f"{code[:60]!r} is not six operation numbers such as '(4, 0, 3, 1, 4, 3)'"
        )
    operations = [NASLIB_OPERATIONS[int(digit)] for digit in code[1:-1].split(",")]
    on = dict(zip(NASLIB_EDGES, operations, strict=True))
    nodes = ["".join(f"|{on[to, start]}~{start}" for start in range(to)) + "|" for to in (1, 2, 3)]
    return "+".join(nodes)


def _naslib(sources: Sequence[Path]) -> str:
    path = sources[0]
    text = text_of(read_file(path), path)
    try:
        content = json.loads(text)  # with NaN, which NASLib writes
    except (ValueError, RecursionError) as error:
        raise FileProblem(path, f"is not valid JSON ({error}){quotes_in(text)}") from None
    datasets = content.get("nasbench201", content) if isinstance(content, dict) else {}
    rows: list[list[object]] = []
    for dataset in NASLIB_DATASETS:
        entries = datasets.get(dataset, {})
        for code, entry in entries.items() if isinstance(entries, dict) else ():
            if not isinstance(entry, dict):
                raise FileProblem(path, f"{dataset} {code[:40]}: an object of scores is expected")
            scores = [_naslib_number(path, entry, name) for name in ("val_accuracy", *SCORES)]
            rows.append([dataset, _naslib_architecture(path, code), *scores])
    if not rows:
        raise FileProblem(path, f"holds none of the data sets {', '.join(NASLIB_DATASETS)}")
    return _csv(("dataset", "arch_str", "val_accuracy", *SCORES), rows)


def _naslib_number(path: Path, entry: dict[str, Any], name: str) -> object:
    value = entry.get(name)
    if isinstance(value, dict):
        value = value.get("score")
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FileProblem(path, f"{name}: {str(value)[:60]!r} is not a number")
    return repr(value)


CONVERTERS: Catalog[Converter] = Catalog("converter")
for _converter in (
    Converter("s0", ("s1-gt-cls.txt", "s1-gt-kd.txt"), "accuracies by DisWOT's authors", _s0),
    Converter("nasbench201", ("nats_bench.csv",), "all cells of NATS-Bench's topology", _nats),
    Converter(
        "nasbench101-full",
        ("nasbench_only108.tfrecord",),
        "all cells of NAS-Bench-101",
        lambda sources: official_text(sources[0]),
    ),
    Converter("nasbench201-scores", ("zc_nasbench201.json",), "NASLib's zero-cost scores", _naslib),
):
    CONVERTERS.add(_converter.name, _converter)


def convert(name: str, sources: Sequence[Path | str], target: Path | str) -> Path:
    """Make a table from its originals.

    Args:
        name: A name of :data:`CONVERTERS`.
        sources: The original files, in the converter's order; for ``nasbench201`` also the folder
            of NATS-Bench.
        target: The file to write.

    Raises:
        UnknownName: there is no such converter.
        InvalidInput: the number of files is not what it needs.
        FileProblem: a file is not what its authors publish.
    """
    converter = CONVERTERS.get(name)
    if len(sources) != len(converter.sources):
        raise InvalidInput(
            f"{name} is made from {len(converter.sources)} files "
            f"({', '.join(converter.sources)}), got {len(sources)}"
        )
    file = expanded(Path(target))
    write_text(file, converter.run([expanded(Path(source)) for source in sources]))
    return file
