"""The benchmarks run and say what they promise, on sizes that take seconds."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from autodas.core.results import Ok
from autodas.expressions import parse
from autodas.statistics import STATISTICS, columns
from benchmarks import evaluation, growth, memory, sketch, workload


@pytest.fixture(scope="module")
def few():
    """A handful of small digit networks."""
    return sketch.digits("digits-cnn", 5)


def test_cutting_down_is_what_measuring_with_fewer_entries_gives(few):
    architecture, names = few.architectures[0], STATISTICS.names()
    whole = few.measure(architecture, names, workload.WHOLE)
    direct = few.measure(architecture, names, 40)
    for name, value in workload.sketched(whole, 40).items():
        if isinstance(value, Ok):
            assert value.value.counts == direct[name].value.counts, name
            for a, b in zip(value.value.segments, direct[name].value.segments, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max(initial=0))


def test_the_naive_way_scores_as_ours_does_on_whole_tensors(few):
    """Otherwise the ratio would compare different work."""
    formula = parse("layers_sum(log(l2(mul(weight, weight_grad))))")
    naive = [evaluation.naive_score(few, each, formula) for each in few.architectures]
    values = [few.measure(e, STATISTICS.names(), workload.WHOLE) for e in few.architectures]
    store = columns(few.architectures, values, STATISTICS.names())
    ours = evaluation.Evaluator(store.columns).evaluate(formula)
    assert [score.value[0] for score in naive] == pytest.approx(ours.value, rel=1e-4)


def test_proxies_are_different_and_of_the_stated_size(few):
    values = [few.measure(e, STATISTICS.names()) for e in few.architectures]
    grammar = workload.grammar_of(columns(few.architectures, values, STATISTICS.names()))
    found = workload.proxies(grammar, 50, "test", of=["weight"])
    assert len(set(found)) == 50
    assert all(5 <= each.size <= 20 and "weight" in each.leaves for each in found)
    assert found == workload.proxies(grammar, 50, "test", of=["weight"])
    assert found != workload.proxies(grammar, 50, "other", of=["weight"])


def test_agreement_is_perfect_without_cutting(few, monkeypatch):
    monkeypatch.setattr(sketch, "LEVELS", (30, 1024, 10**9))
    found = sketch._space(few, 25)
    assert found["1000000000 entries"][sketch.AFFECTED]["mean tau"] == pytest.approx(1.0)
    assert found["30 entries"][sketch.AFFECTED]["mean tau"] < 0.999


@pytest.mark.parametrize(
    ("formula", "start"),
    [
        ("layers_mean(max(abs(weight)))", "extremes"),
        ("layers_mean(mean(tanh(min_max(weight))))", "extremes"),
        ("layers_mean(median(weight))", "medians"),
        ("layers_mean(inner_product(weight, weight_grad))", "sums in which"),
        ("layers_sum(log(l2(weight)))", "norms"),
        ("layers_sum(log(l2(div(weight_grad, weight))))", "heavy tails"),
        ("layers_sum(div(l2(weight), l1(weight)))", "norms"),
        ("layers_mean(max(spectrum(sample_gram)))", "no entries"),
    ],
)
def test_reasons(formula, start):
    assert sketch._reason(parse(formula)).startswith(start)


def test_growth_fits_exponents_and_draws(tmp_path):
    found = growth.main((2, 4, 8, 9), 4, (5, 10, 20), tmp_path)
    assert set(found) == {
        "measure",
        "read",
        "evaluate cold",
        "grow candidates",
        "evaluate candidates",
    }
    assert all(math.isfinite(curve["exponent"]) for curve in found.values())
    assert (tmp_path / "growth.svg").read_text().count("<svg") == 1
    assert growth._exponent([(n, 3.0 * n**1.5) for n in (1, 2, 4, 8)]) == pytest.approx(1.5)


def test_a_difference_between_memos_is_noticed():
    one, other = Ok(np.array([1.0, 2.0])), Ok(np.array([1.0, 2.5]))
    assert not memory._differ(one, one)
    assert memory._differ(one, other)
