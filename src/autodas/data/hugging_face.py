"""Data sets as the library ``datasets`` knows them: ``hf:NAME``, ``hf:NAME:CONFIG``, ``hf:FOLDER``.

NAME is one of the hub, or what its cache holds; FOLDER is what ``save_to_disk`` has written, or
holds Parquet files or images as ``load_dataset`` reads them. Nothing of a data set is run: the
library reads tables and files only. Images are unpacked into the cache once, as they are encoded,
and read from there like those of a folder.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autodas.core.errors import FileProblem, InvalidInput, MissingData
from autodas.core.files import read_bytes, write_bytes, write_text
from autodas.data.decoded import cached_file
from autodas.data.layout import PARTS, TRAIN, ImageLayout, Labelled

__all__ = ["layout_of_hub"]

SAVED = ("dataset_dict.json", "state.json")  # what save_to_disk leaves
LABELS = ("label", "labels", "class", "category")  # columns of names or numbers that are labels
IMAGES = ("image", "img")  # which of several columns of images is meant
SINGLE = ("ClassLabel", "Value")  # kinds of columns that hold one label an image
UNPACKED = "unpacked"  # written when all images of a data set are there
UNLABELLED = (None, -1)  # what stands where a label is withheld
Split = Any  # a datasets.Dataset: the library is an extra


def layout_of_hub(where: str, label: str | None = None) -> ImageLayout:
    """The images of a data set, unpacked.

    Of its splits those are taken that are called like parts (train, validation, test, …); one
    without any labels is left out. Classes keep the order that the split to train on has; those of
    the other splits are found by their names.

    Args:
        where: What follows ``hf:``.
        label: Name of the column of labels; by default the only one of classes.

    Raises:
        MissingData: the extra ``hf`` is not installed, or the data set is not to be had.
        InvalidInput: it has no column of images or of labels, or several, or no split to train on.
        FileProblem: an image or a label is missing, or a label is no class to train on.
    """
    splits = _splits(where)
    first = splits[TRAIN]
    image, label = _image_column(where, first), _label_column(where, first, label)
    for part, split in splits.items():
        _check_columns(where, part, split, image, label)
    labels = {part: list(split[label]) for part, split in splits.items()}
    kept = {
        part: its
        for part, its in labels.items()
        if part == TRAIN or not all(each in UNLABELLED for each in its)
    }
    for part, its in kept.items():
        if missing := sum(each in UNLABELLED for each in its):
            raise FileProblem(
                f"hf:{where}",
                f"{missing:,} of the {len(its):,} images of {part} have no label in {label!r}",
            )
    classes = _classes(first.features[label], kept[TRAIN])
    number = {name: i for i, name in enumerate(classes)}
    named = {part: _named(splits[part].features[label], its) for part, its in kept.items()}
    for part, names in named.items():
        if unknown := sorted(set(names) - set(classes)):
            raise FileProblem(
                f"hf:{where}", f"labels of {part} are no class of train: {', '.join(unknown[:5])}"
            )
    folder = _unpacked(where, {part: splits[part] for part in kept}, image)
    parts = {
        part: tuple(
            Labelled(str(_file(folder, part, i)), number[name]) for i, name in enumerate(names)
        )
        for part, names in named.items()
    }
    return ImageLayout(classes, parts)


def _splits(where: str) -> dict[str, Split]:
    """The data set's splits by the part that they are."""
    library = _library()
    name, _, config = where.partition(":")
    folder = Path(name).expanduser()
    try:
        if any((folder / file).is_file() for file in SAVED):
            found = library.load_from_disk(str(folder))
        else:
            found = library.load_dataset(str(folder) if folder.is_dir() else name, config or None)
    except Exception as error:  # the library and its hub raise errors of several others
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MissingData(f"hf:{where} is not to be had: {why}") from None
    if not isinstance(found, Mapping):
        found = {TRAIN: found}
    splits: dict[str, Split] = {}
    for split, its in found.items():
        part = PARTS.get(str(split).lower())
        if part in splits:
            raise InvalidInput(f"hf:{where} has two splits that are {part}: {', '.join(found)}")
        if part is not None:
            splits[part] = its
    if TRAIN not in splits:
        raise InvalidInput(
            f"hf:{where} has no split train; its splits are {', '.join(map(str, found))}"
        )
    return {part: splits[part] for part in (TRAIN, "val", "test") if part in splits}


