"""How a network is trained, as one value, and the values that have a name (``recipes.toml``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from autodas.core.catalog import Catalog
from autodas.core.errors import InvalidInput
from autodas.core.toml import read_toml
from autodas.distill.losses.catalog import LOSSES

__all__ = ["RECIPES", "Recipe", "get_recipe"]


@dataclass(frozen=True)
class Recipe:
    """A training schedule with its loss.

    The learning rate rises linearly over the warm-up and then falls: along half a cosine to zero
    (Loshchilov & Hutter, 2017), or in steps.

    Attributes:
        name: What it is called.
        description: One line for listings.
        epochs: Passes over the training part, at least 1.
        batch_size: Largest batch; an epoch is cut into batches of nearly equal size.
        optimizer: ``"sgd"`` (Nesterov momentum) or ``"adamw"``.
        learning_rate: At its highest.
        weight_decay: On weight matrices and kernels; biases, normalisations and embeddings of
            position are left alone.
        momentum: Of SGD, in [0, 1), and β₁ of AdamW.
        beta2: β₂ of AdamW, in [0, 1); short trainings need it below the usual 0.999, which
            remembers the large gradients of the first steps to the end.
        warm_up: Share of the steps in which the learning rate rises, in [0, 1).
        clip_norm: Largest norm of the gradient; 0 for no limit.
        shift: Images are moved by up to this many pixels in both directions, at random; the
            border repeats the nearest pixel.
        drop_path: Stochastic depth of the last transformer block, in [0, 1).
        temperature: T of the soft targets.
        kd_weight: Weight of the soft targets, if ``losses`` names none.
        ce_weight: Weight of the labels beside a teacher; without one it is 1.
        schedule: ``"cosine"`` or ``"step"``.
        milestones: Ascending shares of the steps, in (0, 1), at which the rate falls (``"step"``).
        decay: What the rate is multiplied by at each milestone, in (0, 1].
        padding: Random crops out of images padded with black by so many pixels; 0 for none.
        flip: Mirror half of the images.
        resized_crop: Random resized crops of this share of the picture or more, in [0, 1), 3:4 to
            4:3 (Szegedy et al., 2015); 0 for none.
        rand_augment: Magnitude of RandAugment, two operations of 31 strengths (Cubuk et al., 2020);
            0 for none.
        colour_jitter: Largest change of brightness, contrast and saturation, in [0, 1).
        erasing: Share of the images of which a rectangle is erased, in [0, 1) (Zhong et al., 2020).
        mixup: α of the Beta distribution of mixup (Zhang et al., 2018); 0 for none.
        cutmix: α of CutMix (Yun et al., 2019); 0 for none. With both, each batch takes one of
            them at random.
        label_smoothing: Share of the labels spread over all classes, in [0, 1).
        losses: Weights of losses between student and teacher, by name in
            :data:`autodas.distill.LOSSES`; empty means the soft targets alone.
        hinton_scaling: Whether losses on logits carry the factor T².
        teacher_weights: How the logits of several teachers are averaged: ``"mean"``, or
            ``"confidence"``: for each image more of those that give its label more probability.
        ema: Decay of the moving average of the weights, which is what is evaluated and kept;
            0 for none.
        accumulate: Parts into which a batch is cut to need less memory; their gradients are added.
        bf16: Compute in bfloat16 where it is safe, on GPUs that have it.

    Raises:
        InvalidInput: a value is out of its range.
        UnknownName: a loss is not in the catalogue.
    """

    name: str
    description: str
    epochs: int
    batch_size: int
    optimizer: Literal["sgd", "adamw"]
    learning_rate: float
    weight_decay: float
    momentum: float = 0.9
    beta2: float = 0.999
    warm_up: float = 0.0
    clip_norm: float = 0.0
    shift: int = 0
    drop_path: float = 0.0
    temperature: float = 4.0
    kd_weight: float = 0.9
    ce_weight: float = 0.1
    schedule: Literal["cosine", "step"] = "cosine"
    milestones: tuple[float, ...] = ()
    decay: float = 0.1
    padding: int = 0
    flip: bool = False
    resized_crop: float = 0.0
    rand_augment: int = 0
    colour_jitter: float = 0.0
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    label_smoothing: float = 0.0
    losses: Mapping[str, float] = field(default_factory=dict, hash=False)
    hinton_scaling: bool = True
    teacher_weights: Literal["mean", "confidence"] = "mean"
    ema: float = 0.0
    accumulate: int = 1
    bf16: bool = False

    def __post_init__(self) -> None:
        at_least = {"epochs": 1, "batch_size": 1, "accumulate": 1}
        at_least |= dict.fromkeys(
            ("weight_decay", "clip_norm", "shift", "padding", "mixup", "cutmix"), 0
        )
        at_least |= {"kd_weight": 0, "ce_weight": 0}
        for name, least in at_least.items():
            value = getattr(self, name)
            self._check(name, math.isfinite(value) and value >= least, f"≥ {least}")
        for name in ("learning_rate", "temperature"):
            value = getattr(self, name)
            self._check(name, math.isfinite(value) and value > 0, "> 0")
        for name in SHARES:
            if not 0 <= getattr(self, name) < 1:
                raise InvalidInput(
                    f"recipe {self.name!r}: {name} must lie in [0, 1), got {getattr(self, name)}"
                )
        self._check("rand_augment", 0 <= self.rand_augment <= MAGNITUDES, f"0 to {MAGNITUDES}")
        self._check("decay", 0 < self.decay <= 1, "in (0, 1]")
        for name, choices in CHOICES.items():
            words = " or ".join(map(repr, choices))
            self._check(name, getattr(self, name) in choices, words)
        inside = all(0 < m < 1 for m in self.milestones)
        ascending = list(self.milestones) == sorted(set(self.milestones))
        self._check("milestones", inside and ascending, "ascending in (0, 1)")
        for name, weight in self.losses.items():
            LOSSES.get(name)
            self._check(f"losses[{name!r}]", math.isfinite(weight) and weight >= 0, "≥ 0", weight)

    def _check(self, name: str, fits: bool, wanted: str, value: Any = None) -> None:  # noqa: ANN401
        if not fits:
            found = getattr(self, name) if value is None else value
            raise InvalidInput(f"recipe {self.name!r}: {name} must be {wanted}, got {found!r}")

    @property
    def terms(self) -> dict[str, float]:
        """Weights of the losses between student and teacher."""
        return dict(self.losses) or {"kd": self.kd_weight}

    @property
    def transforms_pictures(self) -> bool:
        """Whether every picture is transformed by itself, which needs torchvision."""
        each = (self.resized_crop, self.rand_augment, self.colour_jitter, self.erasing)
        return any(value > 0 for value in each)

    @property
    def varies(self) -> bool:
        """Whether an image is hardly ever seen twice the same, shifts apart."""
        whole = (self.mixup, self.cutmix, self.padding, self.flip)
        return self.transforms_pictures or any(whole)

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of step ``step`` in ``0 … steps − 1``."""
        rising = self.warm_up * steps
        if step < rising:
            return self.learning_rate * (step + 1) / (rising + 1)
        if self.schedule == "step":
            fallen = sum(step >= milestone * steps for milestone in self.milestones)
            return self.learning_rate * float(self.decay**fallen)
        progress = (step - rising) / max(1.0, steps - rising)
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))

    def describe(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self) | {"milestones": list(self.milestones)}

    def changed(
        self, *, losses: Mapping[str, float] | None = None, **values: float | None
    ) -> Recipe:
        """This recipe with other values; those that are None stay.

        A ``kd_weight`` also reaches the weight that ``losses`` gives the soft targets.
        """
        given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        own = dict(self.losses) if losses is None else dict(losses)
        if "kd_weight" in given and "kd" in own:
            own["kd"] = given["kd_weight"]
        return replace(self, losses=own, **given)


SHARES = (
    *("warm_up", "drop_path", "momentum", "beta2", "label_smoothing", "ema"),
    *("resized_crop", "colour_jitter", "erasing"),
)
MAGNITUDES = 30  # of RandAugment: the strongest of 31
CHOICES = {
    "optimizer": ("sgd", "adamw"),
    "schedule": ("cosine", "step"),
    "teacher_weights": ("mean", "confidence"),
}

RECIPES: Catalog[Recipe] = Catalog("recipe")
for _name, _values in read_toml(Path(__file__).with_name("recipes.toml")).items():
    _values["milestones"] = tuple(_values.get("milestones", ()))
    RECIPES.add(_name, Recipe(name=_name, **_values))


def get_recipe(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises:
        UnknownName: there is none of that name.
    """
    return RECIPES.get(name)
