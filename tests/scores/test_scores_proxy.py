"""Proxies: sums of formulas on one scale, and their files."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import FileProblem, InvalidInput, UnknownName
from autodas.core.results import Failed, Ok
from autodas.core.seals import read_sealed
from autodas.core.values import SCALAR, Column, Layout
from autodas.expressions import parse
from autodas.scores import Proxy, Scale, Subjects, Term, calibrated, get_score, read_proxy, score_of

numbers = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60)


def subjects(params: list[float], space: str = "somewhere") -> Subjects:
    layout = Layout.of_segments([[()]] * len(params), [[1.0]] * len(params))
    columns = {
        "params": Column(SCALAR, np.asarray(params), layout),
        "macs": Column(SCALAR, np.asarray(params)[::-1].copy(), layout),
    }
    names = tuple(f"arch {i}" for i in range(len(params)))
    return Subjects(names, np.ones(len(params)), columns, {}, space)


def values(score, seen: Subjects) -> np.ndarray:
    found = score.compute(seen)
    assert isinstance(found, Ok), found
    return found.value


@given(numbers, st.integers(2, 40))
def test_a_scale_keeps_the_order_of_everything_and_centres_what_it_was_fitted_on(fit, knots):
    scale = Scale.fit(fit, knots)
    found = scale(np.asarray(fit))
    order = np.argsort(fit, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
    assert (np.abs(found) < 0.5).all()
    if len(set(fit)) <= knots:
        assert abs(found.mean()) < 1e-9  # mid-quantiles: every value has as much below as above


def test_a_scale_goes_on_beyond_what_it_was_fitted_on():
    scale = Scale.fit([1.0, 2.0, 4.0])
    assert np.allclose(scale([1.0, 2.0, 4.0]), [-1 / 3, 0.0, 1 / 3])
    step = (2 / 3) / 3
    beyond = step / (1 + 2 * step)
    assert np.allclose(scale([0.0, 5.0, 3.0]), [-1 / 3 - beyond, 1 / 3 + beyond, 1 / 6])


def test_a_value_far_off_the_scale_does_not_drown_other_terms():
    scale = Scale.fit(np.arange(10.0))
    far = scale([-1e12, -1e3, -50.0, 60.0, 1e3, 1e12])
    assert (np.diff(far) > 0).all()
    assert (np.abs(far) < 1.0).all()


def test_a_constant_has_no_scale_and_counts_nothing():
    assert np.array_equal(Scale.fit([3.0, 3.0])([1.0, 3.0, 9.0]), np.zeros(3))


@pytest.mark.parametrize(
    ("knots", "levels"),
    [((), ()), ((1.0, 1.0), (0.0, 0.1)), ((1.0, 2.0), (0.2, 0.1)), ((1.0, np.inf), (0.0, 0.1))],
)
def test_a_map_that_does_not_rise_is_no_scale(knots, levels):
    with pytest.raises(InvalidInput, match="scale"):
        Scale(knots, levels)


def test_nothing_to_fit_a_scale_on_is_refused():
    for bad in ([], [1.0, np.nan]):
        with pytest.raises(InvalidInput, match="fitted to at least one value, all of them finite"):
            Scale.fit(bad)


def test_a_scaled_term_counts_by_its_weight_whatever_its_range():
    seen = subjects([10.0**k for k in range(8)])
    small = Term(parse("params"), 2.0, scaled=True)
    large = Term(parse("log(macs)"), -1.0, scaled=True)
    found = calibrated([small, large], "somewhere", seen)
    assert isinstance(found, Ok)
    total = values(score_of("both", found.value, "test"), seen)
    levels = (np.arange(8) + 0.5) / 8 - 0.5
    assert np.allclose(total, 2 * levels - levels[::-1])


def test_an_architecture_has_the_same_score_in_every_company():
    seen = subjects(list(np.random.default_rng(0).uniform(1, 9, 20)))
    found = calibrated([Term(parse("log(params)"), 1.0, scaled=True)], "somewhere", seen)
    assert isinstance(found, Ok)
    score = score_of("mine", found.value, "test")
    alone = subjects(seen.columns["params"].data[3:4].tolist())
    assert values(score, alone)[0] == values(score, seen)[3]


def test_without_a_scale_for_the_space_there_is_a_reason_and_calibration():
    seen = subjects(list(range(1, 13)), "elsewhere")
    score = score_of("mine", [Term(parse("params"), 1.0, scaled=True)], "test")
    assert score.unscaled("elsewhere")
    failed = score.compute(seen)
    assert isinstance(failed, Failed)
    assert "elsewhere" in failed.reason
    assert score.calibrate is not None
    made = score.calibrate("elsewhere", seen)
    assert isinstance(made, Ok)
    assert not made.value.unscaled("elsewhere")
    assert (np.diff(values(made.value, seen)) > 0).all()
    with pytest.raises(InvalidInput, match="at least 8"):
        calibrated([Term(parse("params"), scaled=True)], "x", subjects([1.0, 2.0]))


def test_a_plain_formula_needs_no_scale_and_is_its_own_text():
    score = score_of("mine", [Term(parse("log(params)"))], "test")
    assert not score.unscaled("anywhere")
    assert score.formula == "log(params)"
    assert np.allclose(values(score, subjects([1.0, np.e])), [0.0, 1.0], atol=1e-6)


def test_a_term_that_is_the_same_for_all_is_no_failure():
    terms = [Term(parse("params"), 2.0), Term(parse("macs"))]
    assert values(score_of("mine", terms, "test"), subjects([3.0, 3.0])).tolist() == [9.0, 9.0]


def proxy() -> Proxy:
    scale = Scale((1.0, 2.5), (-0.25, 0.25))
    terms = (
        Term(parse("layers_mean(cka)"), 0.75, {"resnet": scale, "pit": scale}, scaled=True),
        Term(parse("layers_sum(log(l2(weight_grad)))"), -0.1, {"resnet": scale}, scaled=True),
    )
    return Proxy("mine", terms, {"seed": 1}, {"search_tau": 0.5})


def test_the_text_of_a_sum_names_weights_and_formulas():
    assert proxy().formula == "0.75·Q(layers_mean(cka)) − 0.1·Q(layers_sum(log(l2(weight_grad))))"


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ([Term(parse("params"), 2.0)], "2·params"),
        ([Term(parse("params"), -1.0)], "−1·params"),
        ([Term(parse("params"), 1.0, scaled=True)], "1·Q(params)"),
        ([Term(parse("params")), Term(parse("macs"), -0.12345)], "1·params − 0.123·macs"),
        ([Term(parse("params")), Term(parse("macs"))], "1·params + 1·macs"),
        ([Term(parse("params"), -2.0), Term(parse("macs"), 1.0)], "−2·params + 1·macs"),
    ],
)
def test_only_a_single_formula_that_counts_once_is_written_without_its_weight(terms, text):
    assert score_of("mine", terms, "test").formula == text


def test_a_scale_has_a_knot_at_every_32nd_of_the_values_it_is_fitted_on():
    """Another number would change every calibrated score."""
    scale = Scale.fit(np.random.default_rng(0).permutation(321.0 + np.arange(321)))
    assert scale.knots == tuple(321.0 + np.arange(0, 321, 10))
    assert np.allclose(scale.levels, (np.arange(0, 321, 10) + 0.5) / 321 - 0.5)
    assert len(Scale.fit(np.arange(33.0)).knots) == 33


def test_a_proxy_file_comes_back_exactly(tmp_path):
    path = tmp_path / "proxy.json"
    proxy().save(path)
    assert read_proxy(path) == proxy()
    assert get_score(f"proxy:{path}").leaves == {"cka", "weight_grad"}


def _damage(content: dict, change: dict) -> dict:
    term = content["terms"][0] | change.pop("term", {})
    return content | {"terms": [term, *content["terms"][1:]]} | change


@pytest.mark.parametrize(
    "change",
    [
        {"format": 1},
        {"formula": "layers_mean(gram_distance)"},
        {"formula": None},
        {"terms": None},
        {"terms": []},
        {"terms": [3]},
        {"terms": [{}]},
        {"terms": [{"formula": "params"}] * 100},
        {"term": {"formula": "layers_mean(nonsense)"}},
        {"term": {"formula": "layers_mean(gram_distance)"}},
        {"term": {"expression": {"nodes": [["leaf"]]}}},
        {"term": {"weight": "NaN"}},
        {"term": {"weight": []}},
        {"term": {"scales": {"pit": {"knots": [2, 1], "levels": [0, 1]}}}},
        {"term": {"scales": {"pit": {"knots": [2, 1]}}}},
        {"term": {"scales": [1]}},
    ],
)
def test_a_damaged_proxy_file_is_refused_by_name(tmp_path, change):
    path = tmp_path / "proxy.json"
    proxy().save(path)
    path.write_text(json.dumps(_damage(read_sealed(path), dict(change))))
    with pytest.raises(FileProblem) as caught:
        read_proxy(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def _written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def _many(path: Path, count: int) -> Path:
    """A sound file of so many terms, in which only their number may be wrong."""
    Proxy("many", (Term(parse("params"), 0.5),) * count).save(path)
    return path


def test_a_proxy_has_1_to_64_terms(tmp_path):
    path = tmp_path / "proxy.json"
    assert len(read_proxy(_many(path, 64)).terms) == 64
    with pytest.raises(FileProblem, match="a proxy has 1 to 64 terms"):
        read_proxy(_many(path, 65))
    for none in ([], 3, None, {}):
        _written(path, {"format": 2, "formula": "", "terms": none})
        with pytest.raises(FileProblem, match="a proxy has 1 to 64 terms"):
            read_proxy(path)


def test_a_proxy_file_has_up_to_4_mebibytes(tmp_path):
    path = tmp_path / "proxy.json"
    proxy().save(path)
    data = path.read_bytes()
    path.write_bytes(data.ljust(4 * 1024**2))
    assert read_proxy(path) == proxy()
    path.write_bytes(data.ljust(4 * 1024**2 + 1))
    with pytest.raises(FileProblem, match="at most 4194304 are read"):
        read_proxy(path)


@pytest.mark.parametrize("weight", [9.9e29, -9.9e29, 0.0])
def test_weights_below_1e30_are_read(tmp_path, weight):
    path = tmp_path / "proxy.json"
    Proxy("mine", (Term(parse("params"), weight),)).save(path)
    assert read_proxy(path).terms[0].weight == weight


@pytest.mark.parametrize("weight", ["1e30", "-1e31", "1e300", "NaN", "-Infinity"])
def test_other_weights_are_refused_and_said(tmp_path, weight):
    path = tmp_path / "proxy.json"
    proxy().save(path)
    _written(path, _damage(read_sealed(path), {"term": {"weight": weight}}))
    with pytest.raises(FileProblem, match="weight of a term must be less than 1e30 in size, got"):
        read_proxy(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"format": 1}, "not a proxy of format 2 (found 1)"),
        ({"format": "2"}, "not a proxy of format 2 (found '2')"),
        ({}, "not a proxy of format 2 (found None)"),
        ([], "not a proxy of format 2 (found None)"),
        ("format", "not a proxy of format 2 (found None)"),
        ({"format": 2, "terms": [{}]}, "malformed (KeyError('formula'))"),
        ({"format": 2, "terms": [{"formula": "params("}]}, "params("),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, content, reason):
    path = _written(tmp_path / "proxy.json", content)
    with pytest.raises(FileProblem, match=re.escape(reason)) as caught:
        read_proxy(path)
    assert ("malformed" in str(caught.value)) == ("malformed" in reason)


@pytest.mark.parametrize(
    ("pairs", "spaces"),
    [
        ([{"space": "resnet"}, {"space": "pit"}, {"space": "pit"}], {"resnet", "pit"}),
        ([{"space": "resnet"}, {"space": 5}, {"table": "a"}, 3], {"resnet"}),
        ("resnet", set()),
        (None, set()),
    ],
)
def test_a_score_knows_the_spaces_that_its_proxy_was_found_on(pairs, spaces):
    found = replace(proxy(), provenance={"pairs": pairs})
    assert found.spaces == found.score.found_on == spaces


def test_the_size_of_a_proxy_is_that_of_its_formulas():
    assert proxy().size == 2 + 4


def test_a_proxy_that_does_not_exist_is_named_with_what_there_is(tmp_path):
    with pytest.raises(UnknownName, match=re.escape("'generel'")):
        get_score("proxy:generel")
    with pytest.raises(FileProblem, match=r"nowhere\.json"):
        get_score(f"proxy:{tmp_path / 'nowhere.json'}")


def test_a_name_finds_the_proxy_shipped_under_it(tmp_path, monkeypatch):
    monkeypatch.setattr("autodas.scores.resolve.FOLDER", Path(tmp_path))
    replace(proxy(), name="own").save(tmp_path / "own.json")
    assert get_score("proxy:own").name == "own"
