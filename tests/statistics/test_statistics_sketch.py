"""Large tensors are represented by a sample of their entries."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from statistics_toys import ToyCNN, ToyViT, images, labels, signals

from autodas.core.results import Failed
from autodas.core.values import Kind
from autodas.statistics import DEFAULT_ENTRIES, STATISTICS, measure
from autodas.statistics.measurement import sample_entries

CELLS = {
    *("graph_operations", "graph_shortest", "graph_longest"),
    *("graph_leaving", "graph_entering", "graph_degree"),
}
"""Statistics of networks that repeat one cell."""
SHAPES = st.lists(st.integers(1, 12), min_size=1, max_size=4).map(tuple)


def numbered(shape):
    return torch.arange(math.prod(shape)).double().view(shape)


# Of two shapes together: with four sides each, a single tensor would take gigabytes.
HALVES = st.lists(st.integers(1, 12), min_size=1, max_size=2).map(tuple)


@given(HALVES, HALVES, st.integers(1, 300))
def test_positions_depend_on_the_number_of_entries_alone(one, other, keep):
    total = math.prod(one) * math.prod(other)
    state = torch.random.get_rng_state()
    expected = sample_entries(numbered((total,)), keep)
    assert torch.equal(sample_entries(numbered((*one, *other)), keep), expected)
    assert torch.equal(sample_entries(numbered((math.prod(one), math.prod(other))), keep), expected)
    assert torch.equal(torch.random.get_rng_state(), state)


@given(SHAPES, st.integers(1, 300))
def test_entries_are_different_ones_in_order(shape, keep):
    found = sample_entries(numbered(shape), keep)
    assert found.dtype == torch.float64
    assert found.shape == (min(keep, math.prod(shape)),)
    assert (found.diff() > 0).all()
    assert found[0] >= 0
    assert found[-1] < math.prod(shape)


@given(SHAPES)
def test_small_tensors_are_kept_whole(shape):
    tensor = numbered(shape)
    for keep in (tensor.numel(), tensor.numel() + 1, 10**9):
        assert torch.equal(sample_entries(tensor, keep), tensor.flatten())


@pytest.mark.parametrize("keep", [7, 100, 10**6])
def test_memory_order_does_not_matter(keep):
    tensor = torch.randn(6, 5, 4, 3)
    expected = sample_entries(tensor, keep)
    assert torch.equal(sample_entries(tensor.to(memory_format=torch.channels_last), keep), expected)
    transposed = tensor.transpose(1, 3).contiguous().transpose(1, 3)
    assert torch.equal(sample_entries(transposed, keep), expected)
    embedded = torch.zeros(6, 5, 4, 6)
    embedded[..., ::2] = tensor
    assert torch.equal(sample_entries(embedded[..., ::2], keep), expected)


def test_every_entry_is_as_likely_as_any_other():
    # Positions of many totals, as shares of the total: uniform on [0, 1).
    shares = np.concatenate(
        [sample_entries(torch.arange(n).double(), 50) / n for n in range(1000, 1400)]
    )
    counts = np.histogram(shares, bins=10, range=(0, 1))[0]
    assert abs(counts / len(shares) - 0.1).max() < 0.01


def test_means_and_norms_are_estimated():
    values = torch.randn(100_000, generator=torch.Generator().manual_seed(0)) + 1
    sample = sample_entries(values, 4096)
    assert float(sample.mean()) == pytest.approx(float(values.mean()), abs=4 / 64)
    assert float(sample.square().mean()) == pytest.approx(float(values.square().mean()), rel=0.15)


def test_positions_are_the_same_on_every_machine():
    found = sample_entries(torch.arange(5000.0), 4)
    assert found.tolist() == [809, 857, 2242, 3408]


@pytest.mark.parametrize("network", [ToyCNN, ToyViT])
@pytest.mark.parametrize(
    ("places", "others"),
    [("weight", ["weight_grad", "virtual_grad"]), ("feature", ["feature_grad"])],
)
def test_weight_and_gradients_are_sampled_at_the_same_places(network, places, others):
    names = [places, *others]
    whole = measure(network(), images(), labels(), names, entries=10**6)
    few = measure(network(), images(), labels(), names, entries=16)
    for i, entries in enumerate(whole[places].value.segments):
        sample = few[places].value.segments[i]
        assert sample.shape == (min(16, entries.size),)
        # What ReLU made zero cannot be told apart.
        found = [(k, np.flatnonzero(entries == value)) for k, value in enumerate(sample) if value]
        assert found
        for k, position in found:
            assert position.size == 1
            for name in others:
                assert few[name].value.segments[i][k] == whole[name].value.segments[i][position]


@pytest.mark.parametrize("entries", [1, 16, DEFAULT_ENTRIES])
def test_counts_are_those_of_the_whole_tensors(entries):
    names = STATISTICS.names()
    full = measure(ToyViT(), images(), labels(), names, teacher=signals(ToyCNN()), entries=10**6)
    found = measure(ToyViT(), images(), labels(), names, teacher=signals(ToyCNN()), entries=entries)
    assert {name for name in names if isinstance(full[name], Failed)} == CELLS
    for name in sorted({*names} - CELLS):
        one, other = found[name].value, full[name].value
        assert one.counts == other.counts == tuple(s.size for s in other.segments)
        for part, whole in zip(one.segments, other.segments, strict=True):
            if STATISTICS.get(name).type.kind is Kind.ELEMENTS:
                assert part.size == min(entries, whole.size)
            else:
                # Matrices, spectra and numbers are always whole.
                assert np.array_equal(part, whole)
