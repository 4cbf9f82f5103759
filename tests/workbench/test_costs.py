"""The book of costs: counted once, kept on disk, shared by processes."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from torch import nn

from autodas.core.progress import Silent
from autodas.spaces import ChoiceSpace, get_space
from autodas.workbench import costs as costs_module
from autodas.workbench.costs import CostBook

VIT = get_space("digits-vit")
ALL = [VIT.encode(arch) for arch in VIT.enumerate()]


def test_costs_are_those_of_the_space_and_are_counted_once(tmp_path):
    texts = ALL[:9]
    book = CostBook(VIT, cache=tmp_path)
    params, macs = book.get("params", texts), book.get("macs", texts)
    assert params == [VIT.cost(VIT.decode(text)).params for text in texts]
    assert macs == [VIT.cost(VIT.decode(text)).macs for text in texts]
    again = CostBook(VIT, cache=tmp_path)
    assert again.get("macs", texts[::-1]) == macs[::-1]
    assert again.get("params", texts) == params
    assert again.counted == 0


@pytest.mark.slow
def test_costs_are_the_same_from_processes(tmp_path, monkeypatch):
    monkeypatch.setitem(costs_module.FEW, "params", 1)
    monkeypatch.setattr(costs_module, "CHUNK", 4)
    book = CostBook(VIT, cache=tmp_path, jobs=2)
    assert book.get("params", ALL[:9]) == [VIT.cost(VIT.decode(t)).params for t in ALL[:9]]


def test_what_is_saved_on_the_way_is_not_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(costs_module, "SAVE_EVERY", -1.0)
    monkeypatch.setattr(costs_module, "CHUNK", 2)
    CostBook(VIT, cache=tmp_path).get("params", ALL[:7])
    book = CostBook(VIT, cache=tmp_path)
    book.get("params", ALL[:7])
    assert book.counted == 0


def test_costs_for_other_images_classes_and_batches_are_others(tmp_path):
    text = ALL[50]
    book = CostBook(VIT, cache=tmp_path)
    for other in (
        CostBook(VIT, cache=tmp_path, num_classes=3),
        CostBook(VIT, cache=tmp_path, input_shape=(1, 16, 16)),
    ):
        assert other.one("params", text) != book.one("params", text)
    assert CostBook(VIT, cache=tmp_path, batch=2).one("memory", text) > book.one("memory", text)


@pytest.mark.parametrize(
    "damage", [b"", b"SQLite format 3\0", b"no database", "UPDATE costs SET number = number + 1"]
)
def test_a_damaged_book_counts_as_absent_and_is_made_anew(tmp_path, damage):
    texts = ALL[:3]
    before = CostBook(VIT, cache=tmp_path).get("params", texts)
    (file,) = (tmp_path / "costs").iterdir()
    if isinstance(damage, bytes):
        file.write_bytes(damage)
    else:
        with closing(sqlite3.connect(file)) as book, book:
            book.execute(damage)
    book = CostBook(VIT, cache=tmp_path)
    assert book.get("params", texts) == before
    assert book.counted == 3
    again = CostBook(VIT, cache=tmp_path)
    assert again.get("params", texts) == before
    assert again.counted == 0


def test_a_book_of_another_space_is_not_believed_and_its_damage_is_told(tmp_path):
    told, listener = [], Silent()
    listener.note = told.append
    sizes = {"a": 10, "b": 20}
    ours, theirs = (CostBook(VIT, cache=tmp_path / n, num_classes=c) for n, c in sizes.items())
    for book in (ours, theirs):
        book.get("params", ALL[:2])
    files = [next((tmp_path / name / "costs").iterdir()) for name in ("a", "b")]
    shutil.copy(files[1], files[0])
    book = CostBook(VIT, cache=tmp_path / "a", num_classes=10, progress=listener)
    assert book.get("params", ALL[:2]) == ours.get("params", ALL[:2])
    assert told == [f"{files[0]} is damaged and counts as absent"]


WRITER = """
import sys
from pathlib import Path
from autodas.spaces import get_space
from autodas.workbench import costs
costs.CHUNK, costs.SAVE_EVERY = 2, -1.0
space = get_space("digits-vit")
texts = [space.encode(arch) for arch in space.enumerate()]
first, step = int(sys.argv[2]), int(sys.argv[3])
book = costs.CostBook(space, cache=Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
book.get("params", texts[first:60:step])
"""


def test_several_processes_add_to_one_book(tmp_path):
    folder, words = tmp_path / "cache", [sys.executable, "-c", WRITER]
    writers = [
        subprocess.Popen(
            [*words, str(folder), str(first), "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for first in (0, 1)
    ]
    for writer in writers:
        writer.stdout.readline()
    for writer in writers:
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    assert [writer.wait() for writer in writers] == [0, 0]
    book = CostBook(VIT, cache=folder)
    assert book.get("params", ALL[:60]) == [VIT.cost(VIT.decode(t)).params for t in ALL[:60]]
    assert book.counted == 0


DIES = """
import os, sqlite3, sys
book = sqlite3.connect(sys.argv[1])
book.execute("PRAGMA cache_size = 1")
book.execute("UPDATE costs SET number = 0")
rows = [(str(i) * 99,) for i in range(9999)]
book.executemany("INSERT INTO costs VALUES ('x', ?, 0, '')", rows)
os._exit(1)
"""


def test_what_is_half_written_when_a_process_dies_is_taken_back(tmp_path):
    book = CostBook(VIT, cache=tmp_path)
    before = book.get("params", ALL[:120])
    (file,) = (tmp_path / "costs").iterdir()
    subprocess.run([sys.executable, "-c", DIES, str(file)], check=False)
    assert file.with_name(file.name + "-journal").exists()
    again = CostBook(VIT, cache=tmp_path)
    assert again.get("params", ALL[:120]) == before
    assert again.counted == 0


def test_a_space_without_a_name_of_its_own_leaves_nothing_on_disk(tmp_path):
    space = ChoiceSpace(
        "digits-vit",
        "not the one of that name",
        {"width": (1, 2)},
        lambda arch, classes, shape: nn.Linear(arch["width"], 1),
        depth=lambda arch: 1,
        input_shape=(1, 1, 1),
        num_classes=2,
    )
    texts = [space.encode(arch) for arch in space.enumerate()]
    assert CostBook(space, cache=tmp_path).get("params", texts) == [2, 3]
    assert not (tmp_path / "costs").exists()
