"""What the tests about the source code read it with. Syntax trees only: nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "autodas"


@dataclass(frozen=True)
class Module:
    """One file of a source tree whose top folder is the package ``top``."""

    name: str
    path: Path
    text: str
    tree: ast.Module
    is_package: bool

    @property
    def package(self) -> str:
        """The package of the first level: ``core`` for ``autodas.core.files``, else the name."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else ""


def modules(source: Path = SOURCE) -> list[Module]:
    """Every Python file below ``source``, in order of name."""
    found = []
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source.parent).with_suffix("")
        is_package = relative.name == "__init__"
        parts = relative.parts[:-1] if is_package else relative.parts
        text = path.read_text(encoding="utf-8")
        found.append(Module(".".join(parts), path, text, ast.parse(text), is_package))
    return found


def imports(module: Module) -> Iterator[tuple[str, int]]:
    """Absolute names of everything imported anywhere in a module, with line numbers.

    ``from a.b import c`` yields ``a.b.c``: whether c is a module is for the caller to know.
    Imports inside functions and under TYPE_CHECKING count, and so does ``import_module("a.b")``.
    """
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"}:
            yield from (
                (str(argument.value), node.lineno)
                for argument in node.args[:1]
                if isinstance(argument, ast.Constant)
            )


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.name.split(".")
    keep = len(parts) - node.level + (1 if module.is_package else 0)
    return ".".join([*parts[:keep], *([node.module] if node.module else [])])


def called(node: ast.Call) -> str:
    """The last part of the name of what is called; empty if it has none."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""
