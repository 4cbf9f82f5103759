"""Students beside several teachers at once: what is measured, kept, written down and refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from weakref import ref

import numpy as np
import pytest

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok
from autodas.core.toml import read_toml
from autodas.expressions import parse
from autodas.networks import seeded
from autodas.scores import get_score
from autodas.spaces import get_space
from autodas.statistics import TeacherSignals, measure_pairs, teacher_signals
from autodas.steps import measure
from autodas.steps.discover import run as discover
from autodas.steps.distill import run as distill
from autodas.steps.search import run as search
from autodas.teachers import load_teacher
from autodas.workbench.families import subjects_of
from autodas.workbench.measuring import measure_space
from autodas.workbench.protocol import Protocol, batch_of, resolved, teacher_of

SPACE = get_space("digits-cnn")
STUDENTS = [SPACE.encode(arch) for arch in list(SPACE.enumerate())[:3]]
ONE, OTHER = "digits-cnn-teacher", "untrained:digits-cnn-teacher"
SET = Protocol(batch_size=10, more_teachers=(OTHER,))
SPREAD = "teachers_std(layers_mean(cka))"


def test_means_are_kept_beside_what_each_teacher_gives(tmp_path: Path) -> None:
    found = measure_space(SPACE, STUDENTS, ["cka", "logit_kl"], SET, cache=tmp_path)
    assert found.networks == 3, "each student is run once"
    assert found.beside is not None
    assert found.beside.owner.tolist() == [0, 0, 1, 1, 2, 2]
    each = found.beside.columns["logit_kl"].data.reshape(3, 2)
    for number, teacher in enumerate((ONE, OTHER)):
        alone = Protocol(batch_size=10, teacher=teacher)
        own = measure_space(SPACE, STUDENTS, ["cka", "logit_kl"], alone, cache=tmp_path)
        assert (own.networks, own.beside) == (0, None)
        assert np.array_equal(each[:, number], own.store.columns["logit_kl"].data)
    assert np.allclose(found.store.columns["logit_kl"].data, each.mean(axis=1), rtol=1e-12)
    assert measure_space(SPACE, STUDENTS, ["numel"], SET, cache=tmp_path).beside is None


def test_a_set_may_be_told_in_one_text_too(tmp_path: Path) -> None:
    told = resolved(Protocol(teacher=f"{ONE}+{OTHER}"), SPACE)
    assert told == resolved(replace(SET, batch_size=None), SPACE)
    with pytest.raises(InvalidInput, match="several different ones"):
        resolved(Protocol(teacher=ONE, more_teachers=(ONE,)), SPACE)


def test_one_network_under_two_names_does_not_count_twice(tmp_path: Path) -> None:
    twins = Protocol(batch_size=10, teacher=OTHER, more_teachers=(f"{OTHER}/10",))
    with pytest.raises(InvalidInput, match="are one network with the same weights; name it once"):
        measure_space(SPACE, STUDENTS, ["cka"], twins, cache=tmp_path)


def test_a_formula_sees_each_teacher_whether_columns_lie_on_disk_or_not(tmp_path: Path) -> None:
    subjects, _, _ = subjects_of(SPACE, STUDENTS, ["cka"], SET, cache=tmp_path)
    alone = [
        subjects_of(SPACE, STUDENTS, ["cka"], Protocol(batch_size=10, teacher=t), cache=tmp_path)[0]
        for t in (ONE, OTHER)
    ]
    cka = np.stack([get_score("layers_mean(cka)").compute(each).value for each in alone])
    for some in (subjects, subjects.within(0)):
        found = get_score(SPREAD).compute(some)
        assert isinstance(found, Ok)
        assert np.allclose(found.value, cka.std(axis=0), rtol=1e-5)
    checked = subjects.remembering(1 << 20, checked=True).evaluate(parse(SPREAD))
    assert isinstance(checked, Ok)
    assert np.allclose(checked.value, cka.std(axis=0), rtol=1e-5)
    # Two values that are one: of their difference, only rounding is left.
    nothing = parse("sub(teachers_max(layers_mean(cka)), teachers_max(layers_mean(abs(cka))))")
    assert isinstance(subjects.remembering(1 << 20, checked=True).evaluate(nothing), Failed)


def test_large_features_are_let_go_before_the_next_teacher_is_looked_at(monkeypatch) -> None:
    protocol = resolved(SET, SPACE)
    batch, look = batch_of(protocol, "double"), TeacherSignals._look
    features: list[ref] = []
    held: list[int] = []  # features of others that are in memory when one is looked at

    def noted(self):
        held.append(sum(each() is not None for each in features))
        stages, outputs = look(self)
        features.extend(ref(stage) for stage in stages)
        return stages, outputs

    def anew(name: str) -> TeacherSignals:
        told = teacher_of(replace(protocol, teacher=name), "double")
        return TeacherSignals(
            told.network, told.images, told.labels, trained=told.trained, digest=told.digest
        )

    def measured(most: int) -> list[list[int]]:
        monkeypatch.setattr(TeacherSignals.forget_features, "__defaults__", (most,))
        features.clear(), held.clear()
        teachers = [anew(name) for name in (ONE, OTHER)]
        network = seeded(lambda: SPACE.build(SPACE.decode(STUDENTS[0])), 0, double=True)
        names = ["cka", "pooled_kl", "logit_kl"]
        found = measure_pairs(network, batch.images, batch.labels, names, teachers)[1]
        return [[value.value.segments for value in each.values()] for each in found]

    monkeypatch.setattr(TeacherSignals, "_look", noted)
    kept = measured(teacher_signals.MOST_KEPT)
    assert held == [0, 3], "small ones are kept for the next student"
    assert measured(0) == kept
    assert held == [0, 0], "no feature of the first is left when the second is looked at"
    assert not any(each() is not None for each in features)


def test_what_was_let_go_is_made_again() -> None:
    signals = teacher_of(resolved(Protocol(batch_size=10, batch_seed=5), SPACE), "double")
    before = [stage.clone() for stage in signals.stages]
    logits = signals.logits
    signals.forget_features(0)
    assert signals.logits is logits, "outputs stay"
    assert all(np.array_equal(a, b) for a, b in zip(before, signals.stages, strict=True))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A teacher's file of one's own."""
    return copied(ONE, tmp_path / "mine.safetensors")


