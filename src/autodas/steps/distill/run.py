"""Distil: train the chosen student with the teacher, beside others under the same recipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from autodas.backends import Backend
from autodas.backends.workers import Workers
from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed
from autodas.core.rng import derive_seed
from autodas.core.runs import RunDirectory, deciding
from autodas.core.seals import read_checked_json
from autodas.data import load_data
from autodas.distill import Recipe
from autodas.spaces import SPACES, get_space
from autodas.steps.distill.verdict import OTHER, gain_of, verdict_of
from autodas.students import TIMM
from autodas.teachers import load_teacher
from autodas.workbench.devices import check_device
from autodas.workbench.feature_check import check_taught
from autodas.workbench.recipes import default_recipe, recipe_for
from autodas.workbench.shared_folder import Home, home, unpack
from autodas.workbench.teacher_check import AnyTeacher, Check, check_teacher
from autodas.workbench.training import CHECKPOINTS, Kept, Setup, Unit, Where, train_unit
from autodas.workbench.ways import NO_TEACHER, TOGETHER, digests_of, refuse_twins, way_of

__all__ = ["Config", "DistillConfig", "run"]


@dataclass(frozen=True)
class DistillConfig(Workers, AnyTeacher):
    """Which student to train, and how."""

    out: Path = field(default=Path("runs/distill"), metadata={"decides": False})
    """Run directory; an interrupted run in it is continued."""
    search: Path | None = None
    """Run directory of a search: its best student is trained, beside the largest that fits and
    its random ones."""
    space: str = "digits-cnn"
    """Search space of the student (ignored with --search)."""
    arch: str | None = None
    """Architecture to train (ignored with --search)."""
    student: str | None = None
    """A network that exists already, in place of --space and --arch: timm:NAME or
    package.module:function."""
    teacher: str = "digits-cnn-teacher"
    """Teacher to learn from; none for labels alone."""
    data: str = "digits"
    """Data set to train on."""
    recipe: str | None = None
    """Training recipe; by default the one named after the space, SPACE-short."""
    seeds: int = 3
    """Trainings of each student, with different initial weights and batches."""
    vanilla: bool = True
    """Also train the chosen student without the teacher; with it, if a search has found that it
    learns better from labels alone."""
    seed: int = 0
    """Base of all seeds."""
    losses: tuple[str, ...] | None = None
    """Losses beside the labels, NAME=WEIGHT each, in place of the recipe's: kd=0.9 at=1000."""
    epochs: int | None = None
    """Passes over the training images, in place of the recipe's."""
    more_teachers: tuple[str, ...] = ()
    """Further teachers to learn from."""
    device: str = "cpu"
    """Where to train: cpu, cuda or one GPU such as cuda:1."""
    devices: int = 1
    """GPUs that share every batch; more than one needs the extra multi-gpu."""
    amp: bool = False
    """Half precision, on GPUs."""
    ray_gpus: float = field(default=1.0, metadata={"decides": False})
    """Share of a GPU that a training on --device cuda asks Ray for: 0.25 puts four on each."""
    formats: tuple[Literal["torch", "onnx"], ...] = ()
    """Further formats to export the chosen student in; onnx needs the extra."""
    tracking: bool = field(default=False, metadata={"decides": False})
    """Write curves for TensorBoard into the run directory; needs the extra."""


Config = DistillConfig
TRACKING = "tracking"


@dataclass(frozen=True)
class _Student:
    role: str
    arch: str
    params: int
    macs: int
    taught: bool = True
    called: str = ""
    """What a search calls it, if it has a name beside its role."""


