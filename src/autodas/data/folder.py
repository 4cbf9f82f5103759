"""Images in a folder, ``folder:PATH``, in a list of files, ``csv:FILE``, or in a data set of the
library ``datasets``, ``hf:NAME`` (:mod:`autodas.data.hugging_face`).

After the path may follow ``@SIZE``: the shorter side of every image is scaled to it and the centre
square is taken; without, all images must have one size already. Then, after commas,
``val-split=0.1``, the share that is held out to test on where there is no part for it, and
``skip-broken``, to leave out what cannot be decoded, and with ``hf:`` ``label=COLUMN``.
:mod:`autodas.data.layout` says which images are found. Pixels are normalised by
ImageNet's constants.
"""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.core.places import cache_folder, expanded
from autodas.data.decoded import Decoding, cached_file, image_data_in
from autodas.data.hugging_face import layout_of_hub
from autodas.data.images import IMAGENET, ImageData
from autodas.data.layout import (
    TRAIN,
    ImageLayout,
    Labelled,
    held_out,
    layout_of_csv,
    layout_of_folder,
)
from autodas.data.listing import Listing
from autodas.data.pictures import decode_picture, open_picture, picture_size

__all__ = ["FOLDER", "PREFIXES", "ImageSource", "load_folder", "parts_without"]

FOLDER, CSV, HUB = "folder:", "csv:", "hf:"
PREFIXES = (FOLDER, CSV, HUB)
SIZES = range(1, 2049)
SHARE = 0.25  # of the machine's memory that the decoded images of a folder may take
OPTION = re.compile(
    r"(?P<rest>.+),(?:val-split=(?P<share>[^,=@]*)|(?P<skip>skip-broken)|label=(?P<label>[^,=@]+))"
)


@dataclass(frozen=True)
class ImageSource:
    """What a name of this kind says.

    Attributes:
        name: The name.
        path: The folder, or the list.
        side: Pixels to which images are scaled; None if they have one size.
        share: Of the images that are held out; None if the folder is parted.
        skip_broken: Whether images that cannot be decoded are left out.
        label: Column of the labels, where a data set has several.
    """

    name: str
    path: Path
    side: int | None = None
    share: float | None = None
    skip_broken: bool = False
    label: str | None = None

    @classmethod
    def parsed(cls, name: str) -> ImageSource:
        """What ``name`` says.

        Raises:
            InvalidInput: a size or a share is not possible.
        """
        rest, share, skip, label = name.partition(":")[2], None, False, None
        while found := OPTION.fullmatch(rest):
            rest = found["rest"]
            skip = skip or found["skip"] is not None
            label = found["label"] or label
            share = _share(name, found["share"]) if found["share"] is not None else share
        path, at, size = rest.rpartition("@")
        if not at or not size.isdecimal():
            path, size = rest, ""
        if size and int(size) not in SIZES:
            raise InvalidInput(f"{name}: the size must lie in 1 to {SIZES[-1]}, got {size}")
        if label is not None and not name.startswith(HUB):
            raise InvalidInput(f"{name}: label={label} is about a column of hf:NAME")
        return cls(name, expanded(Path(path)), int(size) if size else None, share, skip, label)

    def layout(self) -> ImageLayout:
        """The images, before any are held out, and why they cannot be used as they are.

        Raises:
            FileProblem: there is no such folder or list, or it says nothing of images.
            AutodasError: as of :func:`autodas.data.hugging_face.layout_of_hub`.
        """
        whole = Path(f"{self.path}@{self.side}")
        if self.side and whole.exists() and not self.path.exists():
            kind = self.name.partition(":")[0]
            why = f"is not there, but {whole.name} is: name a size after it, {kind}:{whole}@64"
            raise FileProblem(self.path, why)
        if self.name.startswith(HUB):
            found = layout_of_hub(str(self.path), self.label)
        else:
            found = (layout_of_csv if self.name.startswith(CSV) else layout_of_folder)(self.path)
        return replace(found, problems=(*found.problems, *self._of_share(found)))

    def _of_share(self, layout: ImageLayout) -> Iterator[AutodasError]:
        """What is wrong with the share that is held out, if anything."""
        name = self.name
        if len(layout.parts) == 1 and TRAIN in layout.parts and self.share is None:
            hub = "labelled split val or test" if name.startswith(HUB) else "split val or test"
            lacks = "folders train/ and val/ (or test/)" if name.startswith(FOLDER) else hub
            yield FileProblem(
                self.path,
                f"has no {lacks}: say how much is held out to test on, "
                f"--val-split 0.1 or {name},val-split=0.1",
            )
        if len(layout.parts) > 1 and self.share is not None:
            parts = " and ".join(layout.parts)
            yield InvalidInput(f"{name}: there is nothing to split, it has {parts} already")


