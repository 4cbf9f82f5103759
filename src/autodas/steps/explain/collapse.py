"""The collapse check: what a score would still say if it saw less.

A formula over gradients, features and a teacher may in truth depend on none of them. So the same
architectures are scored again with shuffled labels, with other images, with noise for images, from
other initial weights, with another teacher and without the terms that look at the teacher, and the
order is compared with the original one. And closed forms of the weights' shapes are fitted to it
(:mod:`autodas.scores.closed_forms`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from autodas.backends import Jobs
from autodas.core.errors import AutodasError
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed, Ok, Result
from autodas.core.rng import derive
from autodas.fitness import TauAgainst
from autodas.scores import Score, Subjects
from autodas.scores.closed_forms import LEAVES, closed_forms
from autodas.scores.score import parse_score
from autodas.scores.terms import Term, calibrated, formula_of, score_of
from autodas.spaces import Space
from autodas.statistics import STATISTICS
from autodas.steps.explain.closed_forms import Fit, best_fits
from autodas.steps.explain.parts import without_teacher
from autodas.teachers import TEACHERS
from autodas.workbench.families import subjects_of
from autodas.workbench.protocol import Protocol, resolved
from autodas.workbench.ways import in_words, way_of

__all__ = [
    "MOST",
    "ChangedScore",
    "Collapse",
    "Verdict",
    "another_teacher",
    "check_collapse",
    "check_sample",
    "terms_of",
]

Floats = npt.NDArray[np.float64]
Verdict = Literal["size", "mostly size", "own", "unknown"]

MOST = 64
"""Architectures a check takes by default."""

COLLAPSED, MOSTLY = 0.9, 0.7
SAME = 0.9
UNTRAINED = "untrained:"
BY_CONSTRUCTION = "by construction"
SHAPES = frozenset({"forward", "sizes"})
"""Needs of sizes that are read off shapes; what is taken of a gradient is put to the test."""


@dataclass(frozen=True)
class ChangedScore:
    """The score under one change.

    Attributes:
        name: The change, e.g. ``shuffled labels``.
        tau: Kendall's τ between the changed and the original score; None if there is none.
        note: Why there is none, what was changed, or ``by construction`` if nothing the formula
            reads depends on the change.
    """

    name: str
    tau: float | None
    note: str = ""


@dataclass(frozen=True)
class Collapse:
    """What a score depends on.

    Attributes:
        score: Its name.
        space: Where it was checked.
        architectures: How many.
        variants: The order under each change, against the original order.
        single: Best closed form; None if none differs between the architectures.
        pair: Best two closed forms together.
        failed: Why the score could not be computed at all; empty if it could.
        networks: How many had to be run; the others were in the cache.
    """

    score: str
    space: str
    architectures: int
    variants: tuple[ChangedScore, ...] = ()
    single: Fit | None = None
    pair: Fit | None = None
    failed: str = ""
    networks: int = 0

    @property
    def verdict(self) -> Verdict:
        """``size`` if a closed form explains at least 90 % of the ranks' variance.

        ``mostly size`` from 70 % on, ``own`` below; ``unknown`` if nothing could be fitted.
        """
        if self.single is None:
            return "unknown"
        explained = self.single.rank_r2
        return "size" if explained >= COLLAPSED else "mostly size" if explained >= MOSTLY else "own"

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.failed:
            return f"Could not be checked on {self.space}: {self.failed}."
        parts = [self._explained(), *self._changes(), self._teacher()]
        text = "; ".join(part for part in parts if part)
        return f"On {self.space} ({self.architectures} architectures): {text}."

    def _explained(self) -> str:
        if self.single is None:
            return "no closed form of the shapes differs between the architectures"
        fits = [fit for fit in (self.single, self.pair) if fit is not None]
        if all(fit.rank_r2 <= fit.chance for fit in fits):
            best = max(fit.rank_r2 for fit in fits)
            return f"no closed form of the shapes explains it beyond chance (best R² {best:.2f})"
        text = f"explained to R² {self.single.rank_r2:.2f} by {self.single.names[0]}"
        if self.pair is not None and self.pair.rank_r2 - self.single.rank_r2 >= 0.005:
            text += f" (R² {self.pair.rank_r2:.2f} by {' and '.join(self.pair.names)})"
        return text

    def _changes(self) -> list[str]:
        if self.variants and all(v.note == BY_CONSTRUCTION for v in self.variants):
            return ["no label, image, initial weight or teacher can change it"]
        found = [v for v in self.variants if v.tau is not None and v.name != WITHOUT_TEACHER]
        same = [v for v in found if v.tau is not None and v.tau >= SAME]
        moved = [v for v in found if v.tau is not None and v.tau < SAME]
        if not moved and same:
            least = min(v.tau for v in same if v.tau is not None)
            return [f"unmoved by {_listed([v.name for v in same])} (τ ≥ {_floor(least)})"]
        texts = []
        if same:
            texts.append(f"unmoved by {_listed([v.name for v in same])}")
        if moved:
            changed = _listed([f"{v.name} (τ {v.tau:.2f})" for v in moved])
            texts.append(f"changed by {changed}")
        return texts

    def _teacher(self) -> str:
        for variant in self.variants:
            if variant.name == WITHOUT_TEACHER:
                if variant.tau is None:
                    return variant.note
                if variant.note == BY_CONSTRUCTION:
                    return ""
                return f"the teacher's terms change the order by τ {1.0 - variant.tau:.2f}"
        return ""

    def to_json(self) -> dict[str, Any]:
        """Plain values, with verdict and sentence."""
        return {
            "score": self.score,
            "space": self.space,
            "architectures": self.architectures,
            "variants": [asdict(variant) for variant in self.variants],
            "single": None if self.single is None else self.single.to_json(),
            "pair": None if self.pair is None else self.pair.to_json(),
            "failed": self.failed,
            "networks": self.networks,
            "verdict": self.verdict,
            "sentence": self.sentence,
        }


WITHOUT_TEACHER = "without the teacher's terms"


def check_collapse(
    score: Score,
    space: Space,
    architectures: Sequence[str],
    protocol: Protocol,
    *,
    terms: Sequence[Term] = (),
    other_teacher: str | None = None,
    most: int = MOST,
    seed: int = 0,
    cache: Path | None = None,
    jobs: Jobs = 1,
    progress: Progress = Silent(),
) -> Collapse:
    """Score the same architectures again under every change, and fit closed forms.

    Args:
        score: What to check.
        space: Space of the architectures.
        architectures: Their strings; of more than ``most``, a sample is taken.
        protocol: The original batch, teacher and initialisation.
        terms: The score's summands, if it is a weighted sum; one formula speaks for itself.
        other_teacher: To compare with instead; by default :func:`another_teacher`.
        most: Largest number of architectures.
        seed: Of the sample, and of the fits' random orders.
        cache: Folder of the statistics cache.
        jobs: Processes, or workers, for measuring.
        progress: Hears of every architecture.
    """
    chosen = check_sample(architectures, most, seed)
    usual = resolved(protocol, space)
    place = _Place(space, chosen, cache, jobs, progress)
    subjects = place.subjects(score.leaves | set(LEAVES), usual)
    known = tuple(terms) or terms_of(score)
    scaled = _scaled(score, known, subjects)
    if isinstance(scaled, Failed):
        return Collapse(score.name, space.name, len(chosen), failed=scaled.reason)
    score, known = scaled.value
    values = score.compute(subjects)
    if isinstance(values, Ok) and np.ptp(values.value) == 0:
        values = Failed("constant score")
    if isinstance(values, Failed):
        return Collapse(score.name, space.name, len(chosen), failed=values.reason)
    agree = TauAgainst(values.value)
    changes = _changes(usual, other_teacher)
    variants = [_variant(name, changed, score, place, agree) for name, changed in changes.items()]
    variants.append(_without_teacher(score, known, place, usual, agree))
    fits = best_fits(values.value, closed_forms(subjects), seed=seed)
    return Collapse(
        score.name,
        space.name,
        len(chosen),
        tuple(variants),
        fits[0] if fits else None,
        fits[1] if len(fits) > 1 else None,
        networks=place.networks,
    )


def _scaled(
    score: Score, terms: tuple[Term, ...], subjects: Subjects
) -> Result[tuple[Score, tuple[Term, ...]]]:
    """Score and terms with a scale for the space, fitted if there is none yet.

    Once, on the usual measurements: a changed score must not get a scale of its own.
    """
    if score.calibrate is None or not score.unscaled(subjects.space):
        return Ok((score, terms))
    fitted = score.calibrate(subjects.space, subjects)
    if isinstance(fitted, Failed):
        return fitted
    again = calibrated(terms, subjects.space, subjects)
    return Ok((fitted.value, again.value if isinstance(again, Ok) else terms))


def check_sample(architectures: Sequence[str], most: int = MOST, seed: int = 0) -> list[str]:
    """At most ``most`` of the architectures, drawn by seed, in their own order."""
    if len(architectures) <= most:
        return list(architectures)
    drawn = derive(seed, "collapse check").choice(len(architectures), size=most, replace=False)
    return [architectures[i] for i in np.sort(drawn)]


@dataclass
class _Place:
    space: Space
    architectures: Sequence[str]
    cache: Path | None
    jobs: Jobs
    progress: Progress
    networks: int = 0

    def subjects(self, leaves: Iterable[str], protocol: Protocol) -> Subjects:
        """What scores see of the architectures under a protocol."""
        found, networks, _ = subjects_of(
            self.space,
            self.architectures,
            sorted(leaves),
            protocol,
            cache=self.cache,
            jobs=self.jobs,
            progress=self.progress,
        )
        self.networks += networks
        return found

    def compute(self, score: Score, protocol: Protocol) -> Result[Floats]:
        """Values of a score under a protocol."""
        return score.compute(self.subjects(score.leaves, protocol))


def another_teacher(name: str) -> str:
    """The same network untrained; of an untrained one, the trained one or a smaller network."""
    if not name.startswith(UNTRAINED):
        return UNTRAINED + name if name in TEACHERS else UNTRAINED + "cifar-resnet20"
    base, slash, classes = name.removeprefix(UNTRAINED).partition("/")
    if base in TEACHERS:
        return base
    other = "cifar-resnet20" if base != "cifar-resnet20" else "cifar-resnet32"
    return f"{UNTRAINED}{other}{slash}{classes}"


def _changes(usual: Protocol, other_teacher: str | None) -> dict[str, Protocol]:
    others = dict.fromkeys(map(another_teacher, way_of(str(usual.teacher))))
    teacher = other_teacher or in_words(tuple(others))
    return {
        "shuffled labels": replace(usual, shuffled_labels=True),
        "another batch": replace(usual, batch_seed=usual.batch_seed + 1),
        "noise for images": replace(usual, batch_kind="noise"),
        "another init seed": replace(usual, init_seed=usual.init_seed + 1),
        "another teacher": replace(usual, teacher=teacher),
    }


def _variant(
    name: str, changed: Protocol, score: Score, place: _Place, agree: TauAgainst
) -> ChangedScore:
    leaves = [STATISTICS.get(leaf) for leaf in score.leaves]
    reads_teacher = any(leaf.origin != "intrinsic" for leaf in leaves)
    shapes_only = all(leaf.size and leaf.needs <= SHAPES for leaf in leaves)
    if shapes_only or (name == "another teacher" and not reads_teacher):
        return ChangedScore(name, 1.0, BY_CONSTRUCTION)
    note = str(changed.teacher) if name == "another teacher" else ""
    try:
        values = place.compute(score, changed)
    except AutodasError as error:
        return ChangedScore(name, None, str(error))
    return _compared(name, values, agree, note)


def _compared(name: str, values: Result[Floats], agree: TauAgainst, note: str) -> ChangedScore:
    tau = agree(values.value) if isinstance(values, Ok) else values
    if isinstance(tau, Failed):
        return ChangedScore(name, None, tau.reason)
    return ChangedScore(name, tau.value, note)


def _without_teacher(
    score: Score, terms: Sequence[Term], place: _Place, usual: Protocol, agree: TauAgainst
) -> ChangedScore:
    if not any(STATISTICS.get(leaf).origin != "intrinsic" for leaf in score.leaves):
        return ChangedScore(WITHOUT_TEACHER, 1.0, BY_CONSTRUCTION)
    if not terms:
        return ChangedScore(WITHOUT_TEACHER, None, "the score is not written as a formula")
    rest, why = without_teacher(terms)
    if not rest:
        return ChangedScore(WITHOUT_TEACHER, None, why)
    reduced = score_of("rest", rest, "terms without the teacher")
    return _compared(WITHOUT_TEACHER, place.compute(reduced, usual), agree, formula_of(rest))


def terms_of(score: Score) -> tuple[Term, ...]:
    """The terms of a score that is one formula; none if it is not."""
    if score.formula is None:
        return ()
    try:
        return (Term(parse_score(score.formula)),)
    except AutodasError:
        return ()  # a weighted sum is written for people, not for the parser


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def _floor(value: float) -> str:
    """Two digits, never more than the value itself."""
    return f"{np.floor(value * 100) / 100:.2f}"
