"""What is measured by other code has another address."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import autodas
from autodas.spaces import get_space
from autodas.workbench.source_digest import MEASURING, SIZES, source_digest

SOURCE = Path(autodas.__file__).parent
VIT = get_space("digits-vit")


def changed(file: str, parts: tuple[str, ...], folder: Path) -> bool:
    """Whether the digest of a copy of the package changes with the text of a file."""
    copy = shutil.copytree(SOURCE, folder / "autodas", ignore=shutil.ignore_patterns("*.npz"))
    before = source_digest(VIT, parts, copy)
    assert before == source_digest(VIT, parts)
    with (copy / file).open("a") as handle:
        handle.write("# changed\n")
    source_digest.cache_clear()
    return source_digest(VIT, parts, copy) != before


@pytest.mark.parametrize(
    ("file", "statistics", "costs"),
    [
        ("networks/resnet.py", True, True),
        ("spaces/choices.py", True, True),
        ("statistics/passes/probe.py", True, False),
        ("core/values.py", True, False),
        ("core/rng.py", True, False),
        ("teachers/teacher.py", True, False),
        ("workbench/protocol.py", True, False),
        ("workbench/memory.py", False, True),
        ("core/progress.py", False, False),
        ("reports/page.py", False, False),
    ],
)
def test_the_text_that_decides_a_value_is_part_of_its_address(file, statistics, costs, tmp_path):
    assert changed(file, MEASURING, tmp_path / "a") == statistics
    assert changed(file, SIZES, tmp_path / "b") == costs
