"""Which architectures fit the budgets, and what to say if none does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from autodas.core.errors import InvalidInput
from autodas.core.rng import derive
from autodas.core.runs import Journal
from autodas.networks import seeded
from autodas.spaces import Space
from autodas.workbench.budgets import Budgets, Quantity, spelt
from autodas.workbench.costs import CostBook
from autodas.workbench.latency import Device, Latency, Program, time_network, time_onnx

__all__ = ["Limits", "Timer", "climb"]

FIRST_LOOK = 16  # random architectures tried before looking for one that fits
# Mutations without success before a place counts as the lowest, for each number that describes an
# architecture. Only those that were not met before cost anything.
PATIENCE = 40


class Timer:
    """Times networks one by one, each once: the journal remembers.

    Args:
        book: Says the space, the images and the classes of the networks.
        batch: Images in a pass.
        device: Where.
        program: As what.
        journal: Where timings are kept.
    """

    def __init__(
        self, book: CostBook, batch: int, device: Device, program: Program, journal: Journal
    ) -> None:
        self.book, self.batch, self.journal = book, batch, journal
        self.device, self.program = device, program
        self.known: dict[str, Latency] = {
            record["latency_of"]: Latency(**record["latency"])
            for record in journal.records()
            if "latency_of" in record
        }

    def time(self, text: str) -> Latency:
        """The latency of one architecture."""
        text = self.book.space.canonical(text)
        if text not in self.known:
            book, arch = self.book, self.book.space.decode(text)
            network = seeded(
                lambda: book.space.build(
                    arch, num_classes=book.num_classes, input_shape=book.input_shape
                ),
                0,
            )
            if self.program == "onnx":
                found = time_onnx(network, book.input_shape, batch=self.batch)
            else:
                where = self.device
                found = time_network(network, book.input_shape, batch=self.batch, device=where)
            self.journal.append({"latency_of": text, "latency": found.to_json()})
            self.known[text] = found
        return self.known[text]


class Limits:
    """The budgets of one search on one space.

    Args:
        budgets: The limits.
        book: Costs of the space's architectures.
        timer: For the budget of latency.
        seed: Of the search for architectures that fit, where few do.
    """

    def __init__(self, budgets: Budgets, book: CostBook, timer: Timer, seed: int) -> None:
        self.budgets, self.book, self.timer, self.seed = budgets, book, timer, seed

    @property
    def space(self) -> Space:
        """The space that is searched."""
        return self.book.space

    def fits(self, text: str) -> bool:
        """Whether one architecture obeys the limits that can be counted."""
        return all(
            self.book.one(quantity, text) <= limit for quantity, limit in self.budgets.counted
        )

    def fitting(self, architectures: Sequence[str]) -> list[str]:
        """Those that obey the limits that can be counted; the cheap counts first.

        Raises:
            InvalidInput: none does; the message gives the range of each quantity.
        """
        left = list(architectures)
        for quantity, limit in self.budgets.counted:
            costs = self.book.get(quantity, left)
            kept = [text for text, cost in zip(left, costs, strict=True) if cost <= limit]
            if not kept:
                if len(left) < len(architectures):
                    raise self._impossible({quantity: _range(costs)}, "those within the rest have")
                raise self._impossible({quantity: _range(costs)}, "its students have")
            left = kept
        return left

    def fast(self, architectures: Sequence[str]) -> list[str]:
        """Those that are timed to obey the limit of latency; all, untimed, if there is none.

        Raises:
            InvalidInput: none does; the message says how fast they are.
        """
        limit = self.budgets.latency
        if limit is None:
            return list(architectures)
        self.book.progress.start("timing", len(architectures))
        medians = []
        for text in architectures:
            medians.append(self.timer.time(text).median)
            self.book.progress.advance()
        self.book.progress.finish()
        kept = [text for text, m in zip(architectures, medians, strict=True) if m <= limit]
        if not kept:
            raise self._impossible({"latency": _range(medians)}, "those that fit otherwise take")
        return kept

    def starts(self) -> list[str]:
        """At least one architecture that obeys the limits that can be counted.

        Raises:
            InvalidInput: none was found, neither at random nor by shrinking.
        """
        rng = derive(self.seed, "look for what fits", self.space.name)
        drawn = [self.space.encode(self.space.sample(rng)) for _ in range(FIRST_LOOK)]
        found = [text for text in dict.fromkeys(drawn) if self.fits(text)]
        if found:
            return found
        nearest = climb(self.space, drawn[0], self._excess, rng, enough=0.0)
        if self._excess(nearest) <= 0:
            return [nearest]
        ranges: dict[Quantity, tuple[float, float]] = {}
        for quantity, _ in self.budgets.counted:
            price: Callable[[str], float] = lambda text, q=quantity: self.book.one(q, text)  # type: ignore[misc] # noqa: E731
            ends = [climb(self.space, drawn[0], f, rng) for f in (price, lambda t, p=price: -p(t))]
            ranges[quantity] = _range([price(text) for text in ends])
        self.book.save()
        raise self._impossible(ranges, "its students have")

    def largest(self, starts: Sequence[str]) -> str:
        """An architecture of as many parameters as can be had by growing one that fits."""
        rng = derive(self.seed, "grow to the budget", self.space.name)

        def price(text: str) -> float:
            return -float(self.book.one("params", text)) if self.fits(text) else 0.0

        return climb(self.space, min(starts, key=price), price, rng)

    def _excess(self, text: str) -> float:
        """By how much the limits are exceeded, summed over their shares; 0 if none is."""
        return sum(
            max(0.0, self.book.one(quantity, text) / limit - 1.0)
            for quantity, limit in self.budgets.counted
        )

    def _impossible(
        self, ranges: Mapping[Quantity, tuple[float, float]], whose: str
    ) -> InvalidInput:
        spans = " and ".join(
            ("" if low == high else f"{spelt(quantity, low).split()[0]} to ")
            + spelt(quantity, high)
            for quantity, (low, high) in ranges.items()
        )
        return InvalidInput(
            f"no architecture of {self.space.name} fits the budget ({self.budgets.in_words()}); "
            f"{whose} {spans}"
        )


def climb(
    space: Space,
    start: str,
    price: Callable[[str], float],
    rng: np.random.Generator,
    *,
    enough: float = -np.inf,
) -> str:
    """An architecture of low price that no single mutation makes lower, as far as was tried.

    Args:
        space: The space.
        start: Where to begin.
        price: What is to be low.
        rng: Draws mutations.
        enough: Stop when the price is at most this.
    """
    best, lowest, misses = start, price(start), 0
    tries = max(600, PATIENCE * len(space.features(space.decode(start))))
    seen = {start}
    while misses < tries and lowest > enough:
        misses += 1
        other = space.encode(space.mutate(space.decode(best), rng))
        if other in seen:
            continue
        seen.add(other)
        if (found := price(other)) < lowest:
            best, lowest, misses = other, found, 0
    return best


def _range(values: Sequence[float]) -> tuple[float, float]:
    return float(min(values)), float(max(values))
