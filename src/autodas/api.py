"""The steps as functions with keyword options, for scripts and notebooks.

``autodas.search(space="digits-cnn", max_params=20_000)`` does what ``autodas search --space
digits-cnn --max-params 20000`` does. Options are the fields of the step's ``Config``; those of its
``Protocol`` stand beside them, as on the command line. ``progress`` hears of the work.

All raise an :class:`~autodas.core.errors.AutodasError` whose one line says why: an option, a table
or a file cannot be used, nothing fits the budgets, a score has no values, a training failed.
"""

from __future__ import annotations

import dataclasses
import importlib
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

import numpy as np
import numpy.typing as npt

from autodas.backends import Jobs, leave_if_unguarded
from autodas.core.digest import digest
from autodas.core.errors import AutodasError, InvalidInput, UnknownName
from autodas.core.places import expanded
from autodas.core.plugins import load_installed
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed
from autodas.core.runs import deciding
from autodas.scores import Proxy, Score, get_score, needed, read_proxy, scored
from autodas.scores.resolve import PREFIX, shipped_path, shipped_proxies
from autodas.spaces import Space, get_space
from autodas.steps import MODULES
from autodas.workbench.families import subjects_of
from autodas.workbench.protocol import Protocol

if TYPE_CHECKING:
    from autodas.option_types import (
        BenchmarkOptions,
        DiscoverOptions,
        DistillOptions,
        ExplainOptions,
        LabelOptions,
        MeasureOptions,
        RunOptions,
        SearchOptions,
    )

__all__ = [
    "benchmark",
    "discover",
    "distill_student",
    "explain",
    "label",
    "load_proxy",
    "measure",
    "run",
    "score",
    "search",
]

Results: TypeAlias = dict[str, Any]
Option: TypeAlias = str | float | Path | Sequence[str] | Protocol | None
"""What an option may be: what the command line would read, or the value itself."""


def discover(*, progress: Progress = Silent(), **options: Unpack[DiscoverOptions]) -> Results:
    """Evolve a proxy on spaces with tables.

    Options: fields of :class:`autodas.steps.discover.dispatch.DiscoverConfig`, such as ``tables``,
    ``generations``, ``population``, ``seed``, ``out``.

    Returns:
        What ``results.json`` holds, and ``out``, the run directory with ``proxy.json``.
    """
    return _step("discover", options, progress)


def benchmark(*, progress: Progress = Silent(), **options: Unpack[BenchmarkOptions]) -> Results:
    """Compare scores on tables, each with its interval and beside size.

    Options: fields of the benchmark's ``Config``, such as ``scores``, ``table``, ``part``.

    Returns:
        What ``results.json`` holds (``rows`` among it), and ``out``, the run directory.
    """
    return _step("benchmark", options, progress)


def search(*, progress: Progress = Silent(), **options: Unpack[SearchOptions]) -> Results:
    """The best students of a space within budgets, by any score.

    Options: fields of :class:`autodas.steps.search.run.SearchConfig`, such as ``space``, ``score``,
    ``max_params``, ``max_macs``, ``top``.

    Returns:
        What ``results.json`` holds (``students`` among it, best first), and ``out``.
    """
    return _step("search", options, progress)


def distill_student(*, progress: Progress = Silent(), **options: Unpack[DistillOptions]) -> Results:
    """Train a student with its teacher, and export it.

    It is not called ``distill``, because that is the package with losses and recipes.

    Options: fields of :class:`autodas.steps.distill.run.DistillConfig`: ``search``, a run
    directory, or ``space`` and ``arch``; ``teacher``, ``data``, ``recipe``, ``seeds``.

    Returns:
        What ``results.json`` holds (``accuracy`` among it, in percent), and ``out``, from which
        :func:`autodas.load_student` reads the network.
    """
    return _step("distill", options, progress)


def run(*, progress: Progress = Silent(), **options: Unpack[RunOptions]) -> Results:
    """From a teacher, data and budgets to a trained student.

    Options: fields of :class:`autodas.steps.run.RunConfig`, such as ``data``, ``teacher``,
    ``space``, ``score``, ``max_params``, ``max_latency``.

    Returns:
        What ``results.json`` holds (``student``, ``accuracy``, ``why`` among it), and ``out``.
    """
    return _step("run", options, progress)


def explain(
    proxy: str, *, progress: Progress = Silent(), **options: Unpack[ExplainOptions]
) -> Results:
    """What a score says, what carries it, and whether it collapses.

    The proxy is a score by name, a formula, or ``proxy:`` and a name or file. Options: fields of
    :class:`autodas.steps.explain.run.ExplainConfig`, such as ``table``, ``space``,
    ``architectures``, ``collapse``.

    Returns:
        What ``results.json`` holds (``words``, ``verdict`` among it), and ``out``.
    """
    return _step("explain", {"proxy": proxy, **options}, progress)


def label(*, progress: Progress = Silent(), **options: Unpack[LabelOptions]) -> Results:
    """Distil sampled students to make a table of accuracies.

    Options: fields of :class:`autodas.steps.label.run.LabelConfig`, such as ``space``,
    ``students``, ``seeds``, ``teacher``, ``data``, ``recipe``.

    Returns:
        ``table``, the file, with ``students``, ``failed``, ``noise``, and ``out``.
    """
    return _step("label", options, progress)


def measure(*, progress: Progress = Silent(), **options: Unpack[MeasureOptions]) -> Results:
    """Fill the cache of statistics.

    Options: fields of :class:`autodas.steps.measure.MeasureConfig`, such as ``space``,
    ``students``, ``statistics``.

    Returns:
        ``architectures``, ``measured`` (networks that had to be run), ``seconds``, ``bytes``.
    """
    return _step("measure", options, progress)