def _library() -> Any:  # noqa: ANN401 - the library is an extra
    try:
        library = importlib.import_module("datasets")
    except ImportError as error:
        raise MissingData(
            f'hf: needs the package datasets, which cannot be imported ({error}): pip install "'
            'autodas[hf]"'
        ) from None
    library.disable_progress_bars()
    return library


def _image_column(where: str, split: Split) -> str:
    columns = _of_kind(split, "Image")
    if len(columns) == 1:
        return columns[0]
    if named := [name for name in IMAGES if name in columns]:
        return named[0]
    if columns:
        raise InvalidInput(
            f"hf:{where} has several columns of images, {', '.join(columns)}; name one of them "
            "image"
        )
    raise InvalidInput(
        f"hf:{where} has no column of images (feature Image); its columns are {_columns(split)}"
    )


def _label_column(where: str, split: Split, named: str | None) -> str:
    if named is not None:
        if named not in split.features:
            raise InvalidInput(f"hf:{where} has no column {named!r}: it has {_columns(split)}")
        return named
    columns = _of_kind(split, "ClassLabel") or [name for name in LABELS if name in split.features]
    if len(columns) == 1:
        return columns[0]
    if columns:
        raise InvalidInput(
            f"hf:{where} has several columns of labels, {', '.join(columns)}: say which, "
            f"hf:{where},label={columns[0]}"
        )
    raise InvalidInput(
        f"hf:{where} has no column of labels (feature ClassLabel, or called {', '.join(LABELS)}); "
        f"its columns are {_columns(split)}"
    )


def _of_kind(split: Split, kind: str) -> list[str]:
    """Columns whose feature is of that class."""
    return [str(name) for name, feature in split.features.items() if _kind(feature) == kind]


def _kind(feature: object) -> str:
    return type(feature).__name__


def _columns(split: Split) -> str:
    return ", ".join(f"{name} ({_kind(kind)})" for name, kind in split.features.items())


def _check_columns(where: str, part: str, split: Split, image: str, label: str) -> None:
    for column in (image, label):
        if column not in split.features:
            raise InvalidInput(
                f"hf:{where}: {part} has no column {column!r}: it has {_columns(split)}"
            )
    if (kind := _kind(split.features[label])) not in SINGLE:
        raise InvalidInput(
            f"hf:{where}: the column {label!r} of {part} is of kind {kind}, not one label an image"
        )


def _classes(feature: Any, labels: Sequence[object]) -> tuple[str, ...]:  # noqa: ANN401
    """Names of the classes: the data set's own, else what stands in the column, in order."""
    if names := getattr(feature, "names", None):
        return tuple(map(str, names))
    values = set(labels)
    if numbers := [each for each in values if isinstance(each, int)]:
        return tuple(map(str, sorted(numbers)))
    return tuple(sorted(map(str, values)))


def _named(feature: Any, labels: Sequence[Any]) -> list[str]:  # noqa: ANN401
    """The labels of a split as its own names, which each split may have in another order."""
    names = dict(enumerate(getattr(feature, "names", None) or ()))
    return [str(names.get(each, each)) for each in labels]


def _unpacked(where: str, splits: Mapping[str, Split], column: str) -> Path:
    """The folder of the images, written unless it is there."""
    sources = [Path(each["filename"]) for its in splits.values() for each in its.cache_files]
    folder = cached_file(f"hf:{where} {column}", sources).with_suffix("")
    if (folder / UNPACKED).is_file():
        return folder
    for part, split in splits.items():
        for i, content in enumerate(_encoded(where, part, split, column)):
            write_bytes(_file(folder, part, i), content, lasting=False)
    write_text(folder / UNPACKED, f"hf:{where}\n")
    return folder


def _encoded(where: str, part: str, split: Split, column: str) -> Iterator[bytes]:
    """The files of the images, in order."""
    plain = split.select_columns([column]).cast_column(column, _library().Image(decode=False))
    for i, row in enumerate(plain):
        image = row[column]
        if image is None:
            raise FileProblem(f"hf:{where}", f"image {i} of {part} is missing")
        yield image["bytes"] if image["bytes"] is not None else read_bytes(Path(image["path"]))


def _file(folder: Path, part: str, number: int) -> Path:
    return folder / part / f"{number:08d}.image"
