"""What a discovery is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from autodas.backends import Workers
from autodas.core.errors import InvalidInput
from autodas.fitness import check_measure
from autodas.statistics.short import DRAWN, short_name
from autodas.tables.rungs import fidelity_of
from autodas.workbench.budgets import parse_bytes
from autodas.workbench.families import parse_pair
from autodas.workbench.protocol import Protocol

__all__ = ["DiscoverConfig"]

MOST_ISLANDS = 1000
FEWEST_LABELS = 4  # fewer have next to no ranking


@dataclass(frozen=True)
class DiscoverConfig(Workers):
    """What to search for a proxy, and where."""

    out: Path = field(default=Path("runs/discover"), metadata={"decides": False})
    """Run directory; an interrupted run in it is continued."""
    name: str = "proxy"
    """What to call the proxy."""
    tables: tuple[str, ...] = ("digits-cnn", "digits-vit")
    """Ground truth, TABLE or TABLE:TARGET each; the fitness is averaged over them."""
    held_out: tuple[str, ...] = ()
    """Ground truth that the finished proxy is only reported on, TABLE or TABLE:TARGET each: all of
    its architectures, of which only what the proxy reads is measured."""
    space: str | None = None
    """Space of the tables that do not say which one they are about, such as my_space:SPACE."""
    limit: int | None = None
    """Use only the first rows of each table."""
    sample: int | None = None
    """Use only so many rows of each table, chosen by their digests."""
    labels: int | None = None
    """Search on only so many architectures of each table, chosen by their digests, and choose on
    accordingly fewer (at least 6); those that are reported on stay the same."""
    split_seed: int = 0
    """Which split of each table into what is searched on, chosen on and reported on; 0 is the one
    that published numbers are of."""
    protocol: Protocol = field(default_factory=Protocol)
    """Batch, teacher and initialisation the statistics are measured with."""
    population: int = 60
    """Formulas per generation, of each island."""
    generations: int = 40
    """Generations."""
    islands: int = 1
    """Searches side by side, each with a population of its own, that workers do at the same time.
    The proxy depends on their number, but not on where they are."""
    migrate_every: int = 5
    """Generations after which the best formulas of each island go to the next."""
    migrants: int = 3
    """How many of them go."""
    selection: Literal["adaptive", "fixed", "tournament", "nsga2", "random"] = "adaptive"
    """Elite that shrinks over the run, elite of fixed size (p_min), tournaments, NSGA-II on
    (fitness, correlation beyond size, shortness), or random search."""
    tournament_size: int = 3
    """Formulas that meet in a tournament."""
    crossover_rate: float | None = None
    """Share of children that have two parents; 0.5 by default, 0.9 of NSGA-II."""
    mutation_rate: float | None = None
    """Share of the children of two parents that are mutated as well; 0.5 by default. A child of one
    parent always is."""
    p_max: float = 0.5
    """Elite ratio at the start."""
    p_min: float = 0.1
    """Elite ratio at the end."""
    newcomers: float = 0.15
    """Share of each generation drawn at random."""
    max_nodes: int = 12
    """Largest formula, in nodes."""
    size_leaves: bool = True
    """Whether formulas may use sizes (numbers of parameters, MACs, channels)."""
    leaves: Literal["both", "intrinsic", "interaction", "apart"] = "both"
    """Statistics of the student alone, of student and teacher together, or both; or apart: those of
    the student alone and of the teacher alone, which differ where there are several teachers."""
    statistics: Literal["shared", "scores", "most", "all"] = "shared"
    """Statistics that share a few passes through the network; those that published scores of a
    student alone read, AZ-NAS and VKDNW among them, whose formulas a sum may then add up as well;
    most, including those that need passes of their own (two to three times the time); or all,
    including second derivatives (as slow as all others together)."""
    early: tuple[str, ...] = ()
    """Short trainings that formulas may read, as fractions of a training such as 1/9: what
    students of the tables had reached then, which autodas label --rungs stores. Every student that
    such a formula ranks has to be trained so far."""
    fitness: str = "tau"
    """What is maximised on each table: tau, rho, weighted-tau, top-k (nDCG of the ten of highest
    score), regret (what these gain over ten random ones), or module:function, a function of your
    own of scores and accuracies."""
    combine: Literal["mean", "min"] = "mean"
    """Fitness over several tables: mean, or that of the worst."""
    lift: bool = False
    """Count what each table has above the correlation of #params."""
    size_control: float = 0.0
    """Share of the correlation beyond size (given #params and MACs) in the fitness, 0 to 1."""
    parsimony: float = 0.0
    """Fitness that every node of a formula costs."""
    terms: int = 1
    """Largest number of formulas that the proxy may add up."""
    scale: Literal["quantiles", "common"] = "quantiles"
    """What a sum adds up: quantiles of its formulas within each space, or their inverse hyperbolic
    sines, on one scale for all spaces, from log(params) on."""
    leave_out: Literal["architectures", "spaces"] = "architectures"
    """What cross-validation of a sum leaves out. With spaces, a term joins the sum only for what it
    gains on spaces that had no say in its weight: on average, by more than its standard error, or
    with combine min on the worst of them."""
    rule: Literal["one-se", "best"] = "one-se"
    """How far a sum goes: the simplest within one standard error of the best, or the best, in
    cross-validation."""
    finalists: int = 20
    """How many of the best formulas the validation part chooses from."""
    collapse: int = 0
    """Architectures of each space for the collapse check of the proxy; 0 for no check."""
    seed: int = 0
    """Seed of the evolution."""
    memory: str = field(default="512MB", metadata={"decides": False})
    """Memory for statistics and remembered parts of formulas, half each; statistics beyond it are
    kept on disk. The result does not depend on it."""
    cache: Path | None = field(default=None, metadata={"decides": False})
    """Folder of the statistics cache."""
    ablate: tuple[str, ...] = ()
    """Run studies instead of one discovery, each varying one option over several seeds: leaves,
    size, selection, spaces, labels, terms, protocol, or all."""
    ablation_seeds: int = field(default=5, metadata={"decides": False})
    """Discoveries of each variant of a study, with seeds from --seed on; more of them go on in the
    same folder."""
    page: Path | None = field(default=None, metadata={"decides": False})
    """Markdown page to write the table of the studies into, between <!-- ablation:begin --> and
    <!-- ablation:end -->."""

    @property
    def everywhere(self) -> int:
        """Formulas per generation on all islands."""
        return self.population * self.islands

    @property
    def short_trainings(self) -> list[str]:
        """Names of the statistics that ``early`` stands for.

        Raises:
            InvalidInput: one is no fraction in (0, 1).
        """
        lengths = dict.fromkeys(fidelity_of(text) for text in self.early)
        return [short_name(measure, each) for each in lengths for measure in DRAWN]

    def check(self) -> None:
        """Refuse what cannot work, before minutes of measuring.

        Raises:
            InvalidInput: an option is out of range; the message names it.
        """
        if not self.tables:
            raise InvalidInput("tables must name at least one table")
        known = {parse_pair(pair)[0] for pair in self.tables}
        for pair in self.held_out:
            if parse_pair(pair)[0] in known:
                raise InvalidInput(
                    f"held_out must name other tables than those of the search, got {pair!r}"
                )
        if self.labels is not None and self.labels < FEWEST_LABELS:
            raise InvalidInput(f"labels must be at least {FEWEST_LABELS}, got {self.labels}")
        if self.ablation_seeds < 1:
            raise InvalidInput(f"ablation_seeds must be at least 1, got {self.ablation_seeds}")
        if self.page is not None and not self.ablate:
            raise InvalidInput("page takes the table of an ablation, so it needs ablate")
        if self.short_trainings and self.collapse:
            raise InvalidInput("collapse measures students anew, which early does not let it")
        self._check_islands()
        self._check_breeding()
        parse_bytes(self.memory)
        if not 0.0 <= self.size_control <= 1.0:
            raise InvalidInput(f"size_control must lie in [0, 1], got {self.size_control}")
        if not 1 <= self.terms <= 64:
            raise InvalidInput(f"terms must be 1 to 64, got {self.terms}")
        if self.leave_out == "spaces" and self.terms == 1:
            raise InvalidInput(
                "leave_out spaces decides what a sum adds up, so terms must be above 1"
            )
        if self.parsimony < 0:
            raise InvalidInput(f"parsimony must be at least 0, got {self.parsimony}")
        if not 0 <= self.collapse <= 1000:
            raise InvalidInput(f"collapse must be 0 to 1000 architectures, got {self.collapse}")

    def _check_breeding(self) -> None:
        check_measure(self.fitness)
        if self.tournament_size < 1:
            raise InvalidInput(f"tournament_size must be at least 1, got {self.tournament_size}")
        for name in ("crossover_rate", "mutation_rate"):
            rate = getattr(self, name)
            if rate is not None and not 0.0 <= rate <= 1.0:
                raise InvalidInput(f"{name} must lie in [0, 1], got {rate}")

    def _check_islands(self) -> None:
        if not 1 <= self.islands <= MOST_ISLANDS:
            raise InvalidInput(f"islands must be 1 to {MOST_ISLANDS}, got {self.islands}")
        if self.migrate_every < 1:
            raise InvalidInput(f"migrate_every must be at least 1, got {self.migrate_every}")
        if not 0 <= self.migrants <= self.population:
            raise InvalidInput(
                f"migrants must be 0 to the population of {self.population}, got {self.migrants}"
            )
