"""Discovery over pairs: students and teachers that are kept unseen, and what each formula knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autodas.core.errors import InvalidInput
from autodas.spaces import get_space
from autodas.steps.discover import dispatch as discover
from autodas.steps.discover.config import DiscoverConfig
from autodas.steps.discover.evolving import ProxySearch
from autodas.steps.discover.inputs import load
from autodas.tables import LabelRow, write_labels
from autodas.workbench.pair_families import PairFamily, load_pairs
from autodas.workbench.protocol import Protocol

SPACE = get_space("digits-cnn")
STUDENTS = [SPACE.encode(arch) for arch in SPACE.enumerate()][::12][:20]
TEACHERS = {
    "own": "digits-cnn-teacher",
    "other": "fashion-cnn-teacher",
    "raw": "untrained:digits-cnn-teacher",
}
ACCURACY = {"own": 96.0, "other": 40.0, "raw": 10.0}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Larger students and right teachers are better, and labels alone are best."""
    path = tmp_path_factory.mktemp("pairs") / "mine.csv"
    rng = np.random.default_rng(0)
    rows = []
    for text in STUDENTS:
        size = np.log(SPACE.cost(SPACE.decode(text)).params)
        for name in (*TEACHERS, "none"):
            value = 20 + 3 * size + ACCURACY.get(name, 99.0) / 5 + rng.normal()
            rows.append(LabelRow(text, float(value), 0, name))
    members = {
        name: [{"name": teacher, "digest": name, "accuracy": ACCURACY[name]}]
        for name, teacher in TEACHERS.items()
    }
    teachers = [{"name": name, "members": members.get(name, [])} for name in (*TEACHERS, "none")]
    write_labels(path, rows, {"space": "digits-cnn", "dataset": "digits", "teachers": teachers})
    return path


@pytest.fixture(scope="module")
def config(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("discover")
    return DiscoverConfig(
        out=folder / "run",
        tables=(str(table),),
        protocol=Protocol(batch_size=10),
        population=8,
        generations=2,
        finalists=4,
        jobs=1,
        cache=folder / "cache",
    )


@pytest.fixture(scope="module")
def results(config):
    return discover.run(config)


def test_a_family_of_pairs_parts_students_and_teachers(table, config):
    family = load_pairs(str(table), ["logit_kl"], config.protocol, cache=config.cache)
    assert family.teachers == tuple(TEACHERS), "labels alone are beside nobody"
    assert len(family.truth) == 60
    rows = [
        *family.split.search,
        *family.split.validation,
        *np.concatenate([*family.unseen.values()]),
    ]
    assert sorted(rows) == sorted(set(rows)), "every pair is in one part"
    known = np.concatenate([family.split.search, family.split.validation])
    parts = family.unseen
    new_students = set(family.student[parts["unseen students"]])
    new_teachers = set(family.teacher[parts["unseen teachers"]])
    assert len(new_teachers) == 1
    assert not new_students & set(family.student[known])
    assert not new_teachers & set(family.teacher[known])
    assert set(family.student[parts["both unseen"]]) == new_students
    assert set(family.teacher[parts["both unseen"]]) == new_teachers
    kl = family.subjects.columns["logit_kl"].data.reshape(20, 3)
    assert len(np.unique(kl)) == 60
    first = f"{sorted(STUDENTS)[0]} beside other"
    assert family.table.architectures[1] == family.subjects.architectures[1] == first
    assert family.truth[1] == family.table.targets["pairs"].per_seed[1, 0]


def test_search_and_choice_do_not_hold_what_is_unseen(config):
    (guiding,) = load(config).guiding
    known = np.concatenate([guiding.split.search, guiding.split.validation])
    assert np.isfinite(guiding.truth[known]).all()
    assert np.isfinite(guiding.truth).sum() == len(known) < len(guiding.truth)
    hidden = np.concatenate([*guiding.unseen.values()])
    assert np.isnan(guiding.table.targets["pairs"].per_seed[hidden]).all()


def test_the_table_tells_teachers_students_and_pairs_apart(results):
    rows = {(row["target"], row["score"]): row for row in results["rows"]}
    assert len(rows) == 9 * 5
    assert {row["space"] for row in rows.values()} == {"digits-cnn"}
    params = rows["teachers of one student, unseen students", "params"]
    assert (params["tau"], params["delta_params"]) == (0.0, 0.0)
    known = rows["teachers of one student, unseen students", "teacher_accuracy"]
    assert known["tau"] > 0.9
    assert known["delta_params"] == known["tau"]
    assert rows["students of one teacher, both unseen", "teacher_accuracy"]["tau"] is None
    both = rows["all pairs, unseen students", "params_and_teacher_accuracy"]
    assert both["tau"] > rows["all pairs, unseen students", "params"]["tau"]
    assert both["tau_low"] <= both["tau"] < both["tau_high"]
    said = [line for line in results["verdict"] if "unseen students" in line]
    assert [line.partition(", ")[2].partition(" (")[0] for line in said] == [
        "teachers of one student",
        "students of one teacher",
        "all pairs",
    ]
    assert {pair["target"] for pair in results["pairs"]} == {target for target, _ in rows}


def test_formulas_may_use_the_teacher_alone_where_there_are_several(config):
    families = load(config).guiding
    both, alone = (
        ProxySearch(replace(config, leaves=leaves), families).grammar
        for leaves in ("both", "intrinsic")
    )
    assert {"teacher_logits", "logit_kl"} <= set(both.leaves)
    assert not both.fixed
    assert not {"teacher_logits", "logit_kl"} & set(alone.leaves)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lift": True}, "lift is for tables of one teacher"),
        ({"terms": 2}, "terms is for tables of one teacher"),
        ({"labels": 8}, "labels is for tables of one teacher"),
        ({"selection": "nsga2"}, "selection nsga2 looks at sizes"),
        ({"protocol": Protocol(teacher="digits-cnn-teacher")}, "has a teacher for every pair"),
        ({"protocol": Protocol(data="digits/100")}, "taught on other data than 'digits/100'"),
    ],
)
def test_what_says_nothing_of_pairs_is_refused(config, changes, message):
    with pytest.raises(InvalidInput, match=message):
        discover.run(replace(config, out=config.out.parent / "refused", **changes))


def test_one_column_is_a_table_of_one_teacher(config):
    (family,) = load(replace(config, tables=(f"{config.tables[0]}:other",))).guiding
    assert not isinstance(family, PairFamily)
    assert (family.target, family.protocol.teacher) == ("other", "fashion-cnn-teacher")
    assert len(family.truth) == 20
