"""False discovery rates, beside their definition and SciPy's."""

import numpy as np
import pytest
import scipy.stats

from autodas.fitness import false_discovery_rates


def test_the_example_of_the_paper():
    """Benjamini & Hochberg (1995), table of section 3.2: at 0.05 the first four are discoveries."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]
    found = false_discovery_rates(p)
    assert (found <= 0.05).sum() == 4
    assert found[3] == pytest.approx(0.0095 * 15 / 4)


def test_the_order_does_not_matter():
    p = np.random.default_rng(0).uniform(size=40)
    order = np.random.default_rng(1).permutation(40)
    np.testing.assert_allclose(false_discovery_rates(p[order]), false_discovery_rates(p)[order])
    np.testing.assert_allclose(false_discovery_rates(p), scipy.stats.false_discovery_control(p))


def test_one_alone_is_what_it_is_and_none_is_none():
    assert false_discovery_rates([0.03]) == pytest.approx([0.03])
    assert len(false_discovery_rates([])) == 0
