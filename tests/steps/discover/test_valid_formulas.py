"""Random formulas make sense on the embedded tables."""

from __future__ import annotations

from collections import Counter

import numpy as np

from autodas.core.results import Failed, Ok
from autodas.expressions import grow
from autodas.statistics import STATISTICS
from autodas.steps.discover.evolving import grammar_of
from autodas.workbench.families import load_family
from autodas.workbench.protocol import Protocol

FORMULAS = 500


def test_at_least_99_of_100_random_formulas_give_a_score():
    """Which is refused for two of them, because nothing but rounding decides it."""
    families = [
        load_family(table, STATISTICS.names(), Protocol(), limit=64)
        for table in ("digits-cnn", "digits-vit")
    ]
    evaluators = [family.subjects.remembering(1 << 26, checked=True) for family in families]
    grammar = grammar_of(families, evaluators, size_leaves=True)
    rng = np.random.default_rng(11)
    failures: Counter[str] = Counter()
    for _ in range(FORMULAS):
        formula = grow(grammar, rng)
        for evaluator in evaluators:
            scores = evaluator.evaluate(formula)
            if isinstance(scores, Ok):
                assert np.isfinite(scores.value).all()
                assert np.ptp(scores.value) > 0
            elif isinstance(scores, Failed):
                assert scores.reason
                failures[scores.reason] += 1
    tried = FORMULAS * len(families)
    assert failures.pop("decided by rounding") <= 0.02 * tried
    assert sum(failures.values()) <= 0.01 * tried, failures
