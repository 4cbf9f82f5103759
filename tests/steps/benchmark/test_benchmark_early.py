"""Short trainings of a table as rivals of scores: ``early:1/9``."""

from __future__ import annotations

import csv
import json
import re
from fractions import Fraction

import numpy as np
import pytest

import autodas
from autodas.cli.listing import ListConfig
from autodas.cli.listing import run as listing
from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.results import Failed
from autodas.fitness import correlate
from autodas.reports import build
from autodas.steps.benchmark import run as benchmark
from autodas.steps.benchmark.comparison import Comparison
from autodas.steps.benchmark.contenders import contenders
from autodas.steps.benchmark.early import Early, after, get_early
from autodas.steps.benchmark.run import BenchmarkConfig
from autodas.tables import LabelRow, load_table, read_table, write_labels
from autodas.workbench.families import load_family
from autodas.workbench.protocol import Protocol

HEADER = {"space": "digits-vit", "dataset": "digits", "rungs": {"1/9": "3/25", "1/3": "1/3"}}
COUNT = 30


def rows_of_labels(rungs=True):
    """Two seeds: each measure agrees with the accuracy up to a shuffle of its own."""
    rng = np.random.default_rng(0)
    for number, arch in enumerate(load_table("digits-vit").architectures[:COUNT]):
        accuracy = 60.0 + number + rng.normal(0, 2)
        for seed in (0, 1):
            measured = {
                "accuracy@1/9": 20.0 + number + rng.normal(0, 9),
                "cross_entropy@1/9": 5.0 - number / 10 + rng.normal(0, 0.5),
                "kd_loss@1/9": 9.0 - number / 10 + rng.normal(0, 1),
                "accuracy@1/3": 40.0 + number + rng.normal(0, 3),
                "agreement@1/9": 30.0 + number + rng.normal(0, 9),
            }
            extra = measured if rungs else {}
            yield LabelRow(arch, accuracy + seed, seed, "distilled", extra=extra)
            # Of trainings without a teacher nothing is to be seen in the scores.
            backwards = dict.fromkeys(extra, 99.0 - number)
            yield LabelRow(arch, accuracy - 5, seed, "vanilla", extra=backwards)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("early") / "mine.csv"
    write_labels(path, rows_of_labels(), HEADER)
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A table without short trainings."""
    path = tmp_path_factory.mktemp("plain") / "plain.csv"
    write_labels(path, rows_of_labels(rungs=False), {k: HEADER[k] for k in ("space", "dataset")})
    return path


@pytest.fixture(scope="module")
def found(path, tmp_path_factory):
    """A benchmark of everything that short trainings can say, and its folder."""
    out = tmp_path_factory.mktemp("benchmark") / "run"
    scores = (
        "early:1/9,early:accuracy@1/9",
        "early:kd_loss@1/9",
        "early:agreement@1/9",
        "early:1/27",
        "early:1/3",
    )
    config = BenchmarkConfig(
        out=out, table=(str(path),), scores=scores, time=True, page=out.parent / "page.md", jobs=1
    )
    return benchmark.run(config), out


def row_of(results, score):
    (row,) = (row for row in results["rows"] if row["score"] == score)
    return row


def first_seed(path, column):
    """Of every architecture, in the order of the table; read anew from the file."""
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    mine = {r["arch"]: r for r in rows if (r["training"], r["seed"]) == ("distilled", "0")}
    values = {arch: float(row[column] or "nan") for arch, row in mine.items()}
    return np.array([values[arch] for arch in read_table(path).architectures])


@pytest.mark.parametrize(
    ("score", "column", "sign"),
    [
        ("early:1/9", "cross_entropy@1/9", -1),
        ("early:accuracy@1/9", "accuracy@1/9", 1),
        ("early:kd_loss@1/9", "kd_loss@1/9", -1),
        ("early:agreement@1/9", "agreement@1/9", 1),
    ],
)
def test_architectures_are_ranked_by_what_the_first_seed_had_reached(
    found, path, score, column, sign
):
    row = row_of(found[0], score)
    truth = read_table(path).target("distilled").values
    expected = correlate(sign * first_seed(path, column), truth).value.value
    assert row["tau"] == pytest.approx(expected)
    assert row["tau"] > 0.4
    assert row["n"] == COUNT
    best = max(zip(sign * first_seed(path, column), read_table(path).architectures, strict=True))
    assert row["regret"][-1]["chosen"] == best[1]


def test_every_table_tells_what_a_training_costs(found):
    results, out = found
    cost = row_of(results, "early:1/9")["cost"]
    latex = (out / "table.tex").read_text()
    assert r"& trainings \\" in latex
    (line,) = (each for each in latex.splitlines() if each.startswith("early:1/9 &"))
    assert line.endswith(rf"& {cost:.3f} \\")
    sizes = next(each for each in latex.splitlines() if each.startswith("params &"))
    assert sizes.endswith(r"& -- \\")
    (columns,) = re.findall(r"\\begin\{tabular\}\{([lr]+)\}", latex)
    assert len(columns) == line.count("&") + 1
    page = build(out).read_text()
    assert "trainings each" in page
    assert f'data-value="{cost}">{cost:.3f}</td>' in page


def test_what_was_not_measured_is_a_failure_with_its_reason(found):
    row = row_of(found[0], "early:1/27")
    assert (row["tau"], row["n"]) == (None, COUNT)
    assert row["failed"] == (
        "no rung 1/27, the table has 1/9, 1/3; autodas label --rungs 1/27 makes it"
    )
    assert "cost" not in row
    # There is this rung, and nobody looked at cross-entropies.
    assert row_of(found[0], "early:1/3")["failed"] == "score is not finite everywhere"


def test_a_table_without_short_trainings_says_how_they_are_made(plain, tmp_path):
    config = BenchmarkConfig(
        out=tmp_path / "run", table=(str(plain),), scores=("early:1/9",), jobs=1
    )
    results = benchmark.run(config)
    assert row_of(results, "early:1/9")["failed"] == (
        "no rung 1/9, the table has none; autodas label --rungs 1/9 makes it"
    )
    assert row_of(results, "params")["tau"] is not None
    assert not any("trainings" in line for line in results["summary"])


def test_the_cost_stands_in_every_table(found):
    results, out = found
    assert row_of(results, "early:1/9")["cost"] == pytest.approx(3 / 25)
    saved = json.loads((out / "results.json").read_text())
    assert row_of(saved, "early:accuracy@1/9")["cost"] == pytest.approx(3 / 25)
    assert "cost" not in row_of(results, "params")
    with (out / "table.csv").open(newline="") as handle:
        cells = {line["score"]: line["cost"] for line in csv.DictReader(handle)}
    assert (cells["early:1/9"], cells["params"]) == ("0.12", "")
    head, *lines = results["summary"][1:]
    column = head.index("trainings")
    shown = {line.split()[0]: line[column : column + 5] for line in lines if line}
    assert (shown["early:1/9"], shown["params"]) == ("0.120", "–    ")
    assert head[: head.index("Δ")].rstrip().endswith("trainings")
    page = (out.parent / "page.md").read_text().splitlines()
    (titles,) = (line for line in page if line.startswith("| score |"))
    assert f"|{'---|' * (titles.count('|') - 1)}" in page
    assert titles.endswith("| s | trainings |")
    rows = {line.split("`")[1]: line for line in page if line.startswith("| `")}
    assert rows["early:1/9"].endswith("| – | 0.120 |")
    assert rows["params"].endswith("| – |")
    assert {line.count("|") for line in rows.values()} == {titles.count("|")}
    assert "*Trainings* is what a short training" in " ".join(page)


def test_without_short_trainings_no_table_speaks_of_them(path, tmp_path):
    config = BenchmarkConfig(
        out=tmp_path / "run",
        table=(str(path),),
        scores=("params",),
        page=tmp_path / "page.md",
        jobs=1,
    )
    results = benchmark.run(config)
    page = (tmp_path / "page.md").read_text()
    assert "| sd, batch | s |\n" in page
    assert "rainings" not in page.replace("two trainings agree", "")
    assert not any("trainings" in line for line in results["summary"])


def test_seconds_are_not_what_a_training_costs(found):
    assert row_of(found[0], "early:1/9")["seconds_per_arch"] is None
    assert row_of(found[0], "early:1/9")["stability"] is None
    assert row_of(found[0], "params")["seconds_per_arch"] > 0


def test_a_part_of_a_table_is_ranked_by_its_own_rows(path):
    family = load_family(f"{path}:distilled", (), Protocol())
    comparison = Comparison(family, "report", 0)
    values, notes = comparison.values(get_early("early:accuracy@1/9"))
    expected = first_seed(path, "accuracy@1/9")[family.split.report]
    np.testing.assert_allclose(values.value, expected)
    assert notes == {"cost": pytest.approx(3 / 25)}


def test_another_seed_stands_in_for_one_that_has_failed(tmp_path):
    rows = [
        LabelRow("a", 60.0, 0, "distilled", extra={"accuracy@1/9": "", "kd_loss@1/9": ""}),
        LabelRow("a", 60.0, 1, "distilled", extra={"accuracy@1/9": 30.0, "kd_loss@1/9": 1.0}),
        LabelRow("b", 70.0, 0, "distilled", extra={"accuracy@1/9": 40.0, "kd_loss@1/9": ""}),
        LabelRow("b", 70.0, 1, "distilled", extra={"accuracy@1/9": 50.0, "kd_loss@1/9": ""}),
    ]
    write_labels(tmp_path / "a.csv", rows, HEADER | {"space": "mine"})
    table = read_table(tmp_path / "a.csv")
    accuracy = after(table, get_early("early:accuracy@1/9")).value
    assert (accuracy[0].tolist(), accuracy[1]) == ([30.0, 40.0], 0.12)
    np.testing.assert_equal(after(table, get_early("early:kd_loss@1/9")).value[0], [-1.0, np.nan])


def test_trainings_without_a_teacher_are_not_looked_at(tmp_path):
    rows = [LabelRow("a", 60.0, 0, "distilled", extra={"accuracy@1/9": ""})]
    rows += [LabelRow("a", 60.0, 0, "vanilla", extra={"accuracy@1/9": 30.0})]
    write_labels(tmp_path / "a.csv", rows, HEADER | {"space": "mine"})
    found = after(read_table(tmp_path / "a.csv"), get_early("early:1/9"))
    assert isinstance(found, Failed)
    assert "the table has none" in found.reason


def test_names_are_read_and_written_in_one_way():
    assert get_early("early:1/9") == Early("cross_entropy", Fraction(1, 9))
    assert get_early("early:kd_loss@0.5") == Early("kd_loss", Fraction(1, 2))
    spelt = ("early:2/18", "early:cross_entropy@1/9", "early:1/9", "early:accuracy@.5")
    names = [each.name for each in contenders(spelt).each]
    assert names == ["early:1/9", "early:accuracy@1/2", "params", "macs", "depth"]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("early:", InvalidInput, "such as 1/9, got ''"),
        ("early:1", InvalidInput, "such as 1/9, got '1'"),
        ("early:accuracy", InvalidInput, "such as 1/9, got 'accuracy'"),
        ("early:accuracy@", InvalidInput, "such as 1/9, got ''"),
        ("early:acuracy@1/9", UnknownName, "did you mean 'accuracy'"),
        ("early:@1/9", UnknownName, "cross_entropy"),
    ],
)
def test_what_cannot_be_meant_is_refused(name, error, message):
    with pytest.raises(error, match=message) as why:
        contenders([name])
    assert "\n" not in str(why.value)


def test_python_takes_them_too(path, tmp_path):
    results = autodas.benchmark(table=[str(path)], scores=["early:1/9"], out=tmp_path / "run")
    assert row_of(results, "early:1/9")["cost"] == pytest.approx(0.12)


def test_the_list_of_scores_tells_of_them():
    text = " ".join(" ".join(listing(ListConfig("scores"))["summary"]).split())
    assert "early:1/9 in benchmark: the cross-entropy after a ninth of every training" in text
    assert "early:accuracy@1/9, early:kd_loss@1/9 and early:agreement@1/9" in text
