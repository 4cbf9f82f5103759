"""The single formula that is chosen: by the validation part, and what decides among equals."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok
from autodas.expressions import parse, to_text
from autodas.fitness import Fitness
from autodas.steps.discover.choosing import choose
from autodas.steps.discover.evolving import Evolved


class Known:
    """A search whose formulas have the fitness that a test says: on both parts, and upright or not.

    Formulas that are not told cannot be evaluated.
    """

    on_search = "search"

    def __init__(self, finalists=20, **told):
        self.config = SimpleNamespace(terms=1, finalists=finalists)
        self.told = told["told"]

    def judge(self, expression, objective):
        assert objective == "search"
        found = self.told.get(to_text(expression))
        return Failed("unknown") if found is None else Ok((Fitness(found[0], {}), found[2]))

    def values(self, expression):
        return to_text(expression)

    def on_validation(self, text):
        if text in self.told:
            _, value, upright = self.told[text]
        else:
            _, value, upright = self.told[text.removeprefix("neg(")[:-1]]
            upright = not upright
        return Ok(Fitness(value if upright else -value, {}))


def chosen(search, *formulas):
    people = [SimpleNamespace(candidate=SimpleNamespace(genome=parse(f))) for f in formulas]
    found = choose(search, Evolved(people, [], []))
    return to_text(found.terms[0].expression), found.search, found.validation


@pytest.mark.parametrize(
    ("told", "best"),
    [
        ({"log(params)": (0.1, 0.9, True), "log(macs)": (0.8, 0.2, True)}, "log(params)"),
        ({"log(params)": (0.1, 0.9, True), "log(macs)": (0.8, 0.9, True)}, "log(macs)"),
        ({"sqrt(log(params))": (0.8, 0.9, True), "log(macs)": (0.8, 0.9, True)}, "log(macs)"),
        ({"log(params)": (0.8, 0.9, True), "sqrt(log(macs))": (0.8, 0.9, True)}, "log(params)"),
    ],
)
def test_validation_decides_then_fitness_on_the_search_part_then_length(told, best):
    assert chosen(Known(told=told), *told) == (best, *told[best][:2])


def test_a_formula_that_orders_the_wrong_way_is_turned_over_and_validated_so():
    found = chosen(Known(told={"log(params)": (0.7, 0.6, False)}), "log(params)")
    assert found == ("neg(log(params))", 0.7, 0.6)


def test_only_finalists_are_chosen_from_and_failures_are_passed_over():
    told = {"log(params)": (0.8, 0.2, True), "log(macs)": (0.7, 0.9, True)}
    assert chosen(Known(1, told=told), *told)[0] == "log(params)"
    assert chosen(Known(2, told=told), *told)[0] == "log(macs)"
    assert chosen(Known(told=told), "sqrt(params)", *told)[0] == "log(macs)"
    with pytest.raises(InvalidInput, match="no formula could be evaluated"):
        chosen(Known(told={}), "log(params)")
