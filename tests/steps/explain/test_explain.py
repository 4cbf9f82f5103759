"""Explanations: terms, where they come from, closed forms, and what a score depends on."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from autodas.cli.main import main
from autodas.core.errors import AutodasError
from autodas.core.results import Ok
from autodas.expressions import parse
from autodas.fitness import TauAgainst
from autodas.scores import Proxy, Score, get_score
from autodas.scores.closed_forms import CLOSED_FORMS, LEAVES, closed_forms
from autodas.scores.scale import Scale
from autodas.scores.terms import Term
from autodas.spaces import get_space
from autodas.statistics import STATISTICS
from autodas.steps.explain.closed_forms import Fit, best_fits
from autodas.steps.explain.collapse import Collapse, another_teacher, check_collapse, check_sample
from autodas.steps.explain.parts import parts_of, shapley, summands, values_of, without_teacher
from autodas.steps.explain.run import ExplainConfig, run
from autodas.tables import load_table
from autodas.workbench.families import subjects_of
from autodas.workbench.protocol import Protocol, resolved

SPACE = get_space("digits-cnn")
TABLE = load_table("digits-cnn")
FEW = list(TABLE.architectures[:10])
FORMULA = "sub(layers_mean(log(abs(l2(weight_grad)))), layers_last(cka))"
SMALL = Protocol(batch_size=20, entries=256)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explain-cache")


def _subjects(cache: Path, leaves):
    names = sorted({*leaves, *LEAVES})
    return subjects_of(SPACE, FEW, names, resolved(SMALL, SPACE), cache=cache)[0]


def _check(name: str, cache: Path, **options):
    return check_collapse(get_score(name), SPACE, FEW, SMALL, cache=cache, **options)


def _taus(found) -> dict[str, float | None]:
    return {variant.name: variant.tau for variant in found.variants}


# ---- terms ----------------------------------------------------------------------------------


def test_sums_differences_and_signs_come_apart() -> None:
    parts = summands([Term(parse("neg(sub(add(params, macs), sub(loss, neg(params))))"), 2.0)])
    assert [(str(part.expression), part.weight) for part in parts] == [
        ("params", -2.0),
        ("macs", -2.0),
        ("loss", 2.0),
        ("params", 2.0),
    ]


def test_what_is_not_a_sum_stays_whole() -> None:
    product = parse("mul(add(params, macs), loss)")
    assert summands([Term(product)]) == [Term(product)]
    scaled = Term(
        parse("add(params, macs)"), scales={"x": Scale((0.0, 1.0), (0.0, 0.5))}, scaled=True
    )
    assert summands([scaled]) == [scaled]


def test_summands_add_up_to_the_score(cache: Path) -> None:
    formula = "sub(layers_mean(log(l2(weight))), sub(loss, neg(layers_last(cka))))"
    subjects = _subjects(cache, parse(formula).leaves)
    total = sum(values_of(part, subjects).value for part in summands([Term(parse(formula))]))
    # Scores of this space are in single precision, and so is each of the three summands.
    np.testing.assert_allclose(total, get_score(formula).compute(subjects).value, rtol=2.0**-21)


def test_shapley_values_share_the_worth() -> None:
    terms = [np.asarray([1.0, 0, 0, 2]), np.asarray([0, 3.0, 1, 0]), np.zeros(4)]
    tau = TauAgainst([1.0, 2.0, 3.0, 4.0])

    def worth(total: np.ndarray) -> float:
        found = tau(total)
        return found.value if isinstance(found, Ok) else 0.0

    shares = shapley(terms, worth)
    assert sum(shares) == pytest.approx(worth(sum(terms)))
    assert shares[2] == pytest.approx(0.0)
    assert shares[0] != pytest.approx(shares[1])


def test_shapley_values_of_an_additive_worth_are_the_terms_own() -> None:
    shares = shapley([np.asarray([v]) for v in (1.0, -2.0, 5.0)], lambda total: float(total[0]))
    assert shares == pytest.approx([1.0, -2.0, 5.0])


@pytest.mark.parametrize(
    ("formula", "kept", "why"),
    [
        ("add(params, layers_last(cka))", ["params"], ""),
        ("sub(logit_kl, loss)", ["loss"], ""),
        ("add(params, loss)", [], "no term looks at the teacher"),
        ("add(logit_kl, layers_last(cka))", [], "every term"),
        ("mul(params, layers_last(cka))", [], "cannot be separated"),
    ],
)
def test_terms_without_the_teacher(formula: str, kept: list[str], why: str) -> None:
    rest, reason = without_teacher([Term(parse(formula))])
    assert [str(term.expression) for term in rest] == kept
    assert why in reason
    assert bool(rest) != bool(reason)


def test_each_stage_alone_is_the_term_of_that_stage(cache: Path) -> None:
    subjects = _subjects(cache, {"cka"})
    truth = TABLE.target("distilled").values[: len(FEW)]
    found, why = parts_of(Term(parse("layers_mean(cka)"), -1.0), subjects, truth)
    assert why == ""
    column = subjects.columns["cka"]
    stages = column.data.reshape(len(FEW), -1)
    tau = TauAgainst(truth)
    assert [part.name for part in found] == [f"stage {i + 1}" for i in range(stages.shape[1])]
    for i, part in enumerate(found):
        assert part.alone == pytest.approx(tau(-stages[:, i]).value)
        rest = np.delete(stages, i, axis=1).mean(axis=1)
        assert part.without == pytest.approx(tau(-rest).value)


def test_layers_of_different_numbers_are_quartered(cache: Path) -> None:
    subjects = _subjects(cache, {"numel"})
    truth = subjects.columns["params"].data
    found, _ = parts_of(Term(parse("layers_sum(numel)")), subjects, np.asarray(truth))
    assert [part.name for part in found][:1] == ["first quarter of the layers"]
    assert len(found) == 4
    assert parts_of(Term(parse("params")), subjects, np.asarray(truth))[0] == []


# ---- closed forms ---------------------------------------------------------------------------


def test_closed_forms_are_what_their_names_say(cache: Path) -> None:
    found = closed_forms(_subjects(cache, LEAVES))
    with torch.device("meta"):
        networks = [SPACE.build(SPACE.decode(text)) for text in FEW]
    shapes = [
        [m.weight.shape for m in net.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
        for net in networks
    ]
    expected = {
        "Σ numel": [sum(s.numel() for s in each) for each in shapes],
        "Σ √numel·ln(channels)": [
            sum(s.numel() ** 0.5 * np.log(s[0]) for s in each) for each in shapes
        ],
        "number of layers": [len(each) for each in shapes],
        "mean ln(channels)": [np.mean([np.log(s[0]) for s in each]) for each in shapes],
        "fewest channels": [min(s[0] for s in each) for each in shapes],
    }
    for name, values in expected.items():
        if name in found or len(set(values)) > 1:
            np.testing.assert_allclose(found[name], values, rtol=1e-6)
    assert set(found) <= {*CLOSED_FORMS, "depth"}


def test_a_closed_form_is_recognised_through_any_rising_function() -> None:
    rng = np.random.default_rng(0)
    forms = {name: rng.normal(size=40) for name in "abcdef"}
    single, pair = best_fits(np.exp(3 * forms["d"]), forms)
    assert single.names == ("d",)
    assert single.rank_r2 == pytest.approx(1.0)
    assert single.value_r2 < 0.9
    assert pair.rank_r2 == pytest.approx(1.0)


def test_a_sum_of_two_needs_the_pair_and_noise_needs_neither() -> None:
    rng = np.random.default_rng(1)
    forms = {name: rng.normal(size=60) for name in "abcdef"}
    single, pair = best_fits(forms["b"] + forms["e"], forms)
    assert set(pair.names) == {"b", "e"}
    assert pair.rank_r2 > 0.9 > single.rank_r2
    assert pair.value_r2 == pytest.approx(1.0)
    noise = [best_fits(rng.normal(size=60), forms)[0] for _ in range(20)]
    assert sum(fit.rank_r2 > fit.chance for fit in noise) <= 5
    assert 0.02 < noise[0].chance < 0.4


def test_equal_closed_forms_do_no_harm() -> None:
    values = np.arange(9.0)
    (single, pair) = best_fits(values, {"a": values, "b": 2 * values})
    assert single.names == ("a",)
    assert pair.rank_r2 == pytest.approx(1.0)


# ---- what a score depends on ----------------------------------------------------------------


def test_sizes_cannot_change(cache: Path) -> None:
    found = _check("params", cache)
    assert set(_taus(found).values()) == {1.0}
    assert found.verdict == "size"
    assert "explained to R² 1.00 by #params" in found.sentence
    assert "no label, image, initial weight or teacher can change it" in found.sentence


def test_a_size_taken_of_a_gradient_is_put_to_the_test(cache: Path) -> None:
    assert STATISTICS.get("log_softmax_norm").size
    found = _check("layers_sum(log_softmax_norm)", cache)
    notes = {variant.name: variant.note for variant in found.variants}
    assert notes["shuffled labels"] == ""
    assert found.networks > len(FEW)
    assert min(tau for tau in _taus(found).values()) > 0.9
    assert "Σ √numel·ln(channels)" in found.single.names


def test_weights_change_with_the_seed_alone(cache: Path) -> None:
    taus = _taus(_check("layers_mean(max(weight))", cache))
    assert taus.pop("another init seed") < 0.9
    assert set(taus.values()) == {1.0}


def test_labels_are_seen_by_gradients_and_not_by_features(cache: Path) -> None:
    assert _taus(_check("neg(loss)", cache))["shuffled labels"] < 0.95
    features = _taus(_check("layers_mean(trace(sample_gram))", cache))
    assert features["shuffled labels"] == 1.0
    assert features["another teacher"] == 1.0
    assert features["noise for images"] < 1.0


def test_the_teachers_terms_are_taken_out(cache: Path) -> None:
    formula = "add(mul(layers_last(cka), layers_last(cka)), layers_mean(log(l2(weight_grad))))"
    found = _check(formula, cache)
    subjects = _subjects(cache, parse(formula).leaves)
    whole, rest = (
        get_score(each).compute(subjects).value
        for each in (formula, "layers_mean(log(l2(weight_grad)))")
    )
    expected = TauAgainst(whole)(rest).value
    assert _taus(found)["without the teacher's terms"] == pytest.approx(expected)
    assert f"the teacher's terms change the order by τ {1 - expected:.2f}" in found.sentence
    assert _taus(found)["another teacher"] < 1.0


def test_a_teacher_that_cannot_be_used_is_told_and_stops_nothing(cache: Path) -> None:
    found = _check("layers_last(cka)", cache, other_teacher="nobody")
    (teacher,) = [v for v in found.variants if v.name == "another teacher"]
    assert teacher.tau is None
    assert "nobody" in teacher.note
    assert found.single is not None


def test_a_score_without_values_is_told() -> None:
    broken = Score("broken", get_score("depth").compute, frozenset(), "all the same")
    same = [FEW[0]] * 3
    found = check_collapse(broken, SPACE, same, SMALL)
    assert found.failed == "constant score"
    assert "could not be checked" in found.sentence.lower()
    assert found.verdict == "unknown"
    json.dumps(found.to_json(), allow_nan=False)


def test_a_fit_that_chance_reaches_explains_nothing() -> None:
    single = Fit(("#params",), 0.20, 0.2, 0.31)
    pair = Fit(("#params", "depth"), 0.35, 0.3, 0.40)
    by_chance = Collapse("s", "x", 20, (), single, pair).sentence
    assert by_chance.endswith(
        "no closed form of the shapes explains it beyond chance (best R² 0.35)."
    )
    more = Collapse("s", "x", 20, (), single, replace(pair, rank_r2=0.5)).sentence
    assert "explained to R² 0.20 by #params (R² 0.50 by #params and depth)" in more


def test_only_so_many_architectures_are_taken() -> None:
    taken = check_sample([f"a{i}" for i in range(100)], most=10, seed=3)
    assert len(taken) == 10
    assert taken == sorted(taken, key=lambda text: int(text[1:]))
    assert taken == check_sample([f"a{i}" for i in range(100)], most=10, seed=3)
    assert taken != check_sample([f"a{i}" for i in range(100)], most=10, seed=4)
    assert check_sample(["b", "a"]) == ["b", "a"]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("digits-cnn-teacher", "untrained:digits-cnn-teacher"),
        ("untrained:digits-cnn-teacher", "digits-cnn-teacher"),
        ("untrained:cifar-resnet56/100", "untrained:cifar-resnet20/100"),
        ("untrained:cifar-resnet20/100", "untrained:cifar-resnet32/100"),
    ],
)
def test_another_teacher_is_another(name: str, other: str) -> None:
    assert another_teacher(name) == other


# ---- the command ----------------------------------------------------------------------------


def _explain(tmp_path: Path, cache: Path, proxy: str, **options):
    config = ExplainConfig(
        proxy, tmp_path / "run", protocol=SMALL, architectures=8, jobs=1, cache=cache, **options
    )
    return run(config)


def test_a_formula_is_explained(tmp_path: Path, cache: Path) -> None:
    found = _explain(tmp_path, cache, FORMULA)
    assert found["formula"]["words"].startswith("(mean over layers of logarithm of")
    assert found["simplified"][0]["removed_nodes"] == 1
    assert (
        found["simplified"][0]["after"]
        == "sub(layers_mean(log(l2(weight_grad))), layers_last(cka))"
    )
    assert found["n"] == 8
    shares = [term["shapley"] for term in found["terms"]]
    assert sum(shares) == pytest.approx(found["tau"])
    assert found["collapse"]["sentence"] in found["verdict"]
    assert (tmp_path / "run" / "graph.svg").read_text().startswith("<svg")
    assert (tmp_path / "run" / "graph.dot").read_text().startswith("digraph")
    stored = json.loads((tmp_path / "run" / "results.json").read_text())
    assert stored["command"] == "explain"
    assert any("Shapley" in line for line in found["summary"])
    assert [look["table"] for look in found["looks"]] == ["digits-cnn"]


def test_without_a_table_terms_are_held_against_the_score(tmp_path: Path, cache: Path) -> None:
    found = _explain(tmp_path, cache, "log(params)", space="digits-vit", collapse=False)
    assert found["tau"] is None
    assert found["points"]["accuracy"] is None
    assert found["space"] == "digits-vit"
    assert found["terms"][0]["tau_alone"] == pytest.approx(1.0)
    assert found["size"]["params"]["tau"] == pytest.approx(1.0)
    assert found["collapse"] is None


def test_a_proxy_of_scaled_terms_is_explained(tmp_path: Path, cache: Path) -> None:
    terms = (
        Term(parse("layers_last(cka)"), -0.5, scaled=True),
        Term(parse("params"), 1.0, scaled=True),
    )
    Proxy("two", terms).save(tmp_path / "two.json")
    found = _explain(tmp_path, cache, f"proxy:{tmp_path / 'two.json'}")
    assert [term["sees_teacher"] for term in found["terms"]] == [True, False]
    assert found["collapse"]["failed"] == ""
    by_name = {variant["name"]: variant["tau"] for variant in found["collapse"]["variants"]}
    assert 0 < by_name["without the teacher's terms"] < 1
    assert "quantile" in (tmp_path / "run" / "graph.svg").read_text()


def test_a_score_that_is_no_formula_has_no_terms(tmp_path: Path, cache: Path) -> None:
    found = _explain(tmp_path, cache, "depth")
    assert found["formula"] is None
    assert found["terms"] == []
    assert found["collapse"]["single"] is not None


def test_a_score_without_values_is_an_error(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(AutodasError, match="has no values on digits-cnn: missing statistic"):
        _explain(tmp_path, cache, "layers_mean(attention_rank)")


def test_the_command_writes_a_report(
    tmp_path: Path, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["explain", FORMULA, "--architectures", "8", "--batch-size", "20", "--entries", "256"]
    words += ["--out", str(tmp_path / "run"), "--cache", str(cache), "--jobs", "1", "--json"]
    assert main(words) == 0
    results = json.loads(capfd.readouterr().out)
    page = Path(results["report"]).read_text(encoding="utf-8")
    assert results["collapse"]["sentence"].split(";")[0] in page
    assert re.search(r'<img src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+" alt="Graph', page)
