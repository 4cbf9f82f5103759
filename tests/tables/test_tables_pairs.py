"""Tables of pairs: read as written, as arrays, split by student and teacher, published ones."""

import json
from fractions import Fraction

import numpy as np
import pytest

from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.tables import LabelRow, read_table, write_labels
from autodas.tables.pairs import PairTable, is_pairs, pairs_of, split_pairs
from autodas.tables.published_pairs import published_pairs

TEACHERS = [
    {"name": "big", "members": [{"digest": "b"}], "accuracy": 90.0},
    {"name": "big+odd", "members": [{"digest": "b"}, {"digest": "o"}]},
    {"name": "none", "members": []},
]
HEADER = {"space": "digits-cnn", "dataset": "digits", "teachers": TEACHERS}
HEADER |= {"rungs": {"1/9": "9/80"}}
BEGINS = {"big": 80.0, "big+odd": 85.0, "none": 70.0}


def rows_of_pairs():
    """Two students, three teachers, two seeds; one training failed and one rung is missing."""
    for number, arch in enumerate("ab"):
        for teacher, begin in BEGINS.items():
            for seed in (0, 1):
                extra = {"accuracy@1/9": begin / 2 + seed, "cross_entropy@1/9": 1.0 + number}
                extra["kd_loss@1/9"] = "" if teacher == "none" else 3.0
                if (arch, teacher, seed) == ("a", "big", 1):
                    extra = dict.fromkeys(extra, "")
                failed = (arch, teacher, seed) == ("b", "big+odd", 0)
                accuracy = None if failed else begin + number + seed / 2
                reason = "diverged" if failed else ""
                yield LabelRow(arch, accuracy, seed, teacher, reason, extra)


@pytest.fixture
def path(tmp_path):
    write_labels(tmp_path / "mine.csv", rows_of_pairs(), HEADER)
    return tmp_path / "mine.csv"


def test_a_table_of_pairs_has_a_target_for_each_teacher(path):
    table = read_table(path)
    assert is_pairs(table)
    assert {name: str(t.training) for name, t in table.targets.items()} == {
        "big": "distilled",
        "big+odd": "distilled",
        "none": "vanilla",
    }
    np.testing.assert_equal(table.targets["big"].values, [80.25, 81.25])
    np.testing.assert_equal(table.targets["big+odd"].per_seed, [[85.0, 85.5], [np.nan, 86.5]])
    assert [each.name for each in table.rungs] == ["big@1/9", "big+odd@1/9", "none@1/9"]
    assert json.loads(path.with_suffix(".json").read_text())["format"] == "autodas-pairs"


def test_it_can_be_told_by_its_header_as_well(path):
    assert set(read_table(path.with_suffix(".json")).targets) == set(BEGINS)


def test_as_arrays_every_number_stands_at_its_student_teacher_and_seed(path):
    pairs = pairs_of(read_table(path))
    assert (pairs.students, pairs.teachers) == (("a", "b"), ("big", "big+odd", "none"))
    assert (pairs.seeds, pairs.facts["big"]["accuracy"]) == ((0, 1), 90.0)
    np.testing.assert_equal(pairs.mean, [[80.25, 85.25, 70.25], [81.25, 86.5, 71.25]])
    np.testing.assert_equal(pairs.accuracy[1, 1], [np.nan, 86.5])
    (rung,) = pairs.rungs
    assert (rung.fidelity, rung.cost) == (Fraction(1, 9), Fraction(9, 80))
    np.testing.assert_equal(rung.accuracy[0], [[40.0, np.nan], [42.5, 43.5], [35.0, 36.0]])
    np.testing.assert_equal(rung.kd_loss[1], [[3.0, 3.0], [3.0, 3.0], [np.nan, np.nan]])


def test_a_table_of_one_teacher_is_no_table_of_pairs(tmp_path):
    rows = [LabelRow("a", 60.0, 0, "distilled")]
    write_labels(tmp_path / "one.csv", rows, {"space": "digits-cnn", "dataset": "digits"})
    table = read_table(tmp_path / "one.csv")
    assert not is_pairs(table)
    with pytest.raises(InvalidInput, match="is not a table of pairs; autodas label --teachers"):
        pairs_of(table)


@pytest.mark.parametrize(
    ("teachers", "message"),
    [
        (TEACHERS[:1], "line 3, column teacher: 'big\\+odd' is unknown; expected one of big"),
        ("big", "must list its 'teachers', objects with a 'name' each"),
        ([], "must list its 'teachers'"),
        ([{"called": "big"}], "must list its 'teachers'"),
        ([*TEACHERS, TEACHERS[0]], "lists a teacher twice"),
        *(
            (
                [*TEACHERS[1:], {"name": "big", "members": members}],
                "'members' of the teacher 'big' must be objects with a 'name' or a 'digest' each",
            )
            for members in ("b", ["b"], [{"called": "b"}], [{"digest": 3}], None)
        ),
    ],
)
def test_headers_that_do_not_fit_are_refused(tmp_path, teachers, message):
    rows = [row for row in rows_of_pairs() if row.seed == 0]
    write_labels(tmp_path / "a.csv", rows, HEADER | {"teachers": teachers})
    with pytest.raises(FileProblem, match=message) as why:
        read_table(tmp_path / "a.csv")
    assert "\n" not in str(why.value)


