"""Which student is chosen, and what it loses to the best, against what choosing costs.

On the four tables that come with the package, which hold short trainings beside the full ones, and
at four budgets each, everybody chooses a student; regret is what it loses in points to the best
student that fits, however that was taught. Costs are counted in full trainings of one student,
without the final training of the chosen one. What is random (which seed of a label or of a rung
somebody saw, in which order arms were drawn) is drawn anew ``SEEDS`` times, the same for all.

Nobody sees test images but in the end: rungs are judged on a validation part. Full trainings of the
predictor are the labels themselves, single ones, which are of the test part: that favours it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.preprocessing import StandardScaler

import autodas
from autodas.core.errors import MissingData
from autodas.core.results import Ok
from autodas.core.rng import derive
from autodas.evolution import SuccessiveHalving
from autodas.scores.predictor import get_predictor
from autodas.spaces import get_space
from autodas.tables import Table
from autodas.tables.table import RungLabels
from autodas.workbench.arms import AGAIN, Ladder, Plan
from autodas.workbench.ground_truth import load_table
from benchmarks.finalists_page import write_page

PAGE = Path("docs") / "choosing.md"
TABLES = ("digits-cnn", "digits-vit", "fashion-cnn", "fashion-vit")
COSTS = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
SEEDS = 40
SHARES = (0.25, 0.5, 0.75, 1.0)  # budgets: quantiles of #params
WAYS = ("distilled", "vanilla")
Arm = tuple[int, str]


@dataclass(frozen=True, eq=False)
class Row:
    """A table with what is known of its students."""

    table: Table

    @cached_property
    def params(self) -> Any:
        space = get_space(self.table.space)
        return np.array([space.cost(space.decode(a)).params for a in self.table.architectures])

    @cached_property
    def general(self) -> Any:
        """Scores of ``proxy:general``, measured with the table's own images and teacher."""
        meta = self.table.meta
        return autodas.score(
            "proxy:general",
            self.table.space,
            self.table.architectures,
            data=meta["dataset"],
            teacher=meta["teacher"]["name"],
        )

    @cached_property
    def features(self) -> Any:
        space = get_space(self.table.space)
        return np.stack([space.features(space.decode(a)) for a in self.table.architectures])

    @cached_property
    def rungs(self) -> dict[tuple[Fraction, str], RungLabels]:
        return {(rung.fidelity, str(rung.training)): rung for rung in self.table.rungs}

    @cached_property
    def ladder(self) -> Ladder:
        recipe, prices = self.table.meta["recipe"], {f: r.cost for (f, _), r in self.rungs.items()}
        images = int(str(self.table.meta["dataset"]).partition("/")[2] or 200)
        steps = recipe["epochs"] * -(-images // recipe["batch_size"])
        return Ladder.priced(dict(sorted(prices.items())), steps)

    @cached_property
    def plan(self) -> Callable[..., Plan]:
        """As of the ladder; asked anew for every draw, it is made once."""
        return cache(self.ladder.plan)

    def accuracy(self, arm: Arm) -> float:
        """Mean test accuracy of full trainings."""
        return float(self.table.target(arm[1]).values[arm[0]])

    def fitting(self) -> Iterator[list[int]]:
        """Students that fit, for each budget."""
        for limit in np.quantile(self.params, SHARES):
            yield [int(i) for i in np.flatnonzero(self.params <= limit)]


@dataclass(frozen=True)
class Question:
    """One choice: among whom, at what cost, and with which luck."""

    row: Row
    fits: Sequence[int]
    cost: float
    rng: np.random.Generator

    def seen(self, values: Any) -> float:
        """One of the seeds' values."""
        known = values[np.isfinite(values)]
        return float(known[self.rng.integers(len(known))])

    @cached_property
    def shuffled(self) -> dict[tuple[Arm, Fraction], list[int]]:
        """Numbers of the seeds of each short training that was asked for, in any order."""
        return {}

    def rung(self, arm: Arm, fidelity: Fraction, what: str, time: int = 0) -> float:
        """What the first or the second short training has shown, each from a seed of its own."""
        values = getattr(self.row.rungs[fidelity, arm[1]], what)[arm[0]]
        known = np.flatnonzero(np.isfinite(values))
        seeds = self.shuffled.setdefault(
            (arm, fidelity), [int(i) for i in self.rng.permutation(known)]
        )
        return float(values[seeds[time % len(seeds)]])


Chooser = Callable[[Question], Arm]
Order = Callable[[Question], list[int]]
Decider = Callable[[Question, Sequence[Arm], Fraction, int], Any]


def by_size(asked: Question) -> list[int]:
    """The largest first."""
    return sorted(asked.fits, key=lambda i: (-asked.row.params[i], i))


def by_general(asked: Question) -> list[int]:
    """The best by the proxy first."""
    return sorted(asked.fits, key=lambda i: (-asked.row.general[i], asked.row.params[i]))


def at_random(asked: Question) -> list[int]:
    """In any order."""
    return [int(i) for i in asked.rng.permutation(asked.fits)]


def in_turn(asked: Question) -> list[int]:
    """By the proxy and by size in turn."""
    pairs = zip(by_general(asked), by_size(asked), strict=True)
    return list(dict.fromkeys(i for pair in pairs for i in pair))


def first(order: Order) -> Chooser:
    """Whom a ranking puts first, whatever may be spent."""
    return lambda asked: (order(asked)[0], "distilled")


def told(what: str) -> Decider:
    """What was measured on the validation part, higher being better."""
    sign = 1 if what == "accuracy" else -1
    return lambda asked, arms, fidelity, time: np.array(
        [sign * asked.rung(arm, fidelity, what, time) for arm in arms]
    )


LOSS = told("calibrated_cross_entropy")


def rank_sum(asked: Question, arms: Sequence[Arm], fidelity: Fraction, time: int) -> Any:
    """Ranks by calibrated cross-entropy and, with half the weight, by size."""
    sizes = asked.row.params[[i for i, _ in arms]]
    return rankdata(LOSS(asked, arms, fidelity, time)) + rankdata(sizes) / 2


def gaussian_process(asked: Question, arms: Sequence[Arm], fidelity: Fraction, time: int) -> Any:
    """Posterior means of a Gaussian process on encoding, size and way: it smooths what is seen."""
    seen = LOSS(asked, arms, fidelity, time)
    if len(arms) < 4:
        return seen
    ways = [[float(way == WAYS[0])] for _, way in arms]
    sizes = np.log(asked.row.params[[i for i, _ in arms]])[:, None]
    seen_of = StandardScaler().fit_transform(
        np.hstack([asked.row.features[[i for i, _ in arms]], sizes, ways])
    )
    kernel = ConstantKernel() * RBF(seen_of.shape[1] ** 0.5, (1, 100)) + WhiteKernel(0.3, (0.01, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
        return process.fit(seen_of, seen).predict(seen_of)


def halving(
    order: Order, decider: Decider = LOSS, ways: Sequence[str] = WAYS, *, again: int = AGAIN
) -> Chooser:
    """Successive halving in the order of a ranking, as ``autodas search --trainings`` does it.

    ``again``: where it can be paid, so many of the best of the last rung train twice.
    """

    def choose(asked: Question) -> Arm:
        arms = [(i, way) for i in order(asked) for way in ways]
        plan = asked.row.plan(Fraction(asked.cost) + 1, len(arms), again=again)
        contest = SuccessiveHalving(arms, plan.bracket)
        while requests := contest.ask():
            fidelity = requests[0].fidelity
            values = decider(asked, [each.arm for each in requests], fidelity, 0)
            for each, value in zip(requests, values, strict=True):
                contest.tell(each.key, fidelity, Ok(float(value)))
        if not isinstance(contest.winner, Ok):
            raise ValueError("no arm of a table fails")
        if not plan.again:
            return contest.winner.value
        best = [each.arm for each in contest.ranking[: plan.again]]
        both = [decider(asked, best, fidelity, time) for time in (0, 1)]
        return best[int(np.argmax(np.sum(both, axis=0)))]

    return choose


def forest(asked: Question) -> Arm:
    """The best by a forest that has learnt from as many full trainings, those included."""
    learn = at_random(asked)[: int(asked.cost)]
    runs = asked.row.table.target("distilled").per_seed
    known = {i: asked.seen(runs[i]) for i in learn}
    if len(learn) < 2:
        return (learn or at_random(asked))[0], "distilled"
    model = get_predictor("predictor:forest").make(int(asked.rng.integers(2**31)))
    model.fit(asked.row.features[learn], [known[i] for i in learn])
    guesses = model.predict(asked.row.features[list(asked.fits)])
    guess = dict(zip(asked.fits, guesses, strict=True)) | known
    return max(guess, key=lambda i: guess[i]), "distilled"


def hyperband(asked: Question) -> Arm:
    """Optuna's Hyperband pruner over random arms.

    It is charged the highest rung of each trial alone, as if trainings could go on, which a shrunk
    schedule cannot; ours are charged every rung.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seed = int(asked.rng.integers(2**31))
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=seed),
        pruner=optuna.pruners.HyperbandPruner(1, 9, 3),
        study_name=str(seed),
    )
    arms = [(i, way) for i in at_random(asked) for way in WAYS]
    spent, best = 0.0, (-1, -np.inf, arms[0])
    for arm in arms:
        trial, price = study.ask(), 0.0
        for step in (1, 3, 9):
            fidelity = Fraction(step, 27)
            price = float(asked.row.rungs[fidelity, arm[1]].cost)
            if spent + price > 1.02 * asked.cost:
                return best[2]
            value = -asked.rung(arm, fidelity, "calibrated_cross_entropy")
            trial.report(value, step)
            best = max(best, (step, value, arm))
            if trial.should_prune():
                break
        study.tell(trial, value)
        spent += price
    return best[2]


def oracle(asked: Question) -> Arm:
    """Knows everything."""
    return max(((i, way) for i in asked.fits for way in WAYS), key=asked.row.accuracy)


CHOOSERS: Mapping[str, Chooser] = {
    "#params": first(by_size),
    "proxy:general": first(by_general),
    "random": first(at_random),
    "random + halving": halving(at_random),
    "#params + halving": halving(by_size),
    "general + halving": halving(by_general),
    "both in turn + halving": halving(in_turn),
    "Hyperband (Optuna)": hyperband,
    "forest": forest,
    "oracle": oracle,
}
DECIDERS: Mapping[str, Chooser] = {
    "calibrated cross-entropy": halving(in_turn),
    "the same, one seed": halving(in_turn, again=0),
    "cross-entropy": halving(in_turn, told("cross_entropy")),
    "Brier score": halving(in_turn, told("brier")),
    "accuracy": halving(in_turn, told("accuracy")),
    "rank sum with size": halving(in_turn, rank_sum),
    "Gaussian process": halving(in_turn, gaussian_process),
    "calibrated cross-entropy, always taught": halving(in_turn, ways=WAYS[:1]),
    "accuracy, always taught": halving(in_turn, told("accuracy"), WAYS[:1]),
    "KD loss, always taught": halving(in_turn, told("kd_loss"), WAYS[:1]),
}


def regrets(row: Row, chooser: Chooser, cost: float, seeds: int) -> Any:
    """``(budgets, seeds)`` points that are lost to the best student that fits."""
    found = []
    for number, fits in enumerate(row.fitting()):
        asked = [
            Question(row, fits, cost, derive(seed, "finalists", row.table.name, number))
            for seed in range(seeds)
        ]
        best = row.accuracy(oracle(asked[0]))
        found.append([best - row.accuracy(chooser(each)) for each in asked])
    return np.array(found)


def main(costs: Sequence[float] = COSTS, seeds: int = SEEDS) -> dict[str, Any]:
    """Mean regret by chooser and cost, with 95 % intervals over what is random."""
    rows = [Row(load_table(name)) for name in TABLES]
    results: dict[str, Any] = {"seeds": seeds}
    left_out = _left_out(rows)
    for group, choosers in (("choosers", CHOOSERS), ("deciders", DECIDERS)):
        asked = {n: c for n, c in choosers.items() if not any(word in n for word in left_out)}
        if group == "deciders" and "general" in left_out:
            asked = {}  # they decide among finalists that it names
        results[group] = {
            name: {cost: summary(rows, chooser, cost, seeds) for cost in costs}
            for name, chooser in asked.items()
        }
    if PAGE.exists():
        write_page(results, PAGE)
    return results | ({"left out": left_out} if left_out else {})


def _left_out(rows: Sequence[Row]) -> dict[str, str]:
    """Word in the names of choosers that cannot choose here -> why."""
    found = {}
    try:
        _ = [row.general for row in rows]
    except MissingData as why:
        found |= dict.fromkeys(("general", "both"), str(why))
    if find_spec("optuna") is None:
        found["Optuna"] = "install it with: pip install 'autodas[optuna]'"
    return found


def summary(
    rows: Sequence[Row], chooser: Chooser, cost: float, seeds: int
) -> dict[str, list[float]]:
    """Mean regret over all tables and by table, with its 95 % interval over the draws."""
    each = {row.table.name: regrets(row, chooser, cost, seeds).mean(axis=0) for row in rows}
    each = {"all": np.mean(list(each.values()), axis=0)} | each
    return {name: interval(draws) for name, draws in each.items()}


def interval(draws: Any) -> list[float]:
    """Mean, and its 95 % interval."""
    mean, reach = float(draws.mean()), 1.96 * float(draws.std(ddof=1)) / len(draws) ** 0.5
    return [mean, mean - reach, mean + reach]
