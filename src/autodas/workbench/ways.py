"""Ways to teach a student: by one teacher, by several at once, or by none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from autodas.core.errors import InvalidInput
from autodas.core.places import expanded
from autodas.tables.labels import NO_TEACHER
from autodas.teachers import load_teacher

__all__ = [
    "NO_TEACHER",
    "TOGETHER",
    "Way",
    "digests_of",
    "in_words",
    "named_ways",
    "refuse_twins",
    "way_of",
    "ways_among",
]

Way = tuple[str, ...]
"""Names of the teachers a student learns from at once; empty for labels alone."""
TOGETHER = "+"


def way_of(text: str) -> Way:
    """The way that is written as a teacher's name, several joined by ``+``, or ``none``.

    Raises:
        InvalidInput: a name is empty, ``none`` stands beside others, or it is the path of a file.
    """
    if TOGETHER in text and expanded(Path(text)).is_file():
        raise InvalidInput(
            f"{TOGETHER!r} joins teachers, so the path of one cannot hold it; give the file "
            f"{text!r} another name"
        )
    names = tuple(name.strip() for name in text.split(TOGETHER))
    if names == (NO_TEACHER,):
        return ()
    if "" in names or NO_TEACHER in names or len(set(names)) != len(names):
        raise InvalidInput(
            f"a way to teach is a teacher, several different ones joined by {TOGETHER!r}, or "
            f"{NO_TEACHER!r}; got {text[:60]!r}"
        )
    return names


def in_words(way: Way) -> str:
    """As :func:`way_of` reads it."""
    return f" {TOGETHER} ".join(way) or NO_TEACHER


def named_ways(texts: Sequence[str]) -> dict[str, Way]:
    """Short name -> way, in the order given. A file is called by its name without its ending.

    Raises:
        InvalidInput: two ways have one short name, or a text is no way.
    """
    found: dict[str, Way] = {}
    for text in texts:
        way = way_of(text)
        name = TOGETHER.join(map(_short, way)) or NO_TEACHER
        if name in found:
            raise InvalidInput(
                f"two of the teachers are called {name!r}, {in_words(found[name])} and {text}; "
                "give their files different names"
            )
        found[name] = way
    return found


def refuse_twins(teachers: Iterable[str]) -> None:
    """Refuse one network under two names, which would count twice.

    Raises:
        InvalidInput: two of the teachers have the same network and weights.
        AutodasError: one of them cannot be read.
    """
    seen: dict[str, str] = {}
    for name, digest in digests_of(teachers).items():
        if digest in seen:
            raise InvalidInput(
                f"the teachers {seen[digest]!r} and {name!r} are one network with the same "
                "weights; name it once"
            )
        seen[digest] = name


def ways_among(teachers: Sequence[str], usual: str, *, without: bool) -> list[Way]:
    """What finalists are tried with.

    Args:
        teachers: As they were named; none, one or several.
        usual: The teacher, or several joined by ``+``, that is taken if none was named.
        without: Labels alone are tried as well.

    Raises:
        InvalidInput: two ways have one short name, or a text is no way.
    """
    ways = list(named_ways(teachers).values()) or [way_of(usual)]
    return [*ways, ()] if without and () not in ways else ways


def digests_of(teachers: Iterable[str]) -> dict[str, str]:
    """Name of each teacher -> digest of its network and weights as they are now.

    A run directory keeps them, so that it is not gone on with beside other teachers of these names.

    Args:
        teachers: Names; ``none`` has no digest.
    """
    names = dict.fromkeys(name for name in teachers if name != NO_TEACHER)
    return {name: load_teacher(name).digest for name in names}


def _short(teacher: str) -> str:
    return PurePath(teacher).stem if teacher.endswith(".safetensors") else teacher
