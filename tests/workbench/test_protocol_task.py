"""Students are measured for the task that is asked for, or that the target of a table is about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autodas.core.errors import InvalidInput
from autodas.spaces import get_space
from autodas.steps.benchmark.config import BenchmarkConfig
from autodas.steps.benchmark.run import run
from autodas.workbench.addresses import initial_weights, student_key, weights_of
from autodas.workbench.families import as_labelled, load_family
from autodas.workbench.ground_truth import load_table
from autodas.workbench.protocol import Protocol, resolved, signals

MACRO = get_space("transnas-macro")
DIGITS = Protocol("digits", "digits-cnn-teacher", 4)
OF_TARGET = replace(DIGITS, task="target")
ARCHITECTURES = ("(1, 2, 4, 2, 0, 0)", "(2, 1, 3, 4, 0, 0)", "(4, 1, 1, 2, 0, 0)")
OTHERS = ("segmentsemantic", "normal", "autoencoder", "room_layout", "jigsaw")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = ["task,arch,val_accuracy"]
    for number, task in enumerate(("class_scene", "segmentsemantic", "room_layout")):
        rows += [f'{task},"{a}",{number + i}' for i, a in enumerate(ARCHITECTURES)]
    path = tmp_path / "several.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_the_task_is_part_of_the_address_of_what_is_measured() -> None:
    protocols = [DIGITS, *(replace(DIGITS, task=task) for task in OTHERS)]
    keys = {student_key(MACRO, ARCHITECTURES[0], each, "weights") for each in protocols}
    assert len(keys) == 6
    told = replace(DIGITS, task="normal")
    assert weights_of(MACRO, told) != initial_weights(MACRO, 0, 3, (1, 8, 8)), "of a classifier"


def test_students_see_the_labels_of_the_task_and_the_teacher_those_of_the_data() -> None:
    plain, _ = signals(DIGITS, "single")
    batch, teacher = signals(replace(DIGITS, task="segmentsemantic", resolution=12), "single")
    assert batch.labels.shape == (4, 12, 12)
    assert batch.num_classes == 17
    assert (teacher.labels == plain.labels).all()


def test_the_target_of_a_table_says_the_task_where_there_is_a_head(file: Path) -> None:
    table = load_table(str(file))
    told = {target: as_labelled(OF_TARGET, table, target).task for target in table.targets}
    assert told == {
        "class_scene": "classification",
        "segmentsemantic": "segmentsemantic",
        "room_layout": "room_layout",
    }
    assert as_labelled(OF_TARGET, load_table("digits-cnn"), "distilled").task == "classification"
    named = replace(DIGITS, task="normal")
    assert as_labelled(named, table, "segmentsemantic").task == "normal"


def test_a_task_without_a_head_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"'digits-cnn' has no head for the task 'jigsaw'"):
        resolved(replace(DIGITS, task="jigsaw"), get_space("digits-cnn"))
    with pytest.raises(InvalidInput, match=r"no head for the task 'target'; choose from"):
        resolved(OF_TARGET, MACRO)


def test_sizes_are_those_with_the_head_whether_something_is_measured_or_not(
    file: Path, tmp_path: Path
) -> None:
    pair = f"{file}:segmentsemantic"
    plain, named = (
        load_family(pair, (), each, cache=tmp_path).sizes[0] for each in (DIGITS, OF_TARGET)
    )
    measured = load_family(pair, ("gradient_norm",), OF_TARGET, cache=tmp_path)
    assert (named > plain + 5e6).all()
    # Of images in grey, the first convolution has weights for one channel in the place of three.
    np.testing.assert_allclose(measured.sizes[0], named - 2 * 32 * 9, rtol=1e-6)


def test_a_benchmark_measures_every_target_for_its_own_task(file: Path, tmp_path: Path) -> None:
    targets = ("class_scene", "segmentsemantic", "room_layout")
    told = {
        task: run(
            BenchmarkConfig(
                table=tuple(f"{file}:{target}" for target in targets),
                scores=("naswot",),
                protocol=replace(DIGITS, task=task),
                out=tmp_path / task,
                cache=tmp_path / "cache",
            )
        )["networks_measured"]
        for task in ("classification", "target")
    }
    # Those of the classification are there already.
    assert told == {"classification": 3, "target": 6}
