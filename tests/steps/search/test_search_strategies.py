"""Whole spaces, evolution, fronts, and how far from the best."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.progress import Silent
from autodas.core.results import Failed, Ok
from autodas.core.runs import Journal
from autodas.expressions import parse
from autodas.scores import SCORES, Proxy, Score, Term, get_score
from autodas.spaces import ChoiceSpace, get_space
from autodas.spaces.nasbench201 import NASBENCH201, isomorphism_class
from autodas.steps.search import run as search
from autodas.steps.search import scoring as search_scores
from autodas.steps.search.results import front
from autodas.steps.search.run import SearchConfig
from autodas.steps.search.scoring import Scorer, compares, reads_sizes_only
from autodas.steps.search.strategies import make_algorithm, within
from autodas.tables import load_table
from autodas.workbench.costs import CostBook
from autodas.workbench.protocol import Protocol

LIMIT = 8_000

# A space of a million sizes whose networks are built in no time. The best under a limit is known.
BIG = ChoiceSpace(
    "toy-sizes",
    "six widths",
    {f"width{i}": tuple(range(1, 11)) for i in range(6)},
    lambda arch, classes, shape: nn.Linear(1, sum(w * w for w in dict(arch).values()), bias=False),
    depth=lambda arch: sum(dict(arch).values()),
    input_shape=(1, 1, 1),
    num_classes=2,
)
BIG.reference = f"{__name__}:BIG"


@pytest.fixture(autouse=True)
def _findable(monkeypatch):
    monkeypatch.setattr(search, "get_space", lambda name: BIG if "BIG" in name else get_space(name))


def config(tmp_path: Path, **options) -> SearchConfig:
    given = {"out": tmp_path / "run", "space": BIG.reference, "score": "depth", "jobs": 1}
    return SearchConfig(**{**given, **options})


def params_of(text: str) -> int:
    return sum(w * w for w in json.loads(text).values())


# ---- evolution -----------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["evolution", "random", "nsga2"])
def test_candidates_obey_the_budget_and_their_number(tmp_path, strategy):
    results = search.run(
        config(tmp_path, strategy=strategy, max_params=100, evaluations=120, pareto="params")
    )
    assert results["strategy"] == strategy
    assert len(results["points"]["params"]) == results["size"] == 120
    assert max(results["points"]["params"]) <= 100
    everyone = [*results["students"], *results["random"], results["largest"]]
    assert all(s["params"] == params_of(s["arch"]) <= 100 for s in everyone)
    assert results["space_size"] == 10**6
    assert results["networks_measured"] == 0


def test_evolution_finds_better_students_than_random_search(tmp_path):
    """The smallest of a million, of 6 parameters."""
    found = {}
    for strategy in ("evolution", "random"):
        for seed in range(3):
            chosen = config(
                tmp_path / f"{strategy}{seed}",
                score="neg(params)",
                strategy=strategy,
                evaluations=250,
                seed=seed,
            )
            found[strategy, seed] = -search.run(chosen)["students"][0]["score"]
    assert all(found["evolution", s] < 0.8 * found["random", s] for s in range(3))
    assert min(found.values()) >= 6


def test_nsga2_trades_score_for_cost(tmp_path):
    results = search.run(config(tmp_path, pareto="params", evaluations=400))
    assert results["strategy"] == "nsga2"
    students = results["students"]
    assert len(students) > 8
    points = [(s["score"], s["params"]) for s in students]
    assert points == sorted(points, reverse=True)
    for a in points:
        assert not any(b[0] >= a[0] and b[1] <= a[1] and b != a for b in points)
    # At any size the front is near what is possible: six equal widths.
    assert np.mean([score / np.sqrt(6 * params) for score, params in points]) > 0.9


def test_the_same_seed_finds_the_same_students(tmp_path):
    runs = [
        search.run(config(tmp_path / str(i), evaluations=60, max_params=90, seed=seed))
        for i, seed in enumerate((3, 3, 4))
    ]
    assert runs[0]["points"] == runs[1]["points"] != runs[2]["points"]
    assert runs[0]["random"] == runs[1]["random"] != runs[2]["random"]


def test_where_few_fit_they_are_bred_from_one_that_does(tmp_path):
    """Of a million, 29 have at most 9 parameters."""
    results = search.run(config(tmp_path, evaluations=15, max_params=9, random=1))
    assert max(results["points"]["params"]) <= 9
    assert len(set(results["points"]["params"])) > 1
    assert results["students"][0]["score"] == 7
    assert results["largest"]["params"] == 9


def test_the_largest_that_fits_is_grown_to_the_budget(tmp_path):
    results = search.run(config(tmp_path, evaluations=30, max_params=333))
    assert 325 <= results["largest"]["params"] <= 333
    assert results["largest"]["score"] == sum(json.loads(results["largest"]["arch"]).values())


def test_auto_takes_small_spaces_whole_and_evolves_in_large_ones(tmp_path):
    small = search.run(config(tmp_path / "a", space="digits-vit", max_params=LIMIT))
    assert small["strategy"] == "whole"
    assert search.run(config(tmp_path / "b", evaluations=20))["strategy"] == "evolution"
    assert search.run(config(tmp_path / "c", candidates=20))["strategy"] == "whole"


@pytest.mark.parametrize("number", [-3, 0, 1])
def test_too_few_evaluations_are_refused(tmp_path, number):
    with pytest.raises(InvalidInput, match="2 evaluations"):
        search.run(config(tmp_path, strategy="evolution", evaluations=number))


@pytest.mark.parametrize("evaluations", [2, 7, 50, 123, 499])
@pytest.mark.parametrize("strategy", ["evolution", "random", "nsga2"])
def test_algorithms_ask_for_no_more_than_was_granted(strategy, evaluations):
    variation = within(BIG, lambda text: True, [])
    algorithm = make_algorithm(strategy, variation, evaluations, 0)
    asked = 0
    while not algorithm.finished:
        candidates = algorithm.ask()
        asked += len(candidates)
        algorithm.tell([Ok(0.0)] * len(candidates), [(0.0, 0.0)] * len(candidates))
    assert evaluations / 2 <= asked <= evaluations


# ---- scores --------------------------------------------------------------------------------------


def scorer(tmp_path: Path, score: Score, space=BIG) -> Scorer:
    return Scorer(
        space,
        score,
        Protocol(),
        CostBook(space, cache=tmp_path),
        Journal(tmp_path / "journal.jsonl"),
        cache=tmp_path,
        jobs=1,
        progress=Silent(),
    )


@pytest.mark.parametrize("name", ["params", "macs", "depth", "neg(log(params))"])
def test_sizes_run_no_network_and_need_no_data(tmp_path, name, monkeypatch):
    monkeypatch.setattr(search_scores, "subjects_of", None)
    monkeypatch.setattr(search, "load_data", None)
    assert reads_sizes_only(get_score(name))
    results = search.run(config(tmp_path, space="digits-vit", score=name, candidates=10))
    assert len(results["students"]) == 10


def test_a_proxy_on_a_space_that_it_was_not_found_on_comes_with_a_caution(tmp_path):
    pairs = [{"space": "digits-cnn"}, {"space": "resnet"}, "?"]
    proxy = Proxy("mine", (Term(parse("log(params)")),), provenance={"pairs": pairs})
    proxy.save(tmp_path / "mine.json")
    name = f"proxy:{tmp_path / 'mine.json'}"
    options = {"score": name, "candidates": 4}
    known = search.run(config(tmp_path / "a", space="digits-cnn", **options))
    assert known["caution"] is None
    assert not any("was found on" in line for line in known["summary"])
    elsewhere = search.run(config(tmp_path / "b", space="digits-vit", **options))
    assert elsewhere["summary"][-1] == elsewhere["caution"]
    assert "found on digits-cnn, resnet, not on digits-vit" in elsewhere["caution"]
    plain = search.run(config(tmp_path / "c", space="digits-vit", score="params", candidates=4))
    assert plain["caution"] is None


def test_without_a_score_a_proxy_ranks_spaces_it_was_found_on_and_size_all_others(tmp_path):
    known = search.run(config(tmp_path / "a", space="digits-cnn", score=None, candidates=4))
    assert (known["score"], known["caution"]) == ("proxy:general", None)
    other = search.run(config(tmp_path / "b", score=None, candidates=20))
    assert (other["score"], other["caution"]) == ("params", None)
    assert other["students"][0]["params"] == max(other["points"]["params"])
    for results, space in ((known, "digits-cnn"), (other, "toy-sizes")):
        (why,) = results["why"]
        assert why.startswith(f"No score was named: students are ranked by {results['score']}, ")
        assert space in why
        assert why in results["summary"]
    written = json.loads((tmp_path / "b" / "run" / "results.json").read_text())
    assert (written["score"], written["why"]) == ("params", other["why"])
    named = search.run(config(tmp_path / "c", score="params", candidates=20))
    assert named["students"] == other["students"]
    assert named["why"] == []
    # The file of the run makes the same run.
    assert "score" not in tomllib.loads((tmp_path / "b" / "run" / "config.toml").read_text())


def test_scores_in_chunks_are_the_scores_of_all_at_once(tmp_path, monkeypatch):
    space = get_space("digits-vit")
    texts = [space.encode(arch) for arch in space.enumerate()][::20]
    whole = scorer(tmp_path / "a", get_score("diswot"), space).scores(texts)
    monkeypatch.setattr(search_scores, "CHUNK", 3)
    chunked = scorer(tmp_path / "b", get_score("diswot"), space)
    found = chunked.scores(texts)
    assert [each.value for each in found] == pytest.approx([e.value for e in whole], rel=1e-6)
    assert chunked.networks == len(texts)
    again = scorer(tmp_path / "b", get_score("diswot"), space)
    monkeypatch.setattr(search_scores, "subjects_of", None)  # all of them are in the journal
    assert again.scores(texts[::-1]) == found[::-1]
    assert again.networks == len(texts)


def test_one_network_without_a_value_costs_no_other_its_score(tmp_path, monkeypatch):
    space = get_space("digits-vit")
    texts = [space.encode(arch) for arch in space.enumerate()][::40]

    def compute(subjects):
        if texts[2] in subjects.architectures:
            return Failed("no such thing")
        return Ok(np.arange(1.0, 1.0 + len(subjects.architectures)))

    score = Score("picky", compute, frozenset({"cka"}), "", formula="picky")
    found = scorer(tmp_path, score, space).scores(texts)
    assert [isinstance(value, Failed) for value in found] == [i == 2 for i in range(len(texts))]


def test_scores_that_compare_architectures_see_all_at_once_and_no_generations(
    tmp_path, monkeypatch
):
    seen = []

    def compute(subjects):
        seen.append(len(subjects.architectures))
        return Ok(np.arange(len(subjects.architectures), dtype=float))

    score = Score("ranks", compute, frozenset({"cka"}), "ranks")
    assert compares(score)
    assert not compares(get_score("diswot"))
    monkeypatch.setattr(search_scores, "CHUNK", 2)
    SCORES.add("ranks", score)
    try:
        search.run(config(tmp_path / "a", space="digits-vit", score="ranks", candidates=7))
        assert seen == [7]
        with pytest.raises(InvalidInput, match="ranks compares"):
            search.run(config(tmp_path / "b", score="ranks", strategy="evolution"))
    finally:
        SCORES.remove("ranks")


def test_a_score_without_a_scale_gets_one_on_a_sample_of_the_space(tmp_path):
    def made(shift: float) -> Score:
        return Score(
            "scaled",
            lambda s: Ok(s.depth - shift),
            frozenset(),
            "",
            calibrate=lambda name, s: Ok(made(float(np.median(s.depth)))),
            unscaled=lambda name: shift < 0,
        )

    found = scorer(tmp_path, made(-1.0)).scores([BIG.encode(next(BIG.enumerate()))])
    assert -45 < found[0].value - 6 < -20


@pytest.mark.parametrize("strategy", ["whole", "evolution"])
def test_failing_scores_say_why(tmp_path, strategy):
    score = Score("never", lambda s: Failed("no such thing"), frozenset({"cka"}), "", formula="f")
    SCORES.add("never", score)
    chosen = config(
        tmp_path,
        space="digits-vit",
        score="never",
        strategy=strategy,
        candidates=3 if strategy == "whole" else 0,
        evaluations=3,
    )
    try:
        with pytest.raises(AutodasError, match=r"digits-vit.*: no such thing"):
            search.run(chosen)
    finally:
        SCORES.remove("never")


class Convolutions:
    """A book of costs by the number of convolutions, which is quick."""

    def get(self, quantity, texts):
        return [text.count("nor_conv") for text in texts]


def test_identical_cells_share_the_score_of_the_smallest():
    alike = search_scores._smallest_alike(NASBENCH201, Convolutions())
    assert len(alike) == 6_466
    rng = np.random.default_rng(0)
    for _ in range(200):
        arch = NASBENCH201.sample(rng)
        text = alike[isomorphism_class(arch)]
        assert isomorphism_class(NASBENCH201.decode(text)) == isomorphism_class(arch)
        assert text.count("nor_conv") <= NASBENCH201.encode(arch).count("nor_conv")


def test_one_network_per_class_of_cells_is_measured(tmp_path, monkeypatch):
    asked = []

    def measured(space, architectures, *args, **options):
        asked.extend(architectures)
        raise AutodasError("far enough")

    monkeypatch.setattr(search_scores, "subjects_of", measured)
    alike = search_scores._smallest_alike(NASBENCH201, Convolutions())
    monkeypatch.setattr(search_scores, "_smallest_alike", lambda space, book: alike)
    texts = [
        "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_1x1~2|",
        "|nor_conv_1x1~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_1x1~2|",
        "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_1x1~2|",
    ]
    with pytest.raises(AutodasError, match="far enough"):
        scorer(tmp_path, get_score("diswot"), NASBENCH201).scores(texts)
    assert len(asked) == len({isomorphism_class(NASBENCH201.decode(text)) for text in texts})
    assert len(asked) < len(texts)


# ---- fronts and regret ---------------------------------------------------------------------------


def test_a_front_holds_what_nobody_beats():
    scores = {"a": 3.0, "b": 3.0, "c": 2.0, "d": 2.5, "e": 1.0, "f": 1.0}
    assert front(scores, [9, 8, 5, 8, 1, 1]) == ["b", "c", "e"]


@pytest.mark.parametrize("cost", ["params", "macs", "memory"])
def test_a_front_of_a_whole_space(tmp_path, cost):
    results = search.run(
        config(tmp_path, space="digits-vit", pareto=cost, max_params=6_000, candidates=60)
    )
    points = [(s["score"], s[cost]) for s in results["students"]]
    assert len(points) > 1
    assert points == sorted(points, reverse=True)
    assert len({score for score, _ in points}) == len({c for _, c in points}) == len(points)
    assert results["pareto"] == cost


def test_regret_is_told_among_the_labelled_that_fit(tmp_path):
    results = search.run(
        config(tmp_path, space=None, score="params", table="digits-vit", max_params=LIMIT)
    )
    assert results["space"] == "digits-vit"
    space, table = get_space("digits-vit"), load_table("digits-vit")
    truth = table.target("distilled").values
    params = np.array([space.cost(space.decode(text)).params for text in table.architectures])
    fits = params <= LIMIT
    regret = results["regret"]
    assert regret["n"] == fits.sum()
    assert regret["oracle"] == pytest.approx(truth[fits].max())
    assert table.architectures[int(np.argmax(np.where(fits, truth, 0)))] == regret["oracle_arch"]
    largest = truth[fits & (params == params[fits].max())].mean()
    assert regret["largest"] == regret["chosen"] == pytest.approx(largest)
    assert regret["random"] == pytest.approx(truth[fits].mean())
    assert regret["regret"] == pytest.approx(regret["oracle"] - regret["chosen"])
    assert any("of known accuracy" in line for line in results["summary"])
    assert [look["table"] for look in results["looks"]] == ["digits-vit"]
    assert any("has now been looked at" in line for line in results["summary"])


def test_regret_is_that_of_what_was_scored_and_measures_nothing_more(tmp_path):
    options = {"space": None, "table": "digits-vit", "random": 0}
    formula = "layers_sum(l2(weight))"
    some = search.run(config(tmp_path / "some", score=formula, candidates=20, **options))
    whole = search.run(config(tmp_path / "whole", score="params", **options))["regret"]
    regret = some["regret"]
    assert some["networks_measured"] <= 20
    assert 0 < regret["scored"] <= 20 < regret["n"] == whole["n"] == whole["scored"] == 128
    for name in ("oracle", "oracle_arch", "largest", "random"):
        assert regret[name] == whole[name]
    truth = load_table("digits-vit").target("distilled").values
    assert regret["chosen"] in truth
    assert regret["regret"] == regret["oracle"] - regret["chosen"]


def test_a_search_that_meets_no_known_student_says_so(tmp_path):
    results = search.run(
        config(tmp_path, space=None, score="params", table="digits-vit", candidates=1, random=0)
    )
    unknown = results["regret"] is None
    assert unknown == any("no student that was scored" in line for line in results["summary"])


def test_a_table_of_another_space_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="'digits-vit', not 'digits-cnn'"):
        search.run(config(tmp_path, space="digits-cnn", table="digits-vit"))


@pytest.mark.parametrize(
    ("limit", "oracle", "largest"),
    [("0.2M", 69.67, 69.22), ("0.4M", 72.86, 72.42), ("0.5M", 73.94, 73.56)],
)
def test_published_students_are_told_apart_as_known(tmp_path, data_folder, limit, oracle, largest):
    """CIFAR ResNets of DisWOT (CVPR 2023): the best within each budget, and the largest."""
    results = search.run(config(tmp_path, space=None, table="s0", score="params", max_params=limit))
    regret = results["regret"]
    assert (regret["oracle"], regret["largest"]) == (
        pytest.approx(oracle, abs=1e-6),
        pytest.approx(largest, abs=1e-6),
    )
    assert regret["chosen"] == regret["largest"]
