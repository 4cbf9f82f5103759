"""What a page says of finalists, of the student they were tried for, and of how it learnt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import fake_runs
import pytest
from page_reader import Page, page_of

from autodas.core.errors import FileProblem
from autodas.reports import build, compare, sentences
from autodas.reports.figures.contest import contest as drawn
from autodas.reports.finalists import finalists_of
from autodas.reports.read import read_run


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    run = fake_runs.write_run(tmp_path_factory.mktemp("runs"), fake_runs.contested("digits-cnn"))
    return build(run).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def composed(path: Path, command: str, **results: Any) -> Page:
    """The page of a run of a search and a distillation."""
    parts = {"search": fake_runs.contested("s"), "distill": fake_runs.untaught("s")}
    for name, part in parts.items():
        fake_runs.write_run(path / name, part)
    named = {name: [name] for name in parts}
    run = fake_runs.write_run(path, {"command": command, **named, "seconds": 9.0, **results})
    return Page(build(run).read_text(encoding="utf-8"))


def tips(svg: str) -> list[str]:
    return re.findall(r"<use [^>]*><title>([^<]*)</title>", svg)


# ---- finalists --------------------------------------------------------------------------------


def test_finalists_stand_in_the_order_in_which_they_were_left() -> None:
    found = finalists_of(fake_runs.contest())
    # By hand: 3 and 0 reached the last rung; of the others, losses 1.5, 1.75, 2.0, and a failure.
    assert [each.name for each in found] == [
        "2, labels alone",
        "1, with teacher",
        "1, labels alone",
        "2, with teacher",
        "3, labels alone",
        "3, with teacher",
    ]
    assert [[trial.rank for trial in each.trials] for each in found] == [
        [2, 1],
        [1, 2],
        [3],
        [4],
        [5],
        [None],
    ]
    assert [each.winner for each in found] == [True] + [False] * 5
    assert [each.first for each in found] == [False, True] + [False] * 4
    assert [each.chance for each in found] == [None, 0.125] + [None] * 4


def test_points_say_who_they_are_and_failures_why() -> None:
    contest = fake_runs.contest()
    figure = drawn(finalists_of(contest), contest["rungs"], "f")
    assert figure is not None
    said = tips(figure)
    assert "2, labels alone: {&quot;depth&quot;:[1,1,1]}, labels alone, cross-entropy 0.625, " in (
        "".join(said)
    )
    failed = [tip for tip in said if tip.endswith("failed: the loss is not finite")]
    assert failed[0].startswith("3, with teacher: ")
    assert "taught by digits-teacher" in failed[0]
    assert sum("labels alone: " in tip for tip in said) == 4
    assert "6 tried, then 2 tried. Winner: 2, labels alone, cross-entropy 0.625" in figure
    assert "By the score alone: 1, with teacher, cross-entropy 0.875" in figure


def test_lines_join_the_ranks_of_a_finalist() -> None:
    """Two points of the winner: number 2 on the left, number 1 on the right, so higher."""
    contest = fake_runs.contest()
    figure = drawn(finalists_of(contest), contest["rungs"], "f")
    assert figure is not None
    mark = r'<use [^>]*x="([\d.]+)" y="([\d.]+)"[^>]*><title>([^<]*)</title>'
    places = [(float(x), float(y), tip) for x, y, tip in re.findall(mark, figure)]
    (winner,) = ({p[:2] for p in places if p[2].startswith(who)} for who in ["2, labels alone"])
    (left, low), (right, high) = sorted(winner)
    assert left < right
    assert low > high
    (first,) = ({p[:2] for p in places if p[2].startswith(who)} for who in ["1, with teacher"])
    assert sorted(first) == [(left, high), (right, low)]
    failed = [p for p in places if "failed: " in p[2]]
    assert all(p[1] > max(q[1] for q in places if "failed: " not in q[2]) for p in failed)


def test_one_rung_is_drawn_by_cross_entropy() -> None:
    contest = fake_runs.contest(rungs=1)
    figure = drawn(finalists_of(contest), contest["rungs"], "f")
    assert figure is not None
    mark = r'<use [^>]*x="([\d.]+)" y="([\d.]+)"[^>]*><title>([^<]*)</title>'
    places = {tip: (float(x), float(y)) for x, y, tip in re.findall(mark, figure)}
    assert len(places) == 6
    ranked = [place for tip, place in places.items() if "failed" not in tip]
    # Losses 1.25, 1.375, 1.5, 1.75 and 2: the lower, the further up and to the left.
    across = [x for x, _ in sorted(ranked, key=lambda place: place[1])]
    shares = [(x - across[0]) / (across[-1] - across[0]) for x in across]
    assert shares == pytest.approx([0, 1 / 6, 1 / 3, 2 / 3, 1], abs=0.001)
    assert "3, with teacher" in figure
    assert drawn(finalists_of(contest | {"rungs": []}), [], "f") is None


def test_very_many_finalists_are_drawn_without_all_their_names() -> None:
    arms = [{"arch": f"a-{i}", "teachers": ["t"]} for i in range(90)]
    known = {"accuracy": 50.0, "kd_loss": 1.0, "reason": None, "seconds": 1.0}
    results = [{"arm": i, "calibrated_cross_entropy": 2 - i / 90, **known} for i in range(90)]
    rungs = [{"fidelity": "1/27", "cost": 4.0, "results": results, "promoted": [89]}]
    contest = {"arms": arms, "rungs": rungs, "winner": 89, "first": 0, "doubts": []}
    figure = drawn(finalists_of(contest), rungs, "f")
    assert figure is not None
    shown = re.sub(r"<title>.*?</title>|<desc.*?</desc>", "", figure)
    assert "90, with teacher" in shown
    assert "1, with teacher" in shown
    assert "45, with teacher" not in shown
    height = re.search(r'viewBox="0 0 [\d.]+ ([\d.]+)"', figure)
    assert height is not None
    assert float(height[1]) <= 800


def test_the_page_has_a_section_with_figure_table_and_costs(page: Page) -> None:
    ids = {attributes.get("id") for attributes in page.of("h2")}
    assert "finalists" in ids
    assert "finalists-1-title" in {a.get("id") for a in page.of("title")}
    assert "0.625 84.4 %" in page.words
    assert "0.875 78.1 %, KD 9.25" in page.words
    assert "failed: the loss is not finite" in page.words
    assert "12 %" in page.words
    assert "6 trainings 0.67 full ones, 2.5 s" in page.words
    assert "2 trainings 0.67 full ones, 1.0 s" in page.words
    assert "Allowed were 3 full trainings" in page.words


def test_trainings_from_a_second_seed_are_a_column_of_their_own(tmp_path: Path) -> None:
    results = fake_runs.contested("s")
    results["contest"] = fake_runs.contest(rungs=3)
    page = page_of(tmp_path, results)
    assert "mean of two seeds" in page.words
    assert re.search(r"0\.75\S* 81\.2 %", page.words)
    assert "goes on and wins by its mean over two seeds" in page.words
    assert "both seeds" in page.words


def test_a_duel_is_a_last_rung_on_which_labels_alone_begin(tmp_path: Path) -> None:
    found = {each.name: each for each in finalists_of(fake_runs.duelled())}
    assert {name: list(each.rungs) for name, each in found.items()} == {
        "1, with teacher": [0],
        "2, with teacher": [0, 1],
        "2, labels alone": [1],
    }
    assert found["2, labels alone"].at(0) is None
    assert next(iter(found)) == "2, labels alone"
    results = fake_runs.contested("s") | {"contest": fake_runs.duelled()}
    page = page_of(tmp_path, results)
    assert re.search(r"2, labels alone\s*–0\.250 91\.5 %", page.words)
    assert "Whether it needs a teacher is decided by whole trainings." in page.words
    assert "2 trainings 2.00 full ones" in page.words
    assert page.words.count("whole training") >= 2  # of the table and of the figure
    # The line of labels alone is one point, at the right, above that of the taught student.
    figure = drawn([*found.values()], fake_runs.duelled()["rungs"], "f")
    assert figure is not None
    mark = r'<use [^>]*x="([\d.]+)" y="([\d.]+)"[^>]*><title>([^<]*)</title>'
    places = [(float(x), float(y), tip) for x, y, tip in re.findall(mark, figure)]
    (alone,) = {p[:2] for p in places if p[2].startswith("2, labels alone")}
    (left, _), (right, low) = sorted({p[:2] for p in places if p[2].startswith("2, with")})
    assert (alone[0], alone[1] < low, left < right) == (right, True, True)


def test_of_several_teachers_the_names_are_told() -> None:
    contest = fake_runs.contest()
    contest["arms"][2] = contest["arms"][2] | {"teachers": ["runs/other.safetensors"]}
    names = {each.name for each in finalists_of(contest)}
    assert {"1, digits-teacher", "2, other", "1, labels alone"} <= names


def test_reasons_are_said_once(page: Page, tmp_path: Path) -> None:
    why = "Of 6 ways to get a student, one won."
    assert page.words.count(why) == 1
    # A demonstration has no reasons of its own at the top, a run has those of its search.
    assert composed(tmp_path / "demo", "demo").words.count(why) == 1
    assert composed(tmp_path / "run", "run", why=[why]).words.count(why) == 1


def test_nothing_to_compare_is_no_section(tmp_path: Path) -> None:
    results = fake_runs.contested("s")
    results["contest"] |= {"rungs": [], "winner": 0, "doubts": [], "cost": 0.0}
    results["chosen"] = results["students"][0] | {"taught": True}
    page = page_of(tmp_path, results)
    assert "finalists" not in {attributes.get("id") for attributes in page.of("h2")}
    assert "first of 400 within the budget" in page.words


@pytest.mark.parametrize(
    "damage",
    [
        {"winner": 99},
        {"first": -1},
        {"arms": []},
        {"rungs": 3},
        {"doubts": None},
        {"doubts": [{"arm": "x", "chance": 0.1}]},
        {"rungs": [{"fidelity": "1/3", "cost": 1.0, "results": [{"arm": 0}], "promoted": []}]},
        {"trainings": "many"},
    ],
    ids=str,
)
def test_a_damaged_contest_is_told_in_one_line(tmp_path: Path, damage: dict[str, Any]) -> None:
    results = fake_runs.contested("s")
    results["contest"] |= damage
    run = fake_runs.write_run(tmp_path, results)
    with pytest.raises(FileProblem, match="is not what 'search' writes") as caught:
        build(run)
    assert "\n" not in str(caught.value)


# ---- the chosen student -----------------------------------------------------------------------


def test_the_chosen_one_is_that_of_the_contest(text: str, page: Page) -> None:
    assert (
        'On digits-cnn the student {"depth":[1,1,1]} with 12\u202f345 parameters, to be trained '
        "from labels alone: the best of 6 ways to get a student that short trainings tried, by the "
        "score number 4 of 400 within the budget." in page.text
    )
    said = tips(text)
    assert any(tip.startswith("chosen: {&quot;depth&quot;:[1,1,1]}, 12") for tip in said)
    assert any(tip.startswith("best score: {&quot;depth&quot;:[2,1,0]") for tip in said)
    # Not among the ten best, so it has a row of its own; no other row of students is bold.
    bold = re.findall(r'<tr class="main"><th scope="row"><code>(.*?)</code>', text)
    assert bold == ["{&#34;depth&#34;:[1,1,1]}"]


def test_the_chosen_one_is_marked_among_all_that_were_ranked(tmp_path: Path) -> None:
    known = fake_runs.discover()
    space = known["scatter"][0]["space"]
    searched = fake_runs.contested(space)
    rings = {}
    for chosen in ("a-3", "not there"):
        folder = tmp_path / chosen
        known["scatter"][0]["architectures"][5] = fake_runs.LONG
        fake_runs.write_run(folder / "discover", known)
        searched["chosen"]["arch"] = chosen
        fake_runs.write_run(folder / "search", searched)
        run = {"command": "demo", "discover": "discover", "search": ["search"], "seconds": 1.0}
        build(fake_runs.write_run(folder, run))
        rings[chosen] = "chosen" in (folder / "figures" / "scatter-1.svg").read_text("utf-8")
    assert rings == {"a-3": True, "not there": False}


# ---- how it learnt ----------------------------------------------------------------------------


def test_a_student_that_learnt_from_labels_alone_is_told_so(tmp_path: Path) -> None:
    page = composed(tmp_path, "demo")
    assert "train the chosen students of s from labels alone" in page.words
    assert "student’s accuracy on s 96.2 % from labels alone, teacher 98.1 %" in page.words
    # Accuracy, with the teacher, without.
    assert re.search(r"chosen\s*96\.2 % 96\.0 to 96\.4\s*95\.2 %\s*96\.2 %", page.words)
    assert re.search(r"largest\s*(\d+\.\d) % \d+\.\d to \d+\.\d\s*\1 %\s*–", page.words)
    assert "s, taught by s-teacher, the chosen one from labels alone" in page.words


def test_what_the_teacher_takes_away_is_a_gain_of_doing_without(tmp_path: Path) -> None:
    run = read_run(fake_runs.write_run(tmp_path, fake_runs.untaught("s")))
    finding = sentences.gained(run)[-1]
    assert finding.judgement == "better"
    assert finding.text == (
        "The chosen student of s, from labels alone, reaches 96.2 % (teacher 98.1 %); it is the "
        "largest that fits, with the teacher it reaches 95.2 %: +1.0 points (95 % interval "
        "[+0.8, +1.2])."
    )


def test_trainings_are_counted_whichever_way(tmp_path: Path) -> None:
    composed(tmp_path, "demo")
    # Six and two short ones; three of the chosen one each way, three of four others.
    assert sentences.cost(read_run(tmp_path)).endswith(
        "8 short trainings of finalists; 18 final trainings."
    )


def test_without_any_teacher_none_is_named(tmp_path: Path) -> None:
    results = fake_runs.untaught("s") | {"teacher": "none", "teacher_accuracy": None}
    results["students"] = results["students"][:1]
    results["students"][0] |= {"with_teacher": None, "gain": None}
    page = page_of(tmp_path, results)
    assert "taught by" not in page.words
    assert "s, the chosen one from labels alone" in page.words
    assert "teacher –" not in page.words
    assert "The dashed line" not in page.words


def test_the_figure_shows_both_ways_of_the_chosen_one(tmp_path: Path) -> None:
    results = fake_runs.untaught("s")
    results["students"] = results["students"][:1]
    build(fake_runs.write_run(tmp_path, results))
    svg = (tmp_path / "figures" / "students-1.svg").read_text("utf-8")
    mark = r'<use [^>]*y="([\d.]+)" style="fill: (#\w+); stroke: #0b6cb8([^"]*)"'
    found = [(float(y), fill, bool(wide)) for y, fill, wide in re.findall(mark, svg)]
    heights = {
        fill: {y for y, other, wide in found if other == fill and not wide} for _, fill, _ in found
    }
    (bar,) = {y for y, _, wide in found if wide}
    # The mean stands among the trainings from labels alone, hollow; those with the teacher below.
    assert heights["#ffffff"] == {bar}
    (below,) = heights["#0b6cb8"]
    assert below > bar


def test_a_comparison_says_how_students_learnt(tmp_path: Path) -> None:
    runs = [
        fake_runs.write_run(tmp_path / name, make("s"))
        for name, make in (("a", fake_runs.untaught), ("b", fake_runs.distill))
    ]
    words = Page(compare(runs, tmp_path / "c.html").read_text(encoding="utf-8")).words
    assert re.search(r"a\s*s\s*chosen\s*labels alone\s*96\.2 %", words)
    assert re.search(r"b\s*s\s*chosen\s*s-teacher\s*9", words)
