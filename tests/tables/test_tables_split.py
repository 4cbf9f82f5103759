"""Splits that depend on nothing but the architecture, and noise that is what it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.fitness import correlate
from autodas.tables import Part, Target, Training, label_noise, split

ARCHITECTURES = [f"{a}-{b}-{c}" for a in range(10) for b in range(10) for c in range(10)]


def names(architectures, **options):
    found = split(architectures, **options)
    parts = (found.search, found.validation, found.report)
    return [{architectures[i] for i in part} for part in parts]


def test_parts_are_disjoint_complete_ascending_and_of_the_expected_size():
    found = split(ARCHITECTURES)
    parts = [found.search, found.validation, found.report]
    assert sorted(np.concatenate(parts)) == list(range(1000))
    assert all((np.diff(part) > 0).all() for part in parts)
    assert [len(part) / 1000 for part in parts] == pytest.approx([0.5, 0.2, 0.3], abs=0.04)


@given(st.lists(st.sampled_from(ARCHITECTURES), unique=True), st.randoms(use_true_random=False))
def test_a_part_depends_on_the_architecture_alone(some, random):
    shuffled = list(some)
    random.shuffle(shuffled)
    everywhere = names(ARCHITECTURES)
    assert names(shuffled) == names(some)
    assert all(few <= all_ for few, all_ in zip(names(some), everywhere, strict=True))


def test_the_assignment_never_changes():
    # Written down once: reported numbers are comparable only while this holds.
    some = ["1-1-1", "3-5-7", "7-1-3", "5-5-5", "7-7-7", "1-3-5", "7-1-1", "3-3-3"]
    assert names(some) == [
        {"1-1-1", "3-3-3", "5-5-5", "7-1-3", "7-7-7"},
        {"1-3-5", "7-1-1"},
        {"3-5-7"},
    ]


def test_another_salt_gives_another_split():
    assert names(ARCHITECTURES) != names(ARCHITECTURES, salt="other")


def test_groups_stay_together():
    groups = [architecture[0] for architecture in ARCHITECTURES]
    for part in names(ARCHITECTURES, groups=groups):
        assert len(part) == 100 * len({architecture[0] for architecture in part})


def test_fractions_of_nothing_and_of_all():
    assert [len(p) for p in names(ARCHITECTURES, fractions=(0.0, 0.0, 1.0))] == [0, 0, 1000]
    assert [len(p) for p in names(ARCHITECTURES, fractions=(1.0, 0.0, 0.0))] == [1000, 0, 0]
    assert [len(p) for p in names([])] == [0, 0, 0]


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.5), (1.2, -0.2, 0.0)])
def test_fractions_that_are_none_are_refused(fractions):
    with pytest.raises(InvalidInput, match="at least 0 and sum to 1"):
        split(ARCHITECTURES, fractions)


def test_groups_must_fit():
    with pytest.raises(InvalidInput, match="2 group labels were given for 3 architectures"):
        split(["a", "b", "c"], groups=["x", "y"])


def target(per_seed):
    runs = np.asarray(per_seed, dtype=float)
    values = np.full(len(runs), 50.0)
    seeds = tuple(range(runs.shape[1]))
    return Target("t", "d", Training.DISTILLED, Part.TEST, values, seeds, runs)


def test_the_ceiling_is_what_the_truth_itself_reaches():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=2000)
    runs = truth[:, None] + rng.normal(size=(2000, 3))
    noise = label_noise(target(70 + runs))
    reached = correlate(truth, runs.mean(axis=1)).value.value
    assert noise.ceiling_tau == pytest.approx(reached, abs=0.02)
    rho = correlate(truth, runs.mean(axis=1), "spearman").value.value
    assert noise.ceiling_rho == pytest.approx(rho, abs=0.02)
    assert noise.tau < noise.ceiling_tau
    # each run is half noise; the mean of three has 3 of 4 parts truth
    assert noise.reliability == pytest.approx(0.75, abs=0.03)
    assert noise.deviation == pytest.approx(1.0, abs=0.03)
    assert (noise.seeds, noise.n) == (3, 2000)


def test_agreement_by_hand():
    noise = label_noise(target([[60, 61], [70, 71], [80, 83], [75, 70]]))
    assert noise.tau == pytest.approx(4 / 6)  # of six pairs, (71, 70) is turned round
    assert noise.rho == pytest.approx(0.8)
    assert noise.deviation == pytest.approx(np.sqrt((0.5 + 0.5 + 4.5 + 12.5) / 4))


def test_seeds_that_agree_have_no_noise():
    noise = label_noise(target([[60, 60], [70, 70], [80, 80]]))
    assert (noise.tau, noise.deviation, noise.reliability) == (1.0, 0.0, 1.0)
    assert noise.ceiling_tau == pytest.approx(1.0)


def test_seeds_that_disagree_leave_nothing():
    noise = label_noise(target([[60, 80], [70, 70], [80, 60]]))
    assert (noise.tau, noise.reliability, noise.ceiling_tau) == (-1.0, 0.0, 0.0)


def test_missing_runs_are_left_out():
    gap = float("nan")
    runs = [[60, 61, 60], [70, 71, gap], [80, 83, 80], [75, gap, gap], [gap, gap, gap]]
    noise = label_noise(target(runs))
    assert noise.n == 3
    assert noise.tau == 1.0
    assert noise.deviation == pytest.approx(np.sqrt((2 / 3 + 1 / 2 + 6) / (2 + 1 + 2)))


def test_without_repeated_runs_nothing_is_known():
    assert label_noise(target([[60], [70], [80]])) is None
    assert label_noise(target([[60, 60], [70, 70]])) is None
    assert label_noise(target([[60, 60], [70, 60], [80, 60]])) is None
    single = Target("t", "d", Training.VANILLA, Part.TEST, np.array([1.0, 2.0, 3.0]))
    assert label_noise(single) is None
