"""Every primitive against an independent derivation, one segment at a time in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial.distance
import scipy.special
import scipy.stats
from primitive_samples import sample, segments_of

from autodas.core.values import Kind
from autodas.primitives import PRIMITIVES, Form, apply, matrices, protect


def each(function):
    """An elementwise reference from a function of numbers."""
    return np.vectorize(function, otypes=[np.float64])


def rows(function):
    """Along the last axis of logits, over all entries of anything else."""

    def along(x, w=1.0):
        if x.ndim == 2 and x.shape == (4, 3):
            return np.stack([function(row, 1.0) for row in x])
        return function(x.reshape(-1), w).reshape(x.shape)

    return along


def mean_rows(function):
    def along(*args):
        *xs, w = args
        if xs[0].shape == (4, 3):
            return np.mean([function(*r, 1.0) for r in zip(*xs, strict=True)])
        return function(*(x.reshape(-1) for x in xs), w)

    return along


def singular(g):
    return np.linalg.svd((g + g.T) / 2, compute_uv=False)


def erank(g):
    p = singular(g) / singular(g).sum()
    return math.exp(-sum(v * math.log(v) for v in p if v > 0))


def log_det(g):
    s = singular(g)
    return np.linalg.slogdet(np.diag(s) + 1e-4 * s.mean() * np.eye(len(s)))[1]


def cka(x, y):
    h = np.eye(len(x)) - np.ones((len(x), len(x))) / len(x)
    hsic = lambda a, b: np.trace(a @ h @ b @ h)  # noqa: E731
    return hsic(x, y) / math.sqrt(hsic(x, x) * hsic(y, y))


def bures(x, y):
    root = np.real(scipy.linalg.sqrtm(x))
    cross = np.real(scipy.linalg.sqrtm(root @ y @ root))
    return math.sqrt(max(np.trace(x) + np.trace(y) - 2 * np.trace(cross), 0))


def kl(temperature):
    def divergence(x, y, _):
        p, q = scipy.special.softmax(y / temperature), scipy.special.softmax(x / temperature)
        return temperature**2 * scipy.special.rel_entr(p, q).sum()

    return mean_rows(divergence)


def huber(d):
    return d * d / 2 if d < 1 else d - 0.5


def slow_median(x):
    ordered = sorted(x.reshape(-1))
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


# Elementwise and maps: f(segment[s][, w]); reductions and distances: f(segment[s], w).
REFERENCES = {
    "log": each(lambda v: math.log(abs(v) + 1e-20)),
    "exp": each(math.exp),
    "abs": each(abs),
    "asinh": each(lambda v: math.copysign(math.log(abs(v) + math.hypot(v, 1)), v)),
    "square": each(lambda v: v * v),
    "sqrt": each(lambda v: math.sqrt(abs(v))),
    "cbrt": each(lambda v: math.copysign(abs(v) ** (1 / 3), v)),
    "reciprocal": each(lambda v: 1 / v),
    "sign": each(lambda v: math.copysign(1, v)),
    "tanh": each(math.tanh),
    "sigmoid": each(lambda v: 1 / (1 + math.exp(-v))),
    "relu": each(lambda v: v if v > 0 else 0.0),
    "softplus": each(lambda v: math.log1p(math.exp(v))),
    "clip": each(lambda v: min(max(v, -1), 1)),
    "neg": each(lambda v: -v),
    "add": each(lambda a, b: a + b),
    "sub": each(lambda a, b: a - b),
    "mul": each(lambda a, b: a * b),
    "div": each(lambda a, b: a / b),
    "power": each(lambda a, b: abs(a) ** min(max(b, -3), 3)),
    "max_of": each(max),
    "min_of": each(min),
    "min_max": rows(lambda x, w: (x - x.min()) / np.ptp(x)),
    "standardise": rows(lambda x, w: scipy.stats.zscore(x)),
    "softmax": rows(lambda x, w: scipy.special.softmax(x) / w),
    "log_softmax": rows(lambda x, w: scipy.special.log_softmax(x) - math.log(w)),
    "l2_normalise": rows(lambda x, w: x / (math.sqrt(w) * scipy.linalg.norm(x))),
    "mean": lambda x, w: math.fsum(x.reshape(-1)) / x.size,
    "sum": lambda x, w: w * math.fsum(x.reshape(-1)),
    "std": lambda x, w: scipy.stats.tstd(x.reshape(-1), ddof=0),
    "var": lambda x, w: scipy.stats.moment(x.reshape(-1), 2),
    "min": lambda x, w: min(x.reshape(-1)),
    "max": lambda x, w: max(x.reshape(-1)),
    "median": lambda x, w: slow_median(x),
    "l1": lambda x, w: w * math.fsum(abs(v) for v in x.reshape(-1)),
    "l2": lambda x, w: math.sqrt(w) * math.hypot(*x.reshape(-1)),
    "entropy": mean_rows(lambda x, w: scipy.stats.entropy(np.abs(x)) + math.log(w)),
    "fraction_positive": lambda x, w: sum(v > 0 for v in x.reshape(-1)) / x.size,
    "symmetrise": lambda g: (g + g.T) / 2,
    "centre": lambda g: (np.eye(len(g)) - 1 / len(g)) @ g @ (np.eye(len(g)) - 1 / len(g)),
    "row_normalise": lambda g: np.stack([row / np.linalg.norm(row) for row in g]),
    "spectrum": lambda g: np.sort(np.linalg.eigvals((g + g.T) / 2).real)[::-1],
    "trace": lambda g, w: sum(g[i, i] for i in range(len(g))),
    "nuclear_norm": lambda g, w: singular(g).sum(),
    "log_det": lambda g, w: log_det(g),
    "effective_rank": lambda g, w: erank(g),
    "condition": lambda g, w: math.log(np.linalg.cond(g)),
    "l1_distance": lambda x, y, w: w * scipy.spatial.distance.cityblock(x.flat, y.flat),
    "l2_distance": lambda x, y, w: (
        math.sqrt(w) * scipy.spatial.distance.euclidean(x.reshape(-1), y.reshape(-1))
    ),
    "smooth_l1": lambda x, y, w: np.mean(
        [huber(abs(a - b)) for a, b in zip(x.flat, y.flat, strict=True)]
    ),
    "cosine": lambda x, y, w: 1 - scipy.spatial.distance.cosine(x.reshape(-1), y.reshape(-1)),
    "pearson": lambda x, y, w: (
        scipy.stats.pearsonr(x.reshape(-1), y.reshape(-1))[0] if x.size > 1 else 0.0
    ),
    "inner_product": lambda x, y, w: w * math.fsum(a * b for a, b in zip(x.flat, y.flat)),  # noqa: B905
    "kl": kl(1.0),
    "kl_t4": kl(4.0),
    "cka": lambda x, y, w: cka(x, y),
    "bures": lambda x, y, w: bures(x, y),
    "layers_mean": lambda x, w: math.fsum(x) / len(x),
    "layers_sum": lambda x, w: math.fsum(x),
    "layers_max": lambda x, w: max(x),
    "layers_min": lambda x, w: min(x),
    "layers_first": lambda x, w: x[0],
    "layers_last": lambda x, w: x[-1],
    "layers_deep_mean": lambda x, w: np.average(x, weights=range(1, len(x) + 1)),
    "layers_geometric_mean": lambda x, w: scipy.stats.gmean(np.abs(x)),
    # Of one teacher; sets are tried in tests/expressions/test_expression_teachers.py.
    **dict.fromkeys(("teachers_mean", "teachers_max", "teachers_min"), lambda x, w: x),
    "teachers_std": lambda x, w: 0.0,
    "teachers_weighted": lambda x, y, w: x,
    "layers_std": lambda x, w: scipy.stats.tstd(x, ddof=0) if len(x) > 1 else 0.0,
}

CASES = [
    pytest.param(primitive, kind, id=f"{primitive.name}-{kind}")
    for primitive in PRIMITIVES
    for kind in Kind
    if kind in primitive.kinds
]


def test_every_primitive_has_a_reference_and_none_is_left_over():
    assert set(REFERENCES) == set(PRIMITIVES.names())


@pytest.mark.parametrize(("primitive", "kind"), CASES)
def test_agrees_with_reference(primitive, kind):
    # A sketch holds 1 of 2.5 entries; only tensors are sketched.
    stretch = 2.5 if kind is Kind.ELEMENTS else 1.0
    args = tuple(sample(kind, seed, stretch=stretch) for seed in range(primitive.arity))
    reference = REFERENCES[primitive.name]
    result = apply(primitive, args)
    segments = zip(*map(segments_of, args), strict=True)
    if primitive.form in (Form.ELEMENTWISE, Form.MATRIX_MAP, Form.SPECTRUM):
        expected = [reference(*s) for s in segments]
    else:
        expected = [reference(*s, stretch) for s in segments]
    keeps = (Form.ELEMENTWISE, Form.SEGMENTWISE, Form.MATRIX_MAP, Form.SPECTRUM)
    found = segments_of(result) if primitive.form in keeps else list(result.data)
    assert len(found) == len(expected)
    for got, want in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    "primitive",
    [p for p in PRIMITIVES if p.form in (Form.MATRIX_REDUCTION, Form.MATRIX_DISTANCE)],
    ids=lambda p: p.name,
)
def test_matrix_numbers_of_a_diagonal_matrix_are_known(primitive):
    values = np.array([4.0, 2.0, 1.0])
    got = primitive.function(*[np.diag(values)[None]] * primitive.arity)[0]
    ridge = 1e-4 * values.mean()
    share = values / values.sum()
    known = {
        "trace": 7.0,
        "nuclear_norm": 7.0,
        "log_det": np.log(values + ridge).sum(),
        "effective_rank": np.exp(-(share * np.log(share)).sum()),
        "condition": np.log(4.0),
        "cka": 1.0,
        "bures": 0.0,
    }
    assert got == pytest.approx(known[primitive.name], abs=1e-6)


def test_condition_of_a_rank_deficient_matrix_is_that_of_its_range():
    factor = np.random.default_rng(0).standard_normal((6, 2))
    gram = (factor @ factor.T).astype(np.float32)
    expected = np.log(np.linalg.cond(factor.T @ factor))
    assert PRIMITIVES.get("condition").function(gram[None])[0] == pytest.approx(expected, rel=1e-4)


VANISHING = {  # of nine zeros, or a 3 × 3 matrix of them, beside something that varies
    **dict.fromkeys(
        [
            "mean",
            "sum",
            "std",
            "var",
            "min",
            "max",
            "median",
            "l1",
            "l2",
            "entropy",
            "fraction_positive",
        ],
        0.0,
    ),
    **dict.fromkeys(
        ["trace", "nuclear_norm", "effective_rank", "cosine", "pearson", "inner_product", "cka"], 0
    ),
    "log_det": 3 * math.log(1e-20),
    "condition": math.log(1e5),
}
APART = {"l1_distance", "l2_distance", "smooth_l1", "kl", "kl_t4", "bures"}
"""How far zeros are from something depends on what that is."""


@pytest.mark.parametrize(
    "primitive",
    [p for p in PRIMITIVES if p.form.name.endswith(("REDUCTION", "DISTANCE"))],
    ids=lambda p: p.name,
)
def test_numbers_of_what_vanishes_are_the_least_that_there_is_or_the_worst(primitive):
    of_matrices = primitive.form in (Form.MATRIX_REDUCTION, Form.MATRIX_DISTANCE)
    zeros = np.zeros((1, 3, 3) if of_matrices else (1, 9))
    varied = np.diag([4.0, 2.0, 1.0])[None] if of_matrices else np.arange(1.0, 10.0)[None]
    options = {"weight": np.ones(1)} if primitive.weighted else {}
    got = primitive.function(*[zeros, varied][: primitive.arity], **options)[0]
    if primitive.name in APART:
        assert got > 0
    else:
        assert got == pytest.approx(VANISHING[primitive.name], abs=1e-9)


def test_no_matrix_has_a_worse_condition_than_the_zero_matrix():
    worst = PRIMITIVES.get("condition").function(np.zeros((1, 4, 4)))[0]
    assert worst == pytest.approx(math.log(1e5))
    nearly_singular = np.diag([1.0, 1.0001e-5])[None]
    assert PRIMITIVES.get("condition").function(nearly_singular)[0] <= worst


def test_bures_of_commuting_matrices_is_the_distance_of_roots():
    x, y = np.diag([4.0, 1.0])[None], np.diag([1.0, 9.0])[None]
    assert PRIMITIVES.get("bures").function(x, y)[0] == pytest.approx(np.hypot(1, 2))


def test_eigenvalues_that_say_nothing_are_those_far_below_the_largest_of_their_own_matrix():
    values = np.array([[100.0, -0.5, 5e-4], [1e-3, 2e-8, -1e-9]])
    np.testing.assert_array_equal(
        matrices.on_range(values), [[100.0, -0.5, 0.0], [1e-3, 2e-8, 0.0]]
    )


def test_the_effective_rank_does_not_depend_on_scale():
    for scale in (1e-6, 0.1, 1.0, 1e6):
        ranks = matrices.effective_rank.rest(scale * np.array([[1.0, 1.0, 0.0], [3.0, 0.0, 0.0]]))
        np.testing.assert_allclose(ranks, [2.0, 1.0])


def test_what_does_not_care_for_the_order_of_two_is_declared_so():
    """Formulas that differ by such an order alone are one formula."""
    assert {each.name for each in PRIMITIVES if each.commutative} == {
        *("add", "mul", "max_of", "min_of", "l1_distance", "l2_distance", "smooth_l1", "cosine"),
        *("pearson", "inner_product", "cka"),
    }


def test_sums_of_products_beyond_single_precision_are_those_of_double():
    """3 · (1e-23)² and 3 · (1e25)² are no numbers of single precision, 0.0003 is."""
    x = np.array([[1e-23] * 3, [1e25] * 3, [0.01] * 3], dtype=np.float32)
    np.testing.assert_allclose(protect.dot(x, x), [3e-46, 3e50, 3e-4], rtol=1e-6)
    assert protect.dot(x, -x)[1] == pytest.approx(-3e50, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-12, 0.01, 1e12])
def test_what_is_normalised_has_length_one_whatever_its_scale(scale):
    rows = scale * np.array([[3.0, 4.0], [0.0, 0.0], [1e-31 / scale, 0.0]])
    right = [[0.6, 0.8], [0.0, 0.0], [0.0, 0.0]]
    square = np.pad(rows, ((0, 0), (0, 1)))[None]
    found = PRIMITIVES.get("row_normalise").function(square)[0]
    np.testing.assert_allclose(found[:, :2], right, atol=1e-12)
    found = PRIMITIVES.get("l2_normalise").function(rows, weight=np.ones((3, 1)))
    np.testing.assert_allclose(found, right, atol=1e-12)
