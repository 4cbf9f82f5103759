"""The honest table as text for the screen, as CSV and as LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["by_pair", "cost_of", "label", "mean_regret", "summary_table", "to_csv", "to_latex"]

Row = Mapping[str, Any]
MARKS = {"better": " ▲", "worse": " ▼"}

INTERVALS = (
    *("tau", "rho", "weighted_tau", "tau_given_size", "delta_params"),
    *("lost", "over_random", "lost_top5"),
)
COLUMNS = (
    *("table", "space", "target", "score", "part", "sign", "n"),
    *(name + end for name in INTERVALS for end in ("", "_low", "_high")),
    *(
        "tau_within_bins",
        "delta_params_p",
        "delta_params_q",
        "significance",
        "trained_on",
        "cross_validated",
    ),
    *("seconds_per_arch", "seconds_alone", "cost", "failed"),
)

OF_TOP = ("k", "ndcg", "precision", "best", "regret", "regret_low", "regret_high", "random")
TOP = tuple(f"top_{name}" for name in OF_TOP)
SPLITS = tuple(f"splits_{name}" for name in ("n", "tau_mean", "tau_sd", "delta_mean", "delta_sd"))


def by_pair(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Rows by table and target, in their order; of old runs, by space and target."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.get("table", row["space"]), row["target"]), []).append(row)
    return found


def mean_regret(row: Row, *, top5: bool = False) -> float | None:
    """Mean over the budgets of the accuracy lost, in percentage points."""
    found = [(each["top5"] if top5 else each)["regret"] for each in row.get("regret") or ()]
    return sum(found) / len(found) if found else None


def cost_of(row: Row) -> str:
    """What a short training costs in whole ones; a dash where nothing was trained."""
    return f"{row['cost']:.3f}" if "cost" in row else "–"


def label(row: Row, rows: Sequence[Row]) -> str:
    """The score's name; with the number of architectures if they are fewer than others had."""
    fewer = row["n"] < max(each["n"] for each in rows)
    return f"{row['score']} (n = {row['n']})" if fewer else str(row["score"])


def summary_table(rows: Sequence[Row]) -> list[str]:
    """The rows as aligned text, one block per table and target."""
    lines: list[str] = []
    for (table, target), mine in by_pair(rows).items():
        names = [label(row, mine) for row in mine]
        width = max(20, *(min(len(name), 40) for name in names)) + 2
        head = f"{'score':<{width}}{'τ [95 %]':<22}{'ρ':<8}{'weighted τ':<12}{'τ given size':<22}"
        most = max(row["n"] for row in mine)
        what = mine[0].get("of", "architectures")
        lines += [*([""] if lines else []), f"{table}, {target}, {most} {what}"]
        costs = any("cost" in row for row in mine)
        between = f"{'trainings':<11}" if costs else ""
        top = f"{'nDCG':<7}{'P@k':<6}{'regret@k [95 %]':<21}"
        lines.append(
            f"{head}{'in bins':<9}{'lost [95 %]':<21}{'over random':<24}{top}{between}Δ #params"
        )
        for name, row in zip(names, mine, strict=True):
            lines.append(_line(name, row, width, f"{cost_of(row):<11}" if costs else ""))
    return lines


def _line(name: str, row: Row, width: int, cost: str) -> str:
    # The end of a path or of a name tells more than its beginning.
    name = name if len(name) <= width - 2 else "…" + name[3 - width :]
    if row["tau"] is None:
        return f"{name:<{width}}{row['failed']}"
    mark = MARKS.get(row.get("significance") or "", "")
    beside_size = f"{_interval(row, 'delta_params')}{mark}"
    return (
        f"{name:<{width}}{_interval(row, 'tau'):<22}{_number(row.get('rho')):<8}"
        f"{_number(row.get('weighted_tau')):<12}{_interval(row, 'tau_given_size'):<22}"
        f"{_number(row.get('tau_within_bins')):<9}{_interval(row, 'lost', ''):<21}"
        f"{_interval(row, 'over_random'):<24}{_top(row)}{cost}{beside_size}"
    )


def _top(row: Row) -> str:
    top = row.get("top") or {}
    ndcg, precision = (_plain(top.get(name)) for name in ("ndcg", "precision"))
    return f"{ndcg:<7}{precision:<6}{_interval(top, 'regret', ''):<21}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _interval(row: Row, name: str, sign: str = "+") -> str:
    value, low, high = (row.get(name + suffix) for suffix in ("", "_low", "_high"))
    if value is None or low is None or high is None:
        return "–" if value is None else f"{value:{sign}.2f}"
    return f"{value:{sign}.2f} [{low:{sign}.2f}, {high:{sign}.2f}]"


