"""A table of pairs: every student with every teacher, otherwise made as any table."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from autodas.core.errors import InvalidInput
from autodas.distill import RECIPES, get_recipe
from autodas.steps.label import run as label
from autodas.steps.label.run import LabelConfig, _units, run
from autodas.steps.train_teacher import TrainTeacherConfig
from autodas.steps.train_teacher import run as train_teacher
from autodas.tables import read_table
from autodas.tables.pairs import pairs_of

HASTY = replace(get_recipe("digits-vit-short"), name="hasty", epochs=1, warm_up=0.0)
SHIPPED = "digits-cnn-teacher"


@pytest.fixture(autouse=True)
def hasty():
    RECIPES.add("hasty", HASTY)
    yield
    RECIPES.remove("hasty")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A teacher of one's own."""
    out = tmp_path_factory.mktemp("teachers") / "small.safetensors"
    config = TrainTeacherConfig(out=out, depths=(1, 1, 1), widths=(4, 8, 16), epochs=8)
    train_teacher(config)
    return str(out)


@pytest.fixture(scope="module")
def config(small):
    return LabelConfig(
        space="digits-vit",
        recipe="hasty",
        students=2,
        seeds=2,
        teachers=(SHIPPED, small, f"{SHIPPED}+{small}", "none"),
        rungs=("1/2",),
        backend="serial",
        any_teacher=True,
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, config):
    RECIPES.add("hasty", HASTY)
    try:
        out = tmp_path_factory.mktemp("label") / "run"
        return run(replace(config, out=out)), out
    finally:
        RECIPES.remove("hasty")


def table(folder):
    return (folder / "table.csv").read_bytes(), (folder / "table.json").read_bytes()


def test_every_student_learns_from_every_teacher(undisturbed):
    result, out = undisturbed
    assert (result["students"], result["trained"], result["failed"]) == (2, 32, 0)
    pairs = pairs_of(read_table(out / "table.csv"))
    together = f"{SHIPPED}+small"
    assert pairs.teachers == (SHIPPED, "small", together, "none")
    assert np.isfinite(pairs.accuracy).all()
    (rung,) = pairs.rungs
    assert np.isfinite(rung.cross_entropy).all()
    # Of the distance from a teacher, nothing without one.
    assert (np.isfinite(rung.kd_loss) == [[[True]] * 3 + [[False]]]).all()
    assert len({tuple(pairs.accuracy[:, t].ravel()) for t in range(4)}) > 1


def test_the_header_says_who_the_teachers_are(undisturbed):
    _, out = undisturbed
    header = json.loads((out / "table.json").read_text())
    assert "teacher" not in header
    members = {each["name"]: each["members"] for each in header["teachers"]}
    assert [each["name"] for each in members[SHIPPED]] == [SHIPPED]
    assert len(members[f"{SHIPPED}+small"]) == 2
    assert members["none"] == []
    assert all(len(each["digest"]) == 64 for each in members[f"{SHIPPED}+small"])
    assert set(header["noise"]) == set(members)


def test_pairs_of_one_student_and_seed_differ_in_nothing_but_the_teachers(config):
    units = _units(config)
    for entry, unit in units.items():
        twin = units[replace(entry, training="none")]
        assert replace(unit.setup, teachers=()) == twin.setup
    # One seed of all pairs before another, and teachers one after the other.
    order = [(entry.seed, entry.training) for entry in units]
    assert sum(a != b for a, b in itertools.pairwise(order)) + 1 == len(set(order))


def test_the_table_of_one_teacher_is_part_of_that_of_pairs(undisturbed, config, tmp_path):
    one = run(replace(config, teachers=(), out=tmp_path))
    alone = read_table(one["table"]).targets
    pairs = read_table(undisturbed[1] / "table.csv").targets
    np.testing.assert_equal(pairs[SHIPPED].per_seed, alone["distilled"].per_seed)
    np.testing.assert_equal(pairs["none"].per_seed, alone["vanilla"].per_seed)


def test_what_a_table_holds_is_not_trained_again_whatever_it_calls_its_teachers(
    undisturbed, config, tmp_path
):
    known = str(undisturbed[1] / "table.csv")
    one = replace(config, teachers=(), known=known, out=tmp_path / "one")
    assert run(one)["trained"] == 0
    more = replace(config, known=str(tmp_path / "one" / "table.csv"), out=tmp_path / "pairs")
    assert run(more)["trained"] == 16
    assert table(tmp_path / "pairs") == table(undisturbed[1])


def test_known_trainings_of_none_of_the_teachers_are_refused(undisturbed, config, tmp_path):
    other = replace(config, teachers=("untrained:digits-cnn-teacher",), out=tmp_path)
    with pytest.raises(InvalidInput, match="was made with another teacher; leave out --known"):
        run(replace(other, known=str(undisturbed[1] / "table.csv")))


def test_a_run_that_was_stopped_gives_the_same_table(undisturbed, config, tmp_path, monkeypatch):
    taken = []

    def stopped(unit):
        taken.append(unit)
        if len(taken) > 5:
            raise KeyboardInterrupt
        return train_unit(unit)

    train_unit = label.train_unit
    monkeypatch.setattr(label, "train_unit", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(replace(config, out=tmp_path))
    monkeypatch.undo()
    assert run(replace(config, out=tmp_path))["trained"] == 27
    assert table(tmp_path) == table(undisturbed[1])


@pytest.mark.parametrize(
    ("teachers", "message"),
    [
        (("none", "none"), "two of the teachers are called 'none'"),
        (("none+digits-cnn-teacher",), "a way to teach is a teacher, several"),
        (("untrained:digits-cnn-teacher/3",), "knows 3 classes"),
        (("fashion-cnn-teacher",), "its classes are in another order|at least"),
    ],
)
def test_wrong_teachers_are_refused_before_anything_is_written(config, tmp_path, teachers, message):
    wrong = replace(config, teachers=teachers, out=tmp_path / "run", any_teacher=False)
    with pytest.raises(InvalidInput, match=message):
        run(wrong)
    assert not (tmp_path / "run").exists()


def test_one_network_under_two_names_is_no_pair_of_teachers(config, tmp_path):
    twins = ("untrained:digits-cnn-teacher", "untrained:digits-cnn-teacher/10")
    with pytest.raises(InvalidInput, match="one network with the same weights; name it once"):
        run(replace(config, teachers=twins, out=tmp_path / "a"))
    assert not (tmp_path / "a").exists()
