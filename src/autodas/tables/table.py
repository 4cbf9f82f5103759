"""Ground truth: the accuracies of architectures that somebody trained."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput, UnknownName

__all__ = [
    "RUNG_COLUMNS",
    "OtherSpace",
    "Part",
    "RungLabels",
    "Table",
    "Target",
    "Training",
    "frozen",
]

Floats = npt.NDArray[np.float64]


class OtherSpace(InvalidInput):
    """A table says of itself that it is of another space than was asked for."""

    def __init__(self, table: str, said: str, asked: str | None) -> None:
        super().__init__(f"table {table} is of the space {said!r}, not {asked!r}")


class Training(enum.StrEnum):
    """How the networks of a target got their weights; never to be mixed in one target."""

    DISTILLED = "distilled"  # with a teacher
    VANILLA = "vanilla"  # from labels alone
    SUPERNET = "supernet"  # inherited from a weight-sharing network


class Part(enum.StrEnum):
    """On which images the accuracy was measured."""

    TEST = "test"
    VALIDATION = "validation"


def frozen(values: npt.ArrayLike) -> Floats:
    """A float64 copy that cannot be written to."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class Target:
    """One accuracy per architecture.

    Attributes:
        name: What the table calls it, e.g. ``"c100_kd_acc"``.
        dataset: The images, e.g. ``"cifar100"``.
        training: How the networks were trained.
        part: On which images accuracy was measured.
        values: ``(A,)`` top-1 accuracy in percent, the mean of the seeds that are there; NaN
            where unknown.
        seeds: Training seeds, S of them; empty where the table does not tell them apart.
        per_seed: ``(A, S)`` accuracy of each run, NaN where there is none; or None.
    """

    name: str
    dataset: str
    training: Training
    part: Part
    values: Floats
    seeds: tuple[int, ...] = ()
    per_seed: Floats | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen(self.values))
        if self.per_seed is not None:
            object.__setattr__(self, "per_seed", frozen(self.per_seed))
            expected = (len(self.values), len(self.seeds))
            if self.per_seed.shape != expected:
                raise InvalidInput(
                    f"target {self.name!r}: per_seed must have the shape (A, S) = {expected}, "
                    f"got {self.per_seed.shape}"
                )

    @property
    def known(self) -> int:
        """How many architectures have an accuracy."""
        return int(np.isfinite(self.values).sum())

    def subset(self, rows: Sequence[int] | npt.NDArray[np.intp]) -> Target:
        """The same target of some architectures."""
        index = np.asarray(rows, dtype=np.intp)
        per_seed = None if self.per_seed is None else self.per_seed[index]
        return dataclasses.replace(self, values=self.values[index], per_seed=per_seed)

    def knowing(self, rows: Sequence[int] | npt.NDArray[np.intp]) -> Target:
        """The same target, unknown for all architectures but those in ``rows``."""
        hidden = np.ones(len(self.values), dtype=bool)
        hidden[np.asarray(rows, dtype=np.intp)] = False
        values = np.where(hidden, np.nan, self.values)
        runs = self.per_seed
        per_seed = None if runs is None else np.where(hidden[:, None], np.nan, runs)
        return dataclasses.replace(self, values=values, per_seed=per_seed)


TAUGHT_COLUMNS = ("kd_loss", "agreement")
"""What is measured of a short training beside its teacher; of labels alone there is none."""
RUNG_COLUMNS = (
    *("accuracy", "cross_entropy", "calibrated_cross_entropy", "brier"),
    *TAUGHT_COLUMNS,
)


@dataclass(frozen=True, eq=False)
class RungLabels:
    """What the architectures of a table had reached at one rung.

    Attributes:
        target: Of which target of the table.
        training: With a teacher or without.
        fidelity: Fraction of a full training.
        cost: Optimiser steps as a fraction of those of a full training.
        seeds: Numbers of the repetitions, S of them.
        accuracy: ``(A, S)`` on the validation part, in percent; NaN where there is none.
        cross_entropy: ``(A, S)`` on the validation part, in nats.
        calibrated_cross_entropy: ``(A, S)`` the same at the temperature T ≥ 1 that suits the
            logits best, so that nobody pays for being too sure; NaN in tables before it was kept.
        brier: ``(A, S)`` mean squared distance of the probabilities from the labels, in [0, 2];
            NaN in tables before it was kept.
        kd_loss: ``(A, S)`` distance from the teacher on the validation part; NaN without one. It
            has the scale of that teacher.
        agreement: ``(A, S)`` images of the validation part that student and teacher take for the
            same class, in percent; NaN without a teacher, and in tables before it was kept.
    """

    target: str
    training: Training
    fidelity: Fraction
    cost: Fraction
    seeds: tuple[int, ...]
    accuracy: Floats
    cross_entropy: Floats
    calibrated_cross_entropy: Floats
    brier: Floats
    kd_loss: Floats
    agreement: Floats

    def __post_init__(self) -> None:
        for name in RUNG_COLUMNS:
            object.__setattr__(self, name, frozen(getattr(self, name)))

    @property
    def name(self) -> str:
        """As in ``distilled@1/9``."""
        return f"{self.target}@{self.fidelity}"

    def subset(self, rows: Sequence[int] | npt.NDArray[np.intp]) -> RungLabels:
        """The same of some architectures."""
        index = np.asarray(rows, dtype=np.intp)
        parts: dict[str, Any] = {name: getattr(self, name)[index] for name in RUNG_COLUMNS}
        return dataclasses.replace(self, **parts)


