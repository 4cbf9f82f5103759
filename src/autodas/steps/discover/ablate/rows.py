"""What the discoveries of an ablation amount to: means over seeds, intervals, differences.

Intervals of means are over seeds, those of differences over seeds and architectures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autodas.core.intervals import Ends, mean_interval
from autodas.steps.benchmark.comparison import FEW
from autodas.steps.discover.ablate.luck import (
    Scores,
    interval_and_p,
    scores_of,
    spread,
    spread_of_mean,
)
from autodas.steps.discover.ablate.studies import Study

__all__ = ["Outcome", "gaps", "sentence", "study_rows"]

Row = dict[str, Any]
BySeed = dict[int, float]


@dataclass(frozen=True)
class Outcome:
    """The discoveries of one variant.

    Attributes:
        name: Of the variant.
        results: Seed -> what the discovery left in ``results.json``.
        failed: Seed -> why there was none.
        proxy: What the proxies are called in the rows.
    """

    name: str
    results: Mapping[int, Mapping[str, Any]]
    failed: Mapping[int, str]
    proxy: str

    def proxy_rows(self) -> dict[tuple[str, str], dict[int, Mapping[str, Any]]]:
        """(table, target) -> seed -> the row of the proxy."""
        found: dict[tuple[str, str], dict[int, Mapping[str, Any]]] = {}
        for seed, results in self.results.items():
            for row in results["rows"]:
                if row["score"] == self.proxy:
                    found.setdefault((row["table"], row["target"]), {})[seed] = row
        return found

    def scores(self, space: str, target: str) -> dict[int, Scores]:
        """Seed -> what its proxy says of the report part of a table."""
        found = {seed: scores_of(each, space, target) for seed, each in self.results.items()}
        return {seed: scores for seed, scores in found.items() if scores}


def study_rows(study: str, outcomes: Sequence[Outcome]) -> list[Row]:
    """One row per variant and (table, target); differences are to the first, seed by seed."""
    reference: dict[tuple[str, str], BySeed] = {}
    if outcomes:
        reference = {pair: _taus(rows) for pair, rows in outcomes[0].proxy_rows().items()}
    found = []
    for number, outcome in enumerate(outcomes):
        pairs = outcome.proxy_rows()
        found += [
            _row(study, outcome, pair, rows)
            | _beside(outcome, outcomes[0] if number else None, pair, rows, reference.get(pair))
            for pair, rows in pairs.items()
        ]
        if not pairs:
            found.append(_nothing(study, outcome))
    return found


def _row(
    study: str,
    outcome: Outcome,
    pair: tuple[str, str],
    rows: Mapping[int, Mapping[str, Any]],
) -> Row:
    taus = _taus(rows)
    first = next(iter(rows.values()))
    some = [outcome.results[seed] for seed in rows]
    described = next(each for each in some[0]["pairs"] if (each["table"], each["target"]) == pair)
    return {
        "study": study,
        "variant": outcome.name,
        "space": first.get("space"),
        "table": pair[0],
        "target": pair[1],
        "held_out": bool(first.get("held_out")),
        "seeds": sorted(rows),
        "n": _reported(first)["n"],
        "n_search": described["n_search"],
        "taus": {str(seed): tau for seed, tau in taus.items()},
        **_ends("tau", _within(1.0, mean_interval(list(taus.values())))),
        "tau_all": _mean([row["tau"] for row in rows.values()]) if first.get("held_out") else None,
        "tau_given_size": _mean([_reported(row).get("tau_given_size") for row in rows.values()]),
        "search_tau": _mean([each["proxy"]["search_tau"] for each in some]),
        "validation_tau": _mean([each["proxy"]["validation_tau"] for each in some]),
        "nodes": _mean([each["proxy"]["nodes"] for each in some]),
        "evaluations": _mean([each["evaluations"] for each in some]),
        "failed": _failures(outcome, rows),
    }


def _beside(
    outcome: Outcome,
    first: Outcome | None,
    pair: tuple[str, str],
    rows: Mapping[int, Mapping[str, Any]],
    reference: BySeed | None,
) -> Row:
    """How a variant does on a table beside the first variant; nothing of the first itself."""
    difference = {} if reference is None or first is None else _paired(_taus(rows), reference)
    known = next(iter(rows.values()))
    place = (str(known.get("space")), pair[1])
    luck = spread(outcome.scores(*place), first.scores(*place)) if first and difference else None
    return {
        **_gap("delta", list(difference.values()), luck or 0.0, _reported(known)["n"]),
        "deltas": {str(seed): value for seed, value in difference.items()},
        "delta_sd_architectures": luck,
    }


def _nothing(study: str, outcome: Outcome) -> Row:
    """The row of a variant that gave no proxy at all."""
    numbers = ("tau_all", "tau_given_size", "search_tau", "validation_tau", "nodes", "evaluations")
    return {
        **{"study": study, "variant": outcome.name},
        **{"space": None, "table": None, "target": None},
        **{"held_out": False, "seeds": [], "n": 0, "n_search": 0, "taus": {}, "deltas": {}},
        **_ends("tau", (None, None, None)),
        **_gap("delta", [], 0.0, 0),
        "delta_sd_architectures": None,
        **dict.fromkeys(numbers),
        "failed": _failures(outcome, {}),
    }


def _failures(outcome: Outcome, rows: Mapping[int, Mapping[str, Any]]) -> dict[str, str]:
    """Seed -> why there is no τ."""
    found = {str(seed): why for seed, why in outcome.failed.items()}
    for seed, row in rows.items():
        if _reported(row)["tau"] is None:
            found[str(seed)] = str(row.get("failed") or "no ranking of the report part")
    return found


def _reported(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The numbers on the report part, which are comparable whether held out or not."""
    on_report: Mapping[str, Any] = row.get("on_report") or row
    return on_report


