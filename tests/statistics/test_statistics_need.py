"""What a statistic needs is written down once: in the enumeration of needs."""

import re
from pathlib import Path

import pytest
from statistics_toys import ToyCNN, images, labels

from autodas.core.errors import InvalidInput
from autodas.statistics import Need, Probe
from autodas.statistics.need import MadeBy

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("needs", [{"forward", "norms"}, [Need.FORWARD, "norms"], tuple(Need)])
def test_names_and_members_are_the_same_needs(needs):
    probe = Probe(ToyCNN(), images(), labels(), needs)
    assert probe.needs >= {Need.FORWARD, Need.NORMS}
    assert all(isinstance(need, Need) for need in probe.needs)


def test_one_name_alone_is_one_need():
    assert Probe(ToyCNN(), images(), labels(), "forward").needs == {Need.FORWARD}


@pytest.mark.parametrize("wrong", ["forwards", "", "FORWARD", 3])
def test_an_unknown_need_is_refused_in_one_line_that_lists_what_there_is(wrong):
    with pytest.raises(InvalidInput) as caught:
        Probe(ToyCNN(), images(), labels(), ["forward", wrong])
    message = str(caught.value)
    assert f"needs {wrong!r}; choose from: activations, attention, backward, " in message
    assert all(need.value in message for need in Need)
    assert "\n" not in message


def test_what_a_discovery_measures_unless_it_is_told_otherwise():
    assert {str(need) for need in Need if not need.shared} == {
        *("outputs", "blocks", "hessian", "halves", "singles", "tangent", "gaussian", "constant"),
        *("information", "distilling", "noise_loss"),
    }


def test_every_pass_beyond_the_forward_says_what_it_runs():
    for need in Need:
        if need.made_by in {MadeBy.GRADIENTS, MadeBy.EXTRA}:
            assert need.runs, need


def test_the_table_of_needs_names_each_of_them_once():
    text = (ROOT / "docs" / "scores.md").read_text(encoding="utf-8")
    table = text.partition("| need |")[2].partition("\n\n")[0]
    named = [
        name
        for row in table.splitlines()[2:]
        for name in re.findall("`(.+?)`", row[: row.find("|", 1)])
    ]
    assert sorted(named) == sorted(Need)
