"""Two regressors that err differently, asked together: a Gaussian process and boosted trees.

What is wanted is an order, so both learn normal scores: ranks as quantiles of the normal
distribution. Without them the few networks that have learnt nothing would decide the fit.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.preprocessing import StandardScaler

__all__ = ["Committee", "boosted_trees"]

Floats = npt.NDArray[np.float64]
LENGTH, NOISE = 15.0, 0.05
"""Where the fit of the kernel begins: in standard deviations of a feature, variance of scores."""


def boosted_trees(seed: int) -> GradientBoostingRegressor:
    """300 small trees, each from 70 % of the architectures and a fifth of the features a split."""
    return GradientBoostingRegressor(
        n_estimators=300,
        learning_rate=0.05,
        max_depth=4,
        subsample=0.7,
        max_features=0.2,
        random_state=seed,
    )


class Committee:
    """The mean of both predictions, as accuracies.

    Args:
        seed: Of the trees.
    """

    def __init__(self, seed: int) -> None:
        self._trees = boosted_trees(seed)
        kernel = ConstantKernel(1.0) * Matern(LENGTH, nu=2.5) + WhiteKernel(NOISE)
        self._process = GaussianProcessRegressor(kernel, normalize_y=True)
        self._scaler = StandardScaler()

    def fit(self, x: Floats, y: Floats) -> Committee:
        """Learn from ``(n, F)`` features and ``(n,)`` accuracies, without a copy of either."""
        scores = norm.ppf((rankdata(y) - 0.5) / len(y))
        self._levels, first = np.unique(scores, return_index=True)
        self._accuracies = y[first]
        kept = self._scaler.fit_transform(x)
        with warnings.catch_warnings():
            # A length or a noise at the end of its range is as good as any beyond.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._process.fit(kept, scores)
        self._trees.fit(x, scores)
        return self

    def predict(self, x: Floats) -> Floats:
        """``(m,)`` accuracies of ``(m, F)`` features."""
        process = self._process.predict(self._scaler.transform(x))
        return self._accuracy((process + self._trees.predict(x)) / 2.0)

    def _accuracy(self, scores: Floats) -> Floats:
        """Back from normal scores; beyond those learnt with the mean slope, so that order stays."""
        levels, accuracies = self._levels, self._accuracies
        slope = np.ptp(accuracies) / max(np.ptp(levels), 1e-9)
        beyond = np.maximum(scores - levels[-1], 0.0) + np.minimum(scores - levels[0], 0.0)
        return np.asarray(np.interp(scores, levels, accuracies) + slope * beyond)