def copied(name: str, path: Path) -> Path:
    from autodas import teachers

    source = Path(teachers.__file__).parent / "weights" / f"{name}.safetensors"
    for suffix in (".safetensors", ".json"):
        shutil.copy(source.with_suffix(suffix), path.with_suffix(suffix))
    load_teacher.cache_clear()
    teacher_of.cache_clear()
    return path


def test_a_search_is_not_gone_on_with_beside_other_teachers(tmp_path: Path, mine: Path) -> None:
    copied("fashion-cnn-teacher", mine)
    config = search.SearchConfig(
        out=tmp_path / "run", space="digits-cnn", candidates=4, score=SPREAD, random=0,
        protocol=replace(SET, more_teachers=(str(mine), OTHER)), any_teacher=True,
    )  # fmt: skip
    found = search.run(config)
    scores = [each["score"] for each in found["students"]]
    assert all(score > 0 for score in scores)
    kept = read_toml(tmp_path / "run" / "config.toml")["resolved"]["teachers"]
    assert kept == {name: load_teacher(name).digest for name in (ONE, str(mine), OTHER)}
    assert search.run(config)["students"] == found["students"], "the same teachers go on"
    fewer = replace(config, protocol=replace(SET, more_teachers=(str(mine),)))
    with pytest.raises(InvalidInput, match=r"holds a run with protocol\.more_teachers="):
        search.run(fewer)
    copied(ONE, mine)  # another network under the name of the first
    with pytest.raises(InvalidInput, match=r"holds a run with resolved\.teachers\..*mine"):
        search.run(config)


def test_a_trained_student_names_all_that_have_taught_it(tmp_path: Path) -> None:
    config = distill.DistillConfig(
        out=tmp_path, space="digits-cnn", arch=STUDENTS[0], more_teachers=(OTHER,), epochs=1,
        seeds=1, vanilla=False, backend="serial", any_teacher=True,
    )  # fmt: skip
    distill.run(config)
    digests = {name: load_teacher(name).digest for name in (ONE, OTHER)}
    assert json.loads((tmp_path / "student.json").read_text())["teachers"] == digests
    assert read_toml(tmp_path / "config.toml")["resolved"]["teachers"] == digests
    alone = replace(config, more_teachers=(), teacher="none", out=tmp_path / "alone")
    distill.run(alone)
    assert json.loads((tmp_path / "alone" / "student.json").read_text())["teachers"] == {}


def test_a_discovery_may_reduce_a_set(tmp_path: Path) -> None:
    config = discover.DiscoverConfig(
        out=tmp_path, tables=("digits-cnn",), sample=24, population=40, generations=2,
        protocol=SET, leaves="interaction",
    )  # fmt: skip
    discover.run(config)
    records = (tmp_path / "journal.jsonl").read_text()
    assert "teachers_" in records
    assert OTHER in read_toml(tmp_path / "config.toml")["resolved"]["teachers"]


def test_two_ways_to_name_several_are_not_mixed(tmp_path: Path) -> None:
    asked = measure.MeasureConfig(students=1, protocol=SET, teachers=(ONE,), cache=tmp_path)
    with pytest.raises(InvalidInput, match="--more-teachers beside all at once"):
        measure.run(asked)
    pairs = discover.DiscoverConfig(out=tmp_path, tables=("digits-pairs-cnn",), protocol=SET)
    with pytest.raises(InvalidInput, match=f"leave out --more-teachers {OTHER}"):
        discover.run(pairs)