def _share(name: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise InvalidInput(f"{name}: val-split must be a share between 0 and 1, got {text!r}")
    return share


def load_folder(name: str) -> ImageData:
    """The data set in a folder, a list or a data set of Hugging Face.

    Args:
        name: As the module says.

    Raises:
        InvalidInput: the size is not possible.
        FileProblem: a folder is missing or empty, the parts have different classes, or an image
            is broken or has another size; the message names it.
    """
    source = ImageSource.parsed(name)
    layout = source.layout().sound()
    file = cached_file(name, layout.files, absent=source.skip_broken)
    beside, classes = file.with_name(f"{file.stem}.files.safetensors"), len(layout.classes)
    listing = Listing.read(beside)
    if listing is None:
        listing = _listed(source, layout)
        listing.write(beside)
    decode = partial(_decoding, source, listing, classes)
    if listing.bytes_decoded <= _room():
        data = image_data_in(file, name, IMAGENET, decode)
        files = listing.parts[0][0] if source.side else None
        return replace(data, class_names=layout.classes, train_files=files)
    if not listing.digest:
        listing = listing.digested(IMAGENET, decode())
        listing.write(beside)
    return replace(listing.data(name, classes, IMAGENET), class_names=layout.classes)


def _listed(source: ImageSource, layout: ImageLayout) -> Listing:
    """The parts, without what is broken if that is asked for."""
    broken = {str(file) for file in layout.files if source.skip_broken and _broken(file)}
    every = parts_without(broken, source, layout)
    side = source.side
    size = (side, side) if side else _common_size(source.name, every)
    skipped = sum(str(file) in broken for file in layout.files)
    return Listing.of(every, size, side, skipped)


def parts_without(
    broken: Container[str], source: ImageSource, layout: ImageLayout
) -> list[tuple[Labelled, ...]]:
    """The images to train on, to test on and perhaps to choose on.

    Args:
        broken: Paths of what is left out.
        source: Says what is held out.
        layout: All images.

    Raises:
        AutodasError: nothing is left of a part, or of a class to train on.
    """
    kept = {
        part: tuple(image for image in images if image.path not in broken)
        for part, images in layout.parts.items()
    }
    if lost := [part for part, images in kept.items() if not images]:
        raise FileProblem(source.path, f"no image of {lost[0]} can be read")
    labels = [{image.label for image in some[TRAIN]} for some in (layout.parts, kept)]
    if gone := sorted(labels[0] - labels[1]):
        why = f"no image of the class {layout.classes[gone[0]]} to train on can be read"
        raise FileProblem(source.path, why)
    layout = replace(layout, parts=kept)
    parts = dict((held_out(layout, source.share) if source.share else layout).parts)
    test = parts.pop("test") if "test" in parts else parts.pop("val")
    return [parts[TRAIN], test, *([parts["val"]] if "val" in parts else [])]


def _decoding(source: ImageSource, listing: Listing, classes: int) -> Decoding:
    """All images, one after the other."""
    first = listing.parts[0][0]
    height, width = first.height, first.width

    def read(file: Path) -> npt.NDArray[np.uint8]:
        picture = decode_picture(file, file, source.side)
        if picture.shape[1:] != (height, width):
            raise _differs(source.name, file, picture.shape[2], picture.shape[1], width, height)
        return picture

    files = (part.file(i) for part, _ in listing.parts for i in range(len(part)))
    return listing.decoding(classes, map(read, files))


def _broken(file: Path) -> bool:
    try:
        decode_picture(file, file, 1)
    except FileProblem:
        return True
    return False


def _common_size(name: str, parts: Sequence[Sequence[Labelled]]) -> tuple[int, int]:
    first = parts[0][0].file
    width, height = open_picture(first, first).size
    for part in parts:
        for image in part:
            size = picture_size(image.file)
            # A photograph may be stored turned; whether it is, is noticed when it is decoded.
            if size not in ((width, height), (height, width)):
                raise _differs(name, image.file, *size, width, height)
    return height, width


def _differs(name: str, file: Path, *sizes: int) -> FileProblem:
    width, height, others_width, others_height = sizes
    return FileProblem(
        file,
        f"has {width}×{height} pixels, the first image {others_width}×{others_height}: "
        f"say to which size, e.g. {name}@{min(others_width, others_height)}",
    )


def _room() -> int:
    """Bytes that decoded images may take, in the cache and in the memory it is mapped into.

    Where they would take more, they stay in their files.
    """
    if not hasattr(os, "sysconf"):
        return _free()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(_free(), int(SHARE * memory))


def _free() -> int:
    """Bytes that are free where the cache is."""
    folder = cache_folder()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
