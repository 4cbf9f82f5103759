"""Explain: what a score says, in words and as a drawing, and what carries it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodas.core.errors import AutodasError
from autodas.core.looks import look, said
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed, Ok
from autodas.core.runs import RunDirectory, deciding
from autodas.fitness import TauAgainst
from autodas.scores import Score, get_score, read_proxy
from autodas.scores.resolve import PREFIX, shipped_path
from autodas.scores.terms import Term, calibrated, score_of
from autodas.spaces import Space, get_space
from autodas.steps.explain.collapse import Collapse, check_collapse, check_sample, terms_of
from autodas.steps.explain.config import ExplainConfig
from autodas.steps.explain.contributions import contributions, moves_with_size
from autodas.steps.explain.drawing import draw
from autodas.steps.explain.pairs import of_pairs, pairs_in_words, pairs_sentence, refuse_for_pairs
from autodas.steps.explain.parts import summands
from autodas.workbench.families import as_labelled, parse_pair, remade_teachers, subjects_of
from autodas.workbench.ground_truth import load_table, space_of
from autodas.workbench.measuring import space_sample
from autodas.workbench.pair_families import PairFamily, asks_for_pairs, load_pairs
from autodas.workbench.protocol import Protocol, resolved
from autodas.workbench.ways import digests_of

__all__ = ["Config", "ExplainConfig", "run", "score_and_terms"]

Floats = npt.NDArray[np.float64]


Config = ExplainConfig


def run(config: ExplainConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Explain a score; writes ``graph.svg``, ``graph.dot`` and ``results.json``.

    Raises:
        AutodasError: the score, table, space or protocol cannot be used, or the score has no values
            on these architectures.
    """
    score, terms = score_and_terms(config.proxy)
    ground = _ground(config, score, progress)
    meant = {"formula": score.formula, "teachers": digests_of(config.protocol.named)}
    with RunDirectory(config.out, "explain", deciding(config), resolved=meant) as directory:
        start = time.perf_counter()
        results: dict[str, Any] = {"score": config.proxy, "formula": None, "graph": None}
        if terms:
            results |= draw(terms, directory.path)
        results |= _measured(config, score, terms, ground, progress)
        results["seconds"] = time.perf_counter() - start
        results["verdict"] = _verdict(results)
        looks = look(directory.path, ground.opened, config.cache)
        directory.write_results(results)
    summary = [*_summary(results), *map(said, looks)]
    return results | {"looks": [asdict(each) for each in looks], "summary": summary}


def score_and_terms(name: str) -> tuple[Score, tuple[Term, ...]]:
    """The score, and its terms if it is made of formulas."""
    if not name.startswith(PREFIX):
        score = get_score(name)
        return score, terms_of(score)
    score = get_score(name)  # explains unknown names
    wanted = name.removeprefix(PREFIX)
    return score, read_proxy(shipped_path(wanted) or Path(wanted)).terms


@dataclass(frozen=True)
class _Ground:
    """Architectures to look at, and their accuracies if they are known."""

    space: Space
    architectures: list[str]
    truth: Floats | None
    table: str | None
    target: str | None
    protocol: Protocol
    opened: Mapping[str, str]  # name and digest of the table, if there is one
    remade: tuple[str, ...] = ()
    pairs: PairFamily | None = None


def _ground(config: ExplainConfig, score: Score, progress: Progress) -> _Ground:
    if config.table is None and config.space is not None:
        space = get_space(config.space)
        chosen = space_sample(space, config.architectures, config.seed)
        return _Ground(space, chosen, None, None, None, resolved(config.protocol, space), {})
    name, target = parse_pair(config.table or "digits-cnn")
    table = load_table(name, config.space)
    if asks_for_pairs(config.table or "", table):
        return _pairs(config, name, score, progress)
    values = dict(zip(table.architectures, table.target(target).values, strict=True))
    known = [architecture for architecture, value in values.items() if np.isfinite(value)]
    chosen = check_sample(known, config.architectures, config.seed)
    truth = np.asarray([values[each] for each in chosen])
    space = space_of(table, config.space)
    labelled = as_labelled(config.protocol, table, target)
    remade: tuple[str, ...] = ()
    if score.asks_teacher and labelled.teacher != config.protocol.teacher:
        remade = remade_teachers(table, [target], progress)
    protocol = resolved(labelled, space)
    opened = {table.name: table.digest}
    return _Ground(space, chosen, truth, table.name, target, protocol, opened, remade)


def _pairs(config: ExplainConfig, name: str, score: Score, progress: Progress) -> _Ground:
    """All pairs of at most so many students."""
    refuse_for_pairs(config)
    pairs = load_pairs(
        name,
        sorted(score.leaves),
        config.protocol,
        space=config.space,
        sample=config.architectures,
        cache=config.cache,
        jobs=config.workers,
        progress=progress,
    )
    called = list(pairs.subjects.architectures)
    table = pairs.table
    about = pairs.space, called, pairs.truth, table.name, pairs.target, pairs.protocol
    return _Ground(*about, {table.name: table.digest}, pairs.remade, pairs)