def to_csv(rows: Sequence[Row]) -> str:
    """One line per row, numbers in full; what a row does not have is empty."""
    budgets = max((len(row.get("regret") or ()) for row in rows), default=0)
    regrets = [f"{name}_{i + 1}" for i in range(budgets) for name in ("budget", "top1", "top5")]
    stable = [f"{kind}_{name}" for kind in ("init", "batch") for name in _STABLE]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS, *TOP, *SPLITS, *regrets, *stable], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        cells = {name: row.get(name) for name in COLUMNS} | _regret_cells(row) | _stable_cells(row)
        cells |= {f"top_{name}": value for name, value in (row.get("top") or {}).items()}
        cells |= {f"splits_{name}": value for name, value in (row.get("splits") or {}).items()}
        writer.writerow(cells)
    return text.getvalue()


_STABLE = ("seeds", "tau_mean", "tau_sd", "agreement")


def _regret_cells(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, each in enumerate(row.get("regret") or (), start=1):
        found[f"budget_{number}"] = each["budget"]
        found[f"top1_{number}"], found[f"top5_{number}"] = each["regret"], each["top5"]["regret"]
    return found


def _stable_cells(row: Row) -> dict[str, Any]:
    kinds = row.get("stability") or {}
    return {
        f"{kind}_{name}": each[name] for kind, each in kinds.items() if each for name in _STABLE
    }


_SPECIAL = {
    **{character: "\\" + character for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "τ": r"$\tau$",
    "ρ": r"$\rho$",
    "−": "$-$",
    "·": r"$\cdot$",
    "…": r"\ldots{}",
}


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)


def to_latex(rows: Sequence[Row]) -> str:
    """A ``table`` per table and target, to be put into a document that loads ``booktabs``."""
    head = (
        r"score & $\tau$ & 95\,\% & $\rho$ & weighted $\tau$ & $\tau$ given size & 95\,\% "
        r"& in bins & $\Delta$\,\#params & 95\,\% & top-1 & 95\,\% "
        r"& over random & 95\,\% & top-5\,\% & 95\,\% "
        r"& nDCG & P@$k$ & regret@$k$ & 95\,\%"
    )
    lines = ["% Needs \\usepackage{booktabs}. Regret in percentage points, mean over the budgets."]
    for (table, target), mine in by_pair(rows).items():
        most = max(row["n"] for row in mine)
        costs = any("cost" in row for row in mine)
        lines += [
            r"\begin{table}",
            rf"\caption{{{_escaped(f'{table}, {target}')}, {most} architectures}}",
            rf"\begin{{tabular}}{{lrlrrrlrrlrlrlrlrrrl{'r' if costs else ''}}}",
            r"\toprule",
            head + (r" & trainings \\" if costs else r" \\"),
            r"\midrule",
            *(_latex_row(label(row, mine), row, costs=costs) for row in mine),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    return "\n".join(lines)


def _latex_row(called: str, row: Row, *, costs: bool) -> str:
    name, top = _escaped(called), row.get("top") or {}
    if row["tau"] is None:
        return rf"{name} & \multicolumn{{{19 + costs}}}{{l}}{{{_escaped(row['failed'])}}} \\"
    cells = [
        name,
        *_latex_interval(row, "tau"),
        _latex_number(row.get("rho")),
        _latex_number(row.get("weighted_tau")),
        *_latex_interval(row, "tau_given_size"),
        _latex_number(row.get("tau_within_bins")),
        *_latex_interval(row, "delta_params"),
        *_latex_interval(row, "lost"),
        *_latex_interval(row, "over_random"),
        *_latex_interval({"lost_top5": mean_regret(row, top5=True)} | dict(row), "lost_top5"),
        *(_latex_number(top.get(name)) for name in ("ndcg", "precision")),
        *_latex_interval(top, "regret"),
        *([cost_of(row).replace("–", "--")] if costs else []),
    ]
    return " & ".join(cells) + r" \\"


def _latex_number(value: float | None) -> str:
    return "--" if value is None else f"${value:.2f}$"


def _latex_interval(row: Row, name: str) -> tuple[str, str]:
    value, low, high = (row.get(name + suffix) for suffix in ("", "_low", "_high"))
    ends = "" if low is None or high is None else f"$[{low:.2f}, {high:.2f}]$"
    return _latex_number(value), ends
