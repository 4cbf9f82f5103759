"""What choosing a student may cost: a number of full trainings, or minutes on this machine."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from fractions import Fraction

from autodas.core.errors import InvalidInput
from autodas.core.journal import Journal
from autodas.workbench.budgets import Amount
from autodas.workbench.training import Unit, train_unit

__all__ = ["Trainings", "seconds_of_a_training"]


NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?")


@dataclass(frozen=True)
class Trainings:
    """What a choice may cost, the final training of the chosen student included.

    Attributes:
        number: In full trainings of one student, at least 1; None if minutes are given.
        minutes: On this machine; None if a number is given.
    """

    number: Fraction | None = None
    minutes: float | None = None

    @classmethod
    def parsed(cls, amount: Amount) -> Trainings:
        """Of ``3``, ``"2.5"`` or ``"20m"``.

        Raises:
            InvalidInput: it is not such a text, or less than the final training.
        """
        text = str(amount).strip()
        timed = text.endswith("m")
        written = text.removesuffix("m")
        # Fraction alone would also take 1e-999999999, and think about it for hours.
        value = Fraction(written) if NUMBER.fullmatch(written) else Fraction(0)
        if not (value > 0 if timed else value >= 1):
            raise InvalidInput(
                "trainings are a number from 1 on, which counts the final training, or minutes "
                f"such as 20m; got {text[:60]!r}"
            )
        return cls(minutes=float(value)) if timed else cls(number=value)

    def to_option(self) -> Amount:
        """For a configuration, equal for equal amounts however they were written."""
        return f"{self.minutes!r}m" if self.number is None else float(self.number)

    @property
    def chooses(self) -> bool:
        """Whether anything is left for short trainings."""
        return self.number is None or self.number > 1

    def for_rungs(self, seconds: float | None, at_once: int) -> Fraction:
        """What is left for short trainings, in full trainings.

        Args:
            seconds: What a full training takes; needed for minutes.
            at_once: Short trainings that run side by side.

        Raises:
            InvalidInput: the minutes do not suffice for the final training.
        """
        if self.number is not None:
            return self.number - 1
        if self.minutes is None or seconds is None:
            raise ValueError("minutes need the time that a training takes")
        left = 60 * self.minutes - seconds
        if left < 0:
            raise InvalidInput(
                f"a training takes about {seconds / 60:.2g} minutes here, more than the "
                f"{self.minutes:g} that are given; give at least as many"
            )
        # In hundredths, so that a plan does not hang on microseconds.
        return Fraction(int(100 * at_once * left / seconds), 100)


def seconds_of_a_training(short: Unit, journal: Journal) -> float:
    """How long a full training takes here, by a short one.

    It is measured once and kept in the journal, so that a run that goes on has the same plan.
    """
    for record in journal.records():
        if "seconds_of_a_training" in record:
            return float(record["seconds_of_a_training"])
    start = time.perf_counter()
    found = train_unit(short)
    seconds = (time.perf_counter() - start) / float(Fraction(found["cost"]))
    journal.append({"seconds_of_a_training": seconds})
    return seconds
