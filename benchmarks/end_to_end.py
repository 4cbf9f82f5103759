"""Whether the students that are chosen are better once they are distilled.

For each space and budget, students are chosen by three trainings (a score names finalists, short
trainings decide), by scores alone, and at random; each of them is distilled with the same teacher,
recipe and seeds, the first without a teacher if it was found better so. #params chooses the largest
that fits. No proxy of this package was discovered on these images. Nothing is done twice: a run
that was cut short goes on from ``runs/benchmarks/end-to-end``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from autodas.core.errors import MissingData
from autodas.core.progress import Silent
from autodas.data import load_data
from autodas.steps.distill import run as distill
from autodas.steps.search import run as search
from autodas.workbench.protocol import Protocol

FOLDER = Path("runs") / "benchmarks" / "end-to-end"
DEFAULT = "three trainings"
RANDOM = 3


@dataclass(frozen=True)
class Setting:
    """What students are trained on, and how.

    Attributes:
        data: Images.
        teacher: Of all students.
        seeds: Final trainings of each student.
        epochs: In place of the recipe's.
        random: Random students beside.
        evaluations: Students that are scored where the space is not taken whole.
    """

    data: str
    teacher: str
    seeds: int
    epochs: int | None = None
    random: int = RANDOM
    evaluations: int | None = None


@dataclass(frozen=True)
class Case:
    """A space and a budget."""

    space: str
    budget: Mapping[str, str]
    recipe: str
    setting: Setting
    scores: tuple[str, ...] = ("params", "diswot")

    def __str__(self) -> str:
        limit = ", ".join(f"{name} {value}" for name, value in self.budget.items())
        return f"{self.space} on {self.setting.data}, {limit}"

    @property
    def folder(self) -> str:
        """Its part of file names."""
        return "-".join([self.space, *self.budget.values(), self.setting.data]).replace("/", "-")


FASHION = Setting("fashion-mnist@12/8000", "fashion-cnn-teacher", seeds=5)
# The teacher's part costs most: no crops, so that its logits are asked for once.
CIFAR = Setting("cifar10-jpeg/2500", "cifar10-resnet56", 3, epochs=10, random=1, evaluations=100)
PROXIES = ("proxy:general", "proxy:general-nosize", "diswot", "params")
CNN, VIT = ("proxy:cnn", *PROXIES), ("proxy:vit", *PROXIES)
CASES = (
    Case("digits-cnn", {"max_params": "5k"}, "fashion-cnn-short", FASHION, CNN),
    Case("digits-cnn", {"max_params": "15k"}, "fashion-cnn-short", FASHION, CNN),
    Case("digits-vit", {"max_params": "15k"}, "fashion-vit-short", FASHION, VIT),
    Case("digits-vit", {"max_params": "40k"}, "fashion-vit-short", FASHION, VIT),
    Case("resnet", {"max_macs": "32M"}, "fashion-cnn-short", CIFAR),
    Case("resnet", {"max_macs": "52M"}, "fashion-cnn-short", CIFAR),
    Case("mobile", {"max_macs": "8M"}, "fashion-cnn-short", CIFAR),
    Case("mobile", {"max_macs": "14M"}, "fashion-cnn-short", CIFAR),
)


def main(cases: Sequence[Case] = CASES, *, folder: Path = FOLDER, jobs: int = 2) -> dict[str, Any]:
    """By case: what was chosen, its accuracy, and the gain of the default over everybody else."""
    found: dict[str, Any] = {}
    for case in cases:
        try:
            load_data(case.setting.data)
        except MissingData as why:
            found[str(case)] = {"left out": str(why)}
        else:
            found[str(case)] = _case(case, folder, jobs)
    return found


def _case(case: Case, folder: Path, jobs: int) -> dict[str, Any]:
    picks = {score: _search(case, score, 1, folder, jobs) for score in case.scores}
    chosen = {score: result["chosen"] for score, result in picks.items()}
    chosen[DEFAULT] = _search(case, None, 3, folder, jobs)["chosen"]
    for number, student in enumerate(picks["params"]["random"], start=1):
        chosen[f"random {number}"] = student | {"taught": True}
    accuracies = {name: _distil(case, student, folder, jobs) for name, student in chosen.items()}
    return _told(chosen, accuracies)


def _search(
    case: Case, score: str | None, trainings: float, folder: Path, jobs: int
) -> Mapping[str, Any]:
    name = DEFAULT.replace(" ", "-") if score is None else score.replace(":", "-")
    setting = case.setting
    return search.run(
        search.Config(
            out=folder / "search" / f"{case.folder}-{name}",
            space=case.space,
            score=score,
            trainings=trainings,
            recipe=case.recipe,
            epochs=setting.epochs,
            **case.budget,
            random=setting.random,
            evaluations=setting.evaluations,
            protocol=Protocol(data=setting.data, teacher=setting.teacher),
            jobs=jobs,
        ),
        Silent(),
    )


def _distil(case: Case, student: Mapping[str, Any], folder: Path, jobs: int) -> np.ndarray:
    """``(seeds,)`` accuracies in percent; equal seeds mean equal batches for all students."""
    name = "".join(c if c.isalnum() else "-" for c in student["arch"]).strip("-")
    taught = "" if student["taught"] else "-untaught"
    setting = case.setting
    results = distill.run(
        distill.Config(
            out=folder
            / "distill"
            / f"{case.space}-{setting.data.replace('/', '-')}-{name}{taught}",
            space=case.space,
            arch=student["arch"],
            teacher=setting.teacher if student["taught"] else "none",
            data=setting.data,
            recipe=case.recipe,
            seeds=setting.seeds,
            epochs=setting.epochs,
            vanilla=False,
            jobs=jobs,
        ),
        Silent(),
    )
    return np.asarray(results["students"][0]["accuracies"])


def _told(
    chosen: Mapping[str, Mapping[str, Any]], by_choice: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Students and accuracies, and the gain of the default over the others, paired by seed."""
    told: dict[str, Any] = {
        name: f"{values.mean():.2f} %, {chosen[name]['params']:,} parameters"
        + ("" if chosen[name]["taught"] else ", from labels alone")
        for name, values in by_choice.items()
    }
    random = [values for name, values in by_choice.items() if name.startswith("random")]
    others = {name: v for name, v in by_choice.items() if not name.startswith("random")}
    if random:
        others["random ones"] = np.mean(random, axis=0)
    own = others.pop(DEFAULT)
    told["gain of " + DEFAULT] = {
        f"over {name}": _interval(own - values) for name, values in others.items()
    }
    return told


def _interval(values: np.ndarray) -> str:
    """Mean and 95 % t-interval over seeds."""
    if len(values) < 2 or np.ptp(values) == 0:
        return f"{values.mean():+.2f}"
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return f"{values.mean():+.2f} [{values.mean() - half:+.2f}, {values.mean() + half:+.2f}]"
