"""Whether a teacher knows the classes of the data, before anybody learns from it.

A teacher whose classes come in another order, or which sees images normalised otherwise than in its
training, teaches nonsense, and nothing but its accuracy shows it. It is asked about some training
images; of the test part nothing is looked at. What it answers is kept in the cache.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats
from scipy.optimize import linear_sum_assignment

from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.files import write_json
from autodas.core.keys import key_of
from autodas.core.places import cache_folder
from autodas.core.progress import Progress, Silent
from autodas.core.rng import derive
from autodas.core.seals import read_sealed, sealed
from autodas.data import ImageData, load_data
from autodas.data.batch import dealt
from autodas.teachers import Teacher, at_native_size, fitted, load_teacher
from autodas.workbench.feature_check import FeatureCheck, checked_features

__all__ = ["AnyTeacher", "Check", "TeacherCheck", "check_teacher", "judged"]

Numbers = npt.NDArray[np.int64]

IMAGES = 256
CLASSES = 32  # of more, so many are drawn: the order of few shows with eight images of each
AT_ONCE = 32  # images in a pass
LEVEL = 0.01  # of the one-sided tests
GAP = 10.0  # points that another order of the classes must gain
SURPRISING = 20.0  # points below the accuracy that is stated for the teacher
SHOWN = 8  # classes that are named
CODE = ("workbench/teacher_check.py", "teachers", "networks", "data")


@dataclass(frozen=True)
class AnyTeacher:
    """The option to use a teacher that has failed its check."""

    any_teacher: bool = False
    """Use the teacher even if it gets hardly more images right than by chance."""


@dataclass(frozen=True)
class TeacherCheck:
    """What a teacher gets right.

    Attributes:
        teacher: Its name.
        data: The data set's.
        images: How many training images it was asked about, n.
        accuracy: Of those, what it gets right, in percent.
        chance: What always guessing the most frequent class would get right, in percent.
        needed: Least accuracy, in percent, that chance reaches with a probability of at most 1 %.
        reordered: Accuracy, in percent, with the classes in the order that suits it best, each half
            of the images judged with the order found on the other.
        order: ``order[k]`` is the class that its output k stands for, where the order of its
            classes is clearly another; else None.
        stated: The accuracy that is stated for it, in percent; None if none is.
    """

    teacher: str
    data: str
    images: int
    accuracy: float
    chance: float
    needed: float
    reordered: float
    order: tuple[int, ...] | None
    stated: float | None

    @property
    def usable(self) -> bool:
        """Whether it may teach."""
        return self.accuracy >= self.needed and self.order is None

    @property
    def sentence(self) -> str:
        """What was found, for people."""
        found = (
            f"{self.accuracy:.1f} % of {self.images} training images right, where chance is "
            f"{self.chance:.1f} %"
        )
        return f"The teacher {self.teacher} gets {found}{self._doubt}."

    @property
    def _doubt(self) -> str:
        if not self.usable:
            return ", and is used all the same"
        if self.stated is not None and self.accuracy < self.stated - SURPRISING:
            return (
                f"; {self.stated:.1f} % are stated for it, so it may see images that are "
                "normalised otherwise, or of another size, than those of its training"
            )
        return ""

    @property
    def complaint(self) -> str:
        """Why it is refused, and what would be accepted."""
        found = (
            f"teacher {self.teacher!r} gets {self.accuracy:.1f} % of {self.images} training images "
            f"of {self.data!r} right, where chance is {self.chance:.1f} %"
        )
        if self.order is not None:
            moved = [f"{k} is class {own}" for k, own in enumerate(self.order) if k != own]
            more = ", …" if len(moved) > SHOWN else ""
            why = (
                f"its classes are in another order, with which it gets {self.reordered:.1f} %: its "
                f"output {', '.join(moved[:SHOWN])}{more}; put its outputs into the data's order"
            )
        else:
            why = (
                f"at least {self.needed:.1f} % are needed; it is not trained, knows other classes "
                "or has them in another order, or its images were normalised otherwise"
            )
        return f"{found}: {why}, or take it as it is with --any-teacher"

    def to_json(self) -> dict[str, Any]:
        """Plain values, and the sentence."""
        return {**asdict(self), "sentence": self.sentence}


Check: TypeAlias = TeacherCheck | FeatureCheck
"""What was found of a teacher: what it gets right, or what its features are like."""


def check_teacher(
    name: str,
    data: str,
    options: AnyTeacher,
    *,
    cache: Path | None = None,
    progress: Progress = Silent(),
) -> Check | None:
    """Ask a teacher about training images, and refuse one that hardly beats chance.

    Of one that is known by its features alone these are looked at.

    Args:
        name: Of the teacher.
        data: Name of the data set.
        options: Whether to use it in any case.
        cache: Folder of the cache; the user's usual one by default.
        progress: Is told what was found, and of a folder how many images there are.

    Returns:
        What was found; None of a network with initial weights, which is meant to know nothing, and
        of a teacher of other classes, whose accuracy means nothing.

    Raises:
        InvalidInput: it is no better than chance, its classes are in another order, or its
            features are not finite or the same for all images.
    """
    teacher, images = load_teacher(name), load_data(data)
    if images.class_names:
        progress.note(images.in_words)
    if not teacher.trained or teacher.num_classes not in (None, images.num_classes):
        return None
    check: Check = (
        checked_features(fitted(teacher, images), images)
        if teacher.num_classes is None
        else _known(fitted(teacher, images), images, cache_folder(cache) / "teachers")
    )
    if not check.usable and not options.any_teacher:
        raise InvalidInput(check.complaint)
    progress.note(check.sentence)
    return check


def _known(teacher: Teacher, data: ImageData, folder: Path) -> TeacherCheck:
    """From the cache, or asked now; a damaged file counts as absent."""
    content = (teacher.digest, teacher.name, teacher.accuracy, data.digest, data.name)
    file = folder / f"{key_of(*content, code=CODE, packages=('torch', 'numpy', 'scipy'))}.json"
    if file.is_file():
        with contextlib.suppress(AutodasError, TypeError, KeyError):
            return _of_json(read_sealed(file))
    found = _asked(teacher, data)
    with contextlib.suppress(AutodasError):  # the next run asks again
        write_json(file, sealed(asdict(found)))
    return found


def _of_json(found: Mapping[str, Any]) -> TeacherCheck:
    order = found["order"]
    return TeacherCheck(**{**found, "order": None if order is None else tuple(order)})


def _asked(teacher: Teacher, data: ImageData) -> TeacherCheck:
    chosen = _drawn(data)
    answers = _answers(teacher, data, torch.from_numpy(chosen))
    labels = data.train_labels.numpy()[chosen]
    return judged(
        teacher.name,
        data.name,
        answers,
        labels,
        num_classes=data.num_classes,
        stated=teacher.accuracy,
    )


def _drawn(data: ImageData) -> Numbers:
    """Numbers of training images, as many of each class as of any other where there are enough."""
    rng = derive(0, "check of teachers", data.digest)
    labels = data.train_labels.numpy()
    present = rng.permutation(np.unique(labels))[:CLASSES]
    members = [rng.permutation(np.flatnonzero(labels == k)) for k in present]
    return dealt(members, min(IMAGES, sum(map(len, members))))


def _answers(teacher: Teacher, data: ImageData, chosen: torch.Tensor) -> Numbers:
    """The class it names for each of the images."""
    found = []
    with torch.inference_mode():
        for some in torch.split(chosen, AT_ONCE):
            images = data.ready(data.train_images[some])
            logits = teacher.network(at_native_size(teacher.network, images))
            found.append(logits.argmax(dim=1))
    answers: Numbers = torch.cat(found).numpy()
    return answers


def judged(
    teacher: str,
    data: str,
    answers: Numbers,
    labels: Numbers,
    *,
    num_classes: int,
    stated: float | None = None,
) -> TeacherCheck:
    """What the answers of a teacher say.

    Args:
        teacher: Its name.
        data: The data set's.
        answers: ``(n,)`` classes it has named.
        labels: ``(n,)`` true classes.
        num_classes: K.
        stated: The accuracy stated for it, in percent.
    """
    count, right = len(labels), answers == labels
    chance = float(np.bincount(labels).max() / count)
    # Where even all right could be chance, all right has to do.
    needed = min(int(stats.binom.isf(LEVEL, count, chance)) + 1, count)
    reordered = _reordered(answers, labels, num_classes)
    accuracy, better = 100.0 * float(right.mean()), 100.0 * float(reordered.mean())
    order = None
    # High means at least half-way from chance to all right: a network with random weights, whose
    # outputs follow some classes a little, is not one of another order.
    high = better >= 50.0 * (1.0 + chance) and better >= accuracy + GAP
    if high and _more_often(reordered & ~right, right & ~reordered):
        order = tuple(int(k) for k in _best_order(answers, labels, num_classes))
    return TeacherCheck(
        teacher=teacher,
        data=data,
        images=count,
        accuracy=accuracy,
        chance=100.0 * chance,
        needed=100.0 * needed / count,
        reordered=better,
        order=order,
        stated=stated,
    )


def _more_often(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> bool:
    """Whether one is true more often than the other beyond chance, by the sign test."""
    ours, theirs = int(one.sum()), int(other.sum())
    return bool(stats.binomtest(ours, ours + theirs, 0.5, alternative="greater").pvalue < LEVEL)


def _reordered(answers: Numbers, labels: Numbers, num_classes: int) -> npt.NDArray[np.bool_]:
    """``(n,)``, which are right with the order of classes that is best on the other half."""
    turn = np.zeros(len(labels), dtype=np.int64)
    for k in np.unique(labels):
        mine = labels == k
        turn[mine] = np.arange(mine.sum()) % 2
    right = np.zeros(len(labels), dtype=np.bool_)
    for half in (0, 1):
        seen, judged_here = turn != half, turn == half
        order = _best_order(answers[seen], labels[seen], num_classes)
        right[judged_here] = order[answers[judged_here]] == labels[judged_here]
    return right


def _best_order(answers: Numbers, labels: Numbers, num_classes: int) -> Numbers:
    """``(K,)``: the class each output stands for, such that most answers are right.

    Of equals, the output's own class: what is never named stays in its place.
    """
    confusion = np.eye(num_classes) * 1e-3
    np.add.at(confusion, (answers, labels), 1.0)
    _, order = linear_sum_assignment(confusion, maximize=True)
    found: Numbers = order.astype(np.int64)
    return found
