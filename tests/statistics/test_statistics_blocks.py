"""What is found between blocks and in attention, on modules and tensors of a few numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from autodas.networks import StagedNetwork
from autodas.statistics.passes.attention_calls import ATTENTION_FUNCTIONS
from autodas.statistics.passes.blocks import block_pass, block_values, blocks_of


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


# --- blocks ---------------------------------------------------------------------------------------


def test_a_block_that_changes_no_gradient_counts_as_one_that_lets_none_through():
    for shape, expected in (((2, 3, 4, 4), [2 - 1e6]), ((2, 4, 3), [])):
        inner = noise(*shape).requires_grad_()
        assert block_values([inner, inner + 1]).trainability == expected
    inner = noise(2, 3, 4, 4).requires_grad_()
    assert block_values([inner, 0 * inner]).trainability == pytest.approx([2 - 1e6])


def test_features_that_no_gradient_connects_are_left_out():
    first, second = noise(2, 3, 4, 4).requires_grad_(), noise(2, 5, 4, 4).requires_grad_()
    assert block_values([first, second]).trainability == []
    assert block_values([first.detach(), second]).trainability == []
    assert block_values([first, second.detach()]).trainability == []
    tokens = (2 * first).flatten(2).transpose(1, 2)[:, :5]
    assert block_values([first, tokens]).trainability == []
    odd = noise(2, 3, 7, 7).requires_grad_()  # no four positions for each one of three
    assert block_values([odd, 2 * odd[:, :, 1::2, 1::2]]).trainability == []
    alone = block_values([first])
    assert (alone.step, alone.trainability) == (None, [])


def test_features_in_another_order_than_they_were_made_in_count_where_they_are_connected():
    first = noise(2, 3, 4, 4).requires_grad_()
    second = first.exp()
    third = second.sin()
    found = block_values([first, third, second, third.exp()]).trainability
    assert len(found) == 2
    assert found[:1] == block_values([first, third]).trainability


def test_blocks_are_the_outermost_modules_with_parts_in_lists():
    part = lambda: nn.Sequential(nn.Linear(1, 1))  # noqa: E731
    block = nn.Module()
    block.inner, block.more = nn.Linear(1, 1), nn.ModuleList([nn.TransformerEncoderLayer(2, 1)])
    deep = nn.Module()
    deep.inner = nn.Linear(1, 1)
    network = nn.Module()
    network.alone = nn.TransformerEncoderLayer(2, 1)
    network.stages = nn.ModuleList([part(), nn.Sequential(nn.ReLU(), block), nn.Sequential(deep)])
    assert list(blocks_of(network)) == [block, deep]


class Added(nn.Module):
    """A block that is told what to add."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2).double()

    def forward(self, tokens, more):
        return self.linear(tokens) + more


class Told(StagedNetwork):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Added(), Added()])

    def forward_stages(self, x):
        first = x.flatten(2).transpose(1, 2)
        tokens = [first]
        for block in self.blocks:
            tokens.append(block(tokens[-1], torch.ones_like(first)))
        return [tokens[-1]], tokens[-1].mean(1)


def test_of_what_enters_the_first_block_only_the_features_count():
    found = block_pass(Told(), noise(3, 2, 4, 4))
    assert len(found.entropies) == 3
    assert min(found.entropies) > 0


class Block(nn.Module):
    """Puts out what it is told to make of a linear layer's output."""

    def __init__(self, made):
        super().__init__()
        self.inner, self.made = nn.Linear(3, 3).double(), made

    def forward(self, x):
        return self.made(self.inner(x))


