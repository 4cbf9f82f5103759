"""The page: self-contained, accessible, safe against what stands in a run, and stable."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fake_runs
import pytest
from page_reader import EVIL, Page, page_of, poisoned

from autodas.cli.main import main
from autodas.core.errors import FileProblem
from autodas.reports import build


@pytest.fixture(scope="session")
def demo_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    run = fake_runs.write_demo(tmp_path_factory.mktemp("runs") / "demo")
    target = build(run)
    assert target == run / "report.html"
    return target.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def demo_page(demo_text: str) -> Page:
    return Page(demo_text)


# ---- what it says -----------------------------------------------------------------------------


def test_the_summary_comes_first_and_is_plain(demo_page: Page) -> None:
    words = demo_page.words
    summary = words[words.index("Asked") : words.index("The formula", words.index("Asked"))]
    assert "ranks the students of digits-cnn and digits-vit" in summary
    assert "at most 20 000 parameters" in summary
    assert "Better. On digits-cnn the proxy ranks better than the number of parameters" in summary
    assert (
        "No clear gain. On digits-vit the proxy is not shown to rank better than the number of "
        "parameters alone: τ = 0.66 against 0.64 on 32 architectures that the search never saw "
        "(difference +0.02, 95 % interval [−0.05, +0.09])." in summary
    )


def test_every_section_of_a_demo_is_there(demo_page: Page) -> None:
    ids = {attributes.get("id") for attributes in demo_page.of("h2")}
    assert ids == {"summary", "proxy", "ranking", "search", "students", "cost", "again", "words"}
    charts = Counter(a["aria-labelledby"].split("-")[0] for a in demo_page.of("svg"))
    assert charts == {
        "formula": 1,
        "search": 1,
        "scatter": 2,
        "forest": 2,
        "budget": 2,
        "students": 2,
        "training": 2,
        "classes": 2,
    }


def test_the_honest_table_has_every_score_with_its_interval(demo_page: Page) -> None:
    for text in ("discovered proxy", "#params", "MACs", "depth", "DisWOT relation"):
        assert text in demo_page.words
    assert "0.78 [0.67, 0.89]" in demo_page.words
    assert "−0.09 [−0.16, −0.02]" in demo_page.words


def test_the_top_of_the_list_is_a_table_of_its_own(demo_page: Page) -> None:
    words = demo_page.words
    assert "The 10 architectures of highest score: discounted gain" in words
    assert "nDCG" in words
    assert "random ones" in words
    assert "random ones–––4.25" in words


def test_it_can_be_done_again(demo_page: Page) -> None:
    assert 'spaces = [ "digits-cnn", "digits-vit", ]' in " ".join(demo_page.text.split())
    assert "generations = 40" in demo_page.text
    assert "torch" in demo_page.words


@pytest.mark.parametrize(
    ("results", "present", "absent"),
    [
        (fake_runs.discover(), {"proxy", "ranking"}, {"search", "students"}),
        (fake_runs.search("digits-cnn"), {"search"}, {"proxy", "ranking", "students"}),
        (fake_runs.distill("digits-vit"), {"students"}, {"proxy", "ranking", "search"}),
    ],
    ids=["discover", "search", "distill"],
)
def test_a_single_step_has_its_sections_only(
    tmp_path: Path, results: dict[str, Any], present: set[str], absent: set[str]
) -> None:
    page = page_of(tmp_path, results)
    ids = {attributes.get("id") for attributes in page.of("h2")}
    assert present <= ids
    assert not absent & ids
    targets = {attributes["href"][1:] for attributes in page.of("a")}
    assert targets == ids


def test_a_benchmark_does_not_claim_unseen_architectures(tmp_path: Path) -> None:
    found = fake_runs.discover()
    page = page_of(
        tmp_path,
        {"command": "benchmark", "rows": found["rows"], "pairs": [], "seconds": 1, "verdict": []},
    )
    assert "unseen" not in page.words
    assert "never saw" not in page.words
    assert "0.78 [0.67, 0.89]" in page.words


def test_a_failed_proxy_is_said_to_have_failed(tmp_path: Path) -> None:
    results = fake_runs.discover()
    for row in results["rows"]:
        if row["score"] == "proxy":
            row |= {"tau": None, "failed": "constant score"}
    for cloud in results["scatter"]:
        cloud["score"] = None
    page = page_of(tmp_path, results)
    assert "Failed. On digits-cnn the proxy gives no ranking: constant score." in page.words
    assert "could not be computed: constant score" in page.words
    assert "scatter-1-title" not in {a.get("id") for _, a in page.tags}


def test_gaps_in_the_data_are_left_out(tmp_path: Path) -> None:
    """Accuracies that are missing, one generation, no seconds, no history, no budget."""
    found = fake_runs.discover()
    found["scatter"][0]["accuracy"][3] = None
    found["history"] = found["history"][:1]
    found["proxy"].pop("latex")
    for key in ("seconds", "pairs", "distinct", "failures", "networks_measured"):
        found.pop(key)
    found["rows"][0]["delta_params"] = None
    found["rows"][0] |= {"delta_params_low": None, "delta_params_high": None}
    found["rows"][1] |= {"tau_low": None, "tau_high": None}
    for row in found["rows"]:
        row.pop("seconds_per_arch")
    page_of(tmp_path / "a", found)
    searched = fake_runs.search("digits-cnn")
    searched["budgets"] = {}
    searched["random"] = []
    page_of(tmp_path / "b", searched)
    trained = fake_runs.distill("digits-cnn")
    trained["students"] = trained["students"][:1]
    trained["students"][0] |= {"vanilla": None, "history": []}
    trained["students"][0]["accuracies"] = [96.0]
    trained["teacher_accuracy"] = None
    del trained["confusion"]
    page = page_of(tmp_path / "c", trained)
    assert [a["aria-labelledby"].split("-")[0] for a in page.of("svg")] == ["students"]


# ---- self-contained ---------------------------------------------------------------------------


def test_nothing_is_loaded_from_anywhere(demo_text: str, demo_page: Page) -> None:
    assert not demo_page.of("link", "iframe", "object", "embed", "base", "form")
    assert demo_page.of("script") == [{}]
    for tag, attributes in demo_page.tags:
        for name, value in attributes.items():
            if name in {"href", "src", "xlink:href", "action", "data", "srcset"}:
                allowed = "data:image/svg+xml;base64," if tag == "img" else "#"
                assert value.startswith(allowed), (tag, name, value)
            assert not name.startswith("on")
    assert not re.search(r"url\((?!#)", demo_text)
    assert "@import" not in demo_text
    addresses = set(re.findall(r"https?://[^\s\"'<]+", demo_text))
    assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_it_forbids_itself_to_load_anything(demo_page: Page) -> None:
    (policy,) = [a["content"] for a in demo_page.of("meta") if "http-equiv" in a]
    assert policy.startswith("default-src 'none'")


def test_the_only_script_it_lets_run_is_its_own(demo_text: str, demo_page: Page) -> None:
    (policy,) = [a["content"] for a in demo_page.of("meta") if "http-equiv" in a]
    (script,) = re.findall(r"<script>(.*?)</script>", demo_text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "eval" not in script
    assert "innerHTML" not in script


def test_it_is_small(demo_text: str) -> None:
    assert len(demo_text) < 600_000


def test_equal_runs_give_equal_pages(tmp_path: Path) -> None:
    run = fake_runs.write_run(tmp_path / "run", fake_runs.distill("digits-cnn"))
    first = build(run).read_bytes()
    assert build(run).read_bytes() == first


def test_very_many_points_are_thinned_out(tmp_path: Path) -> None:
    results = fake_runs.search("digits-cnn")
    results["points"] = {"params": list(range(1, 50_001)), "score": [0.1] * 50_000}
    run = fake_runs.write_run(tmp_path / "run", results)
    assert build(run).stat().st_size < 400_000


# ---- safe -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "results",
    [
        fake_runs.discover(),
        fake_runs.benchmark(),
        fake_runs.explain(),
        fake_runs.search("x"),
        fake_runs.pareto("x"),
        fake_runs.distill("x"),
        fake_runs.contested("x"),
    ],
    ids=["discover", "benchmark", "explain", "search", "pareto", "distill", "contest"],
)
def test_what_stands_in_a_run_stays_text(tmp_path: Path, results: dict[str, Any]) -> None:
    results = poisoned(results)
    run = fake_runs.write_run(tmp_path / "run", results)
    (run / "config.toml").write_text(f"a = '''{EVIL}'''")
    (run / "environment.json").write_text(json.dumps({"python": EVIL, "command_line": [EVIL]}))
    text = build(run).read_text(encoding="utf-8")
    page = Page(text)
    assert page.of("script") == [{}]
    assert text.count("alert(") == text.count("&lt;script&gt;alert(")
    assert "{{ 7 * 7 }}" in page.text


def test_a_part_outside_the_run_is_refused(tmp_path: Path) -> None:
    fake_runs.write_run(tmp_path / "secret", fake_runs.search("digits-cnn"))
    run = fake_runs.write_run(tmp_path / "demo", {"command": "demo", "search": ["../secret"]})
    with pytest.raises(FileProblem, match="names a part outside the run"):
        build(run)


# ---- accessible -------------------------------------------------------------------------------


def test_names_are_unique_and_references_find_them(demo_text: str, demo_page: Page) -> None:
    ids = Counter(a["id"] for _, a in demo_page.tags if "id" in a)
    assert [name for name, times in ids.items() if times > 1] == []
    for _, attributes in demo_page.tags:
        for name in attributes.get("aria-labelledby", "").split():
            assert name in ids
        for key in ("href", "xlink:href"):
            if attributes.get(key, "").startswith("#"):
                assert attributes[key][1:] in ids
    assert set(re.findall(r"url\(#([^)]+)\)", demo_text)) <= ids.keys()


def test_every_chart_can_be_read_aloud(demo_page: Page) -> None:
    charts = [a for a in demo_page.of("svg") if a.get("class") == "chart"]
    assert len(charts) == len(demo_page.of("svg"))
    assert all(a["role"] == "img" for a in charts)
    assert len(demo_page.of("desc")) == len(charts)
    assert "Best fitness rises from 0.31 to 0.78 in 40 generations" in demo_page.words


def test_headings_descend_by_one(demo_page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in demo_page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_tables_name_their_rows_and_columns(demo_page: Page) -> None:
    assert all(a.get("scope") in {"row", "col"} for a in demo_page.of("th"))
    assert len(demo_page.of("caption")) >= 7
    assert demo_page.of("html")[0]["lang"] == "en"
    assert demo_page.of("title")


def test_colours_follow_the_reader(demo_text: str) -> None:
    """Figures have no colour of their own; every variable exists, in the dark as well."""
    charts = "".join(re.findall(r"<svg.*?</svg>", demo_text, flags=re.DOTALL))
    assert not re.search(r"#[0-9a-fA-F]{6}", charts)
    assert "font-family" not in charts
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", demo_text))
    light, dark = re.findall(r":root \{(.*?)\}", demo_text, flags=re.DOTALL)[:2]
    assert used <= set(re.findall(r"(--[a-z0-9-]+):", light))
    assert used <= set(re.findall(r"(--[a-z0-9-]+):", dark))


def _luminance(colour: str) -> float:
    def linear(part: str) -> float:
        value = int(part, 16) / 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(colour[i : i + 2]) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_has_enough_contrast(demo_text: str) -> None:
    """At least 4.5 to 1, as WCAG 2.1 asks of text, in both schemes."""
    for block in re.findall(r":root \{(.*?)\}", demo_text, flags=re.DOTALL)[:2]:
        colours = dict(re.findall(r"(--[a-z0-9-]+): (#[0-9a-f]{6})", block))
        pairs = [("--ink", "--paper"), ("--muted", "--paper"), ("--muted", "--card")]
        pairs += [("--accent", "--paper"), ("--series-1", "--paper"), ("--series-2", "--paper")]
        pairs += [(f"--{name}", f"--{name}-back") for name in ("good", "open", "bad")]
        pairs += [("--ink", f"--{name}-back") for name in ("good", "open", "bad")]
        for front, back in pairs:
            one, other = sorted((_luminance(colours[front]), _luminance(colours[back])))
            assert (other + 0.05) / (one + 0.05) >= 4.5, (front, back)


# ---- unusable runs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "holds no results.json"),
        ("{", "not valid JSON"),
        ("[]", "is of no step a report knows"),
        ('{"command": "measure"}', "is of no step a report knows"),
        ('{"command": "discover"}', "is not what 'discover' writes"),
        ('{"command": "search", "students": []}', "is not what 'search' writes"),
        ('{"command": "demo", "search": ["absent"]}', "is not a run directory"),
    ],
)
def test_a_run_that_is_none_is_told_in_one_line(
    tmp_path: Path, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    with pytest.raises(FileProblem, match=re.escape(words)) as caught:
        build(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    "results",
    [
        fake_runs.search("digits-cnn") | {"students": []},
        fake_runs.search("digits-cnn") | {"students": 3},
        fake_runs.discover()
        | {"scatter": [{**fake_runs.scatter("digits-cnn", 0), "accuracy": ["high"] * 96}]},
    ],
    ids=["index", "type", "value"],
)
def test_results_of_another_shape_are_told_in_one_line(
    tmp_path: Path, results: dict[str, Any]
) -> None:
    run = fake_runs.write_run(tmp_path, results)
    with pytest.raises(FileProblem, match=r"is not what .(search|discover). writes") as caught:
        build(run)
    assert "\n" not in str(caught.value)


def test_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = fake_runs.write_run(tmp_path / "run", fake_runs.search("digits-cnn"))
    assert main(["report", str(run), "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"report": str(run / "report.html")}
    assert (run / "report.html").exists()
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no results.json" in capfd.readouterr().err


def test_figures_stand_alone_as_files(tmp_path: Path) -> None:
    page_of(tmp_path, fake_runs.discover())
    files = sorted((tmp_path / "run" / "figures").iterdir())
    assert {path.name for path in files} >= {"search-curve.svg", "scatter-1.svg", "forest-1.svg"}
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "var(" not in text
        assert ElementTree.fromstring(text).tag.endswith("svg")


def test_what_the_formula_sees_is_said_beside_it(tmp_path: Path) -> None:
    found = fake_runs.discover()
    found["proxy"]["sees"] = "The formula reads layer sizes only."
    assert "The formula reads layer sizes only." in page_of(tmp_path, found).words


def test_tables_can_be_sorted_by_numbers(demo_text: str) -> None:
    assert demo_text.count('<table class="sortable">') >= 5
    assert re.search(r'<td data-value="0.78">0.78 <small>', demo_text)
    assert re.search(r'<td data-value="0.013">13 ms', demo_text)
