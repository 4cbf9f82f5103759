"""Zoos: students of several families, trained with and without a teacher, for several durations.

The form is that of the tables of ml-dr ("Reinforce Data, Multiply Impact", Faghri et al., ICCV
2023): one row per student and duration, ``top1_imagenet`` without a teacher and
``top1_imagenetplus`` with the stored outputs of an ensemble. Students are models of timm, by a
column ``model``, or as ``family`` and ``mode`` say.
"""

from __future__ import annotations

import re

from autodas.tables.cells import SHOWN, Floats, Sheet, unique
from autodas.tables.nasbench import spread_over
from autodas.tables.table import Part, Table, Target, Training

__all__ = ["ZOO_COLUMNS", "read_zoo", "timm_name"]

ZOO_COLUMNS = ("epochs", "family", "mode", "top1_imagenet", "top1_imagenetplus")
EMA = "_ema"  # ending of columns of averaged weights
SIZES = {"xx_small": "xxs", "x_small": "xs", "small": "s"}
FAMILIES: dict[str, tuple[str, str]] = {
    "ResNet": (r"\d+", "resnet{mode}"),
    "EfficientNet": (r"b\d", "efficientnet_{mode}"),
    "MobileNetV1": (r"\d\.\d+", "mobilenetv1_{percent}"),
    "MobileNetV2": (r"\d\.\d+", "mobilenetv2_{percent}"),
    "MobileNetV3": (r"small|large", "mobilenetv3_{mode}_100"),
    "MobileViT": (r"x{0,2}_?small", "mobilevit_{size}"),
    "ViT": (r"tiny|small|base|large", "vit_{mode}_patch16_224"),
    "ViT-384": (r"tiny|small|base|large", "vit_{mode}_patch16_384"),
    "Swin": (r"tiny|small|base|large", "swin_{mode}_patch4_window7_224"),
    "Swin-384": (r"base|large", "swin_{mode}_patch4_window12_384"),
}
"""Family -> its modes, and how timm calls them."""


def timm_name(family: str, mode: str) -> str | None:
    """The model of timm that a family calls so; None if it is not known."""
    modes, pattern = FAMILIES.get(family, ("", ""))
    if not pattern or not re.fullmatch(modes, mode):
        return None
    percent = f"{round(100 * float(mode)):03}" if "percent" in pattern else ""
    return pattern.format(mode=mode, percent=percent, size=SIZES.get(mode, mode))


def read_zoo(sheet: Sheet, space: str | None) -> Table:
    """The columns of :data:`ZOO_COLUMNS`, and perhaps ``model``, ``params`` and those of averaged
    weights, ``…_ema``.

    Targets are ``distilled_150`` and ``vanilla_150`` for each duration, in epochs; of averaged
    weights ``distilled_150_ema``. ``vanilla`` is also a number that each distilled target came
    with.
    """
    models, epochs = _models(sheet), sheet.text("epochs")
    for row, text in enumerate(epochs):
        if not re.fullmatch(r"[1-9]\d{0,6}", text):
            raise sheet.problem(row, "epochs", f"{text[:SHOWN]!r} is not a number of epochs")
    name = space or "timm:" + ",".join(dict.fromkeys(models))
    texts = sheet.architectures(models, "mode", name)
    lines = [f"line {line}" for line in sheet.lines]
    unique(sheet.path, [f"{t} for {e} epochs" for t, e in zip(texts, epochs, strict=True)], lines)
    architectures, spread = spread_over(epochs, texts)
    targets: dict[str, Target] = {}
    published: dict[str, Floats] = {}
    for ending in ("", EMA):
        columns = [f"{column}{ending}" for column in ZOO_COLUMNS[-2:]]
        if not set(columns) <= set(sheet.columns):
            continue
        vanilla, distilled = (sheet.percentages(column) for column in columns)
        for duration in dict.fromkeys(epochs):
            for training, values in (("distilled", distilled), ("vanilla", vanilla)):
                target = f"{training}_{duration}{ending}"
                targets[target] = Target(
                    target,
                    "imagenet",
                    Training(training),
                    Part.VALIDATION,
                    spread(duration, values),
                )
            published[f"distilled_{duration}{ending}/vanilla"] = spread(duration, vanilla)
    return Table(
        name=sheet.path.stem,
        space=name,
        architectures=architectures,
        targets=targets,
        source=str(sheet.path),
        digest=sheet.digest,
        published=published,
    )


def _models(sheet: Sheet) -> list[str]:
    """What timm calls the student of every row."""
    if "model" in sheet.columns:
        return [text.removeprefix("timm:") for text in sheet.text("model")]
    found = []
    pairs = zip(sheet.text("family"), sheet.text("mode"), strict=True)
    for row, (family, mode) in enumerate(pairs):
        name = timm_name(family, mode)
        if name is None:
            why = (
                f"{mode[:SHOWN]!r} is no known mode of it; known are {FAMILIES[family][0]}"
                if family in FAMILIES
                else f"{family[:SHOWN]!r} is not known; known are {', '.join(FAMILIES)}"
            )
            raise sheet.problem(row, "family", f"{why}; a column 'model' may give timm's names")
        found.append(name)
    return found
