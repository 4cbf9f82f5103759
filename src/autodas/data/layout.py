"""Which images a folder or a list holds, of which classes, for training, choosing and testing.

A folder holds ``train/`` with ``val/`` or ``test/``, or all three; or ``train/`` alone, or none of
them, and it is said how much is held out (``val-split=0.1``). In a part, a class is a topmost
folder that holds images, all below it included, and is named by its path: ``cats`` or
``animals/cats``. A list is a CSV file with the columns ``path`` and ``label``, and perhaps
``split``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from autodas.core.digest import digest_file
from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.files import read_bytes
from autodas.core.text import text_of
from autodas.data.validation import drawn_out

__all__ = ["SUFFIXES", "ImageLayout", "Labelled", "held_out", "layout_of_csv", "layout_of_folder"]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})
TRAIN = "train"
PARTS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What parts are called in the wild -> what they are."""
LITTER = frozenset({"__MACOSX"})  # what archives leave beside their content


@dataclass(frozen=True, slots=True)
class Labelled:
    """One image.

    Attributes:
        path: Where it lies, as text, which takes a quarter of what a ``Path`` does.
        label: Number of its class.
    """

    path: str
    label: int

    @property
    def file(self) -> Path:
        """Where it lies."""
        return Path(self.path)


@dataclass(frozen=True)
class ImageLayout:
    """What was found.

    Attributes:
        classes: Their names, in the order of the labels.
        parts: Images by part: ``train``, and as far as they are there ``val`` and ``test``.
    """

    classes: tuple[str, ...]
    parts: Mapping[str, tuple[Labelled, ...]]

    @property
    def files(self) -> Iterator[Path]:
        """All files, in order."""
        return (image.file for part in self.parts.values() for image in part)


def layout_of_folder(root: Path) -> ImageLayout:
    """The images in a folder.

    Raises:
        FileProblem: the folder is missing, has fewer than two classes, the parts have different
            ones, or a class is empty.
    """
    folders = part_folders(root)
    first = folders.get(TRAIN, root)
    classes = class_folders(first)
    if len(classes) < 2:
        raise FileProblem(first, f"has {len(classes)} class folders, at least 2 are needed")
    parts = {}
    for part, folder in folders.items() or {TRAIN: root}.items():
        found = class_folders(folder)
        if missing := sorted(set(classes) - set(found)):
            raise FileProblem(folder / missing[0], f"no such class folder, but {first} has it")
        if extra := sorted(set(found) - set(classes)):
            raise FileProblem(folder / extra[0], f"is a class that {first} does not have")
        parts[part] = tuple(_images(folder, classes))
    return ImageLayout(tuple(classes), parts)


def part_folders(root: Path) -> dict[str, Path]:
    """The folders of parts by what they are; none of a folder that is not parted.

    Raises:
        FileProblem: there is no such folder, two are one part, or there is none to train on.
    """
    if not root.is_dir():
        raise FileProblem(root, "no such folder")
    found: dict[str, Path] = {}
    for folder in folders_in(root):
        part = PARTS.get(folder.name.lower())
        if part in found:
            raise FileProblem(folder, f"is the same part as {found[part].name}/: which one counts?")
        if part is not None:
            found[part] = folder
    if found and TRAIN not in found:
        raise FileProblem(root, "has no folders train/ and val/ (or test/)")
    return {part: found[part] for part in (TRAIN, "val", "test") if part in found}


def class_folders(folder: Path) -> list[str]:
    """Paths of the topmost folders that hold images, and of those that hold nothing, by name."""
    found = []
    for inner in folders_in(folder):
        deeper = [] if any(images_in(inner)) else class_folders(inner)
        found += [f"{inner.name}/{name}" for name in deeper] or [inner.name]
    return found


