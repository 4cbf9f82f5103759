"""Everything odd about the images of a folder or a list, found in one pass."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autodas.core.digest import digest_file
from autodas.core.errors import AutodasError, MissingData
from autodas.data.folder import FOLDER, ImageSource
from autodas.data.layout import SUFFIXES, ImageLayout, entries
from autodas.data.pictures import decode_picture

__all__ = ["Checkup", "checked"]

TINY = 16  # pixels along the shorter side, below which little is to be seen
HUGE = 4096  # pixels along the longer side, above which decoding takes most of the time
SHOWN = 5  # files that are named of each kind
# What lies beside images in most folders, and is no image that somebody misses.
OTHERS = frozenset({".txt", ".md", ".csv", ".json", ".xml", ".db", ".ini", ".yaml", ".yml", ""})


@dataclass
class Checkup:
    """What was found.

    Attributes:
        images: Files that were looked at.
        classes: Images by class, of the part to train on.
        parts: Images by part.
        odd: Files by what is odd about them, in words.
    """

    images: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    parts: dict[str, int] = field(default_factory=dict)
    odd: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def lines(self) -> list[str]:
        """For people: what there is, then what is odd, most important first."""
        parts = ", ".join(f"{count:,} in {part}" for part, count in self.parts.items())
        counts = sorted(self.classes.values())
        found = [f"{self.images:,} images" + (f" ({parts})" if parts else "")]
        if counts:
            found.append(
                f"{len(counts)} classes of {counts[0]:,} to {counts[-1]:,} images to train on"
            )
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
        FileProblem: there is no such folder or list.
        MissingData: there is no such data set.
    """
    source = ImageSource.parsed(name)
    found = Checkup()
    layout: ImageLayout | None = None
    try:
        layout = source.layout()
    except MissingData:
        raise
    except AutodasError as error:
        found.odd["it cannot be used as it is"].append(str(error))
    in_folder = name.startswith(FOLDER)
    root = source.path if in_folder else source.path.parent
    if layout is None:
        files = [file for file in _below(root) if in_folder and file.suffix.lower() in SUFFIXES]
        places = dict.fromkeys(files, ("", ""))
    else:
        places = {
            image.file: (part, layout.classes[image.label])
            for part, images in layout.parts.items()
            for image in images
        }
        _of_layout(found, source, layout)
    sizes = _of_images(found, places, root, advance)
    if source.side is None and len(sizes) > 1:
        (usual, count), *_ = sizes.most_common(1)
        found.odd["not of one size, so a size must be named (…@64)"].append(
            f"{len(sizes)} sizes, the most frequent {usual[0]}×{usual[1]} ({count:,} images)"
        )
    if in_folder:
        _of_other_files(found, root, set(places))
    return found


def _of_layout(found: Checkup, source: ImageSource, layout: ImageLayout) -> None:
    found.parts = {part: len(images) for part, images in layout.parts.items()}
    found.classes = Counter(layout.classes[image.label] for image in layout.parts["train"])
    if single := [name for name, count in found.classes.items() if count == 1]:
        found.odd["classes of one image to train on"] += single
    if len(layout.parts) < 2 and source.share is None:
        found.odd["nothing to test on"].append("say how much is held out, with --val-split 0.1")


def _of_images(
    found: Checkup,
    places: dict[Path, tuple[str, str]],
    root: Path,
    advance: Callable[[int, int], None],
) -> Counter[tuple[int, int]]:
    """Look into every file; how many have which width and height."""
    sizes: Counter[tuple[int, int]] = Counter()
    equal: dict[str, list[Path]] = defaultdict(list)
    for number, file in enumerate(places):
        advance(number, len(places))
        found.images += 1
        try:
            _, height, width = decode_picture(file, file).shape
            equal[digest_file(file)].append(file)
        except (AutodasError, OSError) as error:
            why = str(error).removeprefix(f"{file}: ")
            found.odd["cannot be read (left out with --skip-broken)"].append(
                f"{_short(file, root)} {why}"
            )
            continue
        sizes[width, height] += 1
        shown = f"{_short(file, root)} {width}×{height}"
        if min(width, height) < TINY:
            found.odd[f"smaller than {TINY} pixels"].append(shown)
        if max(width, height) > HUGE:
            found.odd[f"larger than {HUGE} pixels, slow to decode"].append(shown)
    advance(len(places), len(places))
    _of_equals(found, places, root, [files for files in equal.values() if len(files) > 1])
    return sizes


def _of_equals(
    found: Checkup, places: dict[Path, tuple[str, str]], root: Path, equal: list[list[Path]]
) -> None:
    for files in equal:
        names = " = ".join(_short(file, root) for file in files[:3])
        if len({places[file][0] for file in files}) > 1:
            found.odd["equal images in different parts, so that a test is no test"].append(names)
        elif len({places[file][1] for file in files}) > 1:
            found.odd["equal images in different classes"].append(names)
        else:
            found.odd["equal images"].append(names)


def _of_other_files(found: Checkup, root: Path, known: set[Path]) -> None:
    for file in _below(root):
        kind = file.suffix.lower()
        if kind in SUFFIXES:
            if file not in known and known:
                found.odd["images outside all classes"].append(_short(file, root))
        elif kind not in OTHERS:
            found.odd[f"files of a kind that is not read ({kind})"].append(_short(file, root))


def _below(folder: Path) -> Iterator[Path]:
    for entry in entries(folder):
        if entry.is_dir():
            yield from _below(entry)
        else:
            yield entry


def _short(file: Path, root: Path) -> str:
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)
