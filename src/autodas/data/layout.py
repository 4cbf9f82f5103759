"""Which images a folder or a list holds, of which classes, for training, choosing and testing.

A folder holds ``train/`` with ``val/`` or ``test/``, or all three; or ``train/`` alone, or none of
them, and it is said how much is held out (``val-split=0.1``). In a part, a class is a topmost
folder that holds images, all below it included, and is named by its path: ``cats`` or
``animals/cats``. A list is a CSV file with the columns ``path`` and ``label``, and perhaps
``split``.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from autodas.core.digest import digest_file
from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.core.files import read_bytes
from autodas.core.text import csv_rows
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
ORDER = (TRAIN, "val", "test")
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
        problems: Why they cannot be used as they are; the rest is what was found all the same.
    """

    classes: tuple[str, ...]
    parts: Mapping[str, tuple[Labelled, ...]]
    problems: tuple[AutodasError, ...] = ()

    @property
    def files(self) -> Iterator[Path]:
        """All files, in order."""
        return (image.file for part in self.parts.values() for image in part)

    def sound(self) -> ImageLayout:
        """The same, if it can be used.

        Raises:
            AutodasError: the first reason why not.
        """
        if self.problems:
            raise self.problems[0]
        return self


def layout_of_folder(root: Path) -> ImageLayout:
    """The images in a folder.

    Its problems are fewer than two classes, parts of different ones, two folders of one part, none
    to train on, and empty classes.

    Raises:
        FileProblem: the folder is missing.
    """
    folders, problems = _part_folders(root)
    first = next(iter(folders.values()))
    found = {part: class_folders(folder) for part, folder in folders.items()}
    classes = next(iter(found.values()))
    if len(classes) < 2:
        why = f"has {len(classes)} class folders, at least 2 are needed"
        problems.append(FileProblem(first, why))
    number: dict[str, int] = {}
    parts = {}
    for part, folder in folders.items():
        lacks, extra = set(classes) - set(found[part]), set(found[part]) - set(classes)
        for name in sorted(lacks):
            problems.append(FileProblem(folder / name, f"no such class folder, but {first} has it"))
        for name in sorted(extra):
            problems.append(FileProblem(folder / name, f"is a class that {first} does not have"))
        images: list[Labelled] = []
        for name in found[part]:
            label = number.setdefault(name, len(number))
            mine = [Labelled(str(file), label) for file in _below(folder / name)]
            if not mine:
                known = " ".join(sorted(SUFFIXES))
                problems.append(FileProblem(folder / name, f"holds no images ({known})"))
            images += mine
        parts[part] = tuple(images)
    return ImageLayout(tuple(number), parts, tuple(problems))


def _part_folders(root: Path) -> tuple[dict[str, Path], list[FileProblem]]:
    """The folders of parts by what they are, and what is wrong with them.

    A folder that is not parted is the part to train on.

    Raises:
        FileProblem: there is no such folder.
    """
    if not is_folder(root):
        raise FileProblem(root, "no such folder")
    found: dict[str, Path] = {}
    problems = []
    for folder in folders_in(root):
        part = PARTS.get(folder.name.lower())
        if part in found:
            why = f"is the same part as {found[part].name}/: which one counts?"
            problems.append(FileProblem(folder, why))
        elif part is not None:
            found[part] = folder
    if found and TRAIN not in found:
        problems.append(FileProblem(root, "has no folders train/ and val/ (or test/)"))
    return {part: found[part] for part in ORDER if part in found} or {TRAIN: root}, problems


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
    """Folders in it, by name, without links to a folder around them, which would never end."""
    return [each for each in entries(folder) if is_folder(each) and not _turns_back(each)]


def is_folder(path: Path) -> bool:
    """Whether it is one, or a link to one; not where nobody can tell."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises if a name is too long or locked


def _turns_back(folder: Path) -> bool:
    return folder.is_symlink() and folder.resolve() in {each.resolve() for each in folder.parents}


def images_in(folder: Path) -> list[Path]:
    """Images that lie directly in it, by name."""
    return [each for each in entries(folder) if each.suffix.lower() in SUFFIXES]


def _below(folder: Path) -> Iterator[Path]:
    yield from images_in(folder)
    for inner in folders_in(folder):
        yield from _below(inner)


def layout_of_csv(file: Path) -> ImageLayout:
    """The images of a CSV file with the columns ``path``, ``label`` and perhaps ``split``.

    Paths are relative to the file. Classes are numbered in the order of their names. Its problems
    are fewer than two classes, unknown parts, none to train on, and classes that are only looked
    for and never learnt.

    Raises:
        FileProblem: the file cannot be read, a column is missing, or a path or a label.
    """
    found = _listed(file)
    classes = sorted({label for _, label, _ in found})
    problems = []
    if len(classes) < 2:
        why = f"has {len(classes)} different labels, at least 2 are needed"
        problems.append(FileProblem(file, why))
    for split in dict.fromkeys(split for *_, split in found):
        if split.lower() not in PARTS:
            why = f"has the split {split!r}; splits are train, val and test"
            problems.append(FileProblem(file, why))
    number = {name: label for label, name in enumerate(classes)}
    parts: dict[str, list[Labelled]] = {}
    for path, label, split in found:
        if (part := PARTS.get(split.lower())) is not None:
            parts.setdefault(part, []).append(Labelled(str(file.parent / path), number[label]))
    if TRAIN not in parts:
        problems.append(FileProblem(file, "has no images of the split train"))
    learnt = {image.label for image in parts.get(TRAIN, ())}
    for called, some in parts.items():
        for unknown in sorted({image.label for image in some} - learnt) if learnt else ():
            why = f"has the label {classes[unknown]!r} in {called}, but in no image to train on"
            problems.append(FileProblem(file, why))
    ordered = {part: tuple(parts[part]) for part in ORDER if part in parts}
    return ImageLayout(tuple(classes), ordered, tuple(problems))


def _listed(file: Path) -> list[tuple[str, str, str]]:
    """Path, label and part of every image of a CSV file."""
    columns, rows = csv_rows(read_bytes(file), file)
    for wanted in ("path", "label"):
        if wanted not in columns:
            named = ", ".join(columns) or "none"
            raise FileProblem(file, f"has no column {wanted!r}; its columns are {named}")
    found: list[tuple[str, str, str]] = []
    for line, cells in rows:
        row = dict(zip(columns, cells, strict=True))
        for wanted in ("path", "label"):
            if not row[wanted]:
                raise FileProblem(file, f"line {line}, column {wanted}: the cell is empty")
        # What other systems write in two characters, an accent and its letter, is the same name.
        label = unicodedata.normalize("NFC", row["label"])
        found.append((row["path"], label, row.get("split") or TRAIN))
    return found


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