def test_without_its_header_teachers_are_names_and_the_space_must_be_told(path):
    whole = pairs_of(read_table(path))
    path.with_suffix(".json").unlink()
    with pytest.raises(FileProblem, match=r"its header mine\.json is missing; name the space"):
        read_table(path)
    table = read_table(path, "digits-cnn")
    pairs = pairs_of(table)
    assert (pairs.students, pairs.teachers) == (whole.students, whole.teachers)
    np.testing.assert_equal(pairs.accuracy, whole.accuracy)
    assert pairs.facts["big"] == {"name": "big"}
    target = table.targets["none"]
    assert (str(target.training), target.dataset) == ("vanilla", "unknown")
    path.write_text("arch,accuracy,seed,teacher\na,60,0,big\na,61,0,\n")
    with pytest.raises(FileProblem, match="line 3, column teacher: the cell is empty"):
        read_table(path, "digits-cnn")


def test_a_pair_that_is_there_twice_is_refused(tmp_path):
    rows = [*rows_of_pairs(), LabelRow("a", 81.0, 0, "big")]
    write_labels(tmp_path / "a.csv", rows, HEADER)
    with pytest.raises(FileProblem, match="this architecture, teacher and seed are already on"):
        read_table(tmp_path / "a.csv")


def many(students, teachers):
    facts = {name: {"name": name} for name in teachers}
    values = np.full((students, len(teachers), 1), 50.0)
    names = tuple(f"s{i}" for i in range(students))
    return PairTable("many", names, tuple(teachers), values, (0,), facts)


def test_every_pair_is_in_one_part_and_labels_alone_are_always_seen():
    table = many(60, ["none", *(f"t{i}" for i in range(9))])
    parts = vars(split_pairs(table))
    assert (np.sum(list(parts.values()), axis=0) == 1).all()
    assert all(part.any() for part in parts.values())
    hidden = (parts["unseen_teachers"] | parts["both_unseen"]).any(axis=0)
    assert (hidden.sum(), hidden[0]) == (3, False)
    new = (parts["unseen_students"] | parts["both_unseen"]).any(axis=1)
    assert 8 <= new.sum() <= 28  # 30 % on average
    assert (vars(split_pairs(table, "other"))["both_unseen"] != parts["both_unseen"]).any()


def test_several_teachers_are_unseen_if_one_of_them_is():
    names = ["t0", "t1", "t2", "t0+t1", "none"]
    table = many(20, names)
    members = {n: [{"digest": each} for each in n.split("+") if n != "none"] for n in names}
    facts = {name: {"name": name, "members": members[name]} for name in names}
    table = PairTable("many", table.students, table.teachers, table.accuracy, (0,), facts)
    for salt in "abcdef":
        unseen = (split_pairs(table, salt).unseen_teachers).any(axis=0)
        assert unseen[:3].sum() == 1
        assert unseen[3] == (unseen[0] or unseen[1])


PUBLISHED = """source,dataset,teacher,student,method,top1
paper,c100,big,tiny,teacher,75.5
paper,c100,wide,,teacher,74.0
paper,c100,big,tiny,student_vanilla,60.0
paper,c100,big,tiny,KD,61.0
paper,c100,wide,tiny,KD,62.0
paper,c100,big,other,KD,63.0
paper,c100,big,tiny,DKD,64.0
"""


def test_a_published_matrix_is_a_table_for_each_method(tmp_path):
    (tmp_path / "m.csv").write_text(PUBLISHED)
    kd, dkd = published_pairs(tmp_path / "m.csv")
    assert (kd.name, dkd.name) == ("paper c100 KD", "paper c100 DKD")
    assert (kd.students, kd.teachers) == (("tiny", "other"), ("big", "wide", "none"))
    np.testing.assert_equal(kd.mean, [[61.0, 62.0, 60.0], [63.0, np.nan, np.nan]])
    assert [kd.facts[name]["accuracy"] for name in ("big", "wide")] == [75.5, 74.0]
    np.testing.assert_equal(dkd.mean, [[64.0, 60.0]])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("paper,c100,big,tiny,KD,61.5", "line 9, column top1: an earlier row says 61 of the same"),
        ("paper,c100,big,tiny,AT,", "line 9, column top1: the cell is empty"),
        ("paper,c100,big,tiny,AT,good", "'good' is not a number"),
    ],
)
def test_published_rows_that_contradict_or_say_nothing_are_refused(tmp_path, line, message):
    (tmp_path / "m.csv").write_text(PUBLISHED + line + "\n")
    with pytest.raises(AutodasError, match=message):
        published_pairs(tmp_path / "m.csv")


def test_a_published_matrix_without_a_column_is_refused(tmp_path):
    (tmp_path / "m.csv").write_text(PUBLISHED.replace("method", "how"))
    with pytest.raises(FileProblem, match="column method is missing"):
        published_pairs(tmp_path / "m.csv")
