"""Labels of short trainings beside those of full ones, and trainings that a table holds already."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import count

import numpy as np
import pytest
import torch

from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.runs import Journal
from autodas.data import ImageData, load_data
from autodas.distill import OutOfTime, TrainingDiverged
from autodas.steps.label import run as label
from autodas.steps.label.known import known_trainings
from autodas.steps.label.run import LabelConfig, _units, run
from autodas.steps.label.table import Entry
from autodas.tables import load_table, read_table
from autodas.workbench import training
from autodas.workbench.training import train_unit

# 12 steps for a full training, 4 and 1 for the short ones.
SMALL = LabelConfig(
    space="digits-vit",
    data="digits/100",
    students=2,
    seeds=2,
    epochs=6,
    rungs=("1/9", "1/3"),
    backend="serial",
)
PLAIN = ["arch", "accuracy", "seed", "training", "status", "reason"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A table made in one go, and its run directory."""
    out = tmp_path_factory.mktemp("rungs") / "run"
    return run(replace(SMALL, out=out)), out


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    """The folder of a table of fewer students without short trainings."""
    out = tmp_path_factory.mktemp("plain") / "run"
    run(replace(SMALL, out=out, students=1, rungs=()))
    return out


def table(folder):
    return (folder / "table.csv").read_bytes(), (folder / "table.json").read_bytes()


def rows_of(folder):
    with (folder / "table.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


def header_of(folder):
    return json.loads((folder / "table.json").read_text())


def test_every_rung_stands_beside_its_full_training(undisturbed):
    result, out = undisturbed
    assert (result["trained"], result["failed"], result["students"]) == (24, 0, 2)
    rows = rows_of(out)
    assert len(rows) == 8
    measures = ("accuracy", "cross_entropy", "calibrated_cross_entropy", "brier")
    measures += ("kd_loss", "agreement")
    assert list(rows[0]) == PLAIN + [f"{m}@{rung}" for rung in ("1/9", "1/3") for m in measures]
    for row in rows:
        assert (row["status"], row["reason"]) == ("ok", "")
        assert all(len(row[name].partition(".")[2]) <= 4 for name in row if "@" in name)
        for rung in ("1/9", "1/3"):
            assert 0 <= float(row[f"accuracy@{rung}"]) <= 100
            plain, calibrated = (float(row[f"{m}@{rung}"]) for m in measures[1:3])
            # Confidence costs something, and never more than guessing does.
            assert 0 < calibrated <= min(plain, math.log(10)) + 1e-4
            assert 0 < float(row[f"brier@{rung}"]) < 2
            for beside_a_teacher in ("kd_loss", "agreement"):
                assert (row[f"{beside_a_teacher}@{rung}"] == "") == (row["training"] == "vanilla")
    names = [
        f"{training}@{rung}" for rung in ("1/9", "1/3") for training in ("distilled", "vanilla")
    ]
    assert [each.name for each in read_table(out / "table.csv").rungs] == names


def test_the_header_says_what_a_rung_costs(undisturbed):
    _, out = undisturbed
    header = header_of(out)
    assert header["rungs"] == {"1/9": "1/12", "1/3": "1/3"}
    assert list(header["rungs"]) == ["1/9", "1/3"]
    assert " --rungs 1/9 1/3 --epochs 6" in header["command"]
    costs = {each.fidelity: each.cost for each in read_table(out / "table.csv").rungs}
    assert costs == {Fraction(1, 9): Fraction(1, 12), Fraction(1, 3): Fraction(1, 3)}


def test_a_table_without_rungs_is_as_it_always_was(undisturbed, without):
    text = (without / "table.csv").read_text()
    assert text.splitlines()[0] == ",".join(PLAIN)
    assert set(header_of(without)) == {
        *("format", "version", "space", "dataset", "dataset_digest", "part", "teacher", "recipe"),
        *("students", "seeds", "sample_seed", "noise", "packages", "command", "sha256", "seal"),
    }
    # Short trainings change nothing of the full ones.
    with_rungs = [{name: row[name] for name in PLAIN} for row in rows_of(undisturbed[1])]
    assert all(row in with_rungs for row in rows_of(without))


def test_longer_trainings_know_more(undisturbed):
    rungs = read_table(undisturbed[1] / "table.csv").rungs
    short, long = (r for r in rungs if r.training == "distilled")
    assert long.cross_entropy.mean() < short.cross_entropy.mean()


def killed_at(where, numbers, unit):
    if next(numbers) == where:
        raise KeyboardInterrupt
    return train_unit(unit)


@pytest.mark.parametrize("where", [1, 8])
def test_a_killed_run_goes_on_to_the_same_bytes(undisturbed, tmp_path, monkeypatch, where):
    monkeypatch.setattr(label, "train_unit", partial(killed_at, where, count()))
    with pytest.raises(KeyboardInterrupt):
        run(replace(SMALL, out=tmp_path))
    monkeypatch.undo()
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-7])  # torn in its last line
    assert run(replace(SMALL, out=tmp_path))["trained"] == 24 - where + 1
    assert table(tmp_path) == table(undisturbed[1])
    assert not list((tmp_path / "checkpoints").glob("*"))
    assert run(replace(SMALL, out=tmp_path))["trained"] == 0