class Blocks(StagedNetwork):
    """Blocks one after the other on tokens; three stages that are none of what the blocks see."""

    def __init__(self, *blocks):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.classifier = nn.Linear(3, 2).double()

    def forward_stages(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        for block in self.blocks:
            value = block(tokens)
        return [tokens, 2 * tokens, 3 * tokens], self.classifier(tokens.mean(1)) + 0 * value[
            0
        ].sum()


@pytest.mark.parametrize(
    ("made", "seen"),
    [
        ([lambda x: x], 2),  # what enters it and what it puts out
        ([lambda x: x, lambda x: x], 3),
        ([lambda x: x, lambda x: x.mean(1), lambda x: (x, x), lambda x: x], 3),
        ([lambda x: x.mean(1)], 3),  # the stages, for want of a second feature
    ],
)
def test_blocks_are_seen_where_they_put_out_features(made, seen):
    network = Blocks(*(Block(each) for each in made))
    found = block_pass(network, noise(4, 3, 2, 2))
    assert len(found.entropies) == seen
    assert not any(block._forward_hooks for block in network.blocks)


# --- attention ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [None, torch.ones(4, 4).bool().triu(1), noise(4, 4)])
def test_attention_is_read_from_the_functions_arguments(mask):
    attend = F.scaled_dot_product_attention
    q, k, v = (noise(2, 3, 4, 5, seed=seed) for seed in range(3))
    forbidden = mask if mask is None or mask.is_floating_point() else ~mask
    for options in ({}, {"scale": 0.7}, {"is_causal": True}):
        chosen = options if "is_causal" in options else {**options, "attn_mask": forbidden}
        call = ATTENTION_FUNCTIONS[attend](q, k, v, **chosen)
        torch.testing.assert_close(call.probabilities() @ v, attend(q, k, v, **chosen))
        p = call.probabilities()
        entropy = -torch.where(p > 0, p * p.clamp_min(1e-300).log(), 0.0).sum(-1).mean()
        assert call.summary.entropy == pytest.approx(float(entropy))
        torch.testing.assert_close(call.summary.mean, p.sum((0, 1)) / 6)


def test_attention_without_heads_may_be_causal():
    attend = F.scaled_dot_product_attention
    q, k, v = noise(2, 4, 5), noise(2, 3, 5, seed=1), noise(2, 3, 5, seed=2)
    call = ATTENTION_FUNCTIONS[attend](q, k, v, is_causal=True)
    torch.testing.assert_close(call.probabilities() @ v, attend(q, k, v, is_causal=True))


def test_queries_that_share_keys_are_told_by_their_heads():
    q, k, v = noise(3, 4, 5, 6), noise(3, 2, 5, 6, seed=1), noise(3, 2, 5, 6, seed=2)
    attend = F.scaled_dot_product_attention
    found = ATTENTION_FUNCTIONS[attend](q, k, v, enable_gqa=True).probabilities()
    expected = attend(q, k, v, enable_gqa=True)
    torch.testing.assert_close(found @ v[:, [0, 0, 1, 1]], expected)


FORBIDDEN = torch.zeros(4, 5).bool()
FORBIDDEN[1, 2:], FORBIDDEN[3, 0] = True, True


@pytest.mark.parametrize("mask", [FORBIDDEN, noise(4, 5), FORBIDDEN.repeat(6, 1, 1)])
@pytest.mark.parametrize("bias", [noise(12), None])
def test_projected_attention_is_read_from_the_functions_arguments(mask, bias):
    """Three images, two heads: the mask may be one for each of the six."""
    if mask.ndim == 3:
        mask = mask.clone()
        mask[4, 0, 1:] = True
    attend = F.multi_head_attention_forward
    q, k = noise(4, 3, 4), noise(5, 3, 4, seed=1)
    weights = noise(12, 4, seed=2)
    arguments = (q, k, k, 4, 2, weights, bias, None, None, False, 0.0, noise(4, 4), None)
    _, expected = attend(*arguments, attn_mask=mask, average_attn_weights=False)
    call = ATTENTION_FUNCTIONS[attend](*arguments, attn_mask=mask)
    torch.testing.assert_close(call.probabilities(), expected)
    projected = F.linear(k, weights[4:8], None if bias is None else bias[4:8])
    torch.testing.assert_close(call.keys.permute(2, 0, 1, 3).flatten(2), projected)
