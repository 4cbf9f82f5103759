"""Formulas that look at each teacher of a set."""

from __future__ import annotations

import numpy as np
import pytest

from autodas.core.results import Failed, Ok
from autodas.core.values import SCALAR, BesideEach, Column, Kind, Layout, Type
from autodas.expressions import Evaluator, Grammar, grow, in_words, parse, walk
from autodas.primitives import PRIMITIVES, Form

# Two architectures; the first beside three teachers, the second beside two.
OWNER = np.array([0, 0, 0, 1, 1])
STAGE = Type(Kind.VECTOR, "stage")


def scalars(*values: float) -> Column:
    layout = Layout.of_segments([[()]] * len(values), [[1.0]] * len(values))
    return Column(SCALAR, np.array(values), layout)


def stages(*values: tuple[float, ...]) -> Column:
    layout = Layout.of_segments([[()] * len(v) for v in values], [[1.0] * len(v) for v in values])
    return Column(STAGE, np.concatenate(values), layout)


MEANS = {
    "kl": scalars(3.0, 4.0),
    "cka": stages((0.2, 0.4), (0.6, 0.5, 0.4)),
    "params": scalars(10.0, 20.0),
    "sure": scalars(2.0, 0.0),
}
EACH = BesideEach(
    {
        "kl": scalars(1.0, 3.0, 5.0, 4.0, 4.0),
        "cka": stages((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.5, 0.5, 0.5), (0.7, 0.5, 0.3)),
        "params": scalars(10.0, 10.0, 10.0, 20.0, 20.0),
        "sure": scalars(1.0, 1.0, 4.0, 0.0, 0.0),
    },
    OWNER,
)


def value(formula: str, **changes: object) -> list[float]:
    found = Evaluator(MEANS, beside=EACH, **changes).evaluate(parse(formula), allow_constant=True)
    assert isinstance(found, Ok), found
    return found.value.tolist()


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("kl", [3.0, 4.0]),
        ("teachers_mean(kl)", [3.0, 4.0]),
        ("teachers_max(kl)", [5.0, 4.0]),
        ("teachers_min(kl)", [1.0, 4.0]),
        ("teachers_std(kl)", [np.sqrt(8 / 3), 0.0]),
        # The largest stage beside each, then over teachers; not the largest mean of a stage.
        ("teachers_max(layers_max(cka))", [0.6, 0.7]),
        ("layers_max(cka)", [0.4, 0.6]),
        # Student and teacher meet inside and outside.
        ("teachers_max(mul(kl, params))", [50.0, 80.0]),
        ("mul(teachers_max(kl), params)", [50.0, 80.0]),
        # More of those that are surer; where none is, all alike.
        ("teachers_weighted(kl, sure)", [(1 + 3 + 4 * 5) / 6, 4.0]),
        # What is inside of another sees the whole set, too: a variance.
        ("teachers_mean(square(sub(kl, teachers_mean(kl))))", [8 / 3, 0.0]),
    ],
)
def test_a_set_is_reduced_after_each_teacher_was_looked_at(
    formula: str, expected: list[float]
) -> None:
    assert value(formula) == pytest.approx(expected)
    assert value(formula, memo_bytes=0) == pytest.approx(expected), "nothing is remembered"


def test_one_teacher_is_a_set_of_one() -> None:
    alone = Evaluator(MEANS)
    for name in ("mean", "max", "min"):
        found = alone.evaluate(parse(f"teachers_{name}(kl)"))
        assert found.value.tolist() == [3.0, 4.0]
    assert alone.evaluate(parse("teachers_std(kl)")) == Failed("constant score")
    assert alone.evaluate(parse("teachers_weighted(kl, sure)")).value.tolist() == [3.0, 4.0]


def test_what_fails_beside_a_teacher_fails_of_the_set_with_the_same_reason() -> None:
    gaps = {**MEANS, "kl": Failed("the classes differ")}
    rest = BesideEach({name: c for name, c in EACH.columns.items() if name != "kl"}, OWNER)
    found = Evaluator(gaps, beside=rest).evaluate(parse("teachers_max(kl)"))
    assert found == Failed("missing statistic kl: the classes differ")


def test_what_rounding_decides_beside_one_teacher_is_refused() -> None:
    moved = BesideEach({**EACH.columns, "kl": scalars(1.0, 3.0, 5.1, 4.0, 4.0)}, OWNER)
    trembling = Evaluator(MEANS, beside=moved)
    found = Evaluator(MEANS, double=True, trembling=trembling, beside=EACH)
    assert found.evaluate(parse("teachers_max(kl)")) == Failed("decided by rounding")
    assert isinstance(found.evaluate(parse("teachers_min(sub(kl, params))")), Ok)


def test_sets_are_reduced_in_formulas_that_are_grown_only_where_that_is_asked_for() -> None:
    leaves = {"kl": SCALAR, "params": SCALAR, "cka": STAGE}
    over = {p.name for p in PRIMITIVES if p.form is Form.OVER_TEACHERS}

    def used(grammar: Grammar) -> set[str]:
        rng = np.random.default_rng(0)
        grown = [grow(grammar, rng, max_size=12) for _ in range(200)]
        return {node.name for each in grown for _, node in walk(each)} & over

    assert used(Grammar(leaves)) == set()
    assert used(Grammar(leaves, weights=dict.fromkeys(over, 1.0))) == over


def test_in_words() -> None:
    assert in_words(parse("teachers_std(layers_mean(cka))")) == (
        "standard deviation over teachers of mean over layers of cka"
    )
