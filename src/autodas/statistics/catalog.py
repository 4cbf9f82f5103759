"""What a statistic is, and the catalogue of all of them.

A statistic is a function of one :class:`~autodas.statistics.passes.probe.Probe` (a student, a batch
and perhaps a teacher, run once). What it returns depends on its type's kind:

==============  =========================================================================
``ELEMENTS``    one tensor of any shape per layer or stage; larger ones are sketched later
``SPECTRUM``    one vector per layer or stage, largest first
``GRAM``        one symmetric matrix per layer or stage
``LOGITS``      a list of one ``(B, K)`` matrix
``VECTOR``      one number per layer or stage
``SCALAR``      a list of one number
==============  =========================================================================
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import Tensor

from autodas.core.catalog import Catalog
from autodas.core.errors import InvalidInput
from autodas.core.values import SCALAR, Type
from autodas.statistics.need import Need, Unmeasurable, needs_named
from autodas.statistics.passes.probe import Probe
from autodas.statistics.short import is_short

__all__ = ["CHECKS", "STATISTICS", "Measure", "Origin", "Statistic", "statistic"]

Measure: TypeAlias = Callable[[Probe], Sequence[Tensor | float]]
Origin: TypeAlias = Literal["intrinsic", "teacher", "interaction"]


@dataclass(frozen=True)
class Statistic:
    """Something measured on (student, teacher, one batch).

    Attributes:
        name: Its name in formulas.
        type: Type of its values.
        measure: The function that measures it.
        needs: What has to be run for it.
        version: Part of the cache key: raise it when the definition changes.
        origin: ``"intrinsic"`` (student alone), ``"teacher"`` (teacher alone, per student
            stage) or ``"interaction"`` (both).
        size: Whether it is a mere size (entries, MACs, channels); such leaves can be
            switched off to see what the rest is worth.
        reference: Where it comes from.
    """

    name: str
    type: Type
    measure: Measure
    needs: frozenset[Need]
    version: int
    origin: Origin
    size: bool
    reference: str

    @property
    def alone(self) -> bool:
        """Whether it is of the student alone: the same whoever teaches."""
        return self.origin == "intrinsic"

    @property
    def description(self) -> str:
        """First sentence of its documentation."""
        text = inspect.getdoc(self.measure) or ""
        return " ".join(text.split("\n\n")[0].split())


def _reached(_: Probe) -> Sequence[Tensor | float]:
    """What a student has reached after a part of a training, on a validation part."""
    raise Unmeasurable("no table of labels holds this short training")


class _Statistics(Catalog[Statistic]):
    """Knows short trainings by their names, without listing them: nobody measures them."""

    def get(self, name: str) -> Statistic:
        if not is_short(name):
            return super().get(name)
        return Statistic(
            name,
            SCALAR,
            _reached,
            needs=frozenset(),
            version=1,
            origin="interaction",
            size=False,
            reference="",
        )


STATISTICS: Catalog[Statistic] = _Statistics("statistic")

CHECKS: list[Callable[[Statistic], None]] = []
"""What a declaration has to pass. Empty while the package declares its own statistics, which its
tests try instead: that would make the import slow."""


def statistic(
    type_: Type,
    *,
    needs: Iterable[str] = (),
    origin: Origin = "intrinsic",
    version: int = 1,
    size: bool = False,
    reference: str = "",
    name: str | None = None,
) -> Callable[[Measure], Measure]:
    """Declare a function as a statistic; it is then a leaf of the proxy language.

    The declaration is checked at once: the name must fit the language, the needs must exist and
    the documentation must not be empty. A statistic of your own is also tried on two small
    networks (:func:`autodas.statistics.check`): values must be finite, fit the type and be the
    same every time. ::

        @statistic(Type(Kind.VECTOR, "stage"), needs={"forward"})
        def stage_energy(probe: Probe) -> list[float]:
            "Mean squared entry of every stage output."
            return [float(stage.square().mean()) for stage in probe.stages]

    Args:
        type_: Type of the values; two statistics of one type must correspond entry by entry.
        needs: What the function asks the probe for: members of :class:`Need`, or their names.
        origin: Whether it looks at the student, the teacher or both.
        version: Raise it when the definition changes.
        size: Whether it is a mere size.
        reference: Where it comes from.
        name: Its name, if not that of the function.

    Raises:
        InvalidInput: something about the declaration is wrong.
    """

    def declare(measure: Measure) -> Measure:
        label = name or measure.__name__
        if not re.fullmatch(r"[a-z][a-z0-9_]*", label):
            raise InvalidInput(f"statistic name {label!r} must be lower-case letters, digits, _")
        required = needs_named(needs, f"statistic {label!r}")
        if not inspect.getdoc(measure):
            raise InvalidInput(f"statistic {label!r} needs a docstring that says what it measures")
        if origin != "intrinsic":
            required |= {Need.TEACHER}
        made = Statistic(label, type_, measure, required, version, origin, size, reference)
        for check in CHECKS:
            check(made)
        STATISTICS.add(label, made)
        return measure

    return declare
