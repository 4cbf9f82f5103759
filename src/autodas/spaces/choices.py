"""Spaces that are products of named finite choices: everything but the network comes for free."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence, Set, Sized
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from autodas.core.digest import canonical_json
from autodas.core.errors import InvalidInput
from autodas.networks import StagedNetwork
from autodas.spaces.base import Precision, Shape, Space, pick
from autodas.spaces.text import Option, match, parse_object

__all__ = ["ChoiceSpace", "Each", "Option", "Selection"]

COUNTABLE = 1_000_000  # above this many combinations, a validity rule is not counted through
PATIENCE = 10_000  # random combinations tried before a validity rule counts as unsatisfiable


@dataclass(frozen=True)
class Each:
    """A choice that is made several times, e.g. one depth for each stage.

    Attributes:
        positions: The options at each position.
    """

    positions: tuple[tuple[Option, ...], ...]

    @classmethod
    def of(cls, options: Sequence[Option], times: int) -> Each:
        """The same options at ``times`` positions."""
        return cls((tuple(options),) * times)


@dataclass(frozen=True, repr=False)
class Selection(Mapping[str, Any]):
    """What was chosen, by name: an option, or a tuple of them where the choice is :class:`Each`."""

    pairs: tuple[tuple[str, Any], ...]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - whatever the space offers
        for key, value in self.pairs:
            if key == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        return "Selection(" + ", ".join(f"{k}={v!r}" for k, v in self.pairs) + ")"


Build: TypeAlias = Callable[[Selection, int, Shape], StagedNetwork]


class ChoiceSpace(Space):
    """All combinations of the choices that obey a rule.

    Args:
        name: Name of the space.
        description: One line for people.
        choices: Options by name; options are finite numbers, strings or booleans, all different:
            architectures are written as JSON, in which 1 and 1.0 are one number.
        build: ``build(selection, num_classes, (C, H, W))`` makes the network.
        valid: Which combinations belong to the space; all by default.
        depth: Number of blocks of a selection; by default its choice ``depth``, summed up.
        input_shape: (C, H, W) of the images by default.
        num_classes: Number of classes by default.
        precision: In which networks are initialised and measured.

    Raises:
        InvalidInput: a choice has no name or no options, repeats one, has them in no order, as a
            set, or has one that JSON does not give back; or there is no such precision.
    """

    kind = Selection

    def __init__(
        self,
        name: str,
        description: str,
        choices: Mapping[str, Sequence[Option] | Each],
        build: Build,
        *,
        valid: Callable[[Selection], bool] | None = None,
        depth: Callable[[Selection], int] | None = None,
        input_shape: Shape,
        num_classes: int,
        precision: Precision = "single",
    ) -> None:
        _check_choices(name, choices)
        if precision not in get_args(Precision):
            known = " or ".join(get_args(Precision))
            raise InvalidInput(f"space {name!r}: precision is {known}, not {precision!r}")
        self.name = name
        self.description = description
        self.input_shape = tuple(input_shape)  # type: ignore[assignment]
        self.num_classes = num_classes
        self.precision = precision
        self._build, self._valid, self._depth = build, valid, depth
        self._lengths = {
            key: len(options.positions) if isinstance(options, Each) else None
            for key, options in choices.items()
        }
        self._genes: tuple[tuple[Option, ...], ...] = tuple(
            tuple(options)
            for choice in choices.values()
            for options in (choice.positions if isinstance(choice, Each) else (choice,))
        )

    # A selection is handled as its genes: one option for each position of each choice.

    def _select(self, genes: Sequence[Option]) -> Selection:
        rest = iter(genes)
        return Selection(
            tuple(
                (key, next(rest) if length is None else tuple(itertools.islice(rest, length)))
                for key, length in self._lengths.items()
            )
        )

    def _flat(self, arch: Selection) -> list[Option]:
        self._check(arch)
        flat: list[Option] = []
        for key, length in self._lengths.items():
            flat += [arch[key]] if length is None else arch[key]
        return flat

    def _allowed(self, arch: Selection) -> bool:
        if self._valid is None:
            return True
        try:
            return self._valid(arch)
        except (Exception, SystemExit) as error:
            self._tell("the validity rule cannot be asked", arch, error)
            raise

    @cached_property
    def size(self) -> int | None:
        """Number of valid combinations; None if there are too many to try the rule on each."""
        combinations = math.prod(len(options) for options in self._genes)
        if self._valid is None:
            return combinations
        if combinations > COUNTABLE:
            return None
        return sum(1 for _ in self.enumerate())

    def enumerate(self) -> Iterator[Selection]:
        """Every valid combination, the last choice changing fastest."""
        for genes in itertools.product(*self._genes):
            arch = self._select(genes)
            if self._allowed(arch):
                yield arch

    def sample(self, rng: np.random.Generator) -> Selection:
        """Draw a valid combination, all with the same probability.

        Raises:
            InvalidInput: the rule seems to allow none.
        """
        for _ in range(PATIENCE):
            arch = self._select([pick(options, rng) for options in self._genes])
            if self._allowed(arch):
                return arch
        raise InvalidInput(
            f"space {self.name!r}: none of {PATIENCE} random combinations is valid; "
            "check its validity rule"
        )

    def mutate(self, arch: Selection, rng: np.random.Generator) -> Selection:
        """Change one gene; if the rule forbids that everywhere, draw another architecture."""
        genes = self._flat(arch)
        for i in rng.permutation(len(genes)):
            options = [option for option in self._genes[i] if option != genes[i]]
            for k in rng.permutation(len(options)):
                changed = self._select([*genes[:i], options[k], *genes[i + 1 :]])
                if self._allowed(changed):
                    return changed
        for _ in range(PATIENCE):
            other = self.sample(rng)
            if other != arch:
                return other
        raise InvalidInput(f"space {self.name!r} has a single architecture: nothing to mutate to")

    def crossover(self, a: Selection, b: Selection, rng: np.random.Generator) -> Selection:
        """Take each gene from either parent; if the rule forbids the mixtures, one parent."""
        first, second = self._flat(a), self._flat(b)
        for _ in range(16):
            mask = rng.random(len(first)) < 0.5
            genes = [x if take else y for x, y, take in zip(first, second, mask, strict=True)]
            child = self._select(genes)
            if self._allowed(child):
                return child
        return a if rng.random() < 0.5 else b

    def encode(self, arch: Selection) -> str:
        """Compact JSON with sorted keys."""
        self._check(arch)
        return canonical_json(dict(arch))

    def decode(self, text: str) -> Selection:
        """Read JSON, in any order of keys and spacing; 4 and 4.0 are the same option."""
        given = parse_object(text, self.name, self._lengths)
        flat: list[Any] = []
        for key, length in self._lengths.items():
            value = given[key]
            if length is None:
                flat.append(value)
            elif isinstance(value, list) and len(value) == length:
                flat += value
            else:
                raise InvalidInput(
                    f"space {self.name!r}: {key!r} must be a list of {length}, got {value!r}"
                )
        names = [key for key, length in self._lengths.items() for _ in range(length or 1)]
        arch = self._select(
            [
                match(value, options, f"space {self.name!r}: {key!r}")
                for value, options, key in zip(flat, self._genes, names, strict=True)
            ]
        )
        if not self._allowed(arch):
            raise InvalidInput(f"space {self.name!r} forbids the combination {text.strip()}")
        return arch

    def _check(self, arch: Selection) -> None:
        super()._check(arch)
        if arch.keys() != self._lengths.keys():
            raise InvalidInput(
                f"space {self.name!r} chooses {', '.join(self._lengths)}; the architecture of "
                f"another space chooses {', '.join(arch)}"
            )

    def make(self, arch: Selection, num_classes: int, input_shape: Shape) -> StagedNetwork:
        """Call the space's build function."""
        return self._build(arch, num_classes, input_shape)

    def depth(self, arch: Selection) -> int:
        """Number of blocks."""
        if self._depth is not None:
            try:
                return self._depth(arch)
            except (Exception, SystemExit) as error:
                self._tell("the depth cannot be asked", arch, error)
                raise
        if "depth" in self._lengths:
            depth = arch["depth"]
            return int(sum(depth) if isinstance(depth, tuple) else depth)
        return super().depth(arch)

    def features(self, arch: Selection) -> npt.NDArray[np.float64]:
        """Numbers as they are; one indicator for each option where options are not numbers."""
        values: list[float] = []
        for chosen, options in zip(self._flat(arch), self._genes, strict=True):
            if all(isinstance(option, int | float) for option in options):
                values.append(float(chosen))
            else:
                values += [float(chosen == option) for option in options]
        return np.asarray(values)

    def graph_features(self, arch: Selection) -> npt.NDArray[np.float64]:
        """Counts, widths and ratios: what a graph is to a cell, these are to a chain of stages.

        The features; of every choice that is made at several positions, sum, mean, least, largest
        and last over first of its numbers, or how often each of its options occurs; and of every
        two such choices of numbers at equally many positions, the sum of their products.
        """
        values = list(self.features(arch))
        numbers: list[npt.NDArray[np.float64]] = []
        for key, length in self._lengths.items():
            chosen = arch[key] if length else ()
            if length and all(isinstance(each, int | float) for each in chosen):
                row = np.asarray(chosen, dtype=np.float64)
                ratio = row[-1] / row[0] if row[0] else 0.0
                values += [row.sum(), row.mean(), row.min(), row.max(), ratio]
                numbers.append(row)
            elif length:
                options = sorted({str(each) for each in self._options(key)})
                values += [float([str(c) for c in chosen].count(each)) for each in options]
        for a, b in itertools.combinations(numbers, 2):
            if len(a) == len(b):
                values.append(float(a @ b))
        return np.asarray(values, dtype=np.float64)

    def _options(self, key: str) -> list[Option]:
        """All options of a choice, at whatever position."""
        start = 0
        for name, length in self._lengths.items():
            if name == key:
                genes = self._genes[start : start + (length or 1)]
                return [option for options in genes for option in options]
            start += length or 1
        raise KeyError(key)


