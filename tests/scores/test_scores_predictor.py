"""Predictors: their names, what they are shown, and what they learn from a few accuracies."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import kendalltau, rankdata

from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.results import Failed, Ok
from autodas.scores import SCORES
from autodas.scores.predictor import PREDICTORS, BestOrder, Predictor, get_predictor, predict

SEES = {
    "predictor:ridge": "encoding",
    "predictor:forest": "encoding",
    "predictor:boosting": "encoding",
    "predictor:graph-ridge": "graph",
    "predictor:graph-forest": "graph",
    "predictor:graph-boosting": "graph",
    "predictor:committee": "both",
    "predictor:all": "all",
    "predictor:libra": "scores",
    "predictor:shapes": "shapes",
}
RANKED = (
    *("params", "macs", "layers", "grad_norm", "snip", "fisher", "plain", "l2_norm", "synflow"),
    *("logsynflow", "jacov", "epe_nas", "naswot", "swap", "zen", "zico", "expressivity"),
    *("progressivity", "trainability", "vkdnw"),
)


def made(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Ranks in (0, 1], of which the second decides, and accuracies in percent."""
    drawn = np.random.default_rng(seed).normal(size=(rows, 4))
    drawn[:, 0] += drawn[:, 1]
    x = np.column_stack([rankdata(each) / rows for each in drawn.T])
    return x, 20.0 + 60.0 * x[:, 1]


