"""What the column names of public tables mean."""

from __future__ import annotations

from autodas.tables.table import Part, Training

__all__ = ["ACCURACY_COLUMNS", "meaning"]

# How the public files abbreviate their data sets.
DATASETS = {
    "": "cifar100",
    "c100": "cifar100",
    "flower": "flowers102",
    "imagenet16": "imagenet16-120",
    "ImageNet16-120": "imagenet16-120",
}
ENDINGS = {
    "kd_acc": (Training.DISTILLED, Part.TEST),
    "base_acc": (Training.VANILLA, Part.TEST),
    "cls_acc": (Training.VANILLA, Part.TEST),
    "super_acc": (Training.SUPERNET, Part.TEST),
    "test": (Training.VANILLA, Part.TEST),
    "val": (Training.VANILLA, Part.VALIDATION),
}
ACCURACY_COLUMNS = "[<data set>_]kd_acc, _base_acc, _cls_acc or _super_acc"


def meaning(column: str) -> tuple[str, Training, Part] | None:
    """Data set, training and part of an accuracy column; None if it is not one.

    ``c100_kd_acc`` is CIFAR-100, distilled, test; ``kd_acc`` alone means CIFAR-100 too.
    """
    for ending, (training, part) in ENDINGS.items():
        if column == ending or column.endswith(f"_{ending}"):
            prefix = column[: -len(ending)].rstrip("_")
            return DATASETS.get(prefix, prefix), training, part
    return None
