"""Scores of many architectures, in chunks, each computed once however often the run is killed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from autodas.backends import Jobs
from autodas.core.errors import AutodasError
from autodas.core.progress import Progress
from autodas.core.results import Failed, Ok, Result
from autodas.core.runs import Journal
from autodas.core.values import SCALAR, Column, Layout
from autodas.scores import Score, Subjects, needed, scored
from autodas.spaces import Space
from autodas.spaces.nasbench201 import NasBench201, isomorphism_class
from autodas.workbench.costs import CostBook
from autodas.workbench.families import subjects_of
from autodas.workbench.measuring import space_sample
from autodas.workbench.protocol import Protocol

__all__ = ["Scorer", "compares", "reads_sizes_only"]

SIZES: tuple[Literal["params", "macs"], ...] = ("params", "macs")
REFERENCE = 64  # random architectures of a space that a score without a scale is scaled on
CHUNK = 1024  # architectures whose statistics are in memory at once
MEMORY = 1 << 29  # bytes of statistics, for scores that want all architectures at once


def reads_sizes_only(score: Score) -> bool:
    """Whether no network has to be run for it."""
    return score.leaves <= set(SIZES)


def compares(score: Score) -> bool:
    """Whether a value may depend on the other architectures it is computed with.

    A formula gives each architecture its own number. Of other scores this is believed if they
    say so by ``per_architecture``.
    """
    return not (
        score.formula or reads_sizes_only(score) or getattr(score, "per_architecture", False)
    )


class Scorer:
    """Computes a score, and remembers it in a journal.

    Args:
        space: The space of the architectures.
        score: What to compute.
        protocol: Batch, teacher and initialisation.
        book: Costs, for scores that read sizes only.
        journal: Where computed scores are kept.
        cache: Folder of the statistics cache.
        jobs: Processes, or workers, for measuring.
        progress: Hears of every architecture that is measured.
    """

    def __init__(
        self,
        space: Space,
        score: Score,
        protocol: Protocol,
        book: CostBook,
        journal: Journal,
        *,
        cache: Path | None,
        jobs: Jobs,
        progress: Progress,
    ) -> None:
        self.space, self.score, self.protocol, self.book = space, score, protocol, book
        self.journal, self.cache, self.jobs, self.progress = journal, cache, jobs, progress
        self.networks = 0
        self._known: dict[str, Result[float]] = {}
        for record in journal.records():
            if "scores" in record:
                self.networks += record["networks"]
                values = (_from_json(value) for value in record["scores"])
                self._known.update(zip(record["architectures"], values, strict=True))

    def scores(self, architectures: Sequence[str]) -> list[Result[float]]:
        """The score of each architecture, or why it has none.

        Architectures that compute the same function share the score of the smallest of them.
        """
        if reads_sizes_only(self.score):
            self._bring_to_scale()
            return self._of_sizes(architectures)
        measured = [self._stands_for(text) for text in architectures]
        todo = [text for text in dict.fromkeys(measured) if text not in self._known]
        if todo:
            self._bring_to_scale()
        for chunk in [todo] if compares(self.score) and todo else _chunks(todo):
            self._remember(chunk)
        return [self._known[text] for text in measured]

    def _bring_to_scale(self) -> None:
        """Fit the scale of a score that has none for this space, on a fixed sample of it."""
        name = self.space.name
        if self.score.calibrate is None or not self.score.unscaled(name):
            return
        count = min(REFERENCE, self.space.size or REFERENCE)
        sample = space_sample(self.space, count, 0)
        if reads_sizes_only(self.score):
            subjects = self._sizes_of(sample)
        else:
            subjects, networks, _ = self._measured(sample)
            if networks:
                self.networks += networks
                self.journal.append({"architectures": [], "scores": [], "networks": networks})
        fitted = self.score.calibrate(name, subjects)
        if isinstance(fitted, Failed) and subjects.missing:
            whole = [text for text in sample if not self._measured([text])[0].missing]
            fitted = self.score.calibrate(name, self._measured(whole)[0]) if whole else fitted
        if isinstance(fitted, Failed):
            raise AutodasError(f"{self.score.name} has no scale for {name}: {fitted.reason}")
        self.score = fitted.value

    def _of_sizes(self, architectures: Sequence[str]) -> list[Result[float]]:
        values = self.score.compute(self._sizes_of(architectures))
        if isinstance(values, Failed):
            raise AutodasError(f"{self.score.name} cannot rank {self.space.name}: {values.reason}")
        return [Ok(float(value)) for value in values.value]

    def _sizes_of(self, architectures: Sequence[str]) -> Subjects:
        columns: dict[str, Column] = {
            name: _column(self.book.get(name, architectures))
            for name in SIZES
            if name in self.score.leaves
        }
        depth = [float(self.space.depth(self.space.decode(text))) for text in architectures]
        double = self.space.precision == "double"
        return Subjects(
            tuple(architectures), np.asarray(depth), columns, {}, self.space.name, double
        )

    def _measured(self, architectures: Sequence[str]) -> tuple[Subjects, int, float]:
        return subjects_of(
            self.space,
            architectures,
            sorted(needed(self.score)),
            self.protocol,
            cache=self.cache,
            jobs=self.jobs,
            progress=self.progress,
        )

    def _stands_for(self, text: str) -> str:
        if isinstance(self.space, NasBench201):
            return _smallest_alike(self.space, self.book)[
                isomorphism_class(self.space.decode(text))
            ]
        return self.space.canonical(text)

    def _remember(self, chunk: Sequence[str]) -> None:
        before = self.networks
        values = self._compute(chunk)
        self._known.update(zip(chunk, values, strict=True))
        self.journal.append(
            {
                "architectures": list(chunk),
                "scores": [_to_json(value) for value in values],
                "networks": self.networks - before,
            }
        )

    def _compute(self, chunk: Sequence[str]) -> list[Result[float]]:
        """The score of each architecture; one without has no part in that of the others."""
        together = self._scored(chunk)
        if isinstance(together, Failed):
            reasons = self._unscored(chunk)
            if not reasons:
                return [Failed(together.reason)] * len(chunk)
        else:
            pairs = zip(chunk, together.value, strict=True)
            reasons = {text: each.reason for text, each in pairs if isinstance(each, Failed)}
            if not reasons or not compares(self.score):
                return together.value
        rest = [text for text in chunk if text not in reasons]
        found = dict(zip(rest, self._compute(rest) if rest else (), strict=True))
        return [Failed(reasons[text]) if text in reasons else found[text] for text in chunk]

    def _unscored(self, chunk: Sequence[str]) -> dict[str, str]:
        """Why those have no score that spoil their chunk: it is halved until they stand alone."""
        found = self._scored(chunk)
        if not isinstance(found, Failed):
            return {}
        if len(chunk) == 1:
            return {chunk[0]: found.reason}
        middle = len(chunk) // 2
        return self._unscored(chunk[:middle]) | self._unscored(chunk[middle:])

    def _scored(self, chunk: Sequence[str]) -> Result[list[Result[float]]]:
        subjects, networks, _ = self._measured(chunk)
        self.networks += networks
        return scored(self.score, subjects.within(MEMORY))


def _column(numbers: Sequence[int]) -> Column:
    layout = Layout.of_segments([[()]] * len(numbers), [[1.0]] * len(numbers))
    return Column(SCALAR, np.asarray(numbers, dtype=float), layout)


def _chunks(todo: Sequence[str]) -> Iterator[Sequence[str]]:
    return (todo[i : i + CHUNK] for i in range(0, len(todo), CHUNK))


@lru_cache(maxsize=4)
def _smallest_alike(space: NasBench201, book: CostBook) -> dict[str, str]:
    """For each function that cells compute, the smallest cell that computes it.

    Cells of one function differ in parts that nothing reaches, so the smallest is the one that
    anybody would build.
    """
    architectures = list(space.enumerate())
    texts = [space.encode(arch) for arch in architectures]
    best: dict[str, tuple[int, str]] = {}
    for arch, text, params in zip(architectures, texts, book.get("params", texts), strict=True):
        name = isomorphism_class(arch)
        best[name] = min(best.get(name, (params, text)), (params, text))
    return {name: text for name, (_, text) in best.items()}


def _to_json(value: Result[float]) -> Any:  # noqa: ANN401 - a number, or an object with a reason
    return value.value if isinstance(value, Ok) else {"failed": value.reason}


def _from_json(value: Any) -> Result[float]:  # noqa: ANN401 - comes from JSON
    return Failed(str(value["failed"])) if isinstance(value, dict) else Ok(float(value))