def test_processes_give_the_bytes_of_one(undisturbed, tmp_path):
    found = run(replace(SMALL, out=tmp_path, backend="processes", jobs=2))
    assert found["trained"] == 24
    assert table(tmp_path) == table(undisturbed[1])


def no_time_for_full_ones(unit):
    if unit.setup.fidelity is None:
        raise OutOfTime
    return train_unit(unit)


def test_short_trainings_may_be_finished_before_any_full_one(undisturbed, tmp_path, monkeypatch):
    """As processes finish them; a table that is due meanwhile has no row yet."""
    monkeypatch.setattr(label, "TABLE_SECONDS", 0.0)
    monkeypatch.setattr(label, "train_unit", no_time_for_full_ones)
    with pytest.raises(AutodasError, match="before the first training was finished"):
        run(replace(SMALL, out=tmp_path))
    assert len(Journal(tmp_path / "journal.jsonl").records()) == 16
    monkeypatch.undo()
    assert run(replace(SMALL, out=tmp_path))["trained"] == 8
    assert table(tmp_path) == table(undisturbed[1])


def diverges_at(rung, unit):
    if unit.setup.fidelity == rung and not unit.setup.teachers:
        raise TrainingDiverged("training diverged\nin epoch 1 of 2")
    return train_unit(unit)


def test_a_rung_that_diverges_is_blank_and_counted(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(label, "train_unit", partial(diverges_at, Fraction(1, 3)))
    found = run(replace(SMALL, out=tmp_path))
    monkeypatch.undo()
    assert (found["trained"], found["failed"], found["left"]) == (24, 4, 0)
    assert "4 failed" in found["summary"][0]
    for row, whole in zip(rows_of(tmp_path), rows_of(undisturbed[1]), strict=True):
        if row["training"] == "vanilla":
            assert row["status"] == "ok"
            assert row["reason"].startswith("at 1/3: training diverged in epoch 1 of 2")
            blank = {name for name in row if name.endswith("@1/3")}
            assert len(blank) == 6
            assert {row[name] for name in blank} == {""}
            assert all(row[n] == whole[n] for n in row if n not in {*blank, "reason"})
        else:
            assert row == whole
    names = [each.name for each in read_table(tmp_path / "table.csv").rungs]
    assert names == ["distilled@1/9", "vanilla@1/9", "distilled@1/3"]
    # A failure is tried again: its cause may be gone.
    assert run(replace(SMALL, out=tmp_path))["trained"] == 4
    assert table(tmp_path) == table(undisturbed[1])


def test_a_full_training_that_fails_keeps_its_rungs(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(label, "train_unit", partial(diverges_at, None))
    assert run(replace(SMALL, out=tmp_path))["failed"] == 4
    vanilla = [row for row in rows_of(tmp_path) if row["training"] == "vanilla"]
    assert all((row["status"], row["accuracy"]) == ("failed", "") for row in vanilla)
    expected = [row for row in rows_of(undisturbed[1]) if row["training"] == "vanilla"]
    assert [r["accuracy@1/3"] for r in vanilla] == [r["accuracy@1/3"] for r in expected]


def test_what_a_table_holds_is_not_trained_again(undisturbed, without, tmp_path):
    known = str(without / "table.csv")
    found = run(replace(SMALL, out=tmp_path / "a", known=known))
    assert found["trained"] == 24 - 4
    assert table(tmp_path / "a") == table(undisturbed[1])
    found = run(replace(SMALL, out=tmp_path / "b", known=str(undisturbed[1] / "table.csv")))
    assert (found["trained"], found["failed"], found["left"]) == (0, 0, 0)
    assert table(tmp_path / "b") == table(undisturbed[1])
    # A table without rungs out of one that has some: nothing of them is left.
    plain = replace(SMALL, out=tmp_path / "c", known=str(undisturbed[1] / "table.csv"), rungs=())
    assert run(replace(plain, students=1))["trained"] == 0
    assert table(tmp_path / "c") == table(without)


def judged_by_less(unit):
    """A training as an earlier version did it."""
    since = ("calibrated_cross_entropy", "brier")
    return {name: value for name, value in train_unit(unit).items() if name not in since}


def test_rungs_that_were_judged_by_less_are_trained_again(undisturbed, tmp_path, monkeypatch):
    """From the journal of an earlier version and from its table; the labels are kept."""
    monkeypatch.setattr(label, "train_unit", judged_by_less)
    run(replace(SMALL, out=tmp_path / "a"))
    monkeypatch.undo()
    old = tmp_path / "old.csv"
    for path in (tmp_path / "a").glob("table.*"):
        old.with_suffix(path.suffix).write_bytes(path.read_bytes())
    assert all(np.isnan(each.brier).all() for each in read_table(old).rungs)
    assert run(replace(SMALL, out=tmp_path / "a"))["trained"] == 16
    assert table(tmp_path / "a") == table(undisturbed[1])
    assert run(replace(SMALL, out=tmp_path / "b", known=str(old)))["trained"] == 16
    assert table(tmp_path / "b") == table(undisturbed[1])


def test_a_failure_in_a_known_table_is_trained_again(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(label, "train_unit", partial(diverges_at, Fraction(1, 3)))
    run(replace(SMALL, out=tmp_path / "a"))
    monkeypatch.undo()
    found = run(replace(SMALL, out=tmp_path / "b", known=str(tmp_path / "a" / "table.csv")))
    assert found["trained"] == 4
    assert table(tmp_path / "b") == table(undisturbed[1])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"epochs": 7}, "recipe"),
        ({"temperature": 3.0}, "recipe"),
        ({"losses": ("sp=1",)}, "recipe"),
        ({"teacher": "untrained:digits-cnn-teacher"}, "teacher"),
        ({"data": "digits/120"}, "dataset"),
    ],
)
def test_a_table_of_other_trainings_is_not_taken_over(without, tmp_path, change, what):
    config = replace(SMALL, out=tmp_path / "run", known=str(without / "table.csv"), **change)
    with pytest.raises(InvalidInput, match=f"made with another {what}; leave out --known") as why:
        run(config)
    assert "autodas label --space digits-vit --data digits/100 --students 1" in str(why.value)
    assert "\n" not in str(why.value)
    assert not config.out.exists()


