"""Counting parameters and multiply-accumulate operations, with and without weights."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from autodas.networks import without_weights
from autodas.spaces import get_space

COST = sys.modules["autodas.networks.cost"]  # the package has a function of that name


class Masked(nn.Linear):
    """Has numbers of its own beside its weights, and decides by them how it is built."""

    def __init__(self):
        super().__init__(4, 4)
        self.mask = torch.empty(4, device="cpu").fill_(2.0)
        self.wide = nn.Linear(4, int(self.mask.sum()))


def test_what_has_numbers_is_filled():
    network = without_weights(Masked)
    assert network.weight.is_meta
    assert network.wide.out_features == 8


@pytest.mark.parametrize("name", ["digits-cnn", "digits-vit", "mobile", "nasbench201"])
def test_small_and_large_networks_are_counted_alike(monkeypatch, name):
    space = get_space(name)
    arch = space.sample(np.random.default_rng(4))
    found = []
    for small in (0, 10**9):
        monkeypatch.setattr(COST, "SMALL", small)
        found.append(COST.cost(lambda: space.build(arch), space.input_shape))
    assert found[0] == found[1]
    assert found[0].macs > found[0].params > 0


def test_counting_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    COST.cost(lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), (3, 2, 2))
    assert torch.equal(torch.get_rng_state(), before)