def entries(folder: Path) -> list[Path]:
    """What is in a folder, by name; hidden entries are no part of a data set.

    Raises:
        FileProblem: it cannot be read.
    """
    try:
        # By their names alone: paths are compared many times as slowly.
        found = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise FileProblem(folder, f"cannot be read: {error.strerror or error}") from error
    return [each for each in found if each.name not in LITTER and not each.name.startswith(".")]


def folders_in(folder: Path) -> list[Path]:
    """Folders in it, by name."""
    return [entry for entry in entries(folder) if entry.is_dir()]


def images_in(folder: Path) -> list[Path]:
    """Images that lie directly in it, by name."""
    return [each for each in entries(folder) if each.suffix.lower() in SUFFIXES]


def _images(part: Path, classes: Sequence[str]) -> Iterator[Labelled]:
    for label, name in enumerate(classes):
        images = [Labelled(str(file), label) for file in _below(part / name)]
        if not images:
            known = " ".join(sorted(SUFFIXES))
            raise FileProblem(part / name, f"holds no images ({known})")
        yield from images


def _below(folder: Path) -> Iterator[Path]:
    yield from images_in(folder)
    for inner in folders_in(folder):
        yield from _below(inner)


def layout_of_csv(file: Path) -> ImageLayout:
    """The images of a CSV file with the columns ``path``, ``label`` and perhaps ``split``.

    Paths are relative to the file. Classes are numbered in the order of their names.

    Raises:
        FileProblem: the file cannot be read, a column is missing, or a part is unknown.
    """
    rows = csv.DictReader(io.StringIO(text_of(read_bytes(file), file), newline=""))
    columns = rows.fieldnames or ()
    for wanted in ("path", "label"):
        if wanted not in columns:
            named = ", ".join(columns) or "none"
            raise FileProblem(file, f"has no column {wanted!r}; its columns are {named}")
    found = [(row["path"] or "", row["label"] or "", row.get("split") or TRAIN) for row in rows]
    classes = sorted({label for _, label, _ in found})
    if len(classes) < 2:
        raise FileProblem(file, f"has {len(classes)} different labels, at least 2 are needed")
    number = {name: label for label, name in enumerate(classes)}
    parts: dict[str, list[Labelled]] = {}
    for path, label, split in found:
        if (part := PARTS.get(split.lower())) is None:
            raise FileProblem(file, f"has the split {split!r}; splits are train, val and test")
        parts.setdefault(part, []).append(Labelled(str(file.parent / path), number[label]))
    if TRAIN not in parts:
        raise FileProblem(file, "has no images of the split train")
    order = (TRAIN, "val", "test")
    return ImageLayout(
        tuple(classes), {part: tuple(parts[part]) for part in order if part in parts}
    )


def held_out(layout: ImageLayout, share: float) -> ImageLayout:
    """The layout with a test part that is cut from its training images.

    Equal files stay on one side; the only image of a class stays where it can be learnt from. The
    same files are always cut the same way.

    Args:
        layout: Of training images alone.
        share: Of the images, in (0, 1).

    Raises:
        InvalidInput: nothing would be left on one side.
    """
    images = layout.parts[TRAIN]
    first: dict[str, int] = {}
    group = torch.tensor([first.setdefault(_content(image), i) for i, image in enumerate(images)])
    labels = torch.tensor([image.label for image in images])
    held = drawn_out(labels, group, share, 0, "held-out part")
    if held is None:
        raise InvalidInput(
            f"holding out {share:g} of {len(images)} images leaves nothing on one side"
        )
    sides: dict[bool, list[Labelled]] = {False: [], True: []}
    for image, side in zip(images, held.tolist(), strict=True):
        sides[side].append(image)
    return ImageLayout(layout.classes, {TRAIN: tuple(sides[False]), "test": tuple(sides[True])})


def _content(image: Labelled) -> str:
    try:
        return digest_file(image.file)
    except OSError as error:
        why = error.strerror or error
        raise FileProblem(image.file, f"cannot be read: {why}") from None