def test_what_a_gpu_has_trained_is_not_taken_over(without, tmp_path):
    """It rounds otherwise, and the header of the new table would not say so."""
    for name in ("table.csv", "table.json"):
        (tmp_path / name).write_bytes((without / name).read_bytes())
    header = {name: value for name, value in header_of(without).items() if name != "seal"}
    (tmp_path / "table.json").write_text(json.dumps(header | {"device": "cuda", "amp": False}))
    config = replace(SMALL, out=tmp_path / "run", known=str(tmp_path / "table.csv"))
    with pytest.raises(InvalidInput, match="made with another device"):
        run(config)


def test_a_table_that_is_not_there_or_of_another_space_is_refused(tmp_path):
    wrong = {
        "digits-vitt": "did you mean 'digits-vit'",
        str(tmp_path / "none.csv"): "no such file",
        "digits-cnn": "table digits-cnn was made with another space; leave out --known",
    }
    for known, message in wrong.items():
        with pytest.raises(AutodasError, match=message) as why:
            run(replace(SMALL, out=tmp_path / "run", known=known))
        assert "\n" not in str(why.value)
    assert not (tmp_path / "run").exists()


OLD_RECIPE = (
    *("name", "description", "epochs", "batch_size", "optimizer", "learning_rate"),
    *("weight_decay", "momentum", "beta2", "warm_up", "clip_norm", "shift", "drop_path"),
    *("temperature", "kd_weight", "ce_weight"),
)


def test_headers_of_older_tables_leave_out_what_was_at_its_default(without, tmp_path):
    (tmp_path / "table.csv").write_bytes((without / "table.csv").read_bytes())
    header = {name: value for name, value in header_of(without).items() if name != "seal"}
    header["recipe"] = {name: header["recipe"][name] for name in OLD_RECIPE}
    (tmp_path / "table.json").write_text(json.dumps(header))
    units = _units(replace(SMALL, students=1, rungs=()))
    assert set(known_trainings(str(tmp_path / "table.csv"), units)) == set(units)


def test_the_tables_of_this_package_are_known():
    units = _units(LabelConfig(space="digits-vit", students=3, rungs=("1/9", "1/2")))
    known = known_trainings("digits-vit", units)
    table = load_table("digits-vit")
    judged = {str(each.fidelity) for each in table.rungs if np.isfinite(each.brier).any()}
    assert set(known) == {entry for entry in units if entry.rung in {"", *judged}}
    for entry, record in known.items():
        row = table.architectures.index(entry.arch)
        if not entry.rung:
            accuracy = table.targets[entry.training].per_seed[row, entry.seed]
            assert record == {"accuracy": accuracy}
        else:
            assert ("kd_loss" in record) == (entry.training == "distilled")
            assert record["cost"] == "1/10"