def run(config: DistillConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Train the students and export the first training of the chosen one.

    Returns:
        ``accuracy`` (mean of the chosen student, percent), ``teacher_accuracy``,
        ``student_path`` and ``students``.

    Raises:
        InvalidInput: a teacher hardly beats chance on the data.
    """
    if config.backend != "ray":  # whose workers may be elsewhere
        check_device(config.device)
    config = _of_teachers(_of_student(config))
    space_name, students = _students(config)
    config = _with_losses(config)
    space = get_space(space_name)
    config = replace(config, space=space_name, recipe=config.recipe or default_recipe(space))
    recipe = recipe_for(space, config.recipe, losses=config.losses, epochs=config.epochs)
    checks = _checks(config, recipe, progress)
    meant = {
        "students": [student.arch for student in students],
        "teachers": digests_of((config.teacher, *config.more_teachers)),
    }
    with RunDirectory(
        config.out,
        "distill",
        deciding(config),
        resolved=meant | space.resolved,
        folders=(CHECKPOINTS, TRACKING, *OTHER.values()),
    ) as directory:
        start = time.perf_counter()
        units = _units(config, space_name, recipe, students)
        # A training that starts processes of its own cannot run in one of ours.
        workers = Workers(backend="serial") if config.devices > 1 else config.workers
        runner = workers.runner(device=config.device, gpus=config.ray_gpus)
        trained = _train_all(units, directory, runner, progress)
        results = _results(config, students, units, trained)
        results["teacher_checks"] = [check.to_json() for check in checks]
        results["seconds"] = time.perf_counter() - start
        directory.write_results(results)
    told = [check.sentence for check in checks]
    return results | {"summary": [*results["verdict"], *told]}


def _checks(config: DistillConfig, recipe: Recipe, progress: Progress) -> list[Check]:
    names = [each for each in (config.teacher, *config.more_teachers) if each != NO_TEACHER]
    check_taught(recipe, names)
    found = [check_teacher(name, config.data, config, progress=progress) for name in names]
    return [check for check in found if check is not None]


def _of_teachers(config: DistillConfig) -> DistillConfig:
    """The configuration with every teacher named by itself.

    Raises:
        InvalidInput: one is named twice, or ``none`` beside others.
    """
    way = way_of(TOGETHER.join((config.teacher, *config.more_teachers)))
    refuse_twins(way)
    teacher, *more = way or (NO_TEACHER,)
    return replace(config, teacher=teacher, more_teachers=tuple(more))


def _of_student(config: DistillConfig) -> DistillConfig:
    """The configuration with a student that exists already as the only one of its space.

    Raises:
        InvalidInput: it is several, or another student is named beside it.
    """
    if config.student is None:
        return config
    if config.search is not None or config.arch is not None:
        raise InvalidInput("--student stands in place of --search and of --space and --arch")
    space = get_space(config.student)
    if space.size != 1:
        raise InvalidInput(
            f"--student is one network, {config.student!r} are {space.size}; take --space and "
            "--arch"
        )
    arch = space.encode(next(space.enumerate()))
    return replace(config, space=config.student, arch=arch)


def _students(config: DistillConfig) -> tuple[str, list[_Student]]:
    if config.search is None:
        if config.arch is None:
            raise InvalidInput(
                "say which student to train: --search RUN, --student NETWORK or --space S --arch A"
            )
        space = get_space(config.space)
        arch = space.decode(config.arch)
        data = load_data(config.data)
        cost = space.cost(arch, num_classes=data.num_classes, input_shape=data.input_shape)
        taught = config.teacher != NO_TEACHER
        text = space.encode(arch)
        return space.known_as, [_Student("chosen", text, cost.params, cost.macs, taught)]
    path = config.search / "results.json"
    found = read_checked_json(path)
    try:
        # Searches of before there were contests say nothing of a chosen one.
        chosen = found.get("chosen", found["students"][0])
        named = [("chosen", chosen), ("largest", found["largest"])]
        named += [(f"random {i + 1}", each) for i, each in enumerate(found["random"])]
        students = [
            _Student(
                role,
                str(each["arch"]),
                int(each["params"]),
                int(each["macs"]),
                bool(each.get("taught", True)),
                str(each.get("called", "")),
            )
            for role, each in named
        ]
        name = str(found["space"])
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        why = f"is not what 'search' writes ({type(error).__name__}: {error})"
        raise FileProblem(path, why) from None
    space = get_space(_known(name, config))
    return name, [replace(each, arch=space.canonical(each.arch)) for each in students]


def _with_losses(config: DistillConfig) -> DistillConfig:
    """With the losses that the contest of a search has chosen, unless others are named."""
    if config.search is None or config.losses is not None:
        return config
    chosen = read_checked_json(config.search / "results.json").get("chosen") or {}
    losses = tuple(str(each) for each in chosen.get("losses") or ())
    return replace(config, losses=losses or None)


def _known(space: str, config: DistillConfig) -> str:
    """The space of a search. What a file names is not imported: the user has to name it, too.

    Raises:
        InvalidInput: it is the user's own, and neither named nor imported.
    """
    if space.startswith(TIMM):
        return space  # models of a library, and weights that are no code
    own = space not in SPACES and space.partition(":")[0] not in sys.modules
    if own and config.space != space:
        raise InvalidInput(
            f"{config.search} searched the space {space[:100]!r}, which is code; if you "
            f"trust it, add --plugin {space.partition(':')[0][:60]}"
        )
    return space


def _units(
    config: DistillConfig, space: str, recipe: Recipe, students: Sequence[_Student]
) -> dict[tuple[str, bool, int], Unit]:
    """What is to be trained, by (role, with teacher, number of the seed)."""
    units = {}
    where, place = Where(config.device, config.amp, config.devices), Home(config.out.absolute())
    for student in students:
        for taught in _ways(config, student):
            teachers = (config.teacher, *config.more_teachers) if taught else ()
            for i in range(config.seeds):
                exported = student.role == "chosen" and i == 0
                name = f"{student.role}-{'taught' if taught else 'vanilla'}-{i}".replace(" ", "-")
                seed = derive_seed(config.seed, "distil", i)
                units[student.role, taught, i] = Unit(
                    Setup(space, student.arch, teachers, config.data, recipe, seed),
                    where,
                    Kept(
                        place,
                        export=exported,
                        into="" if taught == student.taught else OTHER[taught],
                        formats=config.formats if exported else (),
                        tracking=f"{TRACKING}/{name}" if config.tracking else None,
                    ),
                )
    return units


def _ways(config: DistillConfig, student: _Student) -> tuple[bool, ...]:
    """With the teacher or without: the student's own way, and the other one to compare with."""
    both = config.vanilla and student.role == "chosen" and config.teacher != NO_TEACHER
    return (student.taught, not student.taught) if both else (student.taught,)


def _train_all(
    units: dict[tuple[str, bool, int], Unit],
    directory: RunDirectory,
    runner: Backend,
    progress: Progress,
) -> dict[str, dict[str, Any]]:
    """Accuracy and history by unit key, from the journal where they are there already."""
    done = {record["key"]: record["value"] for record in directory.journal.records()}
    # The same student can be the chosen and the largest one: it is trained once.
    todo = {unit.key: unit for unit in reversed(units.values()) if unit.key not in done}
    progress.start("distilling", len(done) + len(todo), len(done))
    for unit in units.values():
        # A kill may have come between journal and checkpoint.
        if unit.key in done:
            unit.forget_checkpoint()
    with home(directory.path, runner) as place:
        waiting = [unit.at(place) for unit in todo.values()]
        for i, result in runner.run(train_unit, waiting):
            arch = waiting[i].setup.arch
            if isinstance(result, Failed):
                raise AutodasError(
                    f"training {arch} failed: {result.reason}; {len(done)} finished "
                    "trainings and the checkpoints of others are kept"
                )
            for line in result.value.pop("notes", ()):
                progress.note(f"{arch}: {line}")
            unpack(result.value.pop("parcel", {}), directory.path)
            del result.value["seconds"]  # of one attempt
            done[waiting[i].key] = result.value
            directory.journal.append({"key": waiting[i].key, "value": result.value})
            waiting[i].forget_checkpoint()
            progress.advance()
    progress.finish()
    return done


def _results(
    config: DistillConfig,
    students: Sequence[_Student],
    units: dict[tuple[str, bool, int], Unit],
    trained: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    def accuracies(role: str, taught: bool) -> list[float] | None:
        found = [
            trained[unit.key]["accuracy"]
            for (r, t, _), unit in units.items()
            if (r, t) == (role, taught)
        ]
        return found or None

    setup = next(iter(units.values())).setup
    shown = []
    for student in students:
        taught, vanilla = (accuracies(student.role, way) for way in (True, False))
        own = (taught if student.taught else vanilla) or []
        first = trained[units[student.role, student.taught, 0].key]
        shown.append(
            asdict(student)
            | {
                "accuracies": own,
                "accuracy": float(np.mean(own)),
                "with_teacher": taught,
                "vanilla": vanilla,
                "gain": gain_of(taught, vanilla),
                "history": first["history"],
                "quality": first.get("quality"),
            }
        )
    return {
        "space": setup.space,
        "teacher": config.teacher,
        "teacher_accuracy": _accuracy_of(config.teacher),
        "data": config.data,
        "recipe": setup.recipe.describe(),
        "seeds": config.seeds,
        "accuracy": shown[0]["accuracy"],
        "student_path": "student.safetensors",
        "students": shown,
        "confusion": trained[units["chosen", students[0].taught, 0].key].get("confusion"),
        "class_names": list(load_data(config.data).class_names),
        "verdict": verdict_of(setup.space, shown),
    }


def _accuracy_of(teacher: str) -> float | None:
    return None if teacher == NO_TEACHER else load_teacher(teacher).accuracy
