"""The cache is shown by kind, and cleared by kind and age."""

import json
import os
import time

import pytest

from autodas.cli.main import main


@pytest.fixture
def cache(tmp_path):
    """Two statistics, one of them ten days old, decoded images, and something that is not ours."""
    for name, size, days in (
        ("statistics/ab/one.safetensors", 1000, 0),
        ("statistics/cd/two.safetensors", 500, 10),
        ("data/digits.safetensors", 2000, 3),
        ("mine/notes.txt", 7, 100),
    ):
        file = tmp_path / "cache" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * size)
        moment = time.time() - days * 86_400
        os.utime(file, (moment, moment))
    return tmp_path / "cache"


def asked(capsys, cache, *words):
    assert main(["cache", "--cache", str(cache), "--json", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    sizes = {kind: each["bytes"] for kind, each in found["kinds"].items() if each["files"]}
    return sizes, found["removed"]


def test_what_there_is(capsys, cache):
    assert asked(capsys, cache) == ({"statistics": 1500, "data": 2000}, {"files": 0, "bytes": 0})
    assert main(["cache", "--cache", str(cache)]) == 0
    text = capsys.readouterr().out
    assert "in 2 files, measured networks, the oldest 10 days old" in text
    assert "removed" not in text


@pytest.mark.parametrize(
    ("words", "left", "gone"),
    [
        (("--clear", "data"), {"statistics": 1500}, (1, 2000)),
        (("--clear", "data", "statistics"), {}, (3, 3500)),
        (("--clear", "all"), {}, (3, 3500)),
        (("--older-than", "5"), {"statistics": 1000, "data": 2000}, (1, 500)),
        (("--clear", "data", "--older-than", "5"), {"statistics": 1500, "data": 2000}, (0, 0)),
        (("--clear", "data", "--older-than", "2"), {"statistics": 1500}, (1, 2000)),
    ],
)
def test_what_is_cleared(capsys, cache, words, left, gone):
    assert asked(capsys, cache, *words) == (left, {"files": gone[0], "bytes": gone[1]})
    assert asked(capsys, cache)[0] == left
    assert (cache / "mine" / "notes.txt").exists()


def test_a_link_is_removed_and_not_what_it_leads_to(capsys, cache, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x")
    (cache / "data" / "link").symlink_to(tmp_path / "precious")
    asked(capsys, cache, "--clear", "all")
    assert (tmp_path / "precious" / "file").exists()
    assert not (cache / "data" / "link").is_symlink()


def test_what_is_no_kind_or_age_is_refused(capsys, cache):
    assert main(["cache", "--cache", str(cache), "--clear", "mine"]) == 2
    refused = capsys.readouterr().err
    assert "--clear" in refused
    assert "'mine'" in refused
    assert all(kind in refused for kind in ("statistics", "downloads", "all"))
    assert main(["cache", "--cache", str(cache), "--older-than", "-1"]) == 2
    assert "at least 0, got -1" in capsys.readouterr().err
    assert (cache / "mine" / "notes.txt").exists()
