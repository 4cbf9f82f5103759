"""Numbers that came with a table as rivals of scores: ``published:nwot``."""

from __future__ import annotations

import numpy as np
import pytest

from autodas.core.results import Failed
from autodas.fitness import correlate
from autodas.steps.benchmark import run as benchmark
from autodas.steps.benchmark.published import get_published, published_values
from autodas.steps.benchmark.run import BenchmarkConfig
from autodas.tables import Part, Table, Target, Training, read_table

CELLS = ("(0, 0, 0, 3, 0, 0)", "(2, 0, 0, 2, 0, 0)", "(1, 0, 0, 1, 0, 0)", "(0, 3, 0, 0, 0, 3)")
NWOT = {"jigsaw": (3, 1, 2, 4), "normal": (1, 2, 3, 4)}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "cells.csv"
    lines = ["task,arch,val_accuracy,nwot,jacov"]
    for task, values in NWOT.items():
        for cell, accuracy, nwot in zip(CELLS, (90, 80, 85, 92), values, strict=True):
            lines.append(f'{task},"{cell}",{accuracy / 100},{nwot},-1e8')
    path.write_text("\n".join(lines) + "\n")
    return path


def test_every_target_is_ranked_by_the_numbers_of_its_own_task(path, tmp_path):
    config = BenchmarkConfig(
        out=tmp_path / "run",
        table=(f"{path}:jigsaw", f"{path}:normal"),
        scores=("published:nwot", "published:jacov", "published:zen"),
        jobs=1,
        time=True,
    )
    rows = {(r["target"], r["score"]): r for r in benchmark.run(config)["rows"]}
    table = read_table(path)
    for task, values in NWOT.items():
        row = rows[task, "published:nwot"]
        expected = correlate(values, table.target(task).values).value.value
        assert row["tau"] == pytest.approx(expected)
        assert row.get("seconds_per_arch") is None
        assert rows[task, "published:jacov"]["failed"] == "score is not finite everywhere"
        assert rows[task, "published:zen"]["failed"] == (
            f"table cells came with no 'zen' for {task}; it came with jacov, nwot"
        )
    assert rows["jigsaw", "published:nwot"]["tau"] != rows["normal", "published:nwot"]["tau"]


@pytest.mark.parametrize(
    ("column", "target"),
    [("cifar10/nwot", "cifar10_val"), ("nwot", "cifar10_val"), ("cifar10_val/nwot", "cifar10_val")],
)
def test_a_number_may_be_of_the_target_its_data_or_of_all(column, target):
    truth = Target(target, "cifar10", Training.VANILLA, Part.VALIDATION, [1.0, 2.0])
    mine, other = np.array([5.0, 6.0]), np.array([7.0, 8.0])
    published = {column: mine, "cifar100/nwot": other}
    table = Table("t", "s", ("a", "b"), {target: truth}, "", "", published=published)
    found = published_values(table, target, get_published("published:nwot"))
    np.testing.assert_array_equal(found.value, mine)


def test_a_table_of_accuracies_alone_says_so():
    truth = Target("kd_acc", "cifar10", Training.DISTILLED, Part.TEST, [1.0, 2.0])
    table = Table("t", "s", ("a", "b"), {"kd_acc": truth}, "", "")
    found = published_values(table, "kd_acc", get_published("published:nwot"))
    assert isinstance(found, Failed)
    assert "it came with nothing but accuracies" in found.reason
