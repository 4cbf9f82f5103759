"""False discovery rates, beside their definition and SciPy's."""

import numpy as np
import pytest
import scipy.stats

from autodas.fitness import controlled, false_discovery_rates, two_sided_p


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


@pytest.mark.parametrize(
    ("below", "equal", "above", "p"),
    [
        (3, 0, 96, 2 * 4 / 100),
        (96, 0, 3, 2 * 4 / 100),
        (3, 2, 94, 2 * 6 / 100),  # what is 0 counts against either side
        (94, 2, 3, 2 * 6 / 100),
        (0, 0, 99, 2 / 100),  # never 0
        (1, 0, 1, 1.0),
        (0, 5, 1, 1.0),
    ],
)
def test_p_is_twice_the_share_beyond_zero_with_the_sample_itself_counted(below, equal, above, p):
    samples = np.repeat([-1.0, 0.0, 2.0, np.nan], [below, equal, above, 7])
    assert two_sided_p(samples) == pytest.approx(p)


@pytest.mark.parametrize("samples", [[], [np.nan, np.nan], [0.0, 0.0], [0.0, np.nan]])
def test_what_never_differs_has_no_p(samples):
    assert two_sided_p(np.array(samples)) is None


def test_rows_without_a_difference_are_not_counted_among_the_comparisons():
    rows = [
        {"score": "a", "gap_p": 0.01, "significance": "better"},
        {"score": "b"},
        {"score": "c", "gap_p": None, "significance": None},
        {"score": "d", "gap_p": 0.04, "significance": "worse"},
        {"score": "e", "gap_p": 0.03, "significance": "open"},
        {"score": "f", "other_p": 0.9, "significance": "better"},
    ]
    before = [dict(row) for row in rows]
    found = controlled(rows, "gap")
    # Of three: 0.01 · 3 / 1; 0.03 · 3 / 2, but the next is less; 0.04 · 3 / 3.
    rates = [row.get("gap_q") for row in found]
    assert rates == [pytest.approx(0.03), None, None, *[pytest.approx(0.04)] * 2, None]
    assert [{k: v for k, v in row.items() if k != "gap_q"} for row in found] == before
    assert rows == before


@pytest.mark.parametrize(
    ("p", "significance"),
    [
        ([0.05], ["better"]),
        ([0.0501], ["open"]),
        ([0.03, 0.06], ["open", "open"]),  # alone the first would be one
        ([0.02, 0.06], ["better", "open"]),
    ],
)
def test_at_most_one_of_twenty_is_expected_to_be_luck(p, significance):
    found = controlled([{"gap_p": each, "significance": "better"} for each in p], "gap")
    assert [row["significance"] for row in found] == significance
