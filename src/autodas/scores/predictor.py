"""Predictors: rivals that learn accuracy from the encoding of architectures.

Where accuracies of some architectures are known, a score has to beat not only size but also plain
regression on the choices that make up an architecture (White et al., "How Powerful are Performance
Predictors in Neural Architecture Search?", NeurIPS 2021). Unlike a score, a predictor looks at
accuracies; it must never be judged on those it has seen, so whoever uses one says which rows it
learns from and which it predicts.

Predictors see the encoding of an architecture; or its graph (counts, paths and degrees of a cell,
counts, widths and ratios of a chain of stages); or both; or both and its ranks by zero-cost scores.

Names: ``predictor:ridge``, ``predictor:forest``, ``predictor:boosting`` (encoding);
``predictor:graph-ridge``, ``predictor:graph-forest``, ``predictor:graph-boosting`` (graph);
``predictor:committee`` (encoding and graph); ``predictor:all`` (and scores); ``predictor:libra``
(three of the scores); ``predictor:shapes`` (the best closed form of shapes).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from autodas.core.catalog import Catalog
from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.scores import size, zero_cost  # noqa: F401 - they declare what is learnt from
from autodas.scores.closed_forms import LEAVES
from autodas.scores.committee import Committee, boosted_trees
from autodas.scores.libra import Libra
from autodas.scores.score import SCORES

__all__ = [
    "LEAST",
    "PREDICTORS",
    "PREFIX",
    "STUDENT_SCORES",
    "Predictor",
    "get_predictor",
    "predict",
]

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
PREFIX = "predictor:"
Sees: TypeAlias = Literal["encoding", "graph", "both", "all", "scores", "shapes"]
STUDENT_SCORES = (
    *("params", "macs", "layers", "grad_norm", "snip", "fisher", "plain", "l2_norm", "synflow"),
    *("logsynflow", "jacov", "epe_nas", "naswot", "swap", "zen", "zico", "expressivity"),
    *("progressivity", "trainability", "vkdnw"),
)
"""Scores of a student alone whose ranks ``predictor:all`` and ``predictor:libra`` see."""
LEAST = 8  # fewer known accuracies are not worth fitting anything to


@dataclass(frozen=True)
class Predictor:
    """A way to learn accuracies.

    Attributes:
        name: What it is called in tables and commands, with the prefix.
        make: From a seed, a regressor with ``fit`` and ``predict``.
        description: One line.
        reference: Where it is defined.
        sees: What it is shown of an architecture.
    """

    name: str
    make: Callable[[int], Any]
    description: str
    reference: str = ""
    sees: Sees = "encoding"

    @property
    def leaves(self) -> frozenset[str]:
        """Statistics it needs: none, unless it is shown scores or shapes."""
        if self.sees == "shapes":
            return frozenset(LEAVES)
        names = STUDENT_SCORES if self.sees in {"all", "scores"} else ()
        return frozenset[str]().union(*(SCORES.get(name).leaves for name in names))


def _with_squares(x: Floats) -> Floats:
    return np.hstack([x, x**2])


def _ridge(seed: int) -> Any:  # noqa: ANN401, ARG001 - it draws nothing
    return make_pipeline(
        # Choices that never vary, and squares of yes-or-no choices, add nothing.
        VarianceThreshold(),
        StandardScaler(),
        FunctionTransformer(_with_squares),
        RidgeCV(alphas=np.logspace(-2, 4, 13)),
    )


def _forest(seed: int) -> Any:  # noqa: ANN401
    return RandomForestRegressor(n_estimators=200, max_features=0.5, random_state=seed, n_jobs=1)


def _boosting(seed: int) -> Any:  # noqa: ANN401
    return GradientBoostingRegressor(
        n_estimators=200, learning_rate=0.05, max_depth=3, subsample=0.8, random_state=seed
    )


def _graph_forest(seed: int) -> Any:  # noqa: ANN401
    return RandomForestRegressor(random_state=seed, n_jobs=1)  # its defaults, as published


class BestOrder:
    """Takes the one feature that orders the known accuracies best, and no other.

    Predictions are accuracies, on a line through those known, so that folds that take different
    features can be compared.
    """

    def fit(self, x: Floats, y: Floats) -> BestOrder:
        """Choose among the ``(n, F)`` features; of equally good ones the first."""
        taus = np.nan_to_num([abs(kendalltau(column, y).statistic) for column in x.T])
        self.chosen = int(np.argmax(np.round(taus, 9)))
        self._line = LinearRegression().fit(x[:, [self.chosen]], y)
        return self

    def predict(self, x: Floats) -> Floats:
        """``(m,)`` accuracies of ``(m, F)`` features."""
        found: Floats = self._line.predict(x[:, [self.chosen]])
        return found


_GRAF = "Kadlecová et al., ICML 2024 (GRAF)"
PREDICTORS: Catalog[Predictor] = Catalog("predictor")
for _each in (
    Predictor(
        "ridge",
        _ridge,
        "ridge regression on the encoding and its squares, penalty by leave-one-out",
        "Hoerl and Kennard, 1970",
    ),
    Predictor("forest", _forest, "random forest of 200 trees on the encoding", "Breiman, 2001"),
    Predictor(
        "boosting", _boosting, "200 gradient-boosted trees on the encoding", "Friedman, 2001"
    ),
    Predictor("graph-ridge", _ridge, "the same ridge regression on the graph", _GRAF, "graph"),
    Predictor(
        "graph-forest", _graph_forest, "random forest of 100 trees on the graph", _GRAF, "graph"
    ),
    Predictor(
        "graph-boosting",
        boosted_trees,
        "300 gradient-boosted trees on the graph",
        _GRAF,
        "graph",
    ),
    Predictor(
        "committee",
        Committee,
        "a Gaussian process and 300 boosted trees on encoding and graph",
        _GRAF,
        "both",
    ),
    Predictor(
        "all",
        Committee,
        "the same on encoding, graph and ranks by zero-cost scores",
        f"{_GRAF}; Tybl & Neumann, CVPR 2025, table 1",
        "all",
    ),
    Predictor(
        "libra",
        lambda _: Libra(),
        "ranks by three zero-cost scores that are chosen by the known accuracies",
        "Casarin et al., CVPR 2025 (LIBRA)",
        "scores",
    ),
    Predictor(
        "shapes",
        lambda _: BestOrder(),
        "the closed form of the weights' shapes that orders the known accuracies best",
        "",
        "shapes",
    ),
):
    PREDICTORS.add(PREFIX + _each.name, replace(_each, name=PREFIX + _each.name))


def get_predictor(name: str) -> Predictor:
    """The predictor called ``name``, with its prefix.

    Raises:
        UnknownName: there is none; the message names the nearest.
    """
    return PREDICTORS.get(name)


def predict(
    predictor: Predictor, features: Floats, truth: Floats, learn: Index, rows: Index, *, seed: int
) -> Result[tuple[Floats, int]]:
    """Predicted accuracies of architectures that were not learnt from.

    Args:
        predictor: How to learn.
        features: ``(A, F)`` what it sees.
        truth: ``(A,)`` accuracies, NaN where unknown.
        learn: Rows whose accuracies may be looked at.
        rows: Rows to predict.
        seed: Of what the predictor draws.

    Returns:
        Predictions in the order of ``rows``, and how many accuracies were learnt from; or why
        nothing can be learnt.

    Raises:
        InvalidInput: a row is to be learnt from and predicted.
    """
    if len(both := np.intersect1d(learn, rows)):
        raise InvalidInput(f"row {both[0]} is to be learnt from and predicted")
    known = learn[np.isfinite(truth[learn])]
    if len(known) < LEAST:
        return Failed(f"fewer than {LEAST} known accuracies to learn from", f"{len(known)}")
    if (features[known] == features[known[0]]).all():
        return Failed("the encodings to learn from are all equal")
    model = predictor.make(seed).fit(features[known], truth[known])
    found = np.asarray(model.predict(features[rows]), dtype=np.float64)
    return Ok((found, len(known)))
