"""What primitives say of zeros, of constants, of what is too large and of what rounding leaves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autodas.primitives import PRIMITIVES, matrices, protect

ULP = np.float32(2**-23)  # from 1 to the next number of single precision


def of(name, *args, **options):
    return PRIMITIVES.get(name).function(*args, **options)


def test_exponents_end_at_sixty():
    found = of("exp", np.array([-1e30, -61.0, -60.0, 60.0, 61.0, 1e30]))
    low, high = 8.75651076269652e-27, 1.1420073898156842e26
    np.testing.assert_allclose(found, [low, low, low, high, high, high])


def test_rounding_leads_no_cosine_beyond_one():
    """In double precision, √3 · √3 < 3."""
    x = np.ones((1, 3))
    assert of("cosine", x, x)[0] == 1.0
    assert of("cosine", x, -x)[0] == -1.0


@pytest.mark.parametrize("of_one_sample", [True, False])
def test_matrices_that_centring_empties_are_not_alike(of_one_sample):
    """As of two networks that answer the same whatever they see."""
    shape = (1, 1, 1) if of_one_sample else (1, 4, 4)
    assert of("cka", np.full(shape, 2.0), np.full(shape, 3.0))[0] == 0.0
    nearly = np.full(shape, 1.0, np.float32)
    nearly[0, 0, 0] += ULP
    assert of("cka", nearly, nearly)[0] == 0.0


def test_what_differs_in_the_last_digit_alone_is_constant():
    x = np.array([[1.0, 1.0 + ULP], [1.0, 1.001], [0.0, 0.0]], dtype=np.float32)
    np.testing.assert_array_equal(of("standardise", x)[[0, 2]], np.zeros((2, 2)))
    np.testing.assert_allclose(of("standardise", x)[1], [-1.0, 1.0], rtol=1e-3)
    np.testing.assert_allclose(of("pearson", x, x), [0.0, 1.0, 0.0])


def test_rows_too_short_to_have_a_direction_become_exactly_zero():
    rows = np.array([[1e-31, -1e-31], [0.0, 0.0], [3.0, -4.0]])
    kept = [[0.0, 0.0], [0.0, 0.0], [0.6, -0.8]]
    np.testing.assert_allclose(of("l2_normalise", rows, weight=np.ones((3, 1))), kept, atol=0)
    square = np.pad(rows, ((0, 0), (0, 1)))[None]
    np.testing.assert_allclose(of("row_normalise", square)[0, :, :2], kept, atol=0)


def test_a_sketch_of_zeros_has_no_entropy_however_much_it_stands_for():
    x, weight = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([4.0, 4.0])
    np.testing.assert_allclose(of("entropy", x, weight=weight), [0.0, math.log(8.0)])


SKEWED = np.array([[[4.0, 3.0], [1.0, 2.0]]])  # its symmetric part has eigenvalues 3 ± √5


def test_of_a_matrix_that_is_not_symmetric_the_symmetric_part_counts():
    np.testing.assert_array_equal(of("symmetrise", SKEWED), [[[4.0, 2.0], [2.0, 2.0]]])
    low, high = 3 - math.sqrt(5), 3 + math.sqrt(5)
    np.testing.assert_allclose(of("spectrum", SKEWED), [[high, low]])
    assert of("condition", SKEWED)[0] == pytest.approx(math.log(high / low))
    flipped = SKEWED.swapaxes(1, 2)
    np.testing.assert_allclose(of("bures", SKEWED, flipped), [0.0], atol=1e-6)


def test_eigenvalues_that_say_nothing_are_zero_in_double_precision_only():
    g = np.diag([2.0, 1e-7])[None]
    np.testing.assert_array_equal(matrices.eigenvalues(g), [[2.0, 0.0]])
    single = matrices.eigenvalues(g.astype(np.float32))
    np.testing.assert_allclose(single, [[2.0, 1e-7]], rtol=1e-6)


def test_teachers_count_by_the_magnitude_of_their_weights():
    x = np.array([[1.0, 3.0], [1.0, 3.0], [1.0, 3.0], [1.0, 3.0]])
    weights = np.array([[1.0, 3.0], [-1e30, 3e-30], [0.0, 0.0], [0.0, -1e-40]])
    np.testing.assert_allclose(of("teachers_weighted", x, weights), [2.5, 1.0, 2.0, 3.0])


def test_ordinary_sums_of_products_are_left_in_the_precision_of_their_input():
    """Only what is lost in it is summed again: the shipped proxies were found with such sums."""
    x = np.array([[0.1] * 3, [1e-3] * 3, [1e5] * 3, [1e-23] * 3, [1e25] * 3], dtype=np.float32)
    found = protect.dot(x, x)
    with np.errstate(over="ignore"):
        single = found.astype(np.float32) == found
    assert single.tolist() == [True, True, True, False, False]
