"""Imports go one way. The picture of docs/design.md, enforced from the import statements."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from source_tree import SOURCE, Module, imports, modules

RANKS = {
    "core": 0,
    "primitives": 1,
    "networks": 1,
    "data": 1,
    "tables": 1,
    "backends": 1,
    "evolution": 1,
    "spaces": 2,
    "teachers": 2,
    "statistics": 2,
    "expressions": 2,
    "scores": 3,
    "fitness": 4,
    "distill": 4,
    "pipeline": 5,
    "reports": 5,
    "cli": 6,
}
BELOW_PIPELINE = {package for package, rank in RANKS.items() if rank < RANKS["pipeline"]}
ALLOWED = {
    "core": set(),
    "primitives": {"core"},
    "networks": {"core"},
    "data": {"core"},
    "tables": {"core"},
    "backends": {"core"},
    "evolution": {"core"},
    "spaces": {"core", "networks"},
    "teachers": {"core", "networks", "data"},
    "statistics": {"core", "networks"},
    "expressions": {"core", "primitives"},
    "scores": {"core", "primitives", "networks", "statistics", "expressions"},
    "fitness": {"core", "scores", "statistics", "expressions", "tables"},
    "distill": {"core", "data", "networks", "teachers"},
    "pipeline": BELOW_PIPELINE,
    "reports": {"core"},
    "cli": BELOW_PIPELINE | {"pipeline", "reports"},
}
WITHOUT_TORCH = ("core", "primitives", "tables", "backends", "evolution", "expressions", "reports")


def layering_violations(source: Path) -> list[str]:
    """Imports between packages that the tables above do not allow, and imports of torch."""
    found = []
    for module in modules(source):
        for name, line in imports(module):
            where = f"{module.path.relative_to(source)}:{line}"
            if name.split(".")[0] == "torch" and module.package in WITHOUT_TORCH:
                found.append(f"{where} imports torch")
            if reason := _forbidden(module, name):
                found.append(f"{where} imports {name}: {reason}")
    return found


def _forbidden(module: Module, name: str) -> str:
    parts = name.split(".")
    if parts[0] != "autodas" or len(parts) < 2 or module.package in {"", parts[1]}:
        return ""
    if module.package == "__main__":
        return "" if parts[1] == "cli" else "__main__ starts the command line only"
    if module.package not in RANKS:
        return f"package {module.package!r} has no rank"
    if parts[1] == "__version__":
        return ""
    allowed = parts[1] in ALLOWED[module.package]
    return "" if allowed else f"{module.package} may not know {parts[1]}"


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
        assert all(RANKS[lower] < RANKS[package] for lower in allowed), package


def test_every_package_has_a_rank() -> None:
    folders = {path.parent.name for path in SOURCE.glob("*/*.py")}
    assert folders <= RANKS.keys()


def test_imports_go_one_way() -> None:
    assert layering_violations(SOURCE) == []


def test_no_import_cycles() -> None:
    assert " -> ".join(import_cycle(SOURCE)) == ""


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """A source tree of our shape that breaks no rule yet."""
    source = tmp_path / "autodas"
    for package in ("core", "evolution", "cli"):
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
