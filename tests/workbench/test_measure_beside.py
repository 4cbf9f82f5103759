"""A student is run once for all teachers, and what is measured of it alone is kept once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from autodas.core.errors import InvalidInput
from autodas.core.progress import Silent
from autodas.core.results import Failed, Ok
from autodas.spaces import ChoiceSpace, get_space
from autodas.statistics import Measured
from autodas.statistics.store.combined import mean_of
from autodas.steps import measure
from autodas.steps.benchmark import run as benchmark
from autodas.steps.measure import MeasureConfig
from autodas.tables import load_table
from autodas.tables.labels import LabelRow, write_labels
from autodas.workbench import measuring, protocol
from autodas.workbench.families import as_labelled
from autodas.workbench.measuring import measure_beside, measure_space
from autodas.workbench.protocol import Protocol

SPACE = get_space("digits-cnn")
STUDENTS = [SPACE.encode(arch) for arch in list(SPACE.enumerate())[:2]]
TEACHERS = ("digits-cnn-teacher", "untrained:digits-cnn-teacher", "fashion-cnn-teacher")
NAMES = ("weight_grad", "sample_gram", "cka", "logit_kl", "teacher_logits", "pooled_kl")
PROTOCOL = Protocol(batch_size=10)
FOLDER = "runs/pair-teachers/digits"


@pytest.fixture
def runs(monkeypatch):
    """What was measured, network by network: statistics, and against how many teachers."""
    found, measure = [], measuring.measure_pairs

    def noted(network, images, labels, names, teachers, **options):
        given = list(teachers)
        found.append((sorted(names), len(given)))
        return measure(network, images, labels, names, given, **options)

    monkeypatch.setattr(measuring, "measure_pairs", noted)
    return found


class Told(Silent):
    """Hears what is done."""

    def __init__(self):
        self.tasks = []

    def start(self, task, total, done=0):
        self.tasks.append((task, total, done))


def test_a_long_list_of_models_is_told_in_short(tmp_path):
    names = [f"networks_of_mine:model_{number}" for number in range(9)]
    space = ChoiceSpace(
        ",".join(names), "nine", {"width": (4, 8)},
        lambda arch, classes, shape: SPACE.build(SPACE.decode(STUDENTS[0])),
        input_shape=(1, 8, 8), num_classes=10,
    )  # fmt: skip
    told = Told()
    measure_space(space, [], ["weight_grad"], PROTOCOL, cache=tmp_path, progress=told)
    assert told.tasks == [("measuring networks_of_mine:model_0 and 8 others", 0, 0)]


def values_of(column):
    return np.concatenate([block.ravel() for _, block in column.blocks()])


def test_pairs_have_the_values_that_each_teacher_alone_gives(tmp_path, runs):
    together = measure_beside(SPACE, STUDENTS, NAMES, PROTOCOL, TEACHERS, cache=tmp_path / "all")
    assert runs == [(sorted(NAMES), 3)] * 2, "one run of each student"
    assert together.networks == 2
    assert together.store.architectures[:2] == (
        f"{STUDENTS[0]} beside {TEACHERS[0]}",
        f"{STUDENTS[0]} beside {TEACHERS[1]}",
    )
    for number, teacher in enumerate(TEACHERS):
        one = Protocol(batch_size=10, teacher=teacher)
        own = measure_space(SPACE, STUDENTS, NAMES, one, cache=tmp_path / teacher).store
        for name in ("logit_kl", "pooled_kl"):
            pairs = together.store.columns[name].data.reshape(2, 3)
            assert np.array_equal(pairs[:, number], own.columns[name].data), name
    logits = values_of(together.store.columns["teacher_logits"]).reshape(2, 3, -1)
    assert np.array_equal(logits[0], logits[1])
    assert not np.array_equal(logits[0, 0], logits[0, 1])


def test_another_teacher_costs_what_depends_on_it(tmp_path, runs):
    first, second = (Protocol(batch_size=10, teacher=teacher) for teacher in TEACHERS[:2])
    measure_space(SPACE, STUDENTS[:1], NAMES, first, cache=tmp_path)
    measure_space(SPACE, STUDENTS[:1], NAMES, second, cache=tmp_path)
    assert runs[1] == (["cka", "logit_kl", "pooled_kl", "teacher_logits"], 1)
    found = measure_beside(SPACE, STUDENTS[:1], NAMES, PROTOCOL, TEACHERS, cache=tmp_path)
    assert runs[2:] == [(["cka", "logit_kl", "pooled_kl", "teacher_logits"], 1)]
    assert found.networks == 1
    again = measure_beside(SPACE, STUDENTS[:1], NAMES, PROTOCOL, TEACHERS, cache=tmp_path)
    assert (len(runs), again.networks) == (3, 0)


def test_what_is_of_the_student_alone_asks_no_teacher(tmp_path, monkeypatch):
    def refuse(name):
        raise InvalidInput(f"asked {name}")

    monkeypatch.setattr(protocol, "load_teacher", refuse)
    given = Protocol(batch_size=10, teacher="digits-cnn-teacher", batch_seed=77)
    alone = measure_space(SPACE, STUDENTS, NAMES[:2], given, cache=tmp_path)
    assert not alone.store.missing
    with pytest.raises(InvalidInput, match="asked digits-cnn-teacher"):
        measure_space(SPACE, STUDENTS, NAMES, given, cache=tmp_path)


def test_a_statistic_that_is_called_the_students_own_cannot_see_the_teacher():
    from autodas.statistics import STATISTICS, measure
    from autodas.workbench.protocol import resolved, signals

    batch, teacher = signals(resolved(PROTOCOL, SPACE), "double")
    network = SPACE.build(SPACE.decode(STUDENTS[0])).double()
    found = measure(network, batch.images, batch.labels, ["cka"], teacher=teacher)
    assert isinstance(found["cka"], Ok)
    kept = STATISTICS.get("cka")
    object.__setattr__(kept, "origin", "intrinsic")
    try:
        with pytest.raises(InvalidInput, match="compares with a teacher, and none was given"):
            measure(network, batch.images, batch.labels, ["cka"], teacher=teacher)
    finally:
        object.__setattr__(kept, "origin", "interaction")


def test_beside_several_at_once_the_mean_counts(tmp_path, runs):
    both = f"{TEACHERS[0]}+{TEACHERS[1]}"
    ways = (*TEACHERS[:2], both)
    found = measure_beside(SPACE, STUDENTS, NAMES, PROTOCOL, ways, cache=tmp_path).store
    assert [teachers for _, teachers in runs] == [2, 2], "members are measured once"
    kl = found.columns["logit_kl"].data.reshape(2, 3)
    assert np.allclose(kl[:, 2], kl[:, :2].mean(axis=1), rtol=1e-12)
    assert not np.allclose(kl[:, 0], kl[:, 1])
    one = measure_space(
        SPACE, STUDENTS, NAMES, Protocol(batch_size=10, teacher=both), cache=tmp_path
    )
    assert np.array_equal(one.store.columns["logit_kl"].data, kl[:, 2])
    with pytest.raises(InvalidInput, match="none is no teacher"):
        measure_beside(SPACE, STUDENTS, NAMES, PROTOCOL, ("none",), cache=tmp_path)


def test_what_fails_beside_one_fails_beside_all():
    one = {"a": Ok(Measured((np.array([1.0, 3.0]),), (9,))), "b": Ok(Measured((), ()))}
    other = {"a": Ok(Measured((np.array([2.0, 5.0]),), (9,))), "b": Failed("no stages")}
    found = mean_of([one, other])
    assert found["a"].value.segments[0].tolist() == [1.5, 4.0]
    assert found["a"].value.counts == (9,)
    assert found["b"] == Failed("no stages")


def test_the_command_measures_students_beside_several_teachers(tmp_path):
    asked = MeasureConfig(
        students=3, statistics=("numel", "cka"), protocol=PROTOCOL, teachers=TEACHERS[:2],
        cache=tmp_path,
    )  # fmt: skip
    found = measure.run(asked)
    assert (found["architectures"], found["measured"]) == (3, 3)
    assert found["teachers"] == list(TEACHERS[:2])
    assert "beside 2 teachers each" in found["summary"][0]


def test_students_of_a_table_of_pairs_are_measured_beside_who_taught_them():
    table = load_table("digits-pairs-cnn")
    assert as_labelled(Protocol(), table, "small").teacher == f"{FOLDER}/small.safetensors"
    together = as_labelled(Protocol(), table, "digits-cnn-teacher+seed1+deep").teacher
    assert together == f"digits-cnn-teacher+{FOLDER}/seed1.safetensors+{FOLDER}/deep.safetensors"
    assert as_labelled(Protocol(), table, "none") == Protocol(data="digits")
    assert as_labelled(Protocol(teacher="mine"), table, "small").teacher == "mine"


def test_a_benchmark_compares_each_target_with_its_own_teacher(tmp_path):
    rng, texts = np.random.default_rng(0), [SPACE.encode(arch) for arch in SPACE.enumerate()][:12]
    named = {"own": "digits-cnn-teacher", "other": "fashion-cnn-teacher"}
    rows = [LabelRow(text, float(rng.uniform(50, 90)), 0, name) for text in texts for name in named]
    header = {
        "space": "digits-cnn",
        "dataset": "digits",
        "teachers": [{"name": n, "members": [{"name": m}]} for n, m in named.items()],
    }
    path = tmp_path / "pairs.csv"
    write_labels(path, rows, header)
    options = {"scores": ("log(logit_kl)",), "cache": tmp_path / "cache", "protocol": PROTOCOL}
    found = benchmark.run(
        benchmark.BenchmarkConfig(table=(str(path),), out=tmp_path / "both", **options)
    )
    taus = {row["target"]: row["tau"] for row in found["rows"] if row["score"] == "log(logit_kl)"}
    assert found["networks_measured"] == 24
    values = {
        name: measure_space(
            SPACE, texts, ["logit_kl"], Protocol(batch_size=10, teacher=teacher), cache=tmp_path
        ).store.columns["logit_kl"].data
        for name, teacher in named.items()
    }  # fmt: skip
    for name in named:
        truth = [row.accuracy for row in rows if row.training == name]
        assert taus[name] == pytest.approx(kendalltau(values[name], truth).statistic)
    assert taus["own"] != taus["other"]
