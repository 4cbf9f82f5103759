"""Types of the options of the Python interface, made from the commands' configurations.

``python tests/option_types.py`` writes them; a test holds the file to what this would write.
"""

from __future__ import annotations

import dataclasses
import importlib
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from autodas.steps import MODULES

TARGET = Path(__file__).resolve().parent.parent / "src" / "autodas" / "option_types.py"
STEPS = ("benchmark", "discover", "distill", "explain", "label", "measure", "run", "search")
POSITIONAL = {"explain": {"proxy"}}
HEAD = '''"""What each function of the Python interface takes, for editors and type checkers.

Made by ``python tests/option_types.py`` from the configurations of the commands, whose
documentation says what the options mean. An option that is read from text may be given as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from autodas.workbench.protocol import Protocol

__all__ = [
{names}
]
'''


def text() -> str:
    """The module."""
    names = [f"{step.capitalize()}Options" for step in STEPS]
    parts = [HEAD.replace("{names}", "\n".join(f'    "{name}",' for name in names))]
    for step, name in zip(STEPS, names, strict=True):
        config = importlib.import_module(MODULES[step]).Config
        lines = [
            f"    {option}: {spelt(hint)}"
            for option, hint in options_of(config)
            if option not in POSITIONAL.get(step, ())
        ]
        head = f'class {name}(TypedDict, total=False):\n    """Of ``{step}``."""\n'
        parts.append("\n\n" + "\n".join([head, *lines]) + "\n")
    return "".join(parts)


def options_of(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """Name and type of every field, those of configurations inside beside the others."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        yield field.name, hints[field.name]
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(hints[field.name]):
            yield from options_of(hints[field.name])


def spelt(hint: Any) -> str:
    """A type as it is written, widened to what is read as such."""
    members = dict.fromkeys(name for each in _members(hint) for name in _names(each))
    last = [name for name in members if name == "None"]
    return " | ".join([name for name in members if name != "None"] + last)


def _members(hint: Any) -> Sequence[Any]:
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if union else (hint,)


def _names(hint: Any) -> list[str]:
    if hint is type(None):
        return ["None"]
    if hint is Path:
        return ["Path", "str"]
    if typing.get_origin(hint) is typing.Literal:
        return [f"Literal[{', '.join(repr(each) for each in typing.get_args(hint))}]"]
    if typing.get_origin(hint) is tuple:
        return [f"Sequence[{spelt(typing.get_args(hint)[0])}]"]
    return [hint.__name__]


if __name__ == "__main__":
    import subprocess
    import sys

    TARGET.write_text(text(), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(TARGET)], check=True)
    subprocess.run([sys.executable, "-m", "ruff", "check", "-q", "--fix", str(TARGET)], check=True)
