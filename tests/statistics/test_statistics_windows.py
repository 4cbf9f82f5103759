"""Layers that see several rows of every image, as windows of Swin and patches of MobileViT."""

from __future__ import annotations

import pytest
import torch
from statistics_toys import images, labels
from torch import nn

from autodas.core.results import Ok
from autodas.networks import StagedNetwork, seeded
from autodas.statistics import measure

IMAGES = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(6) % 3


class Windowed(StagedNetwork):
    """Two linear layers on each of four windows, which are rows of their own or stand apart."""

    def __init__(self, form, shared=3):
        super().__init__()
        self.form, self.shared = form, shared
        self.first = nn.Linear(12, 5)
        self.second = nn.Linear(5, 6)
        self.table = nn.Linear(2, 6)
        self.classifier = nn.Linear(6, 3)

    def forward_stages(self, x):
        rows = x.unflatten(2, (2, 2)).unflatten(4, (2, 2)).permute(0, 2, 4, 1, 3, 5).flatten(3)
        count = len(x)
        rows = rows.flatten(1, 2) if self.form == "apart" else rows.flatten(0, 2)
        rows = self.second(self.first(rows).tanh())
        rows = rows.view(count, 4, 6)
        if self.form == "shared":  # of no image: a bias of positions
            rows = rows + self.table(rows.new_ones(self.shared, 2)).sum(0)
        if self.form == "repeated":  # the same, computed for every image
            each = self.table(rows.new_ones(count * self.shared, 2))
            rows = rows + each.view(count, self.shared, 6).sum(1)[:, None]
        return [rows], self.classifier(rows.mean(1))


def information(*form):
    network = seeded(lambda: Windowed(*form), 0)
    return measure(network, IMAGES, LABELS, ["information_rank"])["information_rank"]


def test_rows_of_an_image_count_for_that_image():
    apart, rows = information("apart"), information("rows")
    assert isinstance(rows, Ok)
    assert rows.value.segments[0] == pytest.approx(apart.value.segments[0], rel=1e-5)


@pytest.mark.parametrize("rows", [3, 8])
def test_a_layer_of_no_image_counts_for_every_image(rows):
    found, repeated = information("shared", rows), information("repeated", rows)
    assert found.value.segments[0] == pytest.approx(repeated.value.segments[0], rel=1e-5)


class LongerBatch(StagedNetwork):
    """A linear layer that sees the four windows of each image as a longer batch."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 4)
        self.classifier = nn.Linear(4, 3)

    def forward_stages(self, x):
        windows = x.unfold(2, 3, 3).unfold(3, 3, 3).permute(0, 2, 3, 4, 5, 1).reshape(-1, 9, 2)
        hidden = self.inner(windows).reshape(len(x), 36, 4)
        return [hidden], self.classifier(hidden.mean(1))


def test_operations_are_counted_per_image_not_per_window():
    found = measure(LongerBatch(), images(), labels(), ["layer_macs", "macs"])
    assert [float(s) for s in found["layer_macs"].value.segments] == [8 * 36, 12]
    assert float(found["macs"].value.segments[0]) == 8 * 36 + 12


class OneNumber(StagedNetwork):
    """Normalises one number per channel, as of one image alone no batch has statistics."""

    def __init__(self):
        super().__init__()
        self.norm, self.classifier = nn.BatchNorm1d(2), nn.Linear(2, 3)

    def forward_stages(self, x):
        return [x], self.classifier(self.norm(x.mean((2, 3))))


def test_operations_are_counted_where_one_image_has_no_statistics():
    assert float(measure(OneNumber(), images(), labels(), ["macs"])["macs"].value.segments[0]) == 6


class Biased(StagedNetwork):
    """A linear layer that sees a row of no image, and one that sees more rows than images."""

    def __init__(self):
        super().__init__()
        self.few, self.many = nn.Linear(2, 9), nn.Linear(2, 9)
        self.classifier = nn.Linear(9, 3)

    def forward_stages(self, x):
        ones = x.new_ones(13, 2)
        hidden = x.mean((1, 2, 3))[:, None] + self.few(ones[:1]) + self.many(ones).sum(0)
        return [hidden[:, None]], self.classifier(hidden)


def test_rows_of_no_image_count_as_whole_rows_of_each():
    found = measure(Biased(), images(), labels(), ["layer_macs"])["layer_macs"]
    assert len(images()) == 5
    assert [float(s) for s in found.value.segments] == [0, 2 * 18, 27]
