"""The model of larger clusters, on costs that can be reckoned by hand."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.scale_out import Costs, limits, modelled

FREE = Costs(
    start=0, dispatch=0, training=36, kept=0, measured=0.36, scored=0, file=1e5, remembered=1e3
)


def test_a_driver_without_work_makes_workers_count_in_full():
    found = modelled(FREE, 1)
    assert found["labelling, h"] == pytest.approx(100)
    assert found["labelling, busy"] == pytest.approx(1)
    assert found["scoring, h"] == pytest.approx(100)
    assert modelled(FREE, 8)["labelling, h"] == pytest.approx(12.5 + 36 / 3600)
    assert modelled(FREE, 64)["scoring, h"] == pytest.approx(100 / 64)


def test_a_round_of_scoring_has_so_many_units_and_no_more():
    assert modelled(FREE, 128)["scoring, h"] == modelled(FREE, 1000)["scoring, h"]
    assert modelled(FREE, 1000)["scoring, busy"] == pytest.approx(0.128)


def test_no_workers_outrun_the_driver():
    slow = replace(FREE, kept=1.0, dispatch=0.8, scored=0.036)
    assert modelled(slow, 1000)["labelling, h"] == pytest.approx((18_000 + 36) / 3600)
    assert modelled(slow, 1)["scoring, h"] == pytest.approx(110)
    assert limits(slow)["labelling: workers that keep the driver busy"] == pytest.approx(20)
    assert limits(slow)["scoring: workers that take as long as the driver"] == pytest.approx(10)
    assert limits(slow)["scoring: cache, GB"] == pytest.approx(100)
