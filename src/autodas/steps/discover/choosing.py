"""From the formulas that a search has evaluated to one proxy.

The search part has bred the formulas. A single one is chosen by its fitness on the validation
part. Of a sum, how far to go is chosen by cross-validation on search and validation part together;
weights and scales are then fitted to both. The report part is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok
from autodas.expressions import Call, Expression, canonical
from autodas.fitness import simplest
from autodas.scores import Term
from autodas.steps.discover.evolving import Evolved, ProxySearch
from autodas.steps.discover.summing import STEPS, Library

__all__ = ["ChosenProxy", "choose"]


@dataclass(frozen=True)
class ChosenProxy:
    """The proxy that was chosen.

    Attributes:
        terms: Its terms; a single formula is not brought to quantiles.
        search: Fitness on the search part; of a sum, its mean τ-b on search and validation part,
            to which it was fitted.
        validation: Fitness on the validation part; of a sum, its cross-validated mean τ-b.
        path: For rising numbers of boosting steps: the number, the cross-validated mean τ-b, and
            the standard error of its difference to the best; empty if only one term was asked for.
    """

    terms: tuple[Term, ...]
    search: float
    validation: float
    path: tuple[tuple[int, float, float], ...] = ()


def choose(search: ProxySearch, evolved: Evolved) -> ChosenProxy:
    """The proxy.

    Args:
        search: The search.
        evolved: What came of it; all formulas are looked at only if the proxy may have several
            terms.

    Raises:
        InvalidInput: nothing could be evaluated on search and validation part.
    """
    single = _best_single(search, evolved)
    if search.config.terms == 1:
        return single
    return _best_sum(search, single, list(dict.fromkeys(evolved.keys)))


def _best_single(search: ProxySearch, evolved: Evolved) -> ChosenProxy:
    """The finalist with the best validation fitness; of equals, the simpler."""
    found: list[tuple[float, float, int, Expression]] = []
    for individual in evolved.population[: search.config.finalists]:
        expression = individual.candidate.genome
        judged = search.judge(expression, search.on_search)
        if isinstance(judged, Failed):
            continue
        fitness, upright = judged.value
        turned = expression if upright else Call("neg", (expression,))
        validation = search.on_validation(search.values(turned))
        if isinstance(validation, Ok):
            found.append(
                (validation.value.value, fitness.value, -expression.size, canonical(turned))
            )
    if not found:
        raise InvalidInput(
            "no formula could be evaluated on search and validation part; see the failures in "
            "the journal, or use tables with more architectures"
        )
    validation_, fitness_, _, best = max(found, key=lambda each: each[:3])
    return ChosenProxy((Term(best),), fitness_, validation_)


def _best_sum(search: ProxySearch, single: ChosenProxy, keys: Sequence[str]) -> ChosenProxy:
    """The sum after as many boosting steps as cross-validation finds best or good enough."""
    library = Library(search, keys)
    parts, sums = library.cross_validated()
    number, means, errors = simplest(parts, sums, seed=search.config.seed)
    if search.config.rule == "best":
        number = int(np.argmax(means))
    outcome = tuple(zip(STEPS, means, errors, strict=False))
    terms, fitted = library.fitted(STEPS[number])
    if len(terms) == 1 and terms[0].scaled:
        return ChosenProxy(single.terms, single.search, single.validation, outcome)
    return ChosenProxy(terms, fitted, means[number], outcome)