def _check_choices(space: str, choices: Mapping[str, Sequence[Option] | Each]) -> None:
    """Refuse choices whose selections could not be written as JSON and read back.

    Raises:
        InvalidInput: the message names the choice and what is wrong with it.
    """
    for key, choice in choices.items():
        positions = choice.positions if isinstance(choice, Each) else (choice,)
        if not isinstance(key, str):
            raise InvalidInput(f"space {space!r}: a choice is named by a string, got {key!r}")
        if not positions:
            raise InvalidInput(f"space {space!r}: choice {key!r} is made at no position")
        for options in positions:
            if not isinstance(options, Sized) or isinstance(options, Set):
                raise InvalidInput(
                    f"space {space!r}: the options of {key!r} must have an order, as in a tuple; "
                    f"got a {type(options).__name__}"
                )
            for option in options:
                if not _is_option(option):
                    raise InvalidInput(
                        f"space {space!r}: an option of {key!r} must be a finite number, a string "
                        f"or a boolean, got {option!r}"
                    )
            if not options or len(set(options)) < len(options):
                raise InvalidInput(
                    f"space {space!r}: the options of {key!r} must be different and at least one, "
                    f"got {tuple(options)}"
                )


def _is_option(value: object) -> bool:
    """Whether JSON gives ``value`` back as it is."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, bool | int | str)
