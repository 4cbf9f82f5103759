"""Numbers, formulas and sentences of a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fake_runs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.reports import sentences, spell
from autodas.reports.figures.svg import formula_svg
from autodas.reports.read import read_run
from autodas.reports.spell import broken


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (spell.number(0.714), "0.71"),
        (spell.number(-0.714), "−0.71"),
        (spell.number(-0.001), "0.00"),
        (spell.number(None), "–"),
        (spell.number(1.23456, 3), "1.235"),
        (spell.difference(0.06), "+0.06"),
        (spell.difference(-0.06), "−0.06"),
        (spell.difference(0.001), "0.00"),
        (spell.difference(None), "–"),
        (spell.percent(96.16), "96.2 %"),
        (spell.count(18900), "18\u202f900"),
        (spell.count(900), "900"),
        (spell.count(None), "–"),
        (spell.duration(0.0004), "0.4 ms"),
        (spell.duration(0.013), "13 ms"),
        (spell.duration(12.34), "12.3 s"),
        (spell.duration(0.9999), "1.0 s"),
        (spell.duration(99.99), "1 min 40 s"),
        (spell.duration(250), "4 min 10 s"),
        (spell.duration(7500), "2 h 5 min"),
        (spell.duration(None), "–"),
        (spell.label("params"), "#params"),
        (spell.label("my_score"), "my score"),
        (spell.interval({"t_low": -0.1, "t_high": 0.2}, "t"), "[−0.10, 0.20]"),
        (spell.interval({"t_low": -0.1, "t_high": 0.2}, "t", signed=True), "[−0.10, +0.20]"),
        (spell.interval({"t_low": None, "t_high": None}, "t"), ""),
        (spell.interval({}, "t"), ""),
    ],
)
def test_spelling(shown: str, expected: str) -> None:
    assert shown == expected


NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,12}", fullmatch=True)
FORMULAS = st.recursive(
    NAMES,
    lambda inner: st.builds(
        lambda name, arguments: f"{name}({', '.join(arguments)})",
        NAMES,
        st.lists(inner, min_size=1, max_size=2),
    ),
    max_leaves=12,
)


@given(text=FORMULAS, width=st.integers(20, 80))
def test_breaking_a_formula_changes_nothing_but_spaces(text: str, width: int) -> None:
    lines = broken(text, width).splitlines()
    assert "".join("".join(lines).split()) == "".join(text.split())
    # A line is too long only if nothing in it can be broken.
    assert all(
        len(line) <= width or not line.rstrip(",").endswith(")")
        for line in lines
        if "(" in line[:-1]
    )


def test_a_broken_formula_shows_its_nesting() -> None:
    text = "sub(log(mean_over_layers(l2(weight_grad))), sum_over_stages(cosine(a_gram, b_gram)))"
    assert broken(text, 60).splitlines() == [
        "sub(",
        "  log(mean_over_layers(l2(weight_grad))),",
        "  sum_over_stages(cosine(a_gram, b_gram))",
        ")",
    ]
    assert broken(text, 200) == text


def test_the_comma_after_a_broken_argument_counts_as_well() -> None:
    assert broken("f(abcdefgh(i, jklm), n)", 18).splitlines() == [
        "f(",
        "  abcdefgh(",
        "    i,",
        "    jklm",
        "  ),",
        "  n",
        ")",
    ]


DEEP = "f(" * 3000 + "x" + ")" * 3000


@pytest.mark.parametrize("text", ["", "a b", "f(", "f(a))", "f(,)", "f()", "(a)", "f(" * 500, DEEP])
def test_text_that_is_no_formula_comes_back(text: str) -> None:
    assert broken(text, 3) == text


def test_formulas_are_drawn_if_they_can_be() -> None:
    drawn = formula_svg(r"\frac{\left\lVert W \right\rVert_2}{\operatorname{KL}(p, q)}", "f")
    assert drawn is not None
    assert "<path" in drawn
    assert formula_svg(r"\unknowncommand{x}", "f") is None
    assert formula_svg(r"\frac{a", "f") is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"tau": 0.5, "delta_params_low": 0.01, "delta_params_high": 0.2}, "better"),
        ({"tau": 0.5, "delta_params_low": -0.2, "delta_params_high": -0.01}, "worse"),
        ({"tau": 0.5, "delta_params_low": -0.1, "delta_params_high": 0.2}, "open"),
        ({"tau": 0.5, "delta_params_low": 0.0, "delta_params_high": 0.2}, "open"),
        (
            {
                "tau": 0.5,
                "delta_params_low": 0.01,
                "delta_params_high": 0.2,
                "significance": "open",
            },
            "open",
        ),
        ({"tau": 0.5, "delta_params_low": None, "delta_params_high": None}, "open"),
        ({"tau": None, "delta_params_low": 0.1, "delta_params_high": 0.2}, "failed"),
    ],
)
def test_only_an_interval_without_zero_is_a_gain(row: dict[str, Any], expected: str) -> None:
    assert sentences.judge(row) == expected


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"max_params": 2e6}, "at most 2\u202f000\u202f000 parameters"),
        ({"max_macs": 3e6}, "at most 3\u202f000\u202f000 multiply-accumulates per image"),
        ({"max_memory": 8 * 2.0**20}, "at most 8 MiB memory"),
        ({"max_latency_ms": 2.0}, "at most 2 ms latency"),
    ],
)
def test_every_limit_is_told_in_words(tmp_path: Path, limit: dict[str, float], words: str) -> None:
    run = read_run(fake_runs.write_run(tmp_path, fake_runs.search("s") | {"budgets": limit}))
    assert words in sentences.asked(run)


def test_the_largest_drawn_is_called_so(tmp_path: Path) -> None:
    results = distilled(student("chosen", 96.0), student("largest", 95.0))
    results["students"][1]["called"] = "the largest drawn"
    run = read_run(fake_runs.write_run(tmp_path, results))
    (finding,) = sentences.gained(run)
    assert "the largest drawn reaches 95.0" in finding.text
    assert "+1.0 points over the largest drawn" in sentences.gain(run)


def findings_of(tmp_path: Path, results: dict[str, Any]) -> list[sentences.Finding]:
    return sentences.gained(read_run(fake_runs.write_run(tmp_path, results)))


def student(role: str, *accuracies: float) -> dict[str, Any]:
    return {
        "role": role,
        "arch": f"of {role}",
        "accuracies": list(accuracies),
        "accuracy": sum(accuracies) / len(accuracies),
    }


def distilled(*students: dict[str, Any]) -> dict[str, Any]:
    return {
        "command": "distill",
        "space": "s",
        "teacher_accuracy": 98.0,
        "students": list(students),
    }


def test_students_are_compared_with_an_interval(tmp_path: Path) -> None:
    """Welch's interval of (96, 96.2, 96.4) against (95, 95.2, 95.4), by hand.

    Both variances are 0.04, so the standard error is √(2 · 0.04 / 3) = 0.1633 with four degrees
    of freedom, whose 97.5 % quantile is 2.776: 1.0 ± 0.45.
    """
    finding, other = findings_of(
        tmp_path,
        distilled(
            student("chosen", 96.0, 96.2, 96.4),
            student("largest", 95.0, 95.2, 95.4),
            student("random 1", 97.0, 97.1),
            student("random 2", 96.0, 96.2),
        ),
    )
    assert finding.judgement == "better"
    assert finding.text == (
        "The chosen student of s reaches 96.2 % (teacher 98.0 %), the largest that fits reaches "
        "95.2 %: +1.0 points (95 % interval [+0.5, +1.5])."
    )
    assert other.judgement == "open"
    # Variances 0.04 and 0.3092: standard error 0.3010 with 3.95 degrees of freedom, whose quantile
    # is 2.79: −0.375 ± 0.840. Pooled variances would give −0.375 ± 0.881.
    assert "random ones that fit reach 96.6 %: −0.4 points" in other.text
    assert "95 % interval [−1.2, +0.5]" in other.text


def test_what_the_teacher_adds_is_compared_too(tmp_path: Path) -> None:
    # The interval is the run's own, of trainings paired by seed.
    gain = {"mean": -2.0, "low": -2.3, "high": -1.7, "seeds": 2}
    taught = student("chosen", 82.0, 82.1) | {"vanilla": [84.0, 84.1], "gain": gain}
    (finding,) = findings_of(tmp_path, distilled(taught))
    assert finding.judgement == "worse"
    assert "without a teacher it reaches 84.0 %: −2.0 points" in finding.text
    assert "95 % interval [−2.3, −1.7]" in finding.text


def test_a_worse_student_is_called_worse(tmp_path: Path) -> None:
    (finding,) = findings_of(
        tmp_path, distilled(student("chosen", 90.0, 90.1), student("largest", 95.0, 95.1))
    )
    assert finding.judgement == "worse"


def test_one_training_each_proves_nothing(tmp_path: Path) -> None:
    (finding,) = findings_of(tmp_path, distilled(student("chosen", 99.0), student("largest", 50.0)))
    assert finding.judgement == "open"
    assert "+49.0 points (one seed, no interval)" in finding.text


def test_the_largest_is_not_compared_with_itself(tmp_path: Path) -> None:
    accuracies = (90.5, 88.4, 87.9)
    largest = student("largest", *accuracies)
    results = distilled(student("chosen", *accuracies) | {"arch": largest["arch"]}, largest)
    (finding,) = findings_of(tmp_path / "a", results)
    assert finding.judgement == "open"
    assert finding.text.endswith("reaches 88.9 % (teacher 98.0 %); it is the largest that fits.")
    run = read_run(fake_runs.write_run(tmp_path / "b", results))
    assert "gains nothing over the largest that fits, which it is" in sentences.gain(run)


@pytest.mark.parametrize("both", [True, False])
def test_the_largest_taught_is_the_chosen_one_taught(tmp_path: Path, both: bool) -> None:
    """Paired by seed where the other way was trained, too, and told once."""
    largest = student("largest", 80.0, 86.0)
    chosen = student("chosen", 82.0, 88.5) | {"arch": largest["arch"], "taught": False}
    chosen |= {"vanilla": [82.0, 88.5], "with_teacher": None}
    if both:
        gain = {"mean": -2.25, "low": -5.4, "high": 0.9}
        chosen |= {"with_teacher": [80.0, 86.0], "gain": gain}
    results = distilled(chosen, largest)
    (finding,) = findings_of(tmp_path / "a", results)
    told = sentences.gain(read_run(fake_runs.write_run(tmp_path / "b", results)))
    assert "points over the largest that fits, the same student with the teacher (" in told
    if both:
        assert "; it is the largest that fits, with the teacher it reaches 83.0 %" in finding.text
        assert "+2.2 points (95 % interval [−0.9, +5.4])" in finding.text
        assert "+2.2 points over" in told
        assert "[−0.9, +5.4]" in told
    else:
        assert "the largest that fits, the same student with the teacher, reaches" in finding.text


def test_equal_trainings_have_no_interval_of_chance(tmp_path: Path) -> None:
    (finding,) = findings_of(
        tmp_path, distilled(student("chosen", 99.0, 99.0), student("largest", 99.0, 99.0))
    )
    assert finding.judgement == "open"


def test_the_summary_gives_the_difference_to_size_its_interval(tmp_path: Path) -> None:
    results = fake_runs.discover()
    results["rows"] = [fake_runs.row("s", "proxy", 0.3, 0.6)]
    run = read_run(fake_runs.write_run(tmp_path, results))
    told = "(−0.30 to #params, 95 % interval [−0.37, −0.23], a loss)"
    assert f"τ = 0.30 on s {told}" in sentences.gain(run)


def test_a_proxy_worse_than_size_is_called_worse(tmp_path: Path) -> None:
    results = fake_runs.discover()
    results["rows"] = [fake_runs.row("s", "proxy", 0.3, 0.6)]
    (finding,) = findings_of(tmp_path, results)
    assert finding.judgement == "worse"
    assert "ranks worse than the number of parameters alone: τ = 0.30 against 0.60" in finding.text


def test_cost_adds_up(tmp_path: Path) -> None:
    run = read_run(fake_runs.write_demo(tmp_path))
    # 192 + 2 · 352 networks; two spaces, five students, three trainings with and without teacher.
    assert sentences.cost(run) == (
        "95.0 s in all; 896 networks measured by one forward and backward pass each; "
        "60 final trainings."
    )
