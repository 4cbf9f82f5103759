"""Everything odd about the images of a folder or a list, found in one pass."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autodas.core.digest import digest_file
from autodas.core.errors import AutodasError, FileProblem
from autodas.data.folder import FOLDER, ImageSource, parts_without
from autodas.data.layout import SUFFIXES, TRAIN, entries, folders_in, is_folder
from autodas.data.pictures import decode_picture, holds_several

__all__ = ["Checkup", "checked"]

TINY = 16  # pixels along the shorter side, below which little is to be seen
HUGE = 4096  # pixels along the longer side, above which decoding takes most of the time
SHOWN = 5  # files that are named of each kind
# What lies beside images in most folders, and is no image that somebody misses.
OTHERS = frozenset({".txt", ".md", ".csv", ".json", ".xml", ".db", ".ini", ".yaml", ".yml"})
UNUSABLE = "it cannot be used as it is"


@dataclass
class Checkup:
    """What was found.

    Attributes:
        images: How many there are; a file that is listed twice is two.
        classes: Images by class, of the part to train on.
        parts: Images by part.
        odd: Files by what is odd about them, in words.
        usable: Whether every command takes the images as they are.
    """

    images: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    parts: dict[str, int] = field(default_factory=dict)
    odd: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    usable: bool = True

    @property
    def lines(self) -> list[str]:
        """For people: what there is, then what is odd, most important first."""
        parts = ", ".join(f"{count:,} in {part}" for part, count in self.parts.items())
        counts = sorted(self.classes.values())
        found = [f"{self.images:,} images" + (f" ({parts})" if parts else "")]
        if counts:
            classes = f"{len(counts)} class{'' if len(counts) == 1 else 'es'}"
            each = f"{counts[0]:,}" + (f" to {counts[-1]:,}" if counts[0] < counts[-1] else "")
            found.append(f"{classes} of {each} images to train on")
        for what, files in self.odd.items():
            more = f", … ({len(files):,} in all)" if len(files) > SHOWN else ""
            found.append(f"{what}: {', '.join(files[:SHOWN])}{more}")
        return found if self.odd else [*found, "nothing is odd about them"]


def checked(name: str, advance: Callable[[int, int], None]) -> Checkup:
    """Look at every image that ``name`` holds.

    Args:
        name: ``folder:PATH…``, ``csv:FILE…`` or ``hf:NAME…``.
        advance: Is told how many images of how many have been looked at.

    Raises:
        InvalidInput: a size or a share in the name is not possible.
        FileProblem: there is no such folder or list, or it says nothing of images.
        MissingData: there is no such data set, or a package is missing.
    """
    source = ImageSource.parsed(name)
    layout = source.layout()
    root = source.path if name.startswith(FOLDER) else source.path.parent
    found = Checkup(parts={part: len(images) for part, images in layout.parts.items()})
    found.odd[UNUSABLE] = [str(problem) for problem in layout.problems]
    places = [
        _Place(Path(image.path), root, part, layout.classes[image.label])
        for part, images in layout.parts.items()
        for image in images
    ]
    found.classes = Counter(place.label for place in places if place.part == TRAIN)
    if single := [name for name, count in found.classes.items() if count == 1]:
        found.odd["classes of one image to train on"] += single
    beside = _beside(root, places) if name.startswith(FOLDER) else []
    if layout.problems:  # perhaps their classes are what is not found
        places += [place for place in beside if _kind(place) in SUFFIXES]
    sizes, broken = _of_images(found, places, advance)
    found.usable = not broken or source.skip_broken
    if source.side is None and len(sizes) > 1:
        found.usable = False
        (usual, count), *_ = sizes.most_common(1)
        found.odd["not of one size, so a size must be named (…@64)"].append(
            f"{len(sizes)} sizes, the most frequent {usual[0]}×{usual[1]} ({count:,} images)"
        )
    if not layout.problems:
        try:
            parts_without(broken, source, layout)
        except AutodasError as error:
            found.odd[UNUSABLE].append(str(error))
    for place in beside:
        _left_out(found, place)
    found.usable &= not found.odd[UNUSABLE]
    found.odd = {what: files for what, files in found.odd.items() if files}
    return found


@dataclass(frozen=True)
class _Place:
    """Where an image lies, and what it is there."""

    file: Path
    root: Path
    part: str = ""
    label: str = ""

    @property
    def short(self) -> str:
        """Its path for people."""
        inside = self.file.is_relative_to(self.root)
        return str(self.file.relative_to(self.root) if inside else self.file)


def _of_images(
    found: Checkup, places: Sequence[_Place], advance: Callable[[int, int], None]
) -> tuple[Counter[tuple[int, int]], set[str]]:
    """Look into every file; how many have which width and height, and which cannot be read."""
    sizes: Counter[tuple[int, int]] = Counter()
    equal: dict[str, list[_Place]] = defaultdict(list)
    broken = set()
    for number, place in enumerate(places):
        advance(number, len(places))
        found.images += 1
        try:
            _, height, width = decode_picture(place.file, place.file).shape
            equal[digest_file(place.file)].append(place)
        except (FileProblem, OSError) as error:
            broken.add(str(place.file))
            why = str(error).removeprefix(f"{place.file}: ")
            found.odd["cannot be read (left out with --skip-broken)"].append(f"{place.short} {why}")
            continue
        sizes[width, height] += 1
        shown = f"{place.short} {width}×{height}"
        if holds_several(place.file):
            found.odd["of several pages or frames, of which the first alone is read"].append(
                place.short
            )
        if min(width, height) < TINY:
            found.odd[f"smaller than {TINY} pixels"].append(shown)
        if max(width, height) > HUGE:
            found.odd[f"larger than {HUGE} pixels, slow to decode"].append(shown)
    advance(len(places), len(places))
    _of_equals(found, [some for some in equal.values() if len(some) > 1])
    return sizes, broken


def _of_equals(found: Checkup, equal: Iterable[Sequence[_Place]]) -> None:
    for some in equal:
        # Of a file that is listed twice, the path alone does not say where.
        listed = len({place.file for place in some}) < len(some)
        shown = [f"{p.short} ({p.part}, {p.label})" if listed else p.short for p in some]
        kind = "equal images"
        if len({place.label for place in some} - {""}) > 1:
            kind = "equal images in different classes"
        if len({place.part for place in some} - {""}) > 1:
            kind = "equal images in different parts, so that a test is no test"
        found.odd[kind].append(" = ".join(shown[:3]))


def _beside(root: Path, places: Iterable[_Place]) -> list[_Place]:
    """What lies in a folder and is an image of no class."""
    known = {place.file for place in places}
    return [_Place(file, root) for file in _below(root) if file not in known]


def _left_out(found: Checkup, place: _Place) -> None:
    kind = _kind(place)
    if kind in SUFFIXES:
        found.odd["images outside all classes"].append(place.short)
    elif is_folder(place.file):
        found.odd["links to a folder around them, not followed"].append(place.short)
    elif kind not in OTHERS:
        named = kind if kind[1:2].isalpha() else "no ending"
        found.odd[f"files of a kind that is not read ({named})"].append(place.short)


def _kind(place: _Place) -> str:
    return place.file.suffix.lower()


def _below(folder: Path) -> Iterator[Path]:
    inner = set(folders_in(folder))
    for entry in entries(folder):
        yield from _below(entry) if entry in inner else [entry]
