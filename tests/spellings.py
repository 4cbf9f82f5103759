"""Other texts of the same architecture, for every space that has a name."""

from __future__ import annotations

import json
import re
from itertools import permutations

from autodas.spaces import Space


def spellings(space: Space, text: str) -> list[str]:
    """Texts other than ``text`` that say the same: documented aliases and what JSON leaves free."""
    if space.name == "nasbench201":
        return []  # the benchmark's string has one spelling
    if space.name == "resnet":
        return [text.replace("-", "")]
    if space.name == "nasbench101":
        return _with_useless_vertex(text)
    if space.name == "nasbench301":
        return [text.replace(" ", ""), f" {text}", _with_edges_turned(text)]
    if space.name.startswith("transnas"):
        return [text.replace(" ", ""), f" {text}", _in_the_benchmarks_words(space.name, text)]
    content = json.loads(text)
    return [
        *(json.dumps({key: content[key] for key in keys}) for keys in permutations(content)),
        json.dumps(content, indent=2).replace("\n", "\r\n\t"),
        json.dumps(_other_numbers(content)),
        "".join(f"\\u{ord(c):04x}" if c.isalpha() else c for c in text),
    ]


def _other_numbers(value: object) -> object:
    """4.0 for 4, and 4 for 4.0."""
    if isinstance(value, dict):
        return {key: _other_numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_other_numbers(each) for each in value]
    if isinstance(value, int):
        return float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _with_useless_vertex(text: str) -> list[str]:
    """The cell with a vertex more before the output: one that nothing reaches, and a dead end."""
    adjacency, *ops = text.split(";")
    rows = adjacency.split("|")
    if len(rows) == 7:
        return []  # no cell has more vertices
    named = ";".join([*ops[:-1], "maxpool3x3", ops[-1]])
    blank = "0" * (len(rows) + 1)
    found = []
    for reached in "01":
        first = rows[0][:-1] + reached + rows[0][-1]
        others = [row[:-1] + "0" + row[-1] for row in rows[1:-1]]
        found.append("|".join([first, *others, blank, blank]) + ";" + named)
    return found


def _with_edges_turned(text: str) -> str:
    """DARTS cells with the two edges of every node in the other order."""
    pairs = re.findall(r"\(\d, \d\)", text)
    turned = [pairs[i ^ 1] for i in range(len(pairs))]
    cells = (", ".join(turned[:8]), ", ".join(turned[8:]))
    return f"[[{cells[0]}], [{cells[1]}]]"


def _in_the_benchmarks_words(space: str, text: str) -> str:
    """What TransNAS-Bench-101 itself calls what NASLib writes as numbers."""
    digits = "".join(re.findall(r"\d", text))
    if space == "transnas-macro":
        return f"64-{digits.rstrip('0')}-basic"
    return f"64-41414-{digits[0]}_{digits[1:3]}_{digits[3:]}"
