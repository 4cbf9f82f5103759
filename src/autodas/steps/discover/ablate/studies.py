"""The studies of an ablation: which option each varies, and what the paper leads one to expect.

Auto-DAS ("Automated Proxy Discovery for Training-Free Distillation-Aware Architecture Search",
ECCV 2024) searches formulas over statistics of the student and of student and teacher with an
elite that adapts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from autodas.core.catalog import Catalog
from autodas.core.errors import InvalidInput
from autodas.steps.discover.config import DiscoverConfig
from autodas.workbench.families import parse_pair
from autodas.workbench.ground_truth import space_of, table_among
from autodas.workbench.protocol import resolved

__all__ = ["STUDIES", "Study", "Variant", "chosen_studies"]

ALL = "all"


@dataclass(frozen=True)
class Variant:
    """One setting of a study.

    Attributes:
        name: Also the name of its folder.
        config: What its discoveries are asked, but for seed and folder.
    """

    name: str
    config: DiscoverConfig


@dataclass(frozen=True)
class Study:
    """One option, in several settings.

    Attributes:
        name: As typed.
        about: What varies, in a few words.
        variants: Its settings for a configuration; the first is what others are compared with.
        expected: ``better`` or ``worse``, where the paper has the first variant beside the others;
            empty if it says nothing of them.
    """

    name: str
    about: str
    variants: Callable[[DiscoverConfig], list[Variant]]
    expected: str = ""


STUDIES: Catalog[Study] = Catalog("study")


def chosen_studies(names: Sequence[str]) -> list[Study]:
    """The studies of that name, or all for ``all``, each once.

    Raises:
        UnknownName: there is none of a name; the message names the nearest.
    """
    if ALL in names:
        names = [*STUDIES.names(), *(name for name in names if name != ALL)]
    return [STUDIES.get(name) for name in dict.fromkeys(names)]


def _options(**variants: dict[str, Any]) -> Callable[[DiscoverConfig], list[Variant]]:
    """Variants that replace options by fixed values."""
    return lambda config: [
        Variant(name.replace("_", "-"), replace(config, **changes))
        for name, changes in variants.items()
    ]


def _each(option: str, *values: Any) -> Callable[[DiscoverConfig], list[Variant]]:  # noqa: ANN401
    """Variants that differ in one option and are called by its value."""
    return _options(**{str(value): {option: value} for value in values})


def _spaces(config: DiscoverConfig) -> list[Variant]:
    """All tables together, and for each space a discovery on the tables of the others."""
    of_space: dict[str, list[str]] = {}
    for pair in config.tables:
        table = table_among(parse_pair(pair)[0], config.space)
        of_space.setdefault(table.space, []).append(pair)
    if len(of_space) < 2:
        (only,) = of_space
        raise InvalidInput(f"study 'spaces' needs tables of at least two spaces, got only {only}")
    variants = [Variant("joint", config)]
    for space, own in of_space.items():
        others = tuple(pair for pair in config.tables if pair not in own)
        changes = replace(config, tables=others, held_out=(*config.held_out, *own))
        variants.append(Variant(f"without-{space}", changes))
    return variants


def _protocol(config: DiscoverConfig) -> list[Variant]:
    """Other statistics of the same architectures: half the batch, other initial weights."""
    base = config.protocol
    tables = (table_among(parse_pair(pair)[0], config.space) for pair in config.tables)
    spaces = (space_of(table, config.space) for table in tables)
    sizes = [resolved(base, space).batch_size or 2 for space in spaces]
    changes: dict[str, dict[str, Any]] = {
        "default": {},
        "half-batch": {"batch_size": max(1, min(sizes) // 2)},
        "weights-1": {"init_seed": base.init_seed + 1},
        "weights-2": {"init_seed": base.init_seed + 2},
    }
    return [
        Variant(name, replace(config, protocol=replace(base, **change)))
        for name, change in changes.items()
    ]


for _study in (
    Study(
        "leaves",
        "statistics of the student alone, with the teacher, or both",
        _each("leaves", "both", "intrinsic", "interaction"),
        "better",
    ),
    Study(
        "size",
        "formulas with and without mere sizes, and paid half for what size does not explain",
        _options(
            with_sizes={"size_leaves": True, "size_control": 0.0},
            without_sizes={"size_leaves": False, "size_control": 0.0},
            beyond_size={"size_leaves": True, "size_control": 0.5},
        ),
    ),
    Study(
        "selection",
        "how parents are chosen, at equal numbers of evaluations",
        _each("selection", "adaptive", "fixed", "tournament", "random"),
        "better",
    ),
    Study("spaces", "proxies on a space they were not discovered on", _spaces),
    Study("labels", "trained architectures to search on", _each("labels", 8, 16, 32, 64)),
    Study("terms", "formulas that a proxy may add up", _each("terms", 1, 3, 6)),
    Study("protocol", "the batch and the weights that statistics are measured with", _protocol),
):
    STUDIES.add(_study.name, _study)
