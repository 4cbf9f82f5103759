"""Who may import whom: the one table behind the rule, and behind the pictures of it.

``python tests/layers.py`` writes the picture into the pages that show it.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("CONTRIBUTING.md", "docs/design.md")
BEGIN, END = "<!-- layers: begin -->", "<!-- layers: end -->"

RANKS = {
    "core": 0,
    "primitives": 1,
    "networks": 1,
    "data": 1,
    "tables": 1,
    "backends": 1,
    "evolution": 1,
    "fitness": 1,
    "reports": 1,
    "students": 2,
    "spaces": 3,
    "teachers": 3,
    "statistics": 3,
    "expressions": 3,
    "scores": 4,
    "distill": 4,
    "workbench": 5,
    "steps.label": 6,
    "steps.distill": 6,
    "steps.train_teacher": 6,
    "steps.teachers": 6,
    "steps.benchmark": 6,
    "steps.explain": 6,
    "steps.search": 6,
    "steps.measure": 6,
    "steps.convert": 6,
    "steps.check": 6,
    "steps.export": 6,
    "steps.discover": 7,
    "steps.run": 7,
    "steps.demo": 8,
    "option_types": 6,
    "api": 9,
    "cli": 9,
}
"""Package, or step -> its rank: imports go from higher to lower ranks."""

_CORE = frozenset({"core"})
ALLOWED: dict[str, frozenset[str]] = {
    "core": frozenset(),
    "primitives": _CORE,
    "networks": _CORE,
    "data": _CORE,
    "tables": _CORE,
    "backends": _CORE,
    "evolution": _CORE,
    "fitness": _CORE,
    "reports": _CORE,
    "students": _CORE | {"networks"},
    "spaces": _CORE | {"networks", "students"},
    "teachers": _CORE | {"networks", "data"},
    "statistics": _CORE | {"networks"},
    "expressions": _CORE | {"primitives"},
    "scores": _CORE | {"statistics", "expressions"},
    "distill": _CORE | {"data", "networks", "teachers"},
    "workbench": _CORE
    | {"backends", "data", "networks", "tables", "students", "spaces", "teachers", "statistics"}
    | {"scores", "distill", "evolution"},
    "steps.label": _CORE
    | {"backends", "data", "networks", "tables", "spaces", "teachers", "distill", "workbench"},
    "steps.distill": _CORE
    | {"backends", "data", "students", "spaces", "teachers", "distill", "workbench"},
    "steps.train_teacher": _CORE | {"data", "networks", "teachers", "distill"},
    "steps.teachers": _CORE
    | {"backends", "data", "networks", "spaces", "teachers", "evolution", "workbench"},
    "steps.benchmark": _CORE
    | {"backends", "networks", "tables", "fitness", "spaces", "statistics", "scores", "workbench"},
    "steps.explain": _CORE
    | {"backends", "primitives", "fitness", "spaces", "teachers", "statistics"}
    | {"expressions", "scores", "workbench"},
    "steps.search": _CORE
    | {"backends", "data", "networks", "tables", "evolution", "spaces", "scores", "workbench"},
    "steps.check": _CORE | {"data"},
    "steps.convert": _CORE | {"networks", "teachers"},
    "steps.export": _CORE | {"data", "networks", "teachers", "distill", "workbench"},
    "steps.measure": _CORE | {"backends", "spaces", "statistics", "workbench"},
    "steps.discover": _CORE
    | {"backends", "tables", "evolution", "fitness", "statistics", "expressions", "scores"}
    | {"workbench", "steps.benchmark", "steps.explain"},
    "steps.run": _CORE
    | {"backends", "data", "spaces", "teachers", "expressions", "workbench"}
    | {"steps.search", "steps.distill", "steps.explain"},
    "steps.demo": _CORE
    | {"backends", "steps.discover", "steps.search", "steps.distill", "steps.benchmark"},
    "option_types": frozenset({"workbench"}),
    "api": _CORE | {"backends", "spaces", "scores", "workbench", "steps", "option_types"},
    "cli": _CORE | {"tables", "scores", "reports", "steps"},
}
"""Package, or step -> what it imports. ``steps`` alone is the table of the commands' modules."""


def picture() -> str:
    """The ranks, one line each, the highest first; steps of one rank share a line."""
    lines = []
    for rank in range(max(RANKS.values()), -1, -1):
        names = [name for name, its in RANKS.items() if its == rank]
        lines.append(f"{'rank ' if not lines else '     '}{rank}  {'  '.join(names)}")
    return "\n".join(line.rstrip() for line in lines)


def shown(page: str) -> str:
    """What a page shows between the marks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return text.partition(BEGIN)[2].partition(END)[0].strip()


def block() -> str:
    """The picture as a page has it."""
    return f"```\n{picture()}\n```"


if __name__ == "__main__":
    for name in PAGES:
        path = ROOT / name
        before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        path.write_text(f"{before}{BEGIN}\n{block()}\n{END}{after}", encoding="utf-8")
