"""The label step: sampling, resuming, failures, the same table whatever happens on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from itertools import count

import pytest

from autodas.core.errors import FileProblem, InvalidInput, UnknownName
from autodas.core.runs import Journal
from autodas.distill import RECIPES, get_recipe
from autodas.spaces import ChoiceSpace, get_space
from autodas.steps.label import run as label
from autodas.steps.label.run import LabelConfig, run, sample_students
from autodas.tables import read_table

CNN, VIT = get_space("digits-cnn"), get_space("digits-vit")
HASTY = replace(get_recipe("digits-vit-short"), name="hasty", epochs=1, warm_up=0.0)
SMALL = LabelConfig(space="digits-vit", recipe="hasty", students=3, seeds=2, backend="serial")


@pytest.fixture(autouse=True)
def hasty():
    RECIPES.add("hasty", HASTY)
    yield
    RECIPES.remove("hasty")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A table made in one go, and its run directory."""
    RECIPES.add("hasty", HASTY)
    try:
        out = tmp_path_factory.mktemp("label") / "run"
        return run(replace(SMALL, out=out)), out
    finally:
        RECIPES.remove("hasty")


def table(folder):
    return (folder / "table.csv").read_bytes(), (folder / "table.json").read_bytes()


def test_the_table_holds_every_training(undisturbed):
    result, out = undisturbed
    assert (result["trained"], result["failed"]) == (12, 0)
    read = read_table(out / "table.csv")
    assert read.space == "digits-vit"
    assert len(read) == 3
    for training in ("distilled", "vanilla"):
        assert read.targets[training].seeds == (0, 1)
        assert read.targets[training].known == 3
        assert all(5 < accuracy < 100 for accuracy in read.targets[training].values)
    assert set(read.architectures) == {VIT.encode(a) for a in sample_students(VIT, 3, 0)}


def test_teacher_and_seed_make_a_difference(undisturbed):
    _, out = undisturbed
    targets = read_table(out / "table.csv").targets
    distilled, vanilla = (targets[name].per_seed for name in ("distilled", "vanilla"))
    assert (distilled != vanilla).any()
    assert (distilled[:, 0] != distilled[:, 1]).any()


def test_the_header_says_how_it_was_made(undisturbed):
    _, out = undisturbed
    header = json.loads((out / "table.json").read_text())
    assert header["teacher"]["name"] == "digits-cnn-teacher"
    assert len(header["teacher"]["digest"]) == len(header["dataset_digest"]) == 64
    assert header["recipe"]["epochs"] == 1
    assert set(header["noise"]) == {"distilled", "vanilla"}
    assert header["command"] == (
        "autodas label --space digits-vit --recipe hasty --students 3 --seeds 2"
    )


def test_a_finished_run_trains_nothing_again(undisturbed):
    _, out = undisturbed
    before = table(out)
    assert run(replace(SMALL, out=out))["trained"] == 0
    assert table(out) == before


def test_lost_and_torn_journal_lines_are_trained_again(undisturbed, tmp_path):
    _, out = undisturbed
    run(replace(SMALL, out=tmp_path))
    journal = tmp_path / "journal.jsonl"
    lines = [line for line in journal.read_bytes().split(b"\n") if line]
    journal.write_bytes(b"\n".join([*lines[:4], lines[5][:-9]]))
    assert run(replace(SMALL, out=tmp_path))["trained"] == 8
    assert table(tmp_path) == table(out)


def test_another_configuration_in_the_same_folder_is_refused(undisturbed):
    _, out = undisturbed
    with pytest.raises(InvalidInput, match="holds a run with"):
        run(replace(SMALL, out=out, temperature=1.5))


def test_overrides_reach_the_header(tmp_path):
    config = replace(SMALL, out=tmp_path, students=1, seeds=1, temperature=7.0, kd_weight=0.25)
    run(replace(config, vanilla=False))
    header = json.loads((tmp_path / "table.json").read_text())
    assert (header["recipe"]["temperature"], header["recipe"]["kd_weight"]) == (7.0, 0.25)
    assert list(read_table(tmp_path / "table.csv").targets) == ["distilled"]


def test_a_student_that_diverges_is_recorded_with_its_reason(tmp_path):
    RECIPES.add("wild", replace(HASTY, name="wild", optimizer="sgd", learning_rate=1e30))
    try:
        result = run(replace(SMALL, out=tmp_path, recipe="wild", students=1, seeds=1))
    finally:
        RECIPES.remove("wild")
    assert result["failed"] == 2
    row = (tmp_path / "table.csv").read_text().splitlines()[1]
    assert ",,0,distilled,failed,training diverged in epoch 1 of 1" in row


def fails_at(where, numbers, unit):
    if next(numbers) == where:
        raise RuntimeError("out of luck")
    return train_unit(unit)


