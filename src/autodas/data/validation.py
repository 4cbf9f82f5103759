"""A validation part cut from the training images: choices do not look at the test part."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autodas.core.digest import digest_bytes
from autodas.core.errors import InvalidInput
from autodas.core.rng import derive
from autodas.data.image_files import ImageFiles, Images, part_of
from autodas.data.images import ImageData

__all__ = ["VALIDATION_SHARE", "drawn_out", "for_choosing", "stratified"]

VALIDATION_SHARE = 0.2
"""Share of the training images that choices are made on, if nobody says."""


@lru_cache(maxsize=4)
def for_choosing(data: ImageData, share: float = VALIDATION_SHARE, seed: int = 0) -> ImageData:
    """The data set as choices may see it: its training part, cut in two; no test images.

    Equal images go to the same side: what was trained on must not be judged on. The only image of a
    class stays where it can be learnt from.

    Args:
        data: The data set.
        share: Of the training images that become the validation part, in (0, 1).
        seed: Of the draw, which is stratified by class.

    Returns:
        A data set of the same name whose training part are the images left for fitting, and whose
        test part is the validation part: the data's own, if it has one.

    Raises:
        InvalidInput: the share leaves one of both parts without images.
    """
    if data.validation is not None:
        return data.with_parts(None, data.validation)
    labels, first = data.train_labels, _first_equals(data.train_images)
    judged = drawn_out(labels, first, share, seed, "validation part")
    if judged is None:
        raise InvalidInput(
            f"a validation part of {share:g} of {len(labels)} training images of {data.name} "
            "leaves nothing on one side; take a share between 0 and 1, or more images"
        )
    return data.with_parts(~judged, (part_of(data.train_images, judged), labels[judged]))


def drawn_out(
    labels: Tensor, first: Tensor, share: float, seed: int, purpose: str
) -> Tensor | None:
    """``(N,)`` which images are held out: a share of the different ones, with all their equals.

    The only image of a class is never among them. None if one side would have no images.

    Args:
        labels: ``(N,)`` int64.
        first: ``(N,)`` for each image the number of the first that equals it.
        share: Of the different images, in (0, 1).
        seed: Of the draw, which is stratified by class.
        purpose: Tells draws of one seed apart.
    """
    different = torch.unique(first)
    different = different[torch.bincount(labels[different])[labels[different]] > 1]
    count = round(share * len(different))
    if not 0 < count < len(different):
        return None
    return torch.isin(first, different[stratified(labels[different], count, seed, purpose)])


def _first_equals(images: Images) -> Tensor:
    """``(N,)`` for each image the number of the first that equals it, which may be itself."""
    if isinstance(images, ImageFiles):
        contents = (row.tobytes().hex() for row in images.digests)
    else:
        rows = images.contiguous().flatten(1).view(torch.uint8).numpy()
        contents = (digest_bytes(row.data) for row in rows)
    first: dict[str, int] = {}
    return torch.tensor(
        [first.setdefault(content, i) for i, content in enumerate(contents)], dtype=torch.int64
    )


def stratified(labels: Tensor, count: int, seed: int, purpose: str) -> Tensor:
    """Numbers, ascending, of ``count`` images whose class shares are those of all images.

    Quotas are rounded by largest remainders, so that the shares are met to within one image. Of
    each class, the images of one draw are among those of another, whichever is larger.

    Args:
        labels: ``(N,)`` int64.
        count: In ``0 … N``.
        seed: Of the draw.
        purpose: Tells draws of one seed apart.
    """
    classes, sizes = np.unique(labels.numpy(), return_counts=True)
    quotas = _quotas(sizes, count)
    chosen = []
    for label, quota in zip(classes.tolist(), quotas, strict=True):
        members = np.flatnonzero(labels.numpy() == label)
        chosen.append(members[derive(seed, purpose, label).permutation(len(members))[:quota]])
    return torch.from_numpy(np.sort(np.concatenate(chosen)))


def _quotas(sizes: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    exact = count * sizes / sizes.sum()
    quotas: npt.NDArray[np.int64] = np.floor(exact).astype(np.int64)
    most = np.argsort(quotas - exact, kind="stable")
    quotas[most[: count - int(quotas.sum())]] += 1
    return quotas
