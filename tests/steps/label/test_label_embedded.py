"""The shipped tables fit the shipped teacher, data, recipes and spaces."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autodas.core.errors import MissingData
from autodas.data import load_data
from autodas.distill import Recipe, get_recipe
from autodas.spaces import get_space
from autodas.steps.label.run import LabelConfig, _units, sample_students
from autodas.steps.label.table import Entry
from autodas.tables import load_table
from autodas.teachers import load_teacher
from autodas.workbench.training import train_unit

DIGITS = ["digits-cnn", "digits-vit"]
FASHION = ["fashion-cnn", "fashion-vit"]


@pytest.fixture(params=DIGITS + FASHION)
def table(request):
    return load_table(request.param)


def test_the_header_speaks_of_what_is_shipped(table):
    teacher = load_teacher(table.meta["teacher"]["name"])
    assert table.meta["teacher"]["digest"] == teacher.digest
    assert Recipe(**table.meta["recipe"]) == get_recipe(f"{table.name}-short")
    try:
        data = load_data(table.meta["dataset"])
    except MissingData as missing:
        pytest.skip(str(missing))
    assert table.meta["dataset_digest"] == data.digest


def test_the_students_are_the_sample_that_the_command_draws(table):
    space = get_space(table.space)
    wanted = sample_students(space, table.meta["students"], 0)
    assert set(table.architectures) == {space.encode(arch) for arch in wanted}


def test_there_is_something_to_rank_and_the_seeds_agree_on_it(table):
    for target in table.targets.values():
        assert target.per_seed.shape == (table.meta["students"], len(table.meta["seeds"]))
        assert np.isfinite(target.per_seed).all()
        low, high = np.quantile(target.values, [0.1, 0.9])
        assert high - low > 5
    for noise in table.meta["noise"].values():
        assert noise["tau"] > 0.6
        assert noise["ceiling_tau"] >= 0.8


def test_no_student_is_better_than_the_teacher(table):
    teacher = load_teacher(table.meta["teacher"]["name"])
    assert (table.targets["distilled"].values < teacher.accuracy).all()


@pytest.mark.parametrize("table", DIGITS, indirect=True)
def test_a_student_trained_again_is_about_as_good(table):
    # To the digit on the machine that made the table; elsewhere sums round differently.
    space = get_space(table.space)
    smallest = min(range(128), key=lambda i: space.depth(space.decode(table.architectures[i])))
    units = _units(LabelConfig(space=table.space, students=128))
    for training in ("distilled", "vanilla"):
        unit = units[Entry(table.architectures[smallest], 0, training)]
        again = train_unit(replace(unit, kept=None))
        expected = table.targets[training].per_seed[smallest, 0]
        assert again["accuracy"] == pytest.approx(expected, abs=10)


def test_the_files_are_small():
    folder = Path(load_table("digits-cnn").source).parent
    assert sum(file.stat().st_size for file in folder.iterdir()) < 200_000