def test_a_rung_shares_no_luck_with_its_label_and_none_with_other_rungs():
    units = _units(SMALL)
    assert len(units) == 24
    seeds = {entry: unit.setup.seed for entry, unit in units.items()}
    for entry in seeds:
        twin = replace(entry, training="vanilla")
        assert seeds[twin] == seeds[replace(entry, training="distilled")]
    distilled = [seed for entry, seed in seeds.items() if entry.training == "distilled"]
    assert len(set(distilled)) == 12
    # The seeds of full trainings are those of a table without rungs.
    for entry, unit in _units(replace(SMALL, rungs=())).items():
        assert seeds[entry] == unit.setup.seed


def test_trainings_of_other_lengths_have_other_checkpoints():
    (unit, *_) = _units(replace(SMALL, rungs=())).values()
    lengths = [None, Fraction(1, 9), Fraction(1, 3), Fraction(2, 9)]
    units = [replace(unit, setup=replace(unit.setup, fidelity=each)) for each in lengths]
    assert len({each.key for each in units}) == len({each.checkpoint for each in units}) == 4
    assert units[1].key == replace(unit, setup=replace(unit.setup, fidelity=Fraction(2, 18))).key


def without_seconds(found):
    return {name: value for name, value in found.items() if name not in ("seconds", "history")}


def test_a_short_training_never_looks_at_the_test_part(monkeypatch):
    units = _units(SMALL)
    arch = next(iter(units)).arch
    short, full = (replace(units[Entry(arch, 0, "distilled", r)], kept=None) for r in ("1/3", ""))
    data = load_data(SMALL.data)
    noise = torch.randn(data.test_images.shape, generator=torch.Generator().manual_seed(0))
    garbage = ImageData.of_tensors(
        data.name,
        (data.train_images, data.train_labels),
        (noise, data.test_labels.flip(0)),
        data.num_classes,
    )
    expected = [without_seconds(train_unit(unit)) for unit in (short, full)]
    monkeypatch.setattr(training, "load_data", lambda name: garbage)
    found = [without_seconds(train_unit(unit)) for unit in (short, full)]
    assert found[0] == expected[0]
    assert found[1] != expected[1]
    assert len(found[0]["losses"]) == 20
    assert np.mean(found[0]["losses"]) == pytest.approx(
        found[0]["calibrated_cross_entropy"], abs=1e-4
    )


def test_the_distance_from_the_teacher_does_not_depend_on_the_loss():
    """Students that stay as they began are equally far, whatever they were trained with."""
    setup = _units(SMALL)[Entry(next(iter(_units(SMALL))).arch, 0, "distilled", "1/3")].setup
    still = replace(setup.recipe, learning_rate=1e-12, weight_decay=0.0)
    changes = ({}, {"losses": {"sp": 9.0}}, {"kd_weight": 0.1, "ce_weight": 3.0})
    changes += ({"hinton_scaling": False},)
    found = []
    for change in changes:
        unit = training.Unit(replace(setup, recipe=replace(still, **change)))
        found.append(train_unit(unit)["kd_loss"])
    assert found == pytest.approx([found[0]] * 4, rel=1e-5)
    hotter = training.Unit(replace(setup, recipe=replace(still, temperature=8.0)))
    assert train_unit(hotter)["kd_loss"] != pytest.approx(found[0], rel=0.01)
    vanilla = training.Unit(replace(setup, recipe=still, teachers=()))
    assert "kd_loss" not in train_unit(vanilla)


def test_rungs_are_sorted_and_spelt_in_one_way():
    assert LabelConfig(rungs=("1/3", "2/18", "0.5", "1/9")).rungs == ("1/9", "1/3", "1/2")
    for wrong in ("0", "1", "2", "1/0", "x", "1e-9", ""):
        with pytest.raises(InvalidInput, match=f"such as 1/9, got '{wrong}'"):
            LabelConfig(rungs=("1/9", wrong))


def test_where_a_training_is_one_step_the_table_can_be_read(tmp_path):
    config = replace(SMALL, out=tmp_path, data="digits/50", epochs=1, students=1, seeds=1)
    run(replace(config, rungs=("1/9",)))
    assert header_of(tmp_path)["rungs"] == {"1/9": "1"}
    assert {each.cost for each in read_table(tmp_path / "table.csv").rungs} == {1}


def test_data_too_small_for_a_validation_part_are_refused_before_anything_is_trained(tmp_path):
    config = replace(SMALL, out=tmp_path / "run", data="digits/10", students=1, seeds=1, epochs=1)
    with pytest.raises(InvalidInput, match="leaves nothing on one side"):
        run(config)
    assert not (tmp_path / "run").exists()
    assert run(replace(config, rungs=()))["failed"] == 0
