"""A teacher that is another network by now than the one that has taught a table's students."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autodas.core.progress import Silent
from autodas.spaces import get_space
from autodas.steps.benchmark import run as benchmark
from autodas.tables import load_table
from autodas.tables.labels import LabelRow, write_labels
from autodas.teachers import load_teacher
from autodas.workbench.families import load_family
from autodas.workbench.pair_families import load_pairs
from autodas.workbench.protocol import Protocol

SPACE = get_space("digits-cnn")
STUDENTS = [SPACE.encode(arch) for arch in SPACE.enumerate()][:20]
ONE, OTHER = "digits-cnn-teacher", "untrained:digits-cnn-teacher"
OF_ONE = load_teacher(ONE).digest
FEW = Protocol(batch_size=6)


class Heard(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def table(path: Path, digest: str | None) -> str:
    """Labels of one teacher, whose digest the header tells."""
    rng = np.random.default_rng(0)
    rows = [LabelRow(text, float(rng.uniform(50, 90)), 0, "distilled") for text in STUDENTS]
    teacher = {"name": ONE} | ({} if digest is None else {"digest": digest})
    write_labels(path, rows, {"space": "digits-cnn", "dataset": "digits", "teacher": teacher})
    return str(path)


def test_it_is_said_where_statistics_look_at_it(tmp_path: Path) -> None:
    heard, name = Heard(), table(tmp_path / "t.csv", "0" * 64)
    config = benchmark.BenchmarkConfig(
        table=(name,), scores=("neg(logit_kl)",), out=tmp_path / "run", protocol=FEW
    )
    found = benchmark.run(config, heard)
    told = [line for line in heard.notes if "another network" in line]
    assert len(told) == 1
    assert f"{ONE} is another network (digest {OF_ONE[:12]}) than the one that" in told[0]
    assert "(000000000000): statistics look at the new one" in told[0]
    assert told[0] in found["verdict"]
    assert told[0] in found["summary"]
    assert found["pairs"][0]["remade_teachers"] == told
    # Said again by a run that had only to look up what was done.
    assert told[0] in benchmark.run(config)["verdict"]


@pytest.mark.parametrize(
    ("digest", "leaves", "teacher"),
    [
        pytest.param(OF_ONE, ("logit_kl",), None, id="the same network"),
        pytest.param(None, ("logit_kl",), None, id="a table that does not tell"),
        pytest.param("0" * 64, ("numel",), None, id="nothing looks at it"),
        pytest.param("0" * 64, ("logit_kl",), OTHER, id="another one was asked for"),
    ],
)
def test_else_nothing_is_said(tmp_path: Path, digest, leaves, teacher) -> None:
    heard = Heard()
    protocol = Protocol(batch_size=6, teacher=teacher)
    family = load_family(table(tmp_path / "t.csv", digest), leaves, protocol, progress=heard)
    assert family.remade == ()
    assert not [line for line in heard.notes if "another network" in line]


def test_of_a_table_of_pairs_every_teacher_is_looked_at(tmp_path: Path) -> None:
    rng, named = np.random.default_rng(0), {"a": (ONE, "1" * 64), "b": (OTHER, "2" * 64)}
    rows = [LabelRow(text, float(rng.uniform(50, 90)), 0, t) for text in STUDENTS for t in named]
    header = {
        "space": "digits-cnn",
        "dataset": "digits",
        "teachers": [
            {"name": t, "members": [{"name": name, "digest": digest}]}
            for t, (name, digest) in named.items()
        ],
    }
    write_labels(tmp_path / "pairs.csv", rows, header)
    family = load_pairs(str(tmp_path / "pairs.csv"), ["logit_kl"], FEW)
    assert len(family.remade) == 2
    for name, each in zip((ONE, OTHER), family.remade, strict=True):
        assert f"The teacher {name} is another network" in each
    assert family.describe()["remade_teachers"] == list(family.remade)


def test_the_teachers_of_this_package_are_those_of_its_tables() -> None:
    for name in ("digits-cnn", "digits-vit", "fashion-cnn", "fashion-vit"):
        teacher = load_table(name).meta["teacher"]
        assert load_teacher(teacher["name"]).digest == teacher["digest"], name
