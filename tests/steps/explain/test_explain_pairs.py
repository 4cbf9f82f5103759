"""What explain and benchmark say of all pairs of a table, beside simple rules."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from autodas.core.errors import FileProblem, InvalidInput
from autodas.fitness import COMPARISONS, PairGoodness
from autodas.reports import build
from autodas.spaces import get_space
from autodas.steps.benchmark import run as benchmark
from autodas.steps.discover import run as discover
from autodas.steps.explain import run as explain
from autodas.tables.labels import LabelRow, write_labels
from autodas.teachers import load_teacher
from autodas.workbench.measuring import measure_beside
from autodas.workbench.protocol import Protocol

SPACE = get_space("digits-cnn")
STUDENTS = [SPACE.encode(arch) for arch in SPACE.enumerate()][::4][:12]
NAMED = {
    "own": ("digits-cnn-teacher", 97.0),
    "raw": ("untrained:digits-cnn-teacher", 60.0),
    "other": ("fashion-cnn-teacher", 80.0),
}
FEW = Protocol(batch_size=6)


def short(rng: np.random.Generator) -> dict[str, float]:
    """What a ninth of a training has shown of a pair, by chance as well."""
    return {"accuracy@1/9": float(rng.integers(100)), "agreement@1/9": float(rng.integers(100))}


def told(teacher: str, accuracy: float) -> dict[str, object]:
    return {"name": teacher, "digest": load_teacher(teacher).digest, "accuracy": accuracy}


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> str:
    """Accuracies by chance, so that no score is right."""
    path = tmp_path_factory.mktemp("table") / "pairs.csv"
    rng, other = np.random.default_rng(0), np.random.default_rng(1)
    rows = [
        LabelRow(text, float(rng.uniform(50, 90)), 0, t, extra=short(other))
        for text in STUDENTS
        for t in NAMED
    ]
    header = {
        "space": "digits-cnn",
        "dataset": "digits",
        "teachers": [
            {"name": name, "members": [told(teacher, accuracy)]}
            for name, (teacher, accuracy) in NAMED.items()
        ],
    }
    write_labels(path, rows, header)
    return str(path)


@pytest.fixture(scope="module")
def pairs(table: str):
    """Accuracies, the score, and whose they are."""
    from autodas.tables import load_table
    from autodas.tables.pairs import pairs_of

    known = pairs_of(load_table(table))
    teachers = [NAMED[name][0] for name in known.teachers]
    measured = measure_beside(SPACE, known.students, ["logit_kl"], FEW, teachers)
    values = -measured.store.columns["logit_kl"].data
    index = np.indices(known.mean.shape).reshape(2, -1)
    return known, values, index


def test_an_explanation_tells_teachers_and_students_apart(table, pairs, tmp_path: Path) -> None:
    known, values, (student, teacher) = pairs
    config = explain.ExplainConfig("neg(logit_kl)", out=tmp_path / "run", table=table, protocol=FEW)
    found = explain.run(config)
    assert (found["n"], found["target"], found["collapse"]) == (36, "pairs", None)
    told = {each["name"]: each for each in found["pairs"]["correlations"]}
    goodness = PairGoodness(known.mean.ravel(), student, teacher)
    accuracy = np.array([NAMED[name][1] for name in known.teachers])[teacher]
    for name, score in (("neg(logit_kl)", values), ("teacher_accuracy", accuracy)):
        for comparison, tau in goodness.parts(score).value.items():
            assert told[name][comparison]["tau"] == pytest.approx(tau), (name, comparison)
            assert told[name][comparison]["low"] <= tau <= told[name][comparison]["high"]
    assert told["params"][COMPARISONS[0]]["tau"] == 0.0, "it knows no teachers"
    assert told["teacher_accuracy"][COMPARISONS[1]]["tau"] == 0.0, "it knows no students"
    shares = {each["name"]: each for each in found["pairs"]["variance"]}
    assert set(shares) == {"accuracy", "neg(logit_kl)", "logit_kl"}
    grid = values.reshape(known.mean.shape)
    of_teachers = len(grid) * np.square(grid.mean(0) - grid.mean()).sum()
    share = of_teachers / np.square(grid - grid.mean()).sum()
    assert shares["logit_kl"]["teachers"] == pytest.approx(share)
    assert shares["logit_kl"]["teachers"] > 0.9 > shares["accuracy"]["teachers"]
    assert any(f"{share:.2%} lies between teachers" in line for line in found["summary"])
    page = build(tmp_path / "run").read_text(encoding="utf-8")
    words = " ".join(re.sub("<[^>]*>", " ", page).split())
    assert "36 pairs of 12 students and 3 teachers" in words
    assert f"{100 * share:.2f} %" in words


def test_statistics_of_any_kind_have_their_share(table, tmp_path: Path) -> None:
    formula = "add(layers_mean(cka), add(layers_mean(trace(sample_gram)), sum(teacher_logits)))"
    config = explain.ExplainConfig(formula, out=tmp_path, table=f"{table}:pairs", protocol=FEW)
    shares = {each["name"]: each for each in explain.run(config)["pairs"]["variance"]}
    assert shares["sample_gram"]["students"] == pytest.approx(1.0)
    assert shares["teacher_logits"]["teachers"] == pytest.approx(1.0)
    assert 0 < shares["cka"]["students"] < 1


def test_a_benchmark_says_so_of_many_scores(table, pairs, tmp_path: Path) -> None:
    known, values, (student, teacher) = pairs
    config = benchmark.BenchmarkConfig(
        table=(f"{table}:pairs", f"{table}:own"), scores=("neg(logit_kl)", "predictor:shapes"),
        out=tmp_path, protocol=FEW,
    )  # fmt: skip
    found = benchmark.run(config)
    rows = {(row["target"], row["score"]): row for row in found["rows"]}
    for comparison, tau in (
        PairGoodness(known.mean.ravel(), student, teacher).parts(values).value.items()
    ):
        assert rows[comparison, "neg(logit_kl)"]["tau"] == pytest.approx(tau)
        assert rows[comparison, "neg(logit_kl)"]["n"] == 36
        assert {"params", "macs", "depth", "teacher_accuracy"} <= {
            s for t, s in rows if t == comparison
        }
    assert ("own", "predictor:shapes") in rows, "one teacher's column stands beside"
    assert any("all pairs (36 pairs), neg(logit_kl) reaches" in line for line in found["verdict"])
    assert "all pairs, 36 pairs" in "\n".join(found["summary"])


def test_a_benchmark_tells_what_short_trainings_of_pairs_knew(table, tmp_path: Path) -> None:
    from autodas.tables import load_table
    from autodas.tables.pairs import pairs_of

    known = pairs_of(load_table(table))
    config = benchmark.BenchmarkConfig(
        table=(f"{table}:pairs",), scores=("early:agreement@1/9", "early:1/3"), out=tmp_path,
        protocol=FEW,
    )  # fmt: skip
    found = {(row["target"], row["score"]): row for row in benchmark.run(config)["rows"]}
    student, teacher = np.indices(known.mean.shape).reshape(2, -1)
    agreed = known.rungs[0].agreement[:, :, 0].ravel()
    parts = PairGoodness(known.mean.ravel(), student, teacher).parts(agreed).value
    for comparison, tau in parts.items():
        assert found[comparison, "early:agreement@1/9"]["tau"] == pytest.approx(tau)
        assert "no rung 1/3, the table has 1/9" in found[comparison, "early:1/3"]["failed"]


def test_what_looks_at_students_alone_needs_no_teacher(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # where nobody has trained the teachers of the shipped table
    asked = {"table": ("digits-pairs-cnn:pairs",), "protocol": FEW, "sample": 8}
    out = tmp_path / "run"
    with pytest.raises(FileProblem, match="it taught in table 'digits-pairs-cnn'"):
        benchmark.run(benchmark.BenchmarkConfig(scores=("kd",), out=out, **asked))
    found = benchmark.run(benchmark.BenchmarkConfig(scores=("params",), out=out, **asked))
    row = next(each for each in found["rows"] if each["score"] == "params")
    assert "failed" not in row or row["failed"] is None


def test_teachers_that_are_mere_names_are_enough_for_what_does_not_look_at_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine.csv"
    teachers = ("mine", "yours", "none")
    rows = [
        LabelRow(text, 50.0 + i + j, 0, teacher)
        for i, text in enumerate(STUDENTS)
        for j, teacher in enumerate(teachers)
    ]
    header = {
        "space": "digits-cnn",
        "dataset": "digits",
        "teachers": [{"name": t} for t in teachers],
    }
    write_labels(path, rows, header)
    path.with_suffix(".json").unlink()
    name = f"{path}:pairs"
    asked = {"table": (name,), "protocol": FEW, "space": "digits-cnn", "out": tmp_path / "run"}
    with pytest.raises(InvalidInput, match="does not say who its teacher 'mine' is; its header"):
        benchmark.run(benchmark.BenchmarkConfig(scores=("kd",), **asked))
    found = benchmark.run(benchmark.BenchmarkConfig(scores=("naswot",), **asked))
    rows = {row["score"]: row for row in found["rows"]}
    assert rows["naswot"]["tau"] is not None
    assert "does not state the accuracy" in rows["teacher_accuracy"]["failed"]


def test_a_proxy_is_judged_on_pairs_that_did_not_guide_it(table, tmp_path: Path) -> None:
    asked = discover.DiscoverConfig(
        out=tmp_path / "d", tables=(table,), population=12, generations=1, protocol=FEW
    )
    discover.run(asked)
    name = f"proxy:{tmp_path / 'd' / 'proxy.json'}"
    config = benchmark.BenchmarkConfig(
        table=(f"{table}:pairs",), scores=(name,), out=tmp_path / "b", protocol=FEW
    )
    rows = benchmark.run(config)["rows"]
    parts = {row["part"] for row in rows if row["score"] == name}
    compared = [row for row in rows if row["score"] == name and row["delta_params"] is not None]
    assert compared
    assert all(row["delta_params_q"] >= row["delta_params_p"] > 0 for row in compared)
    assert parts == {"unseen students", "unseen teachers", "both unseen"}


def test_what_says_nothing_of_pairs_is_refused(table, tmp_path: Path) -> None:
    config = explain.ExplainConfig(
        "layers_mean(cka)", out=tmp_path, table=table, other_teacher="digits-cnn-teacher"
    )
    with pytest.raises(InvalidInput, match="other_teacher is for tables of one teacher"):
        explain.run(config)
