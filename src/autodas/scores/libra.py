"""LIBRA: three scores that are chosen by known accuracies, and the sum of their ranks.

The first is the score that orders the known accuracies best. Of those not far behind it, the second
says least that is new about them, and the third is tied to size as the accuracies are.

Source: Casarin, Escalera and Lanz, "L-SWAG: Layer-Sample Wise Activation with Gradients Information
for Zero-Shot NAS on Vision Transformers", CVPR 2025 (arXiv:2505.07300), section 3.2, algorithm 1.
Left open there, and decided here: entropies are those of bins of equally many architectures, as
many bins as Sturges' rule gives; the three are put together as in AZ-NAS, by the sum of the
logarithms of their ranks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import entropy, rankdata, spearmanr
from sklearn.linear_model import LinearRegression

__all__ = ["Libra", "binned", "information_gain"]

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
NEAR = 0.1
"""How far below the best correlation another may be."""


class Libra:
    """The regressor; predictions are accuracies, on a line through those known.

    Attributes:
        chosen: Columns of the scores, the best first; fewer than three if no others come near.
    """

    def fit(self, x: Floats, y: Floats) -> Libra:
        """Choose three of the scores.

        Args:
            x: ``(n, F)`` ranks by scores, of all architectures that will be asked for, in (0, 1];
                the first column is the size that bias is measured by.
            y: ``(n,)`` known accuracies.
        """
        agrees = np.array([_rho(column, y) for column in x.T])
        best = int(np.argmax(np.round(agrees, 9)))
        near = [h for h in range(x.shape[1]) if h != best and agrees[best] - NEAR < agrees[h]]
        self.chosen = [best]
        if near:
            bins = binned(y), binned(x[:, best])
            gains = [information_gain(*bins, binned(x[:, h])) for h in near]
            self.chosen.append(near.pop(int(np.argmin(np.round(gains, 9)))))
        if near:
            bias = _rho(x[:, 0], y)
            far = [abs(bias - _rho(x[:, 0], x[:, h])) for h in near]
            self.chosen.append(near[int(np.argmin(np.round(far, 9)))])
        self._line = LinearRegression().fit(self._summed(x), y)
        return self

    def predict(self, x: Floats) -> Floats:
        """``(m,)`` accuracies of ``(m, F)`` ranks."""
        found: Floats = self._line.predict(self._summed(x))
        return found

    def _summed(self, x: Floats) -> Floats:
        summed: Floats = np.log(x[:, self.chosen]).sum(1, keepdims=True)
        return summed


def _rho(a: Floats, b: Floats) -> float:
    """Spearman's; 0 where one of both does not vary."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(spearmanr(a, b).statistic)


def binned(values: Floats) -> Index:
    """``(n,)`` bins, 1 + ⌈log2 n⌉ of about equally many values; equal ones share theirs."""
    count = 1 + int(np.ceil(np.log2(len(values))))
    share = (rankdata(values) - 0.5) / len(values)
    return np.floor(share * count).astype(np.intp)


def information_gain(of: Index, given: Index, new: Index) -> float:
    """H(of | given) − H(of | given, new) in nats, at least 0 (eq. 9)."""
    return _conditional(of, [given]) - _conditional(of, [given, new])


def _conditional(of: Index, given: Sequence[Index]) -> float:
    return _entropy([of, *given]) - _entropy(given)


def _entropy(together: Sequence[Index]) -> float:
    _, counts = np.unique(np.column_stack(together), axis=0, return_counts=True)
    return float(entropy(counts))