class Spy:
    """Predicts the row numbers it is asked for, and keeps what it was given."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(self, x: np.ndarray, y: np.ndarray) -> Spy:
        self.x, self.y = x, y
        return self

    def predict(self, x: np.ndarray) -> list[int]:
        return [int(each) for each in x[:, 0]]


def spied(truth: np.ndarray, learn, rows, seed: int = 0):
    """What a spy was given, whose first feature is the row number, and what came of it."""
    spies: list[Spy] = []

    def make(seed: int) -> Spy:
        spies.append(Spy(seed))
        return spies[-1]

    features = np.column_stack([np.arange(len(truth)), np.ones(len(truth))])
    found = predict(
        Predictor("spy", make, ""), features, truth, np.array(learn), np.array(rows), seed=seed
    )
    return (spies[0] if spies else None), found


def test_the_names_in_their_order_and_what_each_is_shown():
    assert [(each.name, each.sees) for each in PREDICTORS] == list(SEES.items())
    assert PREDICTORS.names() == tuple(SEES)
    assert all(get_predictor(name).name == name for name in SEES)
    assert all(each.description for each in PREDICTORS)


@pytest.mark.parametrize("name", ["ridge", "predictor:", "predictor:trees", "Predictor:ridge", ""])
def test_other_names_are_unknown(name):
    with pytest.raises(UnknownName, match="predictor"):
        get_predictor(name)


def test_a_predictor_sees_the_encoding_unless_it_says_otherwise():
    mine = Predictor("mine", Spy, "")
    assert (mine.sees, mine.reference, mine.leaves) == ("encoding", "", frozenset())
    with pytest.raises(dataclasses.FrozenInstanceError):
        mine.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", SEES)
def test_statistics_are_needed_for_scores_and_shapes_only(name):
    scores = frozenset().union(*(SCORES.get(score).leaves for score in RANKED))
    expected = {
        "all": scores,
        "scores": scores,
        "shapes": {"numel", "out_channels", "params", "macs"},
    }
    assert get_predictor(name).leaves == expected.get(SEES[name], frozenset())


@pytest.mark.parametrize("name", SEES)
def test_the_order_of_accuracies_is_learnt_from_a_few(name):
    x, y = made(48)
    learn, rows = np.arange(36), np.arange(36, 48)
    truth = np.where(np.arange(48) < 36, y, np.nan)
    found = predict(get_predictor(name), x, truth, learn, rows, seed=0)
    assert isinstance(found, Ok), found
    values, count = found.value
    assert count == 36
    assert (values.shape, values.dtype) == ((12,), np.float64)
    assert kendalltau(values, y[rows]).statistic > 0.7
    assert np.abs(values - y[rows]).mean() < 8.0, "predictions are accuracies"


TREES = {
    "predictor:forest": {"n_estimators": 200, "max_features": 0.5, "bootstrap": True},
    "predictor:graph-forest": {"n_estimators": 100, "max_features": 1.0, "bootstrap": True},
    "predictor:boosting": {
        **{"n_estimators": 200, "learning_rate": 0.05, "max_depth": 3, "subsample": 0.8},
        "max_features": None,
    },
    "predictor:graph-boosting": {
        **{"n_estimators": 300, "learning_rate": 0.05, "max_depth": 4, "subsample": 0.7},
        "max_features": 0.2,
    },
}


@pytest.mark.parametrize("name", TREES)
def test_trees_are_those_described(name):
    """Their numbers decide every published value of these rivals."""
    made_of = get_predictor(name).make(5).get_params()
    assert TREES[name].items() <= made_of.items()
    assert made_of["random_state"] == 5
    assert str(TREES[name]["n_estimators"]) in get_predictor(name).description
    assert made_of.get("n_jobs", 1) == 1, "several would fight for the processor"


@pytest.mark.parametrize("name", ["predictor:boosting", "predictor:ridge", "predictor:shapes"])
def test_a_seed_decides_what_is_drawn(name):
    x, y = made(24)
    y = y + np.random.default_rng(1).normal(size=24)
    learn, rows = np.arange(16), np.arange(16, 24)
    first, again, other = (
        predict(get_predictor(name), x, y, learn, rows, seed=seed).value[0] for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first == other).all() == (name != "predictor:boosting")


# ---- what may be learnt from ----------------------------------------------------------------


def test_learning_is_from_known_rows_alone_and_predictions_are_in_the_order_asked_for():
    truth = np.arange(20) + 0.5
    truth[[1, 4]] = np.nan, np.inf
    learn = [12, 4, 3, 1, 0, 11, 10, 9, 8, 7]
    spy, found = spied(truth, learn, [15, 2, 19, 2], seed=7)
    assert spy is not None
    known = [12, 3, 0, 11, 10, 9, 8, 7]
    assert spy.x[:, 0].tolist() == known
    assert spy.y.tolist() == truth[known].tolist()
    assert spy.seed == 7
    values, count = found.value
    assert (values.tolist(), values.dtype, count) == ([15, 2, 19, 2], np.float64, 8)


@pytest.mark.parametrize("known", [0, 1, 7])
def test_fewer_than_eight_known_accuracies_are_too_few(known):
    truth = np.where(np.arange(20) < known, 50.0, np.nan)
    spy, found = spied(truth, range(15), [15])
    assert spy is None
    assert found == Failed("fewer than 8 known accuracies to learn from", f"{known}")


def test_a_row_is_not_learnt_from_and_predicted_even_if_its_accuracy_is_unknown():
    truth = np.where(np.arange(20) == 3, np.nan, 50.0)
    with pytest.raises(InvalidInput, match="row 3 is to be learnt from and predicted"):
        spied(truth, [9, 5, 3, 0], [12, 5, 3])


def test_encodings_to_learn_from_must_differ_somewhere():
    _, y = made(12)
    features = np.ones((12, 3))
    learn, rows = np.arange(10), np.arange(10, 12)
    features[10:] = 2.0  # of those asked for
    ridge = get_predictor("predictor:ridge")
    equal = Failed("the encodings to learn from are all equal")
    assert predict(ridge, features, y, learn, rows, seed=0) == equal
    y[4] = np.nan
    features[4] = 3.0
    assert predict(ridge, features, y, learn, rows, seed=0) == equal, "row 4 is not learnt from"
    features[9, 2] = 3.0
    assert isinstance(predict(ridge, features, y, learn, rows, seed=0), Ok)


# ---- ridge ----------------------------------------------------------------------------------


def ridge_by_hand(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> tuple[float, np.ndarray]:
    """The penalty whose leave-one-out errors are least, and predictions with it."""
    kept = np.ptp(x, axis=0) > 0
    mean, spread = x[:, kept].mean(0), x[:, kept].std(0)

    def widened(values: np.ndarray) -> np.ndarray:
        z = (values[:, kept] - mean) / spread
        return np.hstack([z, z * z])

    def fitted(a: np.ndarray, b: np.ndarray, penalty: float, at: np.ndarray) -> np.ndarray:
        centred = a - a.mean(0)
        gram = centred.T @ centred + penalty * np.eye(a.shape[1])
        return b.mean() + (at - a.mean(0)) @ np.linalg.solve(gram, centred.T @ (b - b.mean()))

    a, errors = widened(x), {}
    for penalty in (10.0 ** (exponent / 2) for exponent in range(-4, 9)):
        left = [np.arange(len(y)) != i for i in range(len(y))]
        each = [y[i] - fitted(a[o], y[o], penalty, a[[i]])[0] for i, o in enumerate(left)]
        errors[penalty] = float(np.square(each).sum())
    best = min(errors, key=errors.__getitem__)
    return best, fitted(a, y, best, widened(asked))


@pytest.mark.parametrize(
    ("noise", "penalty"), [(0.0, 1e-2), (0.2, 10**-0.5), (2.5, 10**0.5), (99.0, 1e4)]
)
def test_ridge_is_that_by_hand_with_the_penalty_of_least_leave_one_out_error(noise, penalty):
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(3.0, [1.0, 10.0, 0.1], (24, 3)), np.full(24, 0.1)])
    z = (x[:, :3] - 3.0) / [1.0, 10.0, 0.1]
    y = 60.0 + z @ [2.0, -1.0, 0.5] + z[:, 0] ** 2 + noise * rng.normal(size=24)
    learn, rows = np.arange(18), np.arange(18, 24)
    best, expected = ridge_by_hand(x[learn], y[learn], x[rows])
    assert best == pytest.approx(penalty)
    for name in ("predictor:ridge", "predictor:graph-ridge"):
        values, _ = predict(get_predictor(name), x, y, learn, rows, seed=0).value
        np.testing.assert_allclose(values, expected, rtol=1e-6)


# ---- the best closed form -------------------------------------------------------------------

ORDER = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
SWAPPED = ORDER[[1, 0, 2, 3, 4, 5]]
NOISY = ORDER[[3, 0, 5, 1, 4, 2]]


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        ([NOISY, SWAPPED, ORDER], 2),
        ([SWAPPED, -ORDER, NOISY], 1),  # a form that falls with accuracy is as good
        ([SWAPPED, ORDER, ORDER**3, -ORDER], 1),  # of equally good ones the first
        ([np.full(6, 7.0), NOISY], 1),  # what does not vary orders nothing
        ([np.full(6, 7.0), np.zeros(6)], 0),
        ([np.round(ORDER / 2), SWAPPED, ORDER], 2),  # ties count
    ],
)
def test_the_form_is_taken_that_orders_the_known_best(columns, chosen):
    assert BestOrder().fit(np.column_stack(columns), 10.0 * ORDER).chosen == chosen


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_predictions_are_on_the_line_through_the_known(sign):
    y = np.array([10.0, 25.0, 27.0, 44.0, 45.0, 61.0])
    x = np.column_stack([NOISY, sign * ORDER**2])
    asked = np.array([[9.0, 12.0], [0.0, -80.0]])
    slope, start = np.polyfit(x[:, 1], y, 1)
    found = BestOrder().fit(x, y).predict(asked)
    np.testing.assert_allclose(found, start + slope * asked[:, 1])


def test_equal_accuracies_are_predicted_as_they_are():
    found = BestOrder().fit(np.column_stack([ORDER, NOISY]), np.full(6, 50.0))
    assert found.chosen == 0
    assert found.predict(np.array([[3.0, 1.0], [99.0, 1.0]])) == pytest.approx([50.0, 50.0])
