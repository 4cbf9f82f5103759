"""One architecture in two spellings is one: in tables, their parts, searches, costs and caches."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

import autodas
from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.spaces import SPACES, get_space
from autodas.tables import LabelRow, split, write_labels
from autodas.workbench.costs import CostBook
from autodas.workbench.ground_truth import load_table, refuse_unused, table_among
from spellings import spellings

COUNT = 4
RESPELT = [name for name in SPACES.names() if name != "nasbench201"]


def some(space, count=COUNT):
    """Different architectures that have another spelling, as text."""
    rng = np.random.default_rng(1)
    found: dict[str, None] = {}
    while len(found) < count:
        text = space.encode(space.sample(rng))
        if spellings(space, text) or space.name == "nasbench201":
            found[text] = None
    return list(found)


OBJECTS = [name for name in RESPELT if some(get_space(name), 1)[0].startswith("{")]


def other(space, text):
    """The last of the other spellings that is one."""
    return [each for each in spellings(space, text) if each != text][-1]


def sheet(path, columns, rows):
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    path.write_text(text.getvalue())
    return path


@pytest.fixture(params=RESPELT)
def space(request):
    return get_space(request.param)


@pytest.fixture
def texts(space):
    return some(space)


def test_a_table_writes_architectures_as_their_space_does(space, texts, tmp_path):
    rows = [(other(space, text), 60 + i) for i, text in enumerate(texts)]
    table = load_table(sheet(tmp_path / "a.csv", ("arch", "my_kd_acc"), rows), space.name)
    assert table.architectures == tuple(texts)
    np.testing.assert_equal(table.target().values, [60, 61, 62, 63])
    whole, respelt = split(texts), split(table.architectures)
    np.testing.assert_equal(whole.report, respelt.report)


def test_an_architecture_listed_in_two_spellings_is_refused_with_both_lines(space, texts, tmp_path):
    rows = [*((text, 60) for text in texts), (other(space, texts[1]), 61)]
    path = sheet(tmp_path / "a.csv", ("arch", "my_kd_acc"), rows)
    with pytest.raises(FileProblem, match=r"line 6: architecture .* is already at line 3"):
        load_table(path, space.name)


@pytest.mark.parametrize("space", OBJECTS, indirect=True)
def test_objects_in_json_are_no_different(space, texts, tmp_path):
    rows = [{"arch": json.loads(other(space, text)), "my_kd_acc": 60.0} for text in texts]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(rows))
    assert load_table(path, space.name).architectures == tuple(texts)
    rows.append({"arch": json.loads(texts[2]), "my_kd_acc": 60.0})
    path.write_text(json.dumps(rows))
    with pytest.raises(FileProblem, match=r"row 5: architecture .* is already at row 3"):
        load_table(path, space.name)


@pytest.mark.parametrize("header", [True, False])
def test_seeds_of_one_architecture_are_put_together(space, texts, tmp_path, header):
    rows = [LabelRow(text, 60.0, 0, "distilled") for text in texts]
    rows += [LabelRow(other(space, text), 62.0, 1, "distilled") for text in texts]
    path = tmp_path / "a.csv"
    write_labels(path, rows, {"space": space.name, "dataset": "mine"})
    if not header:
        path.with_suffix(".json").unlink()
    target = load_table(path, None if header else space.name).target()
    np.testing.assert_equal(target.per_seed, [[60.0, 62.0]] * COUNT)


def test_one_training_twice_is_refused_with_both_lines(space, texts, tmp_path):
    rows = [(text, 60, 0, "distilled") for text in texts]
    rows += [(texts[0], 61, 1, "distilled"), (other(space, texts[0]), 61, 1, "distilled")]
    path = sheet(tmp_path / "a.csv", ("arch", "accuracy", "seed", "training"), rows)
    with pytest.raises(FileProblem, match=r"line 7, column arch: .* already on line 6"):
        load_table(path, space.name)


def test_costs_of_all_spellings_are_counted_once(space, texts, tmp_path):
    for quantity in ("params", "memory"):
        book = CostBook(space, cache=tmp_path, input_shape=(3, 32, 32))
        each = [texts[0], *spellings(space, texts[0])]
        assert len(set(book.get(quantity, each))) == 1
        assert book.counted == 1


def test_scores_of_all_spellings_are_equal(space, texts):
    values = autodas.score("params", space.name, [texts[0], other(space, texts[0]), texts[1]])
    assert values[0] == values[1]


def test_statistics_of_another_spelling_are_in_the_cache(tmp_path):
    space = get_space("digits-cnn")
    text = some(space, 1)[0]
    first = autodas.score("synflow", space, [text], cache=tmp_path)
    files = sorted(tmp_path.rglob("*.safetensors"))
    assert len(files) == 1
    assert autodas.score("synflow", space, [other(space, text)], cache=tmp_path) == first
    assert sorted(tmp_path.rglob("*.safetensors")) == files


def test_nasbench101_cells_with_a_useless_vertex_are_the_same_cell(tmp_path):
    space = get_space("nasbench101")
    text = some(space, 1)[0]
    rows = [(*each.split(";", 1), 90) for each in (text, other(space, text))]
    path = sheet(tmp_path / "a.csv", ("adjacency", "ops", "cifar10_val"), rows[1:])
    assert load_table(path).architectures == (text,)
    with pytest.raises(FileProblem, match=r"line 3: .* is already at line 2"):
        load_table(sheet(path, ("adjacency", "ops", "cifar10_val"), rows))


def test_an_architecture_of_no_space_is_refused_with_its_line(tmp_path):
    path = sheet(tmp_path / "a.csv", ("arch", "kd_acc"), [("1-1-1", 60), ("9-9-9", 61)])
    with pytest.raises(FileProblem, match="line 3, column arch: space 'resnet'"):
        load_table(path)


def test_a_space_is_asked_for_the_tables_that_do_not_say_theirs(tmp_path):
    own = sheet(tmp_path / "own.csv", ("arch", "my_kd_acc"), [(some(get_space("pit"), 1)[0], 60)])
    tables = [table_among(str(name), "pit") for name in ("digits-cnn", own)]
    assert [table.space for table in tables] == ["digits-cnn", "pit"]
    refuse_unused("pit", tables)
    with pytest.raises(InvalidInput, match="digits-cnn is of the space 'digits-cnn', not 'pit'"):
        refuse_unused("pit", tables[:1])
    with pytest.raises(InvalidInput, match="table s0 is of the space 'resnet', not 'pit'"):
        load_table("s0", "pit")


@pytest.mark.parametrize("column", ["val_acc", "test_acc", "top1_acc", "acc_acc"])
def test_a_column_of_accuracies_of_no_meaning_is_refused(tmp_path, column):
    path = sheet(tmp_path / "a.csv", ("arch", column), [("1-1-1", 60), ("1-1-3", 61)])
    with pytest.raises(FileProblem, match=rf"column {column} has no meaning.*\]kd_acc, _base"):
        load_table(path)
    with pytest.raises(AutodasError, match=column):
        autodas.discover(tables=str(path), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