def score(
    name: str | Path | Score | Proxy,
    space: str | Space,
    architectures: Iterable[Any],
    *,
    cache: Path | str | None = None,
    jobs: Jobs = 1,
    progress: Progress = Silent(),
    **protocol: Option,
) -> npt.NDArray[np.float64]:
    """Score architectures without training them.

    Args:
        name: A score by name, a formula, ``proxy:`` and a name or file, the file of a proxy, or a
            score or proxy itself.
        space: The space, or its name.
        architectures: A of them, as text or as the space's own values.
        cache: Folder of the statistics cache; the usual one by default.
        jobs: Processes, or workers, for what is not in the cache.
        progress: Hears of every network.
        **protocol: Fields of :class:`autodas.workbench.protocol.Protocol`, such as ``teacher``,
            ``data``, ``batch_size``, ``init_seed``.

    Returns:
        ``(A,)`` numbers in the order of ``architectures``, higher meaning better.

    Raises:
        AutodasError: the score has no values there, an architecture has none because its network
            gives the same outputs for all images, or an argument cannot be used.
    """
    chosen, known = _score(name), _space(space)
    texts = [each if isinstance(each, str) else known.encode(each) for each in architectures]
    if not texts:
        raise InvalidInput("there are no architectures to score")
    # Scores see every architecture once, however often it is asked for.
    texts = [known.canonical(text) for text in texts]
    different = list(dict.fromkeys(texts))
    subjects, _, _ = subjects_of(
        known,
        different,
        sorted(needed(chosen)),
        _configured(Protocol, protocol),
        cache=None if cache is None else Path(cache),
        jobs=jobs,
        progress=progress,
    )
    values = scored(chosen, subjects)
    if isinstance(values, Failed):
        raise AutodasError(f"{chosen.name} has no values on {known.name}: {values.reason}")
    found = {}
    for text, value in zip(different, values.value, strict=True):
        if isinstance(value, Failed):
            raise AutodasError(f"{chosen.name} has no value for {text}: {value.reason}")
        found[text] = value.value
    return np.asarray([found[text] for text in texts], dtype=np.float64)


def load_proxy(name: str | Path) -> Proxy:
    """A proxy that comes with autodas, by name, or from a file.

    Raises:
        UnknownName: there is none of that name.
        FileProblem: the file is missing, damaged or of another format.
    """
    wanted = str(name).removeprefix(PREFIX)
    path = shipped_path(wanted) or Path(wanted)
    if path.suffix != ".json":
        raise UnknownName("proxy", wanted, [*shipped_proxies(), "path/to/proxy.json"])
    return read_proxy(path)


def _score(name: str | Path | Score | Proxy) -> Score:
    load_installed()
    if isinstance(name, Score):
        return name
    if isinstance(name, Proxy):
        return name.score
    if isinstance(name, Path) or name.endswith(".json"):
        return load_proxy(name).score
    return get_score(name)


def _space(space: str | Space) -> Space:
    if isinstance(space, str):
        load_installed()
        return get_space(space)
    # Networks are built where they are measured, perhaps in another process: by name.
    name = space.known_as
    if get_space(name) is not space:
        raise InvalidInput(
            f"space {name!r} is not the one known by that name; add yours with "
            "autodas.spaces.SPACES.add(name, space), or give its name as package.module:object"
        )
    return space


def _step(name: str, options: Mapping[str, object], progress: Progress) -> Results:
    leave_if_unguarded()
    load_installed()
    module = importlib.import_module(MODULES[name])
    has_folder = any(field.name == "out" for field in dataclasses.fields(module.Config))
    if has_folder and options.get("out") is None:
        options = {**options, "out": _folder(name, module.Config, options)}
    config = _configured(module.Config, options)
    results: Results = module.run(config, progress)
    return {**results, "out": str(config.out)} if has_folder else results


def _folder(name: str, kind: type[Any], options: Mapping[str, object]) -> Path:
    """A run directory of its own for every configuration: the same call goes on in the same."""
    asked = deciding(_configured(kind, options))
    return Path("runs") / f"{name}-{digest(name, asked)[:10]}"


def _configured(kind: type[Any], options: Mapping[str, object]) -> Any:  # noqa: ANN401 - a dataclass
    """A configuration from options; those of a nested one stand beside the others."""
    hints = typing.get_type_hints(kind)
    given = dict(options)
    own = {name: _fitting(name, hints[name], given.pop(name)) for name in hints if name in given}
    known = list(hints)
    for name, hint in hints.items():
        if dataclasses.is_dataclass(hint) and isinstance(hint, type) and name not in own:
            inner = [field.name for field in dataclasses.fields(hint)]
            known += inner
            if nested := {key: given.pop(key) for key in inner if key in given}:
                own[name] = _configured(hint, nested)
    if given:
        raise UnknownName("option", min(given), known)
    try:
        return kind(**own)
    except TypeError as error:
        raise InvalidInput(f"{kind.__name__}: {error}") from None


def _fitting(name: str, hint: Any, value: Any) -> Any:  # noqa: ANN401 - an annotation
    """A value as its field wants it: text as a path, a list or one text as a tuple.

    Raises:
        InvalidInput: it is of a kind that no option is of, such as a function.
    """
    members = typing.get_args(hint) or (hint,)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str | Path) and Path in members and str not in members:
        return expanded(Path(value))
    is_list = tuple in {typing.get_origin(each) for each in (hint, *members)}
    if is_list and isinstance(value, Iterable):
        value = (value,) if isinstance(value, str) else tuple(value)
    for each in value if isinstance(value, tuple | list) else [value]:
        if not isinstance(each, str | float | int | Path | Protocol | None):
            raise InvalidInput(f"{name} must be text, a number or a list of them, got {each!r}")
    return value
