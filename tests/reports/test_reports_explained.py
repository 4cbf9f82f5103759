"""Explanations, collapse checks, regret, fronts, and runs set side by side."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import fake_runs
import pytest
from page_reader import EVIL, Page, page_of, poisoned

from autodas.cli.main import main
from autodas.core.errors import InvalidInput
from autodas.reports import build, compare

# ---- explanations, regret, fronts -------------------------------------------------------------


def test_an_explanation_has_words_terms_and_dependence(tmp_path: Path) -> None:
    page = page_of(tmp_path, fake_runs.explain())
    ids = {attributes.get("id") for attributes in page.of("h2")}
    assert {"summary", "explained", "collapse", "cost"} <= ids
    assert not {"proxy", "ranking", "search", "students"} & ids
    charts = Counter(a["aria-labelledby"].split("-")[0] for a in page.of("svg"))
    assert charts == {"formula": 1, "size": 1, "parts": 1, "changes": 1}
    assert "Simplification removes 1 nodes" in page.words
    assert "Kendall τ with accuracy on 40 architectures of digits-cnn" in page.words
    assert "cannot be told apart by stages or layers: it has no mean" in page.words
    assert page.words.count("explained to R² 0.91 by Σ √numel·ln(channels)") >= 2
    assert "cannot be used" in page.words


def test_a_drawing_is_shown_where_it_can_do_nothing(tmp_path: Path) -> None:
    run = fake_runs.write_run(tmp_path / "run", fake_runs.explain())
    assert not Page(build(run).read_text(encoding="utf-8")).of("img")
    (run / "graph.svg").write_text("<svg><script>alert(1)</script></svg>", encoding="utf-8")
    text = build(run).read_text(encoding="utf-8")
    (image,) = Page(text).of("img")
    assert image["src"].startswith("data:image/svg+xml;base64,")
    assert image["alt"] == "Graph of the formula: logarithm of the mean over layers minus something"
    assert "alert(1)" not in text
    (run / "graph.svg").write_text("x" * (1 << 21), encoding="utf-8")
    assert not Page(build(run).read_text(encoding="utf-8")).of("img")


@pytest.mark.parametrize("wrap", [lambda c: [c], lambda c: {"digits-cnn": c}])
def test_the_collapse_check_of_a_discovery_is_shown(tmp_path: Path, wrap: Any) -> None:
    found = fake_runs.discover() | {"collapse": wrap(fake_runs.collapse())}
    assert "explained to R² 0.91" in page_of(tmp_path, found).words


def test_a_collapse_check_beside_the_formula_is_shown(tmp_path: Path) -> None:
    found = fake_runs.discover()
    found["proxy"]["collapse"] = fake_runs.collapse()
    assert "explained to R² 0.91" in page_of(tmp_path, found).words


def test_a_failed_check_is_told(tmp_path: Path) -> None:
    failed = fake_runs.collapse() | {
        "variants": [],
        "single": None,
        "pair": None,
        "failed": "constant score",
        "sentence": "Could not be checked on digits-cnn: constant score.",
    }
    page = page_of(tmp_path, fake_runs.discover() | {"collapse": failed})
    assert "Could not be checked on digits-cnn: constant score." in page.words


def test_a_benchmark_shows_regret_stability_and_weighted_tau(tmp_path: Path) -> None:
    page = page_of(tmp_path, fake_runs.benchmark())
    assert "weighted τ" in page.words
    assert "0.83 [0.73, 0.93]" in page.words
    charts = Counter(a["aria-labelledby"].split("-")[0] for a in page.of("svg"))
    assert charts["regret"] == 2
    assert "≤ 5 000 16 fit" in page.words.replace("\u202f", " ")
    assert re.search(r"largest that fits\s*0\.90\s*0\.90\s*0\.90\s*0\.90", page.words)
    assert "0.60 ± 0.03 0.55 to 0.64, 5 seeds" in page.words


def test_a_proxy_of_other_spaces_comes_with_its_caution(tmp_path: Path) -> None:
    told = "proxy:mine was found on <i>resnet</i>, not on digits-cnn"
    page = page_of(tmp_path / "a", fake_runs.search("digits-cnn") | {"caution": told})
    assert told[1:] in page.words
    assert not page.of("i")
    assert "was found on" not in page_of(tmp_path / "b", fake_runs.search("digits-cnn")).words


def test_a_front_is_shown_whole(tmp_path: Path) -> None:
    page = page_of(tmp_path, fake_runs.pareto("digits-cnn"))
    assert "Pareto front of digits-cnn" in page.words
    assert "front-11" in page.words
    assert "memory" in page.words
    assert "regret 0.80 points; one choice, no interval" in page.words
    assert "the choice by score loses 0.80 points to the best, the largest that fits 1.50" in (
        page.words
    )


def test_points_and_chosen_architectures_are_named(tmp_path: Path) -> None:
    run = fake_runs.write_demo(tmp_path / "demo")
    results = json.loads((run / "search-digits-cnn" / "results.json").read_text())
    results["students"][0]["arch"] = "a-90"
    (run / "search-digits-cnn" / "results.json").write_text(json.dumps(results))
    text = build(run).read_text(encoding="utf-8")
    # By score and by size, in both spaces.
    named = re.findall(r"<use [^>]*><title>a-90: [\d.]+ %, score [\d.]+", text)
    assert len(named) == 4
    (first, other) = re.findall(
        r'<svg class="chart"[^>]*"scatter-\d-title.*?</svg>', text, flags=re.DOTALL
    )
    assert ">chosen<" in first
    assert ">chosen<" not in other
    assert "chosen: a-90" in text


def test_an_ablation_has_a_table_and_figures_for_each_study(tmp_path: Path) -> None:
    page = page_of(tmp_path, fake_runs.ablation())
    assert "How parents are chosen." in page.words
    assert "Selection: mean τ 0.58 with adaptive; random −0.10 (worse)." in page.words
    assert re.search(r"random\s*digits-cnn\s*0\.50 \[0\.45, 0\.55\]\s*−0\.10", page.words)
    assert re.search(r"adaptive\s*digits-vit \(held out\)", page.words)
    assert re.search(r"fixed\s*–\s*–", page.words)
    charts = Counter(a["aria-labelledby"].split("-")[0] for a in page.of("svg"))
    assert charts == {"forest": 2}


# ---- several runs -----------------------------------------------------------------------------


@pytest.fixture
def two_runs(tmp_path: Path) -> list[Path]:
    better = fake_runs.discover()
    for row in better["rows"]:
        if row["score"] == "proxy":
            row["tau"] += 0.05
    better["collapse"] = fake_runs.collapse()
    return [
        fake_runs.write_run(tmp_path / "a" / "run", fake_runs.discover(), {"seed": 0, "jobs": 2}),
        fake_runs.write_run(tmp_path / "b" / "run", better, {"seed": 1, "jobs": 2}),
        fake_runs.write_demo(tmp_path / "demo"),
    ]


def test_runs_are_compared(two_runs: list[Path], tmp_path: Path) -> None:
    text = compare(two_runs, tmp_path / "all.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "a/run" in page.words
    assert "b/run" in page.words
    assert re.search(r"b/run\s*discovered proxy\s*32\s*0\.83", page.words)
    # #params is the same everywhere and stands there once per space.
    assert len(re.findall(r"#params\s*32\s*0\.61", page.words)) == 1
    assert re.search(r"\bseed\s*0\s*1", page.words)
    assert "explained to R² 0.91" in page.words
    ids = Counter(a["id"] for _, a in page.tags if "id" in a)
    assert [name for name, times in ids.items() if times > 1] == []
    assert page.of("script") == [{}]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_one_run_is_no_comparison(two_runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="at least two"):
        compare([two_runs[0], two_runs[0]], tmp_path / "all.html")


def test_the_command_compares(
    two_runs: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "all.html"
    assert main(["report", *map(str, two_runs), "--comparison", str(target), "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"report": str(target)}
    assert target.exists()
    assert not (two_runs[0] / "report.html").exists()


def test_what_stands_in_compared_runs_stays_text(tmp_path: Path) -> None:
    runs = [
        fake_runs.write_run(tmp_path / name, poisoned(fake_runs.discover()), {"seed": EVIL})
        for name in "ab"
    ]
    text = compare(runs, tmp_path / "all.html").read_text(encoding="utf-8")
    assert Page(text).of("script") == [{}]
    assert text.count("alert(") == text.count("&lt;script&gt;alert(")