@dataclass(frozen=True, eq=False)
class Table:
    """Accuracies of architectures of one space.

    Attributes:
        name: Its name in the catalogue, or the file's name.
        space: Name of the search space.
        architectures: A canonical architecture strings, all different.
        targets: By name, in the order of the file.
        source: The file it was read from.
        digest: SHA-256 of that file, without its rungs.
        groups: For each architecture a label shared by architectures that are the same function
            (isomorphic cells); None where all are different.
        published: ``(A,)`` other numbers that came with the table, such as scores by its authors.
        meta: What else the file says: teacher, recipe, versions.
        rungs: Short trainings of the architectures, the shortest first.
    """

    name: str
    space: str
    architectures: tuple[str, ...]
    targets: Mapping[str, Target]
    source: str
    digest: str
    groups: tuple[str, ...] | None = None
    published: Mapping[str, Floats] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    rungs: tuple[RungLabels, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.architectures)
        if len(set(self.architectures)) != count:
            raise InvalidInput(f"table {self.name!r} holds an architecture twice")
        if not self.targets:
            raise InvalidInput(f"table {self.name!r} has no accuracies")
        lengths = {
            **{name: len(target.values) for name, target in self.targets.items()},
            **{name: len(values) for name, values in self.published.items()},
            **({"groups": len(self.groups)} if self.groups is not None else {}),
            **{each.name: len(each.accuracy) for each in self.rungs},
        }
        for name, length in lengths.items():
            if length != count:
                raise InvalidInput(
                    f"table {self.name!r}: {name} has {length} rows, expected {count}"
                )
        object.__setattr__(
            self, "published", {name: frozen(values) for name, values in self.published.items()}
        )

    def __len__(self) -> int:
        return len(self.architectures)

    def target(self, name: str | None = None) -> Target:
        """A target by name.

        Args:
            name: What the table calls it; or a training such as ``distilled``, if the table has
                exactly one target of it; None for the first distilled one, else the first.

        Raises:
            UnknownName: there is none of that name; the message names the nearest.
        """
        if name is None:
            distilled = (t for t in self.targets.values() if t.training is Training.DISTILLED)
            return next(distilled, next(iter(self.targets.values())))
        if name in self.targets:
            return self.targets[name]
        alike = [t for t in self.targets.values() if t.training == name]
        if len(alike) == 1:
            return alike[0]
        raise UnknownName(f"target of table {self.name}", name, self.targets)

    def subset(self, rows: Sequence[int] | npt.NDArray[np.intp]) -> Table:
        """The table of some of its rows, in the order given.

        Raises:
            InvalidInput: a row does not exist.
        """
        index = np.asarray(rows, dtype=np.intp)
        if np.any((index < 0) | (index >= len(self))):
            raise InvalidInput(f"rows of table {self.name!r} lie in [0, {len(self)}), got {rows}")
        return dataclasses.replace(
            self,
            architectures=tuple(self.architectures[i] for i in index),
            targets={name: target.subset(index) for name, target in self.targets.items()},
            groups=None if self.groups is None else tuple(self.groups[i] for i in index),
            published={name: values[index] for name, values in self.published.items()},
            rungs=tuple(each.subset(index) for each in self.rungs),
        )

    def knowing(self, rows: Sequence[int] | npt.NDArray[np.intp]) -> Table:
        """The same architectures, of which only those in ``rows`` have accuracies; the others are
        unknown in all targets, and numbers that came with the table are left out. Short trainings
        stay: they cost a fraction, and are never of the images of the accuracies.
        """
        return dataclasses.replace(
            self,
            targets={name: target.knowing(rows) for name, target in self.targets.items()},
            published={},
        )

    def limit(self, rows: int | None) -> Table:
        """The first ``rows`` rows; all for None.

        Raises:
            InvalidInput: ``rows`` is less than 1.
        """
        if rows is None:
            return self
        if rows < 1:
            raise InvalidInput(f"a limit must be at least 1 row, got {rows}")
        return self.subset(np.arange(min(rows, len(self))))
