"""``~`` is the home folder wherever a path is given: no shell replaces it in ``--out=~/run``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import autodas
from autodas.cli.commands import COMMANDS, find
from autodas.cli.options import Option, options_of, parse
from autodas.core.errors import AutodasError
from autodas.scores import get_score
from autodas.scores.resolve import shipped_path
from autodas.tables import convert


def _is_path(option: Option) -> bool:
    return option.type is Path or "Path" in str(option.type)


PLACES = [
    (name, option.name)
    for name in COMMANDS
    for option in options_of(find(name).load().config).values()
    if _is_path(option)
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def value(config: object, option: str) -> object:
    found = getattr(config, option.removeprefix("--").replace("-", "_"))
    return found[0] if isinstance(found, tuple) else found


@pytest.mark.parametrize(("name", "option"), PLACES)
@pytest.mark.parametrize("way", ["equals", "words", "toml"])
def test_of_every_option_of_every_command(name: str, option: str, way: str, home: Path) -> None:
    command = find(name)
    config = command.load().config
    typed = {"equals": [f"{option}=~/here"], "words": [option, "~/here"]}
    if way == "toml":
        text = "['~/here']" if options_of(config)[option].is_list else "'~/here'"
        (home / "a.toml").write_text(f"{option.removeprefix('--').replace('-', '_')} = {text}\n")
        typed["toml"] = ["--config=~/a.toml"]
    missing = [o for o in options_of(config).values() if o.required and o.name != option]
    words = [*typed[way], *(word for o in missing for word in (o.name, "x"))]
    found, _ = parse(command, config, words)
    assert value(found, option) == home / "here"


def test_every_command_that_keeps_a_run_is_among_them() -> None:
    assert {"search", "discover", "label", "distill", "benchmark"} <= {
        name for name, option in PLACES if option == "--out"
    }


def test_of_proxies_students_tables_and_originals(home: Path) -> None:
    shipped = shipped_path("general")
    assert shipped is not None
    (home / "p.json").write_bytes(shipped.read_bytes())
    formula = autodas.load_proxy(shipped).formula
    assert autodas.load_proxy("~/p.json").formula == get_score("proxy:~/p.json").formula == formula
    (home / "t.csv").write_text("arch,kd_acc\n1-1-1,60\n")
    assert len(autodas.load_table("~/t.csv")) == 1
    for name in ("s1-gt-cls.txt", "s1-gt-kd.txt"):
        (home / name).write_text("111 60\n")
    convert("s0", ["~/s1-gt-cls.txt", "~/s1-gt-kd.txt"], "~/s0.csv")
    assert (home / "s0.csv").exists()
    with pytest.raises(AutodasError, match=f"{home}/run"):
        autodas.load_student("~/run/student.safetensors")


def test_of_options_in_python(home: Path) -> None:
    for out in ("~/run", Path("~/run2")):
        autodas.search(space="digits-cnn", score="params", out=out, cache="~/cache")
    for name in ("run", "run2"):
        assert json.loads((home / name / "results.json").read_text())["space"] == "digits-cnn"
    assert (home / "cache").is_dir()
