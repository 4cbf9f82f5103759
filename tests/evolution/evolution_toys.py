"""Two toy problems, and every algorithm set up to search them."""

from __future__ import annotations

import numpy as np

from autodas.core.results import Failed, Ok
from autodas.evolution import (
    NSGA2,
    AdaptiveElite,
    EliteEvolution,
    FixedElite,
    RandomSearch,
    RegularisedEvolution,
    Tournament,
    Variation,
)

BITS = 20


def _random_bits(rng):
    return tuple(int(bit) for bit in rng.integers(2, size=BITS))


def _flip(bits, rng):
    where = int(rng.integers(len(bits)))
    return (*bits[:where], 1 - bits[where], *bits[where + 1 :])


def _one_point(a, b, rng):
    cut = int(rng.integers(1, len(a)))
    return a[:cut] + b[cut:]


ONE_MAX = Variation(_random_bits, _flip, _one_point, lambda bits: "".join(map(str, bits)))


def one_max(bits):
    """Ones count; three leading zeros fail, as a network that cannot be built would."""
    if not any(bits[:3]):
        return Failed("cannot be built")
    return Ok(float(sum(bits)))


# So many genomes that none is drawn twice.
NUMBERS = Variation(
    lambda source: int(source.integers(1 << 60)),
    lambda genome, source: int(source.integers(1 << 60)),
    lambda one, other, source: int(source.integers(1 << 60)),
    str,
)

# Expressions: "x", "1" or (operator, left, right).
OPERATORS = ("+", "*", "-")


def _random_tree(rng, depth=3):
    if depth == 0 or rng.random() < 0.3:
        return ("x", "1")[int(rng.integers(2))]
    operator = OPERATORS[int(rng.integers(3))]
    return (operator, _random_tree(rng, depth - 1), _random_tree(rng, depth - 1))


def _replace_somewhere(tree, new, rng):
    if isinstance(tree, str) or rng.random() < 0.3:
        return new(tree)
    side = 1 + int(rng.integers(2))
    inner = _replace_somewhere(tree[side], new, rng)
    return (tree[0], inner, tree[2]) if side == 1 else (tree[0], tree[1], inner)


def _some_subtree(tree, rng):
    while not isinstance(tree, str) and rng.random() < 0.7:
        tree = tree[1 + int(rng.integers(2))]
    return tree


SYMBOLIC = Variation(
    _random_tree,
    lambda tree, rng: _replace_somewhere(tree, lambda _: _random_tree(rng, 2), rng),
    lambda a, b, rng: _replace_somewhere(a, lambda _: _some_subtree(b, rng), rng),
    repr,
)


def value(tree, x):
    if isinstance(tree, str):
        return x if tree == "x" else 1.0
    left, right = value(tree[1], x), value(tree[2], x)
    return {"+": left + right, "*": left * right, "-": left - right}[tree[0]]


def nodes(tree):
    return 1 if isinstance(tree, str) else 1 + nodes(tree[1]) + nodes(tree[2])


def symbolic(tree):
    """Closeness to x² + x + 1 at five points; big trees fail."""
    if nodes(tree) > 40:
        return Failed("too big")
    error = sum(abs(value(tree, x) - (x * x + x + 1.0)) for x in (-2.0, -1.0, 0.5, 1.0, 3.0))
    return Ok(-error)


TOYS = {"one_max": (ONE_MAX, one_max), "symbolic": (SYMBOLIC, symbolic)}


def objectives(genome, result):
    """Fitness and brevity, so that the multi-objective search has something to trade."""
    if isinstance(result, Failed):
        return ()
    brevity = -float(nodes(genome)) if isinstance(genome[0], str) else -float(sum(genome[:6]))
    return (result.value, brevity)


def _make(kind, **settings):
    return lambda variation, seed=0, **over: kind(
        variation, **{"population": 20, "generations": 8, "seed": seed, **settings, **over}
    )


ALGORITHMS = {
    "elite_adaptive": _make(EliteEvolution, selection=AdaptiveElite(0.5, 0.1)),
    "elite_pressure": _make(EliteEvolution, selection=AdaptiveElite(0.6, 0.2, pressure=1.0)),
    "elite_fixed": _make(EliteEvolution, selection=FixedElite(0.2)),
    "elite_tournament": _make(EliteEvolution, selection=Tournament(3)),
    "elite_twins": _make(EliteEvolution, twins=2),
    "random": _make(RandomSearch),
    "regularised": _make(RegularisedEvolution, sample=5, children=10),
    "nsga2": _make(NSGA2),
}


def step(algorithm, evaluate):
    """One generation: the candidates, and what was told of them."""
    candidates = algorithm.ask()
    results = [evaluate(each.genome) for each in candidates]
    extra = [objectives(c.genome, r) for c, r in zip(candidates, results, strict=True)]
    return candidates, algorithm.tell(results, extra)


def search(algorithm, evaluate):
    """Run to the end; all candidates asked, and all that was told."""
    asked, told = [], []
    while not algorithm.finished:
        candidates, outcome = step(algorithm, evaluate)
        asked += candidates
        told.append(outcome)
    return asked, told


def rng(seed=0):
    return np.random.default_rng(seed)
