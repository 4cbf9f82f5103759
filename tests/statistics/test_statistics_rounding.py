"""What differs between processors in the last bits is the same when it is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from autodas.core.results import Failed, Ok
from autodas.networks import ResNet, seeded
from autodas.statistics import measure
from autodas.statistics.definitions.intrinsic import singular_values
from autodas.statistics.measurement import Measured
from autodas.statistics.negligible import cleared
from autodas.statistics.store.settle import settled


def kept(*segments):
    arrays = tuple(np.asarray(each, dtype=np.float64) for each in segments)
    return settled(Ok(Measured(arrays, tuple(each.size for each in arrays)))).value.segments


def test_noise_beside_the_largest_value_of_all_segments_is_zero():
    noise, values = kept([3e-17, -2e-16], [0.7, -1e-12, 0.2])
    assert noise.tolist() == [0.0, 0.0]
    assert not np.signbit(noise).any()
    assert values[1] == 0.0
    assert values[[0, 2]] == pytest.approx([0.7, 0.2], abs=1e-10)


@pytest.mark.parametrize("scale", [1e-20, 1.0, 3e17])
def test_values_that_differ_by_rounding_are_the_same(scale):
    values = scale * np.random.default_rng(0).standard_normal(2000)
    other = values * (1 + 1e-15 * np.random.default_rng(1).standard_normal(2000))
    assert (values != other).any()
    np.testing.assert_array_equal(*(kept(each)[0] for each in (values, other)))
    np.testing.assert_allclose(kept(values)[0], values, rtol=0, atol=2e-10 * scale * 4)


def test_whole_numbers_are_kept_exactly_even_if_they_were_disturbed():
    counts = np.array([0.0, 1.0, 60.0, 1023.0])
    shaken = counts * (1 + 1e-11 * np.array([4.0, -4.0, 3.0, -4.0]))
    assert kept(shaken)[0].tolist() == counts.tolist()


def test_shapes_and_failures_stay():
    gram, number = kept(np.eye(3) / 3, 0.125)
    assert gram.shape == (3, 3)
    assert number.shape == ()
    assert number == 0.125
    assert kept([0.0, 0.0])[0].tolist() == [0.0, 0.0]
    assert settled(Failed("no reason")) == Failed("no reason")


def test_gradients_are_cleared_in_double_precision_only():
    for dtype, expected in ((torch.float64, 0.0), (torch.float32, 1e-14)):
        small, large = torch.tensor([1e-14], dtype=dtype), torch.tensor([-2.0, 1e-6], dtype=dtype)
        first, second = cleared([small, large])
        assert torch.equal(first, torch.tensor([expected], dtype=dtype))
        assert torch.equal(second, large)
    assert cleared([]) == []


def test_singular_values_beyond_the_rank_are_zero():
    left, right = np.random.default_rng(0).standard_normal((2, 9, 3))
    values = singular_values(torch.from_numpy(left @ right.T)).numpy()
    assert (values[3:] == 0).all()
    np.testing.assert_allclose(
        values[:3], np.linalg.svd(left @ right.T, compute_uv=False)[:3], rtol=1e-12
    )


@pytest.mark.parametrize("shape", [(1, 6), (6, 1), (1, 1)])
def test_a_vector_has_one_singular_value(shape):
    vector = torch.arange(1.0, 1 + max(shape)).view(shape)
    assert singular_values(vector).tolist() == pytest.approx([float(vector.norm())])


def test_of_a_product_of_vectors_rounding_leaves_nothing():
    left, right = np.random.default_rng(0).standard_normal((2, 9, 1))
    assert (singular_values(torch.from_numpy(left @ right.T)) > 0).tolist() == [True] + [False] * 8


@pytest.mark.parametrize("name", ["perturbation_growth", "projected_gram"])
def test_normal_numbers_for_double_precision_are_drawn_in_it(name, monkeypatch):
    """Those of single precision are drawn by other code on other processors."""
    drawn, randn = [], torch.randn

    def noted(*arguments, **options):
        drawn.append(randn(*arguments, **options))
        return drawn[-1]

    network = seeded(lambda: ResNet((1, 1), (4, 22), channels=1, num_classes=3), 0, double=True)
    monkeypatch.setattr(torch, "randn", noted)
    measure(network, torch.ones(2, 1, 8, 8).double(), torch.tensor([0, 1]), [name])
    assert drawn
    assert {each.dtype for each in drawn} == {torch.float64}
