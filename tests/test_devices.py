"""No tensor is made on a device that nobody named: what is computed goes where its inputs are.

The default device is ``meta`` meanwhile, which knows shapes and no numbers: whatever is made
without saying where cannot meet what lies on the CPU.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
import torch

from autodas.core.results import Ok
from autodas.core.rng import derive
from autodas.data import load_data
from autodas.distill import LOSSES, get_recipe, train
from autodas.networks import StagedNetwork, seeded
from autodas.spaces import get_space
from autodas.statistics import STATISTICS, TeacherSignals, measure
from autodas.teachers import load_teacher
from autodas.workbench.protocol import DIGITS, signals


@pytest.fixture
def refusing() -> Iterator[None]:
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


def student(name: str, *, double: bool) -> StagedNetwork:
    space = get_space(name)
    arch = space.sample(derive(0, "device", name))
    build = partial(space.build, arch, num_classes=10, input_shape=(1, 8, 8))
    return seeded(build, 0, double=double)


@pytest.fixture(scope="module", params=["digits-cnn", "digits-vit"])
def measured(request: pytest.FixtureRequest):
    network = student(request.param, double=True)
    batch, teacher = signals(replace(DIGITS, batch_size=12), "double")
    names = STATISTICS.names()
    known = measure(network, batch.images, batch.labels, names, teacher=teacher)
    # What the teacher has shown once is kept: another one has to show it anew.
    fresh = TeacherSignals(
        copy.deepcopy(load_teacher("digits-cnn-teacher").network).double(),
        batch.images,
        batch.labels,
        trained=True,
        digest="",
    )
    return network, batch, fresh, known


def test_statistics(measured, refusing) -> None:
    network, batch, teacher, known = measured
    names = STATISTICS.names()
    found = measure(network, batch.images, batch.labels, names, teacher=teacher)
    for name in names:
        assert isinstance(found[name], Ok) == isinstance(known[name], Ok), name


def test_a_training_with_all_losses(refusing) -> None:
    torch.set_default_device(None)
    data, teacher = load_data("digits"), load_teacher("digits-cnn-teacher")
    network = student("digits-cnn", double=False)
    # Adapters are drawn on the CPU and moved, so that they are the same for every device.
    names = [name for name in LOSSES.names() if name not in {"fitnet", "ickd"}]
    recipe = replace(get_recipe("digits-cnn-short"), epochs=1, losses=dict.fromkeys(names, 0.1))
    torch.set_default_device("meta")
    assert 0 <= train(network, data, recipe, seed=0, teacher=[teacher]).accuracy <= 100