def _taus(rows: Mapping[int, Mapping[str, Any]]) -> BySeed:
    found = {seed: _reported(row)["tau"] for seed, row in sorted(rows.items())}
    return {seed: float(tau) for seed, tau in found.items() if tau is not None}


def _paired(mine: BySeed, reference: BySeed) -> BySeed:
    return {seed: mine[seed] - reference[seed] for seed in mine if seed in reference}


def _ends(name: str, ends: Ends) -> dict[str, float | None]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))


def _gap(name: str, differences: Sequence[float], luck: float, n: int) -> dict[str, Any]:
    """Mean of differences of τ by seed with its interval, its p-value, and what the two say.

    Args:
        name: Of the difference.
        differences: By seed.
        luck: Their standard deviation over samples of architectures.
        n: Architectures; of few nothing is said.
    """
    ends, p = interval_and_p(differences, luck)
    mean, low, high = _within(2.0, ends)
    found = "better" if (low or 0.0) > 0.0 else "worse" if (high or 0.0) < 0.0 else "open"
    told = {f"{name}_p": p, "significance": found if n >= FEW else "open"}
    return _ends(name, (mean, low, high)) | told


def _within(most: float, ends: Ends) -> Ends:
    """An interval of few values reaches where no value can be."""
    mean, low, high = ends
    if low is None or high is None:
        return ends
    return mean, max(low, -most), min(high, most)


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return math.fsum(there) / len(there) if there else None


def gaps(study: str, rows: Sequence[Row]) -> list[Row]:
    """Each variant of a study beside the first: mean over its tables, by seed.

    Where a variant holds out tables, it is compared on those.
    """
    found = []
    for name in list(dict.fromkeys(row["variant"] for row in rows))[1:]:
        mine = [row for row in rows if row["variant"] == name]
        held_out = [row for row in mine if row["held_out"]]
        judged = held_out or mine
        seeds = set[str].intersection(*(set(row["deltas"]) for row in judged))
        means = [
            math.fsum(r["deltas"][seed] for r in judged) / len(judged) for seed in sorted(seeds)
        ]
        where = " on what was left out" if held_out else ""
        luck = spread_of_mean(
            (row["space"] or row["table"], row["delta_sd_architectures"]) for row in judged
        )
        n = min(row["n"] for row in judged)
        gap = _gap("gap", means, luck, n)
        found.append({"study": study, "variant": name, "where": where, "n": n, **gap})
    return found


def sentence(study: Study, rows: Sequence[Row], found: Sequence[Row]) -> str:
    """What came out of a study: differences, means over its tables, with intervals.

    Args:
        study: The study.
        rows: Its rows.
        found: Its gaps, with ``gap_q`` where many comparisons have been told apart from luck.
    """
    first = rows[0]["variant"]
    tau = _mean([row["tau"] for row in rows if row["variant"] == first])
    if tau is None:
        return f"{study.name}: {first} gives no ranking, so there is nothing to compare with."
    parts = [f"mean τ {tau:.2f} with {first}", *map(_told, found)]
    return f"{study.name}: " + "; ".join(parts) + _beside_paper(study, first, found) + "."


def _told(gap: Row) -> str:
    """A variant beside the first."""
    start, low, high = f"{gap['variant']} ", gap["gap_low"], gap["gap_high"]
    if gap["gap"] is None:
        return f"{start}cannot be compared{gap['where']}"
    start += f"{_signed(gap['gap'])}{gap['where']}"
    if low is None or high is None:
        return f"{start} (one seed, no interval)"
    note = ""
    if gap["significance"] == "open" and low <= 0.0 <= high:
        note = ", includes 0"
    elif gap["n"] < FEW:
        note = f", but only {gap['n']} architectures"
    elif gap["significance"] == "open":
        note = ", as much as luck in so many comparisons"
    return f"{start} ({_signed(low)} to {_signed(high)}{note})"


def _signed(value: float) -> str:
    # A minus sign rather than a hyphen; and no minus zero.
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")


def _beside_paper(study: Study, first: str, found: Sequence[Row]) -> str:
    """Whether the first variant stands beside the others as the paper has it."""
    if not study.expected or not found:
        return ""
    # The paper's claim is about the first variant, the finding about the others.
    as_paper = "worse" if study.expected == "better" else "better"
    against = [g["variant"] for g in found if g["significance"] not in {as_paper, "open"}]
    shown = [g["variant"] for g in found if g["significance"] == as_paper]
    claim = f"; that {first} is {study.expected}, as the paper has it, is"
    if against:
        return f"{claim} contradicted by {' and '.join(against)}"
    if len(shown) == len(found):
        return f"{claim} confirmed"
    return f"{claim} " + (f"shown against {' and '.join(shown)} only" if shown else "not shown")