# ---- the numbers ----------------------------------------------------------------------------


def _measured(
    config: ExplainConfig,
    score: Score,
    terms: Sequence[Term],
    ground: _Ground,
    progress: Progress,
) -> dict[str, Any]:
    protocol, pairs = ground.protocol, ground.pairs
    if pairs is None:
        subjects, networks, _ = subjects_of(
            ground.space,
            ground.architectures,
            sorted(score.leaves),
            protocol,
            cache=config.cache,
            jobs=config.workers,
            progress=progress,
        )
    else:
        subjects, networks = pairs.subjects, pairs.networks
    if score.unscaled(ground.space.name):
        fitted = calibrated(terms, ground.space.name, subjects)
        if isinstance(fitted, Ok):
            terms = fitted.value
            score = score_of(score.name, terms, score.description)
    values = score.compute(subjects)
    if isinstance(values, Failed):
        raise AutodasError(f"{config.proxy} has no values on {ground.space.name}: {values.reason}")
    truth = values.value if ground.truth is None else ground.truth
    collapse = _collapse(config, score, terms, ground, progress)
    return {
        "space": ground.space.name,
        "table": ground.table,
        "target": ground.target,
        "n": len(ground.architectures),
        "protocol": asdict(protocol),
        "tau": None if ground.truth is None else _tau(truth, values.value),
        "terms": contributions(summands(terms), subjects, truth),
        "size": moves_with_size(values.value, subjects),
        "pairs": pairs and of_pairs(pairs, config.proxy, values.value, score.leaves, config.seed),
        "remade_teachers": list(ground.remade),
        "points": {
            "architectures": ground.architectures,
            "params": subjects.columns["params"].data.tolist(),
            "score": values.value.tolist(),
            "accuracy": None if ground.truth is None else ground.truth.tolist(),
        },
        "collapse": None if collapse is None else collapse.to_json(),
        "networks_measured": networks + (collapse.networks if collapse is not None else 0),
    }


def _collapse(
    config: ExplainConfig,
    score: Score,
    terms: Sequence[Term],
    ground: _Ground,
    progress: Progress,
) -> Collapse | None:
    """The collapse check, if it is asked for and architectures are what is looked at."""
    if not config.collapse or ground.pairs is not None:
        return None
    return check_collapse(
        score,
        ground.space,
        ground.architectures,
        ground.protocol,
        terms=terms,
        other_teacher=config.other_teacher,
        most=config.architectures,
        seed=config.seed,
        cache=config.cache,
        jobs=config.workers,
        progress=progress,
    )


def _tau(truth: Floats, values: Floats) -> float | None:
    found = TauAgainst(truth)(values)
    return found.value if isinstance(found, Ok) else None


# ---- the words ------------------------------------------------------------------------------


def _verdict(results: Mapping[str, Any]) -> list[str]:
    lines = []
    if results["pairs"] is not None:
        lines.append(pairs_sentence(results["pairs"]))
    if results["collapse"] is not None:
        lines.append(results["collapse"]["sentence"])
    tau = results["size"]["params"]["tau"]
    if tau is not None:
        way = "rises" if tau > 0 else "falls"
        lines.append(f"The score {way} with the number of parameters: τ {tau:+.2f}.")
    terms = results["terms"]
    if len(terms) > 1:
        best = max(terms, key=lambda term: term["shapley"] or term["tau_alone"])
        lines.append(f"The term that carries most of the order is {best['text']}.")
    return [*lines, *results["remade_teachers"]]


def _summary(results: Mapping[str, Any]) -> list[str]:
    lines = []
    if results["formula"] is not None:
        formula = results["formula"]
        lines += [formula["text"], f"in words: {formula['words']}", f"LaTeX: {formula['latex']}"]
    for each in results.get("simplified", []):
        if each["removed_nodes"]:
            lines.append(f"simplified by {each['removed_nodes']} nodes to {each['after']}")
    pairs = results["pairs"]
    if pairs is not None:
        lines += pairs_in_words(pairs)
    where = f"{results['n']} {'architectures' if pairs is None else 'pairs'} of {results['space']}"
    aim = "accuracy" if results["tau"] is not None else "the score's own order"
    if results["tau"] is not None:
        lines.append(f"τ with accuracy {results['tau']:+.3f} on {where}")
    for term in results["terms"]:
        share = "" if term["shapley"] is None else f", Shapley {term['shapley']:+.3f}"
        lines.append(
            f"term {term['text']}: τ with {aim} alone {term['tau_alone']:+.3f}, the rest without "
            f"it {term['tau_without']:+.3f}{share}"
        )
        for part in term["parts"]:
            if part["alone"] is not None:
                lines.append(f"  {part['name']} alone {part['alone']:+.3f}")
    return [*lines, *results["verdict"]]
