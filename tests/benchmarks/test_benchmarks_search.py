"""The comparison of search strategies runs and says what it promises, in seconds."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from autodas.spaces import get_space
from benchmarks import end_to_end, search_strategies

NODES = ("|nor_conv_3x3~0|", "|nor_conv_3x3~0|nor_conv_3x3~1|")
FULL = "+".join([*NODES, "|nor_conv_3x3~0|nor_conv_3x3~1|skip_connect~2|"])


def test_it_compares_evolution_with_chance_at_equal_evaluations():
    space = get_space("nasbench201")
    variation = search_strategies._variation(space, lambda text: "none" not in text, [FULL])
    asked = []

    def convolutions(text):
        asked.append(text)
        return float(text.count("nor_conv"))

    found = search_strategies._curves(variation, convolutions, 3, (10, 20))
    assert set(found) == {"10 evaluations", "20 evaluations"}
    assert len(asked) == 2 * 3 * (10 + 20)
    assert not any("none" in text for text in asked)
    for rows in found.values():
        means = {name: float(re.match(r"[-0-9.e+]+", text)[0]) for name, text in rows.items()}
        gain = means["evolution"] - means["random"]
        assert means["evolution − random"] == pytest.approx(gain, abs=1e-3)


def test_intervals_are_those_of_students_t():
    assert search_strategies._interval(np.array([1.0, 2.0, 3.0])) == "2 [-0.484138, 4.48414]"


@pytest.mark.slow
def test_known_students_and_cells_are_told_apart(data_folder):
    found = search_strategies.main(2, (20,), ("params",), ("0.2M",), 300)
    (cells,) = (each for name, each in found.items() if name.startswith("nasbench201"))
    assert cells["cells"] == 300
    (budget,) = found["s0, accuracy of the choice"].values()
    assert (budget["best"], budget["largest that fits"]) == ("69.67", "69.22")
    assert budget["params"] == "69.22 (regret 0.45)"


def test_without_tables_it_says_what_is_missing(monkeypatch):
    monkeypatch.delenv("AUTODAS_DATA", raising=False)
    monkeypatch.setattr(search_strategies, "_digits", lambda *_: {})
    assert "AUTODAS_DATA" in next(iter(search_strategies.main(2, (10,))["left out"]))


def test_gains_are_paired_by_seed_and_random_students_count_together():
    own = end_to_end.DEFAULT
    accuracies = {
        own: np.array([80.0, 82.0, 84.0]),
        "other": np.array([79.0, 81.0, 83.0]),
        "random 1": np.array([70.0, 74.0, 78.0]),
        "random 2": np.array([80.0, 82.0, 84.0]),
    }
    chosen = {name: {"params": 1000, "taught": name != own} for name in accuracies}
    told = end_to_end._told(chosen, accuracies)
    assert told[own] == "82.00 %, 1,000 parameters, from labels alone"
    assert told["other"] == "81.00 %, 1,000 parameters"
    # The mean of the random ones is 75, 78, 81: gains 5, 4, 3, whose standard error is 1/√3.
    assert told[f"gain of {own}"] == {
        "over other": "+1.00",
        "over random ones": "+4.00 [+1.52, +6.48]",
    }
