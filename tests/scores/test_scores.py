"""Scores, proxy files and how they are named."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
import torch

from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.results import Failed, Ok
from autodas.core.values import SCALAR, BesideEach, Column, Layout
from autodas.expressions import Evaluator, parse
from autodas.networks import seeded
from autodas.primitives import apply
from autodas.scores import (
    SCORES,
    Proxy,
    Scale,
    Score,
    Subjects,
    Term,
    get_score,
    of_expression,
    score_names,
)
from autodas.spaces import get_space
from autodas.statistics import STATISTICS, TeacherSignals, columns, measure

SPACE = get_space("digits-cnn")
CODES = [
    '{"depth":[1,1,1],"width":[4,4,4]}',
    '{"depth":[1,2,1],"width":[4,8,4]}',
    '{"depth":[2,2,3],"width":[8,8,16]}',
]


@pytest.fixture(scope="module")
def subjects() -> Subjects:
    torch.manual_seed(0)
    images, labels = torch.randn(20, 1, 8, 8), torch.arange(20) % 10
    network = seeded(lambda: SPACE.build(SPACE.decode(CODES[2])), 5)
    teacher = TeacherSignals(network, images, labels, trained=False, digest="t")
    scores = [SCORES.get(name) for name in ("params", "macs", "diswot", "kd")]
    names = sorted(frozenset().union(*(score.leaves for score in scores)))
    measured = [
        measure(
            seeded(lambda code=code: SPACE.build(SPACE.decode(code)), 0),
            images,
            labels,
            names,
            teacher=teacher,
        )
        for code in CODES
    ]
    store = columns(CODES, measured, names)
    depth = np.array([float(SPACE.depth(SPACE.decode(code))) for code in CODES])
    return Subjects(tuple(CODES), depth, store.columns, store.missing)


@pytest.mark.parametrize(
    "name", ["params", "macs", "depth", "diswot", "diswot_relation", "diswot_semantic"]
)
def test_scores_give_one_finite_number_per_architecture(name, subjects):
    score = SCORES.get(name)
    values = score.compute(subjects)
    assert isinstance(values, Ok), values
    assert values.value.shape == (3,)
    assert np.isfinite(values.value).all()
    assert len(set(values.value)) == 3
    assert score.description


def test_sizes_are_the_sizes_of_the_networks(subjects):
    for name in ("params", "macs"):
        values = SCORES.get(name).compute(subjects)
        assert values.value.tolist() == [
            getattr(SPACE.cost(SPACE.decode(code)), name) for code in CODES
        ]
    assert SCORES.get("depth").compute(subjects).value.tolist() == [3, 4, 7]


def test_diswot_is_the_sum_of_its_two_terms(subjects):
    relation, semantic, both = (
        SCORES.get(name).compute(subjects).value
        for name in ("diswot_relation", "diswot_semantic", "diswot")
    )
    np.testing.assert_allclose(both, relation + semantic)
    assert (relation < 0).all()
    assert (semantic < 0).all()


def test_a_student_equal_to_its_teacher_has_the_best_relation():
    images, labels = torch.randn(20, 1, 8, 8), torch.arange(20) % 10
    build = lambda: SPACE.build(SPACE.decode(CODES[1]))  # noqa: E731
    teacher = TeacherSignals(seeded(build, 3), images, labels, trained=False, digest="t")
    names = ["gram_distance", "class_gradient_distance"]
    same = measure(seeded(build, 3), images, labels, names, teacher=teacher)
    other = measure(seeded(build, 4), images, labels, names, teacher=teacher)
    store = columns(["same", "other"], [same, other], names)
    values = SCORES.get("diswot").compute(Subjects(("a", "b"), np.ones(2), store.columns, {}))
    assert values.value[0] == pytest.approx(0, abs=1e-6)
    assert values.value[1] < -1e-4


def test_a_score_that_needs_what_is_missing_fails_with_the_reason():
    column = Column(SCALAR, np.array([1.0, 2.0]), Layout.of_segments([[()], [()]], [[1], [1]]))
    subjects = Subjects(("a", "b"), np.ones(2), {"params": column}, {"cka": "no teacher"})
    result = of_expression("mine", "layers_mean(cka)", "test").compute(subjects)
    assert isinstance(result, Failed)
    assert "cka" in result.reason
    assert "no teacher" in result.reason


def scalars(*values: float) -> Column:
    count = len(values)
    return Column(SCALAR, np.array(values), Layout.of_segments([[()]] * count, [[1]] * count))


def few(double: bool = False) -> Subjects:
    """Two architectures, of which one number is known."""
    return Subjects(("a", "b"), np.ones(2), {"params": scalars(1.0, 2.0)}, {}, double=double)


def test_a_formula_is_taken_as_it_is_unless_its_sign_is_told():
    assert of_expression("mine", "params", "test").sign == 1
    negated = of_expression("mine", "neg(params)", "test", sign=-1)
    assert negated.sign == -1
    assert negated.compute(few()).value.tolist() == [-1.0, -2.0]


@pytest.mark.parametrize("sign", [0, 2, -2, 0.5])
def test_a_score_is_the_published_quantity_or_minus_that(sign):
    with pytest.raises(InvalidInput, match="sign of the score mine must be 1 or -1"):
        of_expression("mine", "params", "test", sign=sign)
    with pytest.raises(InvalidInput, match=f"got {sign}"):
        Score("mine", SCORES.get("depth").compute, frozenset(), "test", sign=sign)
    assert Score("mine", SCORES.get("depth").compute, frozenset(), "test").sign == 1


def test_a_formula_needs_no_scale_of_any_space():
    score = of_expression("mine", "params", "test")
    assert score.unscaled("anywhere") is False
    assert score.calibrate is None


TERM = Term(parse("params"))


@pytest.mark.parametrize(
    "made",
    [few(), SCORES.get("params"), TERM, Scale((1.0,), (0.0,)), Proxy("mine", (TERM,))],
    ids=lambda made: type(made).__name__,
)
def test_what_is_shared_cannot_be_changed(made):
    """Catalogues hold scores, and what is computed of columns once is kept."""
    for each in fields(made):
        with pytest.raises(FrozenInstanceError):
            setattr(made, each.name, getattr(made, each.name))


def test_what_scores_see_is_told_apart_by_identity():
    """Comparing arrays has no single answer."""
    one, other = few(), few()
    assert one != other
    assert len({one, other, one}) == 2


def test_checking_for_rounding_takes_no_more_memory_than_it_is_given(monkeypatch):
    given = []

    class Noted(Evaluator):
        def __init__(self, columns, memo_bytes, **others) -> None:
            given.append(memo_bytes)
            super().__init__(columns, memo_bytes, **others)

    spilled = []
    monkeypatch.setattr("autodas.scores.score.Evaluator", Noted)
    monkeypatch.setattr(
        "autodas.scores.score.spilled", lambda columns, most: spilled.append(most) or columns
    )
    few(double=True).remembering(3000, checked=True)
    assert (spilled, given) == ([1000], [1000, 1000])
    for seen, checked in ((few(double=True), False), (few(), True)):
        given.clear()
        seen.remembering(3000, checked=checked)
        assert given == [3000], "nothing is checked, and all of it is for scores"
    assert spilled == [1000]


def test_what_is_decided_by_rounding_is_refused_where_that_is_asked_for():
    nearly = {"params": scalars(0.1, 0.2), "macs": scalars(0.1, 0.2 * (1 + 1e-11))}
    seen = replace(few(double=True), columns=nearly)
    difference = parse("sub(params, macs)")
    for plain in (seen.evaluator, seen.remembering(1 << 20)):
        assert isinstance(plain.evaluate(difference), Ok)
    checked = seen.remembering(1 << 20, checked=True)
    assert checked.evaluate(difference) == Failed("decided by rounding")
    single = [float(np.float32(0.1)), float(np.float32(0.2))]
    for evaluator in (seen.evaluator, checked):
        assert evaluator.evaluate(parse("params")).value.tolist() == single


def test_formulas_share_what_they_have_in_common_and_memory_decides_no_value(monkeypatch):
    applied = []
    monkeypatch.setattr(
        "autodas.expressions.evaluate.apply",
        lambda primitive, args: applied.append(primitive.name) or apply(primitive, args),
    )
    formulas = [parse("neg(log(params))"), parse("square(log(params))")]
    seen = few()
    shared = [seen.evaluator.evaluate(each).value.tolist() for each in formulas]
    assert applied == ["log", "neg", "square"]
    alone = [seen.remembering(0).evaluate(each).value.tolist() for each in formulas]
    assert applied[3:] == ["log", "neg", "log", "square"]
    assert alone == shared


def test_beside_several_teachers_all_columns_share_the_memory(monkeypatch):
    noted = []
    monkeypatch.setattr(
        "autodas.scores.score.spilled", lambda columns, most: noted.append(most) or columns
    )
    beside = BesideEach({"params": scalars(1.0, 1.0, 2.0, 2.0)}, np.array([0, 0, 1, 1]))
    replace(few(), beside=beside).within(1000)
    assert noted == [500, 500]


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("layers_mean(weigt)", ["weigt", "weight"]),
        ("layers_meen(cka)", ["layers_meen", "layers_mean"]),
        ("cka", ["scalar", "vector[stage]"]),
        ("layers_mean(cka", ["layers_mean(cka"]),
    ],
)
def test_a_wrong_formula_is_refused_in_one_line(formula, words):
    with pytest.raises(InvalidInput) as caught:
        of_expression("mine", formula, "test")
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_an_unknown_score_is_named_with_the_nearest():
    with pytest.raises(UnknownName, match="'parms'; did you mean 'params'"):
        get_score("parms")


def test_size_leaves_are_marked():
    assert {s.name for s in STATISTICS if s.size} >= {"params", "macs", "numel", "layer_macs"}


def test_a_formula_is_a_score(subjects):
    score = get_score("mul(params, layers_mean(cka))")
    assert score.leaves == {"params", "cka"}
    with pytest.raises(UnknownName, match=r"'layers_mena'.*'layers_mean'"):
        get_score("layers_mena(cka)")


def test_commas_separate_scores_but_not_arguments():
    assert score_names("params, add(params, macs),proxy:a.json,") == [
        "params",
        "add(params, macs)",
        "proxy:a.json",
    ]
