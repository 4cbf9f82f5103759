"""Distil: train the chosen student with the teacher, beside others under the same recipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import stats

from autodas.backends import Backend
from autodas.backends.workers import Workers
from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed
from autodas.core.rng import derive_seed
from autodas.core.runs import RunDirectory, deciding
from autodas.core.seals import read_checked_json
from autodas.distill import Recipe
from autodas.spaces import SPACES, get_space
from autodas.teachers import load_teacher
from autodas.workbench.recipes import default_recipe, recipe_for
from autodas.workbench.shared_folder import Home, home, unpack
from autodas.workbench.training import CHECKPOINTS, Kept, Setup, Unit, Where, train_unit

__all__ = ["Config", "DistillConfig", "gain_of", "run", "verdict_of"]


@dataclass(frozen=True)
class DistillConfig(Workers):
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
    teacher: str = "digits-cnn-teacher"
    """Teacher to learn from."""
    data: str = "digits"
    """Data set to train on."""
    recipe: str | None = None
    """Training recipe; by default the one named after the space, SPACE-short."""
    seeds: int = 3
    """Trainings of each student, with different initial weights and batches."""
    vanilla: bool = True
    """Also train the chosen student without the teacher."""
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
VANILLA = "without-teacher"
"""Folder of the student that learnt from labels alone."""


@dataclass(frozen=True)
class _Student:
    role: str
    arch: str
    params: int
    macs: int


def run(config: DistillConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Train the students and export the first training of the chosen one.

    Returns:
        ``accuracy`` (mean of the chosen student, percent), ``teacher_accuracy``,
        ``student_path`` and ``students``.
    """
    space_name, students = _students(config)
    space = get_space(space_name)
    config = replace(config, space=space_name, recipe=config.recipe or default_recipe(space))
    recipe = recipe_for(space, config.recipe, losses=config.losses, epochs=config.epochs)
    with RunDirectory(
        config.out,
        "distill",
        deciding(config),
        resolved={"students": [student.arch for student in students]},
        folders=(CHECKPOINTS, TRACKING, VANILLA),
    ) as directory:
        start = time.perf_counter()
        units = _units(config, space_name, recipe, students)
        # A training that starts processes of its own cannot run in one of ours.
        workers = Workers(backend="serial") if config.devices > 1 else config.workers
        runner = workers.runner(device=config.device, gpus=config.ray_gpus)
        trained = _train_all(units, directory, runner, progress)
        results = _results(config, students, units, trained)
        results["seconds"] = time.perf_counter() - start
        directory.write_results(results)
    return results | {"summary": results["verdict"]}


def _students(config: DistillConfig) -> tuple[str, list[_Student]]:
    if config.search is None:
        if config.arch is None:
            raise InvalidInput("say which student to train: --search RUN or --space S --arch A")
        space = get_space(config.space)
        arch = space.decode(config.arch)
        cost = space.cost(arch)
        return space.known_as, [_Student("chosen", space.encode(arch), cost.params, cost.macs)]
    path = config.search / "results.json"
    found = read_checked_json(path)
    try:
        named = [("chosen", found["students"][0]), ("largest", found["largest"])]
        named += [(f"random {i + 1}", each) for i, each in enumerate(found["random"])]
        students = [
            _Student(role, str(each["arch"]), int(each["params"]), int(each["macs"]))
            for role, each in named
        ]
        name = str(found["space"])
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        why = f"is not what 'search' writes ({type(error).__name__}: {error})"
        raise FileProblem(path, why) from None
    space = get_space(_known(name, config))
    return name, [replace(each, arch=space.canonical(each.arch)) for each in students]


def _known(space: str, config: DistillConfig) -> str:
    """The space of a search. What a file names is not imported: the user has to name it, too.

    Raises:
        InvalidInput: it is the user's own, and neither named nor imported.
    """
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
        for taught in (True, False) if config.vanilla and student.role == "chosen" else (True,):
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
                        into="" if taught else VANILLA,
                        formats=config.formats if exported else (),
                        tracking=f"{TRACKING}/{name}" if config.tracking else None,
                    ),
                )
    return units


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
        taught = accuracies(student.role, True) or []
        vanilla = accuracies(student.role, False)
        first = trained[units[student.role, True, 0].key]
        shown.append(
            asdict(student)
            | {
                "accuracies": taught,
                "accuracy": float(np.mean(taught)),
                "vanilla": vanilla,
                "gain": gain_of(taught, vanilla),
                "history": first["history"],
                "quality": first.get("quality"),
            }
        )
    return {
        "space": setup.space,
        "teacher": config.teacher,
        "teacher_accuracy": load_teacher(config.teacher).accuracy,
        "data": config.data,
        "recipe": setup.recipe.describe(),
        "seeds": config.seeds,
        "accuracy": shown[0]["accuracy"],
        "student_path": "student.safetensors",
        "students": shown,
        "verdict": verdict_of(setup.space, shown),
    }


def gain_of(taught: Sequence[float], vanilla: Sequence[float] | None) -> dict[str, Any] | None:
    """What the teacher adds: mean difference of trainings of the same seeds, in points.

    Args:
        taught: Accuracies with the teacher, by seed.
        vanilla: Without, by the same seeds; None if there are none.

    Returns:
        ``mean``, ``seeds``, and with two seeds or more ``low`` and ``high``: the interval of
        Student's t for the mean difference, 95 %; None without ``vanilla``.
    """
    if not vanilla:
        return None
    difference = np.subtract(taught, vanilla)
    found: dict[str, Any] = {"mean": float(difference.mean()), "seeds": len(difference)}
    if len(difference) > 1:
        error = float(difference.std(ddof=1)) / len(difference) ** 0.5
        reach = float(stats.t.ppf(0.975, len(difference) - 1)) * error
        found |= {"low": found["mean"] - reach, "high": found["mean"] + reach}
    return found


def verdict_of(space: str, students: Sequence[dict[str, Any]]) -> list[str]:
    """What came out, in plain sentences."""
    chosen = students[0]
    lines = [f"{space}: the chosen student reaches {chosen['accuracy']:.2f} %"]
    if chosen["vanilla"]:
        lines[0] += f" with the teacher, {np.mean(chosen['vanilla']):.2f} % without"
    gain = chosen.get("gain")
    if gain is not None and "low" in gain:
        lines[0] += (
            f" ({gain['mean']:+.2f} points, 95 % interval {gain['low']:+.2f} to "
            f"{gain['high']:+.2f} over {gain['seeds']} seeds)"
        )
    if gain is not None and gain["mean"] < 0:
        lines.append(
            f"{space}: with the teacher the student is worse, by {-gain['mean']:.2f} points over "
            f"{gain['seeds']} {'seed' if gain['seeds'] == 1 else 'seeds'}; the one that learnt "
            f"from labels alone is exported, too (folder {VANILLA})"
        )
    for role, others in (
        ("the largest that fits", [s for s in students if s["role"] == "largest"]),
        ("random students", [s for s in students if s["role"].startswith("random")]),
    ):
        if others:
            mean = float(np.mean([s["accuracy"] for s in others]))
            gap = chosen["accuracy"] - mean
            far = (
                f"{abs(gap):.2f} points {'above' if gap > 0 else 'below'}" if gap else "as good as"
            )
            lines.append(f"{space}: {far} {role} ({mean:.2f} %)")
    return lines
