"""Short trainings in a table of labels: read as written, and refused in one line if damaged."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from autodas.core.errors import FileProblem, InvalidInput
from autodas.tables import LabelRow, Training, read_table, write_labels
from autodas.tables.rungs import fidelity_of
from autodas.tables.table import RungLabels

HEADER = {"space": "digits-cnn", "dataset": "digits", "rungs": {"1/27": "3/80", "1/9": "9/80"}}


def rows_of_labels():
    """Architectures a to c; the first rung without vanilla trainings, one of them failed."""
    for number, arch in enumerate("abc"):
        for seed in (0, 3):
            long = {
                "accuracy@1/9": 50.0 + number + seed,
                "cross_entropy@1/9": 1.5 - 0.25 * number,
                "kd_loss@1/9": 0.5 * number,
            }
            short = {"accuracy@1/27": 0.5, "cross_entropy@1/27": 2.25, "kd_loss@1/27": 8.0}
            if (arch, seed) == ("b", 3):
                short = dict.fromkeys(short, "")
            yield LabelRow(arch, 80.0 + number, seed, "distilled", extra=short | long)
        values = long | {"kd_loss@1/9": ""}
        yield LabelRow(arch, 70.0, 0, "vanilla", extra=dict.fromkeys(short, "") | values)


@pytest.fixture
def path(tmp_path):
    write_labels(tmp_path / "mine.csv", rows_of_labels(), HEADER)
    return tmp_path / "mine.csv"


def rung(table, name):
    (found,) = (each for each in table.rungs if each.name == name)
    return found


def test_a_table_with_rungs_comes_back_as_it_was_written(path):
    table = read_table(path)
    assert [r.name for r in table.rungs] == ["distilled@1/27", "distilled@1/9", "vanilla@1/9"]
    short, long, vanilla = table.rungs
    assert (short.fidelity, short.cost) == (Fraction(1, 27), Fraction(3, 80))
    assert (long.fidelity, long.cost, long.training) == (
        Fraction(1, 9),
        Fraction(9, 80),
        "distilled",
    )
    assert (long.seeds, vanilla.seeds, vanilla.training) == ((0, 3), (0,), Training.VANILLA)
    # All at most 1 %, which short trainings may be.
    np.testing.assert_equal(short.accuracy, [[0.5, 0.5], [0.5, np.nan], [0.5, 0.5]])
    np.testing.assert_equal(short.kd_loss[1], [8.0, np.nan])
    np.testing.assert_equal(long.accuracy, [[50, 53], [51, 54], [52, 55]])
    np.testing.assert_equal(long.cross_entropy, [[1.5] * 2, [1.25] * 2, [1.0] * 2])
    np.testing.assert_equal(long.kd_loss, [[0.0] * 2, [0.5] * 2, [1.0] * 2])
    np.testing.assert_equal(vanilla.accuracy, [[53], [54], [55]])
    assert np.isnan(vanilla.kd_loss).all()
    np.testing.assert_equal(table.target("distilled").values, [80.0, 81.0, 82.0])
    assert list(table.targets) == ["distilled", "vanilla"]
    assert table.published == {}
    with pytest.raises(ValueError, match="read-only"):
        long.accuracy[0, 0] = 1.0


def test_a_part_of_a_table_keeps_its_part_of_the_rungs(path):
    table = read_table(path)
    part = table.subset([2, 0])
    np.testing.assert_equal(rung(part, "distilled@1/9").accuracy, [[52, 55], [50, 53]])
    np.testing.assert_equal(rung(part, "distilled@1/9").cross_entropy[:, 0], [1.0, 1.5])
    assert rung(part, "distilled@1/27").cost == Fraction(3, 80)
    assert len(rung(table.limit(1), "vanilla@1/9").accuracy) == 1


def test_hiding_accuracies_hides_no_short_training(path):
    table = read_table(path)
    known = table.knowing([1])
    np.testing.assert_equal(known.target("distilled").values, [np.nan, 81.0, np.nan])
    for before, after in zip(table.rungs, known.rungs, strict=True):
        np.testing.assert_equal(after.accuracy, before.accuracy)
        np.testing.assert_equal(after.cross_entropy, before.cross_entropy)


def test_a_rung_of_other_length_than_its_table_is_refused(path):
    table = read_table(path)
    with pytest.raises(InvalidInput, match=r"distilled@1/27 has 2 rows, expected 3"):
        dataclasses.replace(table, rungs=(table.rungs[0].subset([0, 1]),))


def test_without_a_header_of_costs_a_rung_costs_its_fidelity(tmp_path):
    header = {name: value for name, value in HEADER.items() if name != "rungs"}
    write_labels(tmp_path / "mine.csv", rows_of_labels(), header)
    table = read_table(tmp_path / "mine.csv")
    assert [r.cost for r in table.rungs] == [r.fidelity for r in table.rungs]
    # One row after another, without any header.
    bare = tmp_path / "bare.csv"
    bare.write_text("arch,accuracy,seed,training,accuracy@0.25\na,60,0,distilled,40\n")
    (only,) = read_table(bare, "mine").rungs
    assert (only.fidelity, only.cost) == (Fraction(1, 4), Fraction(1, 4))
    assert isinstance(only, RungLabels)
    assert np.isnan(only.cross_entropy).all()


def test_a_short_training_may_cost_as_much_as_a_whole_one(tmp_path):
    """Where a whole training is one step, a short one is not less."""
    write_labels(tmp_path / "a.csv", rows_of_labels(), {**HEADER, "rungs": {"1/9": "1"}})
    assert rung(read_table(tmp_path / "a.csv"), "distilled@1/9").cost == 1


def test_a_rung_that_is_empty_everywhere_is_none(tmp_path):
    rows = [LabelRow("a", 60.0, 0, "distilled", extra={"accuracy@1/9": "", "kd_loss@1/9": ""})]
    write_labels(tmp_path / "a.csv", rows, HEADER)
    assert read_table(tmp_path / "a.csv").rungs == ()


BAD = {
    "a rung of nothing": ("accuracy@0", "40", "such as 1/9, got '0'"),
    "more than a training": ("accuracy@2", "40", "such as 1/9, got '2'"),
    "a whole training": ("accuracy@1", "40", "such as 1/9, got '1'"),
    "below 0": ("kd_loss@-1/9", "40", "such as 1/9, got '-1/9'"),
    "by nothing": ("kd_loss@1/0", "40", "such as 1/9, got '1/0'"),
    "a word": ("accuracy@x", "40", "such as 1/9, got 'x'"),
    "no rung": ("cross_entropy@", "40", "such as 1/9, got ''"),
    "not a number": ("accuracy@nan", "40", "such as 1/9, got 'nan'"),
    "a number of a billion digits": ("accuracy@1e-999999999", "40", "got '1e-999999999'"),
    "many digits": ("accuracy@0." + "3" * 99, "40", r"got '0\.3{58}'"),
    "two lines": ('"accuracy@a\nb"', "40", r"got 'a\\nb'"),
    "text for an accuracy": ("accuracy@1/9", "high", "column accuracy@1/9: 'high' is not a number"),
    "above 100": ("accuracy@1/9", "140", "column accuracy@1/9: 140 is not an accuracy"),
    "text for a loss": ("kd_loss@1/9", "low", "column kd_loss@1/9: 'low' is not a number"),
    "text for an entropy": ("cross_entropy@1/9", "0;5", "'0;5' is not a number"),
    "one rung twice": ("accuracy@1/9,accuracy@2/18", "40,40", "@2/18: this rung is there twice"),
}


@pytest.mark.parametrize("name", BAD)
def test_damaged_rungs_are_refused_in_one_line(name, tmp_path):
    columns, cells, message = BAD[name]
    path = tmp_path / "a.csv"
    path.write_text(f"arch,accuracy,seed,training,{columns}\na,60,0,distilled,{cells}\n")
    with pytest.raises(FileProblem, match=message) as refused:
        read_table(path, "mine")
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300 + len(str(path))


@pytest.mark.parametrize("costs", [["1/9"], "1/9", {"1/9": "0"}, {"1/9": "much"}, {"1/9": None}])
def test_a_header_whose_costs_are_none_is_refused(costs, tmp_path):
    rows = [LabelRow("a", 60.0, 0, "distilled", extra={"accuracy@1/9": 40.0})]
    write_labels(tmp_path / "a.csv", rows, {**HEADER, "rungs": costs})
    with pytest.raises(FileProblem, match="how many trainings rung 1/9 costs") as refused:
        read_table(tmp_path / "a.csv")
    assert "\n" not in str(refused.value)


def test_other_columns_with_an_at_are_no_rungs(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("arch,accuracy,seed,training,mail@home\na,60,0,distilled,x\n")
    assert read_table(path, "mine").rungs == ()


def test_rungs_are_fractions_however_they_are_written():
    spelt = {"1/9": (1, 9), "2/18": (1, 9), "0.25": (1, 4), ".5": (1, 2), "1/27": (1, 27)}
    for text, (above, below) in spelt.items():
        assert fidelity_of(text) == Fraction(above, below)
    for text in ("", "1", "0", "9/1", "1/9/2", " 1/9", "1_0/90", "²/9", "1/0"):
        with pytest.raises(InvalidInput, match="a rung is a fraction of a training such as 1/9"):
            fidelity_of(text)
