"""Searches that know nothing of what they search: ask for candidates, tell their fitness.

A search is given four functions on genomes (:class:`Variation`) and settings. It asks for a
generation of :class:`Candidate` objects; the caller evaluates them wherever and in whatever order
it likes, and tells one ``Ok(fitness)`` or ``Failed(reason)`` each, higher being better. Failures
are counted and carried in the history; they are never parents and never the best.

>>> search = EliteEvolution(variation, population=50, generations=20, seed=0)
>>> while not search.finished:
...     candidates = search.ask()
...     told = search.tell([evaluate(each.genome) for each in candidates])
...     journal.append(told.to_json())

Searches side by side, on machines of their own, are made of :func:`snapshot` and :func:`restore`
(:mod:`autodas.evolution.snapshot`).

:class:`SuccessiveHalving` chooses among arms that are given, by trying them at growing fidelity, as
a :class:`Bracket` from :func:`plan_bracket` or :func:`hyperband` says; it is asked and told the
same way.

After a crash, :func:`replay` tells a fresh search what the journal holds, and the next ``ask``
returns what the undisturbed run would have asked.
"""

from autodas.evolution.algorithm import Algorithm, Asked, RandomSearch, evolve, replay
from autodas.evolution.brackets import Bracket, Rung, hyperband, plan_bracket
from autodas.evolution.elite import EliteEvolution
from autodas.evolution.halving import (
    ArmResult,
    Request,
    RungRecord,
    Standing,
    SuccessiveHalving,
)
from autodas.evolution.history import GenerationRecord
from autodas.evolution.individual import Candidate, Individual, Told, by_fitness
from autodas.evolution.nsga2 import NSGA2, crowding_distance, non_dominated_fronts
from autodas.evolution.regularised import RegularisedEvolution
from autodas.evolution.selection import AdaptiveElite, FixedElite, ParentSelection, Tournament
from autodas.evolution.snapshot import Resident, Snapshot, merged, restore, revived, snapshot
from autodas.evolution.variation import Origin, Rates, Variation

__all__ = [
    "NSGA2",
    "AdaptiveElite",
    "Algorithm",
    "ArmResult",
    "Asked",
    "Bracket",
    "Candidate",
    "EliteEvolution",
    "FixedElite",
    "GenerationRecord",
    "Individual",
    "Origin",
    "ParentSelection",
    "RandomSearch",
    "Rates",
    "RegularisedEvolution",
    "Request",
    "Resident",
    "Rung",
    "RungRecord",
    "Snapshot",
    "Standing",
    "SuccessiveHalving",
    "Told",
    "Tournament",
    "Variation",
    "by_fitness",
    "crowding_distance",
    "evolve",
    "hyperband",
    "merged",
    "non_dominated_fronts",
    "plan_bracket",
    "replay",
    "restore",
    "revived",
    "snapshot",
]