train_unit = label.train_unit


def test_a_failed_unit_is_tried_again_when_the_run_goes_on(undisturbed, tmp_path, monkeypatch):
    _, out = undisturbed
    monkeypatch.setattr(label, "train_unit", partial(fails_at, 4, count()))
    assert run(replace(SMALL, out=tmp_path))["failed"] == 1
    assert "RuntimeError: out of luck" in (tmp_path / "table.csv").read_text()
    monkeypatch.undo()
    again = run(replace(SMALL, out=tmp_path))
    assert (again["trained"], again["failed"]) == (1, 0)
    assert table(tmp_path) == table(out)


def test_a_damaged_table_is_refused(undisturbed, tmp_path):
    _, out = undisturbed
    for name in ("table.csv", "table.json"):
        (tmp_path / name).write_bytes((out / name).read_bytes())
    with (tmp_path / "table.csv").open("r+b") as handle:
        handle.seek(-40, os.SEEK_END)
        handle.write(b"9")
    with pytest.raises(FileProblem, match="changed or damaged"):
        read_table(tmp_path / "table.csv")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"students": 0}, InvalidInput, "students must be at least 1, got 0"),
        ({"seeds": 0}, InvalidInput, "seeds must be at least 1, got 0"),
        ({"jobs": 0}, InvalidInput, "at least 1, got 0"),
        ({"space": "digits-cn"}, UnknownName, "did you mean 'digits-cnn'"),
        ({"recipe": "hastyy"}, UnknownName, "did you mean 'hasty'"),
        ({"teacher": "untrained:digits-cnn-teacher/3"}, InvalidInput, "knows 3 classes"),
        ({"temperature": 0.0}, InvalidInput, "temperature must be > 0"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        run(replace(SMALL, out=tmp_path / "run", **change))
    assert not (tmp_path / "run").exists()


def test_the_sample_is_spread_over_sizes_and_grows_at_the_end():
    few, many = sample_students(VIT, 20, 0), sample_students(VIT, 40, 0)
    assert many[:20] == few
    assert len(set(many)) == 40
    sizes = sorted(VIT.cost(arch).params for arch in few)
    smallest, largest = (
        VIT.cost(VIT.decode(f'{{"depth":{d},"heads":1,"mlp_ratio":{r},"width":{w}}}')).params
        for d, r, w in ((1, 0.5, 12), (4, 4.0, 48))
    )
    # A plain random sample of 20 would usually miss the extremes.
    assert sizes[0] < 1.25 * smallest
    assert sizes[-1] > 0.8 * largest
    assert sample_students(VIT, 20, 1) != few


def test_a_sample_is_never_larger_than_the_space():
    students = sample_students(VIT, 1000, 0)
    assert len(students) == 256
    assert set(students) == set(VIT.enumerate())


def test_a_space_too_large_to_enumerate_is_sampled():
    wide = ChoiceSpace(
        "wide",
        "many architectures",
        {**{f"unused{i}": tuple(range(10)) for i in range(6)}, "width": (4, 8, 16)},
        lambda arch, classes, shape: CNN.build(
            CNN.decode(f'{{"depth":[1,1,1],"width":[4,4,{arch["width"]}]}}'),
            num_classes=classes,
            input_shape=shape,
        ),
        input_shape=(1, 8, 8),
        num_classes=10,
    )
    students = sample_students(wide, 9, 0)
    assert len(set(students)) == 9
    widths = [json.loads(wide.encode(student))["width"] for student in students]
    assert all(widths.count(w) == 3 for w in (4, 8, 16))


# The command that the next test kills; a module of its own, since workers import it by name.
SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
from autodas.distill import RECIPES, get_recipe
hasty = replace(get_recipe("digits-vit-short"), name="hasty", epochs=1, warm_up=0.0)
RECIPES.add("hasty", hasty)
from autodas.steps.label.run import LabelConfig, run
if __name__ == "__main__":
    run(LabelConfig(
        out=Path(sys.argv[1]), space="digits-vit", recipe="hasty", students=3, seeds=2, jobs=2
    ))
"""


def test_kill_9_loses_nothing_and_the_table_is_the_same(undisturbed, tmp_path):
    _, reference = undisturbed
    script, out = tmp_path / "script.py", tmp_path / "run"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(out)]
    running = subprocess.Popen(command, start_new_session=True)
    journal = Journal(out / "journal.jsonl")
    deadline = time.monotonic() + 120
    while not journal.records() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    saved = journal.records()
    assert 1 <= len(saved) < 12
    run(replace(SMALL, out=out))  # in this process: the backend may change between attempts
    assert len(journal.records()) == 12  # nothing was trained twice
    assert journal.records()[: len(saved)] == saved
    assert table(out) == table(reference)
