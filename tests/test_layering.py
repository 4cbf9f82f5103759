"""Imports go one way. The picture of docs/design.md, enforced from the import statements."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import layers
from layers import ALLOWED, RANKS
from source_tree import SOURCE, Module, imports, modules

WITHOUT_TORCH = ("core", "primitives", "tables", "backends", "evolution", "expressions", "reports")


def layering_violations(source: Path) -> list[str]:
    """Imports between rooms that the table does not allow, and imports of torch."""
    found = []
    for module in modules(source):
        for name, line in imports(module):
            where = f"{module.path.relative_to(source)}:{line}"
            if name.split(".")[0] == "torch" and module.package in WITHOUT_TORCH:
                found.append(f"{where} imports torch")
            if reason := _forbidden(module, name):
                found.append(f"{where} imports {name}: {reason}")
    return found


def room(name: str) -> str:
    """The part of the table that a dotted name belongs to; empty for the package itself.

    Steps are rooms of their own; ``steps`` alone is the table of the commands' modules.
    """
    parts = name.split(".")[1:]
    if parts[:1] == ["steps"] and ".".join(parts[:2]) in RANKS:
        return ".".join(parts[:2])
    return parts[0] if parts else ""


def crossing(module: Module) -> set[tuple[str, str]]:
    """The pairs (room of the module, room of what it imports) of two different rooms."""
    own = room(module.name)
    pairs = {(own, room(name)) for name, _ in imports(module) if name.split(".")[0] == "autodas"}
    return {(a, b) for a, b in pairs if b not in {a, "__version__"}}


def _forbidden(module: Module, name: str) -> str:
    parts = name.split(".")
    here, there = room(module.name), room(name)
    if parts[0] != "autodas" or len(parts) < 2 or here in {"", there} or there == "__version__":
        return ""
    if here == "__main__":
        return "" if there == "cli" else "__main__ starts the command line only"
    if here == "steps":
        return "the table of the steps imports none of them"
    if here not in RANKS:
        return f"package {here!r} has no rank"
    return "" if there in ALLOWED[here] else f"{here} may not know {there}"


def import_cycle(source: Path) -> list[str]:
    """The names along one cycle of imports between modules; empty if there is none."""
    found = {module.name: module for module in modules(source)}
    edges = {name: _imported_modules(module, found) for name, module in found.items()}
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        for target in sorted(edges[name]):
            if cycle := visit(target, [*trail, name]):
                return cycle
        done.add(name)
        return []

    return next((cycle for name in edges if (cycle := visit(name, []))), [])


def _imported_modules(module: Module, found: dict[str, Module]) -> set[str]:
    targets = set()
    for name, _ in imports(module):
        # `from package import x` means the module package.x if there is one, else the package.
        target = name if name in found else name.rpartition(".")[0]
        if target in found:
            targets.add(target)
    return targets


def test_ranks_and_allowed_imports_agree() -> None:
    assert RANKS.keys() == ALLOWED.keys()
    for package, allowed in ALLOWED.items():
        lower = allowed - {"steps"}
        assert all(RANKS[other] < RANKS[package] for other in lower), package


def test_every_package_and_every_step_has_a_rank() -> None:
    found = {path.parent.name for path in SOURCE.glob("*/__init__.py")} - {"steps"}
    steps = {path.stem for path in SOURCE.glob("steps/*.py")} - {"__init__"}
    steps |= {path.parent.name for path in SOURCE.glob("steps/*/__init__.py")}
    found |= {f"steps.{step}" for step in steps}
    found |= {path.stem for path in SOURCE.glob("*.py")} - {"__init__", "__main__"}
    assert found == RANKS.keys()


def test_every_permission_is_used() -> None:
    used = {pair for module in modules(SOURCE) for pair in crossing(module)}
    granted = {(package, other) for package, some in ALLOWED.items() for other in some}
    assert granted - used == set()


def test_no_step_knows_another_but_those_that_do_several_in_a_row() -> None:
    known = {
        name: {other for other in allowed if other.startswith("steps.")}
        for name, allowed in ALLOWED.items()
        if name.startswith("steps.")
    }
    several = {name: others for name, others in known.items() if others}
    assert several.keys() == {"steps.discover", "steps.run", "steps.demo"}
    assert several["steps.discover"] == {"steps.benchmark", "steps.explain"}


@pytest.mark.parametrize("page", layers.PAGES)
def test_the_picture_is_made_from_the_table(page: str) -> None:
    assert layers.shown(page) == layers.block(), "run python tests/layers.py"


def test_imports_go_one_way() -> None:
    assert layering_violations(SOURCE) == []


def test_no_import_cycles() -> None:
    assert " -> ".join(import_cycle(SOURCE)) == ""


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """A source tree of our shape that breaks no rule yet."""
    source = tmp_path / "autodas"
    for package in ("core", "evolution", "cli", "steps", "steps/label", "steps/search"):
        (source / package).mkdir(parents=True)
        (source / package / "__init__.py").write_text("")
    (source / "__init__.py").write_text("")
    (source / "core" / "a.py").write_text("import json\n")
    assert layering_violations(source) == []
    assert import_cycle(source) == []
    return source


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("core/b.py", "from autodas.evolution import x", "core may not know evolution"),
        ("core/b.py", "from ..evolution import x", "core may not know evolution"),
        ("core/b.py", "def f():\n    import autodas.cli.main", "core may not know cli"),
        ("core/b.py", "if TYPE_CHECKING:\n    from autodas import cli", "core may not know cli"),
        ("core/b.py", "importlib.import_module('autodas.cli')", "core may not know cli"),
        ("evolution/b.py", "import torch.nn as nn", "imports torch"),
        ("evolution/b.py", "def f():\n    from torch import nn", "imports torch"),
        ("extra/b.py", "import autodas.core", "has no rank"),
        ("steps/extra.py", "import autodas.core", "imports none of them"),
        ("steps/label/b.py", "from autodas.steps.search import run", "may not know steps.search"),
        ("steps/label/b.py", "from autodas.steps import search", "may not know steps.search"),
        ("steps/__init__.py", "from autodas.steps import label", "imports none of them"),
    ],
)
def test_the_checker_sees(small_tree: Path, file: str, text: str, complaint: str) -> None:
    (small_tree / file).parent.mkdir(exist_ok=True)
    (small_tree / file).write_text(text)
    (violation,) = layering_violations(small_tree)
    assert complaint in violation


def test_the_checker_sees_a_cycle(small_tree: Path) -> None:
    (small_tree / "core" / "a.py").write_text("def f():\n    from autodas.core import b")
    (small_tree / "core" / "b.py").write_text("from autodas.core.a import f")
    assert set(import_cycle(small_tree)) == {"autodas.core.a", "autodas.core.b"}


def test_a_module_may_not_import_its_own_package(small_tree: Path) -> None:
    (small_tree / "core" / "__init__.py").write_text("from autodas.core.a import x")
    (small_tree / "core" / "a.py").write_text("from autodas.core import x")
    assert set(import_cycle(small_tree)) == {"autodas.core", "autodas.core.a"}


@pytest.mark.parametrize("package", ["", *WITHOUT_TORCH, "cli.main"])
def test_loads_without_torch(package: str) -> None:
    """What the statements promise holds when the package is loaded, too."""
    name = f"autodas.{package}".rstrip(".")
    code = f"import sys, {name}; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == 0
