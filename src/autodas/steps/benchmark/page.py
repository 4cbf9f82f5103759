"""The part of a Markdown page that a benchmark writes, between two markers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autodas.core.errors import FileProblem
from autodas.core.files import read_bytes, write_text
from autodas.core.looks import said
from autodas.core.printable import printable_lines
from autodas.core.text import text_of
from autodas.steps.benchmark.text import by_pair, cost_of, label, mean_regret

__all__ = [
    "BEGIN",
    "END",
    "interval",
    "number",
    "to_markdown",
    "write_between",
    "write_results_page",
]

BEGIN, END = "<!-- benchmark:begin -->", "<!-- benchmark:end -->"
Row = Mapping[str, Any]

HOW_TO_READ = """\
τ is Kendall's τ-b, ρ Spearman's, all with 95 % bootstrap intervals; the weighted τ counts
agreement about the best most. *Given size* is τ of what is left when ranks are regressed on the
ranks of #params and MACs, *in bins* the mean τ among architectures of similar #params. Δ is τ minus
that of #params on the same resamples; it is bold where its interval leaves out 0 and at most 5 % of
all that is bold is expected to be so by chance (Benjamini & Hochberg, 1995). *Lost* is the
accuracy given up, in points, by training the one architecture (or the best 5 %) that a score likes
best within a budget, on average over four budgets on #params, and *over random* what a random one
that fits loses beyond the former. Of the k architectures of highest
score, *nDCG* is the discounted gain, where a point of accuracy less counts half; *P@k* the share
that is truly among the best k; *best of k* the accuracy of the best, and *regret at k* what that
lacks of the best of all, in points. *sd* is the standard deviation of τ
over initial weights and over batches, *s* are seconds per architecture. Predictors never see the
accuracies they are judged on: each fold of five is predicted from the other four, and the report
part from all else. A proxy discovered with a table is compared on its report part, beside #params
there."""
COSTS = " *Trainings* is what a short training of an architecture costs, in whole ones."


def write_results_page(results: Mapping[str, Any], path: Path) -> None:
    """Replace what stands between the markers of a page; a page without any gets them at its end.

    Args:
        results: What a benchmark left in ``results.json``.
        path: The Markdown file; made if it does not exist.

    Raises:
        FileProblem: it cannot be read or written, or only one marker is there.
    """
    write_between(path, (BEGIN, END), to_markdown(results))


def write_between(path: Path, markers: tuple[str, str], body: str) -> None:
    """Replace what stands between two markers of a page; without any, they are added at its end.

    Raises:
        FileProblem: it cannot be read or written, or only one marker is there.
    """
    first, last = markers
    text = text_of(read_bytes(path), path) if path.exists() else "# Results\n"
    if (text.count(first), text.count(last)) == (0, 0):
        text = f"{text.rstrip()}\n\n{first}\n{last}\n"
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end or first in after or last in before + after:
        raise FileProblem(path, f"needs one {first} and one {last} after it")
    write_text(path, f"{before}{first}\n{_plain(body)}\n{last}{after}")


def _plain(body: str) -> str:
    """Markdown without markup of HTML and without links: names in it come out of files."""
    for meant, shown in (("<", "&lt;"), ("](", r"]\("), ("]:", r"]\:")):
        body = body.replace(meant, shown)
    return printable_lines(body)


def to_markdown(results: Mapping[str, Any]) -> str:
    """Tables of a benchmark, with the command, the date and the machine."""
    machine = results["machine"]
    parts = [
        f"`{results['asked']}` ({results['date']}; {machine['cores']} cores, "
        f"{machine['gib']:.0f} GiB)",
        HOW_TO_READ + (COSTS if any("cost" in row for row in results["rows"]) else ""),
    ]
    for (table, target), mine in by_pair(results["rows"]).items():
        described = [p for p in results["pairs"] if (p["table"], p["target"]) == (table, target)]
        parts.append(_section(table, target, mine, described[0] if described else {}))
    if counts := results.get("rows_on_report"):
        counted = ", ".join(f"{table} {count}" for table, count in counts.items())
        parts.append(
            f"Rows that looked at the report part of a table, in this run alone: {counted}. The "
            "more there are, the more of them look good by chance."
        )
    if looks := results.get("looks"):
        parts.append(" ".join(map(said, looks)))
    skipped = results.get("skipped") or {}
    if skipped:
        parts.append("Not compared: " + "; ".join(f"{p} ({why})" for p, why in skipped.items()))
    return "\n\n".join(parts)


def _section(table: str, target: str, rows: Sequence[Row], pair: Mapping[str, Any]) -> str:
    n = max(row["n"] for row in rows)
    agreement = pair.get("label_tau")
    note = "" if agreement is None else f"; two trainings agree to τ = {number(agreement)}"
    lines = [f"### {table}: {target}", "", f"{n} architectures{note}.{_references(rows)}", ""]
    costs = any("cost" in row for row in rows)
    k = max((row["top"]["k"] for row in rows if row.get("top")), default="k")
    lines += [
        "| score | τ | ρ | weighted τ | given size | in bins | Δ to #params | lost, top 1 "
        f"| over random | lost, top 5 % | nDCG@{k} | P@{k} | best of {k} | regret at {k} "
        "| sd, weights | sd, batch | s |" + (" trainings |" if costs else ""),
        "|" + "---|" * (18 if costs else 17),
        *(_line(label(row, rows), row) + (f" {cost_of(row)} |" if costs else "") for row in rows),
    ]
    return "\n".join(lines)


def _references(rows: Sequence[Row]) -> str:
    """What the largest that fit and random architectures lose, which is the same for all rows."""
    known = [row for row in rows if row.get("regret")]
    if not known:
        return ""
    budgets, lost = known[0]["regret"], dict(known[0])
    for name in ("largest", "random"):  # old runs have no means
        mean = sum(each["oracle"] - each[name] for each in budgets) / len(budgets)
        lost.setdefault(f"{name}_lost", mean)
    return (
        f" The largest that fits loses {interval(lost, 'largest_lost')} points, a random one "
        f"{interval(lost, 'random_lost')}."
    )


def _line(called: str, row: Row) -> str:
    name = "`{}`".format(called.replace("|", r"\|"))
    if row["tau"] is None:
        return f"| {name} | {row['failed']} |" + " |" * 15
    stable = row.get("stability") or {}
    spread = [(stable.get(kind) or {}).get("tau_sd") for kind in ("init", "batch")]
    difference = interval(row, "delta_params")
    if row.get("significance") in {"better", "worse"}:
        difference = f"**{difference}**"
    cells = [
        name,
        interval(row, "tau"),
        interval(row, "rho"),
        interval(row, "weighted_tau"),
        interval(row, "tau_given_size"),
        number(row.get("tau_within_bins")),
        difference,
        interval(row, "lost"),
        interval(row, "over_random", signed=True),
        interval({"lost_top5": mean_regret(row, top5=True)} | dict(row), "lost_top5"),
        *top_cells(row),
        *(number(value, 3) for value in spread),
        number(row.get("seconds_per_arch"), 3),
    ]
    return "| " + " | ".join(cells) + " |"


def top_cells(row: Row) -> list[str]:
    """nDCG, precision, best and regret of the k of highest score."""
    top = row.get("top") or {}
    plain = [number(top.get(name)) for name in ("ndcg", "precision", "best")]
    return [*plain, interval({"regret": None} | top, "regret")]


def number(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    """A number as pages show it; a dash where there is none."""
    if value is None:
        return "–"
    # A minus sign rather than a hyphen, as in the rest of the page; and no minus zero.
    text = format(round(value, digits) + 0.0, f"{'+' if signed else ''}.{digits}f")
    return text.replace("-", "−")


def interval(row: Row, name: str, *, signed: bool = False) -> str:
    """The number of that name in a row, and the interval where there is one."""
    ends = (row.get(name + suffix) for suffix in ("", "_low", "_high"))
    value, low, high = (number(each, signed=signed) for each in ends)
    return value if "–" in {value, low, high} else f"{value} [{low}, {high}]"
