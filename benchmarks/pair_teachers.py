r"""Teachers that somebody might really have, from whom the tables of pairs are distilled.

``python -m benchmarks.pair_teachers`` trains them into ``runs/pair-teachers/DATA/``; what is there
is left alone. Each is one step away from the teacher that comes with the package, which is the
standard: smaller, larger, deeper, of another family, stopped early, overfitted, trained on softened
labels, on mixed images or on images of another size, or with another seed; three teach together.
Their weights are not shipped: training them takes four minutes for the digits and about fifteen for
Fashion-MNIST, on a core that is shared.

The tables of pairs were then made with the commands that their headers tell, such as::

    autodas label --space digits-cnn --students 32 --seeds 1 --rungs 1/27 1/9 1/3 \
        --teachers $(python -m benchmarks.pair_teachers digits | tail -1)

With ``--known TABLE`` and more students or seeds, such a table grows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autodas.distill import RECIPES, get_recipe
from autodas.steps.train_teacher import TrainTeacherConfig, run
from autodas.teachers import BLUEPRINTS, UNTRAINED, Blueprint

FOLDER = Path("runs") / "pair-teachers"


@dataclass(frozen=True)
class Plan:
    """How a teacher is made, where it is not as the standard one.

    Attributes:
        name: Of its file.
        depths: Residual blocks of each stage.
        widths: Channels of each stage.
        network: In place of a ResNet, the name of a blueprint.
        data: What it is trained on, in place of what is usual.
        recipe: In place of the usual one.
        changes: In the recipe.
        seed: Of the training.
    """

    name: str
    depths: tuple[int, ...] = (2, 2, 2)
    widths: tuple[int, ...] = (16, 32, 64)
    network: str | None = None
    data: str | None = None
    recipe: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    seed: int = 0


BLUEPRINTS.add(
    "pair-vit",
    Blueprint("vit", {"width": 48, "heads": [3] * 4, "mlp_ratios": [2] * 4, "patch": 2,
                      "init": "fan-in"}),
)  # fmt: skip

PLANS: dict[str, tuple[str, str, tuple[Plan, ...]]] = {
    "digits": (
        "digits",
        "digits-teacher",
        (
            Plan("small", depths=(1, 1, 1), widths=(8, 16, 32)),
            Plan("large", widths=(32, 64, 128)),
            Plan("deep", depths=(5, 5, 5)),
            Plan("vit", network="pair-vit", recipe="digits-vit-short",
                 changes={"epochs": 200, "shift": 1, "learning_rate": 0.003}),
            Plan("vit-6px", network="pair-vit", data="digits@6", recipe="digits-vit-short",
                 changes={"epochs": 200, "shift": 1, "learning_rate": 0.003}),
            Plan("early", changes={"epochs": 6}),
            Plan("overfitted", data="digits/100",
                 changes={"epochs": 300, "shift": 0, "weight_decay": 0.0}),
            Plan("smoothed", changes={"label_smoothing": 0.2}),
            Plan("mixup", changes={"mixup": 1.0}),
            Plan("seed1", seed=1),
        ),
    ),
    "fashion": (
        "fashion-mnist@12/8000",
        "fashion-teacher",
        (
            Plan("small", depths=(1, 1, 1), widths=(8, 16, 32)),
            Plan("large", widths=(32, 64, 128)),
            Plan("deep", depths=(5, 5, 5)),
            Plan("vit-16px", network="pair-vit", data="fashion-mnist@16/8000",
                 recipe="fashion-vit-short",
                 changes={"epochs": 12, "shift": 1, "learning_rate": 0.003}),
            Plan("early", changes={"epochs": 1, "learning_rate": 0.02}),
            Plan("overfitted", data="fashion-mnist@12/1000",
                 changes={"epochs": 60, "shift": 0, "weight_decay": 0.0}),
            Plan("smoothed", changes={"label_smoothing": 0.2}),
            Plan("mixup", changes={"mixup": 1.0}),
        ),
    ),
}  # fmt: skip
"""Data set -> what teachers are usually trained on, by which recipe, and the teachers."""

STANDARD = {"digits": "digits-cnn-teacher", "fashion": "fashion-cnn-teacher"}
TOGETHER = {"digits": ("seed1", "deep"), "fashion": ("large", "deep")}
"""Who teaches together with the standard one."""


def candidates(name: str) -> list[str]:
    """All ways to teach of a table of pairs, as ``autodas label --teachers`` takes them."""
    files = {plan.name: str(_file(name, plan)) for plan in PLANS[name][2]}
    three = "+".join((STANDARD[name], *(files[each] for each in TOGETHER[name])))
    return [STANDARD[name], *files.values(), three, "none"]


def _file(name: str, plan: Plan) -> Path:
    return FOLDER / name / f"{plan.name}.safetensors"


def make(name: str, plan: Plan) -> None:
    """Train one teacher, if its file is not there."""
    usual_data, usual_recipe, _ = PLANS[name]
    out = _file(name, plan)
    if out.exists():
        return
    recipe = f"pair-{name}-{plan.name}"
    changed = get_recipe(plan.recipe or usual_recipe).changed(**plan.changes)
    if recipe not in RECIPES:
        RECIPES.add(recipe, changed)
    found = run(
        TrainTeacherConfig(
            out=out,
            network=None if plan.network is None else f"{UNTRAINED}{plan.network}",
            depths=plan.depths,
            widths=plan.widths,
            data=plan.data or usual_data,
            recipe=recipe,
            seed=plan.seed,
        )
    )
    print(f"{found['summary'][0]}; {found['params']} parameters, {found['seconds']:.0f} s")


def main(names: Iterable[str] = tuple(PLANS)) -> None:
    """Make the teachers of the data sets named, and print what ``--teachers`` takes."""
    for name in names:
        for plan in PLANS[name][2]:
            make(name, plan)
        print(*candidates(name))


if __name__ == "__main__":
    main(sys.argv[1:] or tuple(PLANS))
