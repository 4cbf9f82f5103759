"""What a search can be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from autodas.backends.workers import Workers
from autodas.core.errors import InvalidInput
from autodas.core.text import brief
from autodas.scores import get_score
from autodas.spaces import Space
from autodas.steps.search.strategies import Strategy
from autodas.workbench.budgets import Amount, BudgetOptions, Quantity
from autodas.workbench.protocol import Protocol
from autodas.workbench.teacher_check import AnyTeacher
from autodas.workbench.trainings import Trainings

__all__ = ["SearchConfig", "default_score"]

PROXY = "proxy:general"
SIZE = "params"


@dataclass(frozen=True)
class SearchConfig(Workers, BudgetOptions, AnyTeacher):
    """Which students to look for."""

    out: Path = field(default=Path("runs/search"), metadata={"decides": False})
    """Run directory; an interrupted run in it is continued."""
    space: str | None = None
    """Search space; by default that of --table, else digits-cnn."""
    score: str | None = None
    """What to rank by: a score, proxy:path/to/proxy.json, or a formula; by default proxy:general on
    the spaces that it was found on, and params on all others."""
    strategy: Strategy = "auto"
    """Score the whole space, or evolve, trade score for cost (nsga2), or draw at random; auto takes
    spaces of up to 100,000 architectures whole."""
    evaluations: int | None = None
    """Architectures that are scored unless the space is taken whole; 500 or a quarter of it by
    default."""
    candidates: int = 0
    """Take this many sampled architectures for the whole space; 0 for all of it."""
    trainings: Amount = 1.0
    """What the choice may cost, in full trainings of one student, the final one included, or in
    minutes here (20m); 1: the score alone decides, more: short trainings of finalists do, and from
    4 on, full ones decide whether the winner needs the teacher."""
    finalists: int | None = None
    """Name so many, first by the score and by size in turn, for another trainer; no more are tried
    here."""
    teachers: tuple[str, ...] = ()
    """Teachers to choose among, as --teacher T1 T2 none; several at once are joined by +.
    Statistics look at the first, or all that it joins, and at those of --more-teachers."""
    without_teacher: bool = True
    """Also try finalists without a teacher, which can make a student worse."""
    try_losses: tuple[str, ...] = ()
    """Losses to choose among for finalists with a teacher, NAME=WEIGHT, several at once joined by
    +: kd=0.9 kd=0.9+at=1000. By default the recipe's."""
    recipe: str | None = None
    """Recipe whose schedule short trainings shrink; by default one that suits the space."""
    epochs: int | None = None
    """Passes over the training images of a full training, in place of the recipe's."""
    top: int = 10
    """How many students to report."""
    pareto: Quantity | None = None
    """Report the students that no other beats in both score and this cost."""
    random: int = 3
    """How many random students within the budget to report, for comparison."""
    table: str | None = None
    """Known accuracies, TABLE or TABLE:TARGET, to say how far from the best the choice is."""
    protocol: Protocol = field(default_factory=Protocol)
    """Batch, teacher and initialisation the statistics are measured with."""
    seed: int = 0
    """Seed of samples and of evolution."""
    cache: Path | None = field(default=None, metadata={"decides": False})
    """Folder of the caches of statistics and costs."""

    def __post_init__(self) -> None:
        """Refuse what cannot be read before anything is done."""
        BudgetOptions.__post_init__(self)
        Workers.__post_init__(self)
        # Nobody has seen it yet.
        object.__setattr__(self, "trainings", Trainings.parsed(self.trainings).to_option())
        for name, least in (("top", 1), ("random", 0), ("candidates", 0), ("finalists", 1)):
            if (value := getattr(self, name)) is not None and value < least:
                raise InvalidInput(f"{name} must be at least {least}, got {value}")


def default_score(space: Space) -> tuple[str, str]:
    """What students are ranked by if nobody says, and in one sentence why it is this.

    A proxy where it has seen labels, else #params: on spaces left out of a discovery, sums of
    formulas ranked no better than #params (docs/proxies.md).
    """
    found_on = get_score(PROXY).found_on
    if space.known_as in found_on:
        return PROXY, (
            f"No score was named: students are ranked by {PROXY}, which was found on "
            f"{brief(space.name)} among others."
        )
    return SIZE, (
        f"No score was named: students are ranked by {SIZE}, because {PROXY} has not seen "
        f"{brief(space.name)}, and ranked no better than #params on spaces that it had not seen."
    )
