"""Decode compressed images with Pillow, strictly: one broken image is one line that names it."""

from __future__ import annotations

import io
import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autodas.core.errors import FileProblem, MissingData

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

__all__ = ["decode_picture", "holds_several", "open_picture", "picture_size"]

# Formats that hold one picture of pixels. Others can hold programs (EPS) or films.
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "PPM", "TIFF")
# Modes with eight bits per channel or fewer; deeper ones would be cut off without notice.
MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})
BITS_PER_SAMPLE = 258  # a tag of TIFF
# Formats of pages and films. Beside a photograph (MPO) lie previews of it, which nobody misses.
SEVERAL = ("PNG", "WEBP", "TIFF")


def picture_size(source: Path) -> tuple[int, int]:
    """Width and height that the header of an image file states.

    Raises:
        FileProblem: it is no image of a known format.
        MissingData: Pillow is not installed.
    """
    with _open(source, source) as image:
        return image.size


def holds_several(source: Path) -> bool:
    """Whether an image file holds further pages or frames, which nothing here reads.

    Raises:
        FileProblem: it is no image of a known format.
        MissingData: Pillow is not installed.
    """
    with _open(source, source) as image:
        return image.format in SEVERAL and bool(getattr(image, "is_animated", False))


def decode_picture(
    source: Path | bytes, where: Path | str, side: int | None = None
) -> NDArray[np.uint8]:
    """``(3, H, W)`` pixels in red, green, blue; upright, whatever the camera's position was.

    Args:
        source: A file or its content.
        where: Named in messages.
        side: If given, the shorter side is scaled to it (bilinear over all pixels covered) and
            the centre square is cut out, so that H = W = ``side``.

    Raises:
        FileProblem: it is no image of a known format, damaged, or has more than 8 bits a channel.
        MissingData: Pillow is not installed.
    """
    picture = open_picture(source, where)
    if side is not None:
        picture = _square(picture, side)
    return np.ascontiguousarray(np.asarray(picture, dtype=np.uint8).transpose(2, 0, 1))


def open_picture(source: Path | bytes, where: Path | str) -> Image:
    """A decoded picture in red, green and blue, upright.

    Args:
        source: A file or its content.
        where: Named in messages.

    Raises:
        FileProblem: as of :func:`decode_picture`.
        MissingData: Pillow is not installed.
    """
    with _open(source, where) as image:
        from PIL import ImageOps  # noqa: PLC0415 - only where images are decoded

        if image.mode not in MODES:
            raise FileProblem(where, f"has pixels of mode {image.mode}; 8 bits a channel are read")
        if _is_deep(image):
            raise FileProblem(where, "has more than 8 bits a channel; 8 bits a channel are read")
        try:
            return ImageOps.exif_transpose(image).convert("RGB")
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise FileProblem(where, f"is damaged ({_line(error)})") from None


def _is_deep(image: ImageFile) -> bool:
    """Whether channels have more than eight bits, of which Pillow would keep eight.

    Of colours the mode does not say so, but the format's header does.
    """
    if image.format == "TIFF":
        return bool(max(getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, (1,))) > 8)
    layouts = [tile[3] for tile in image.tile or ()]  # how pixels lie in the file
    if image.format == "PNG":
        return any(";16" in str(layout) for layout in layouts)
    # Of PPM the largest value stands beside the layout, unless it is 255.
    ppm = image.format == "PPM"
    return ppm and any(isinstance(layout, tuple) and layout[1] > 255 for layout in layouts)


def _open(source: Path | bytes, where: Path | str) -> ImageFile:
    try:
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - only where it is needed
    except ImportError as error:
        raise MissingData(
            f"decoding images needs Pillow, which cannot be imported ({_line(error)}): "
            "pip install Pillow"
        ) from None
    try:
        with warnings.catch_warnings():
            # A small file that unpacks to gigabytes is only warned about otherwise.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # Opening a pipe that nobody writes to would wait for ever.
            if isinstance(source, Path) and not stat.S_ISREG(source.stat().st_mode):
                raise FileProblem(where, "is not a regular file")
            opened = io.BytesIO(source) if isinstance(source, bytes) else source
            return Image.open(opened, formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise FileProblem(where, f"is too large ({_line(error)})") from None
    except UnidentifiedImageError:
        raise FileProblem(where, f"is no image of a known format ({', '.join(FORMATS)})") from None
    except (OSError, SyntaxError, ValueError) as error:
        why = getattr(error, "strerror", None) or _line(error)
        raise FileProblem(where, f"cannot be read: {why}") from None


def _square(picture: Image, side: int) -> Image:
    """The shorter side scaled to ``side`` pixels, and the centre square."""
    from PIL.Image import Resampling  # noqa: PLC0415

    width, height = picture.size
    short = min(width, height)
    # The square of the original that will fill the result; resize cuts and scales in one step.
    left, top = (width - short) / 2, (height - short) / 2
    box = (left, top, left + short, top + short)
    return picture.resize((side, side), Resampling.BILINEAR, box=box)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
