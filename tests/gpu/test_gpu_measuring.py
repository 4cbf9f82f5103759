"""Statistics on a GPU are those of the CPU, within what single precision allows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from autodas.core.results import Ok
from autodas.networks import seeded
from autodas.scores import SCORES, get_score, needed, scored
from autodas.scores.resolve import shipped_proxies
from autodas.spaces import get_space
from autodas.statistics import STATISTICS, measure
from autodas.workbench.families import subjects_of
from autodas.workbench.measuring import measure_space, space_sample
from autodas.workbench.protocol import Protocol, resolved, signals

pytestmark = pytest.mark.gpu

ENOUGH = 0.99  # rank correlation τ of a score with itself on the other device


def columns(space: str, device: str, cache, count: int, names):
    known = get_space(space)
    architectures = space_sample(known, count, 0)
    return measure_space(
        known, architectures, names, Protocol(device=device), cache=cache, jobs=1
    ).store


@pytest.mark.parametrize("space", ["digits-cnn", "digits-vit"])
def test_in_double_precision_all_statistics_agree(space, tmp_path):
    """What is kept is rounded to 2⁻³³ of its largest value: a thousand times that is allowed."""
    known = get_space(space)
    found = {}
    for device in ("cpu", "cuda"):
        batch, teacher = signals(resolved(Protocol(device=device), known), "double")
        network = seeded(
            lambda: known.build(
                known.decode(space_sample(known, 1, 0)[0]), num_classes=10, input_shape=(1, 8, 8)
            ),
            0,
            double=True,
        ).to(device)
        found[device] = measure(
            network, batch.images, batch.labels, STATISTICS.names(), teacher=teacher
        )
    for name in STATISTICS.names():
        here, there = found["cpu"][name], found["cuda"][name]
        assert isinstance(here, Ok) == isinstance(there, Ok), name
        if isinstance(here, Ok):
            a, b = (
                np.concatenate([np.ravel(each) for each in value.value.segments])
                for value in (here, there)
            )
            assert np.abs(a - b).max() <= 1000 * 2.0**-33 * np.abs(a).max(), name


def test_every_score_ranks_the_students_of_s0_as_on_the_cpu(tmp_path, data_folder):
    space = get_space("resnet")
    architectures = space_sample(space, 48, 0)
    names = [*SCORES.names(), *(f"proxy:{each}" for each in shipped_proxies())]
    chosen = [get_score(name) for name in names]
    wanted = sorted(frozenset().union(*(needed(score) for score in chosen)))
    ranked = {}
    for device in ("cpu", "cuda"):
        subjects, _, _ = subjects_of(
            space, architectures, wanted, Protocol(device=device), cache=tmp_path, jobs=1
        )
        ranked[device] = [scored(score, subjects) for score in chosen]
    compared = 0
    for name, here, there in zip(names, ranked["cpu"], ranked["cuda"], strict=True):
        if not (isinstance(here, Ok) and isinstance(there, Ok)):
            assert type(here) is type(there), name
            continue
        values = [
            [each.value if isinstance(each, Ok) else np.nan for each in result.value]
            for result in (here, there)
        ]
        both = np.isfinite(values[0]) & np.isfinite(values[1])
        if both.sum() > 2 and np.ptp(np.asarray(values[0])[both]) > 0:
            tau = stats.kendalltau(np.asarray(values[0])[both], np.asarray(values[1])[both])
            assert tau.statistic >= ENOUGH, name
            compared += 1
    assert compared > 30


def test_measuring_returns_its_memory(tmp_path, data_folder):
    """A thousand networks must not take more than ten."""
    taken = []
    for count in (10, 60):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        columns("resnet", "cuda", tmp_path / str(count), count, ["weight", "weight_grad"])
        taken.append(torch.cuda.max_memory_allocated())
    assert taken[1] <= 1.5 * taken[0]
