"""Run directories: locked, resumed with the same configuration only, self-describing."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.files import read_json
from autodas.core.runs import RunDirectory, command_line, deciding, environment, to_toml

CONFIG = {"seed": 3, "rate": 0.5, "space": "digits-cnn", "limit": None, "names": ["a", "b"]}


def test_a_new_run_describes_itself(tmp_path: Path) -> None:
    with RunDirectory(tmp_path / "run", "discover", CONFIG) as run:
        run.write_results({"best": 1.5})
    config = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    # The command and every value that is not None.
    assert config == {
        "command": "discover",
        "seed": 3,
        "rate": 0.5,
        "space": "digits-cnn",
        "names": ["a", "b"],
    }
    assert read_json(tmp_path / "run" / "results.json") == {"command": "discover", "best": 1.5}
    environment = read_json(tmp_path / "run" / "environment.json")
    assert environment["packages"]["autodas"]
    assert environment["cores"] == os.cpu_count()


def test_the_words_of_a_command_are_kept_without_the_place_of_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/bin/autodas", "discover", "--out", "/tmp/run"])
    assert environment()["command_line"] == ["autodas", "discover", "--out", "/tmp/run"]


@dataclass(frozen=True)
class Inner:
    seed: int = 0
    fast: bool = True
    cache: Path | None = field(default=None, metadata={"decides": False})


@dataclass(frozen=True)
class Options:
    tables: tuple[str, ...] = ("a",)
    source: Path = Path("here")
    max_params: float | None = None
    protocol: Inner = Inner()
    dry: bool = False
    jobs: int = field(default=1, metadata={"decides": False})
    told: int = field(default=1, metadata={"decides": True})


def test_every_option_decides_unless_its_field_says_otherwise() -> None:
    given = Options(("a", "b"), Path("x/y"), 5.0, Inner(3, cache=Path("c")), jobs=8)
    assert deciding(given) == {
        "tables": ["a", "b"],
        "source": "x/y",
        "max_params": 5.0,
        "protocol": {"seed": 3, "fast": True},
        "dry": False,
        "told": 1,
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"jobs": 8}, ""),
        ({"tables": ("a", "two words")}, "--tables a 'two words'"),
        ({"source": Path("x/y")}, "--source x/y"),
        ({"max_params": 5.0}, "--max-params 5.0"),
        ({"dry": True}, "--dry"),
        ({"protocol": Inner(fast=False)}, "--no-fast"),
        ({"protocol": Inner(3), "told": 2}, "--seed 3 --told 2"),
    ],
)
def test_a_command_line_says_what_differs_from_the_defaults(
    change: dict[str, Any], words: str
) -> None:
    said = command_line("discover", replace(Options(), **change))
    assert said == f"autodas discover {words}".strip()
    assert shlex.split(said)[:2] == ["autodas", "discover"]


def test_a_command_line_says_also_what_it_is_asked_for() -> None:
    assert command_line("discover", Options(jobs=8), also=["jobs"]) == "autodas discover --jobs 8"
    assert command_line("discover", Options(), also=["jobs"]) == "autodas discover"


def test_the_same_configuration_resumes(tmp_path: Path) -> None:
    with RunDirectory(tmp_path, "discover", CONFIG) as run:
        run.journal.append({"unit": 0})
    described = (tmp_path / "environment.json").read_bytes()
    with RunDirectory(tmp_path, "discover", dict(reversed(CONFIG.items()))) as run:
        assert run.journal.records() == [{"unit": 0}]
    assert (tmp_path / "environment.json").read_bytes() == described


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 4}, "seed=3, now 4"),
        ({"limit": 5}, "limit=None, now 5"),
        ({"names": ["a"]}, r"names=\['a', 'b'\], now \['a'\]"),
    ],
)
def test_another_configuration_is_refused(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    with RunDirectory(tmp_path, "discover", CONFIG):
        pass
    with (
        pytest.raises(InvalidInput, match=words),
        RunDirectory(tmp_path, "discover", {**CONFIG, **change}),
    ):
        pass
    # The refusal gave the lock back.
    with RunDirectory(tmp_path, "discover", CONFIG):
        pass


def test_an_error_before_anything_was_found_leaves_the_folder_to_others(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "first"
    with pytest.raises(InvalidInput), RunDirectory(out, "discover", CONFIG):
        raise InvalidInput("no such teacher")
    assert {each.name for each in out.iterdir()} == {"lock"}
    with RunDirectory(out, "discover", {**CONFIG, "seed": 4}) as run:
        run.journal.append({"unit": 0})


def test_a_folder_that_somebody_has_tidied_up_meanwhile_is_left_as_well(tmp_path: Path) -> None:
    def fail() -> None:
        with RunDirectory(tmp_path, "discover", CONFIG):
            (tmp_path / "environment.json").unlink()
            raise InvalidInput("no such teacher")

    with pytest.raises(InvalidInput, match="no such teacher"):
        fail()
    assert {each.name for each in tmp_path.iterdir()} == {"lock"}


@pytest.mark.parametrize("what", ["journal", "folder", "earlier", "interrupted", "defect"])
def test_what_was_found_stays_with_its_configuration(tmp_path: Path, what: str) -> None:
    error = {"interrupted": KeyboardInterrupt, "defect": ValueError}.get(what, InvalidInput)
    if what == "earlier":
        with RunDirectory(tmp_path, "discover", CONFIG):
            pass

    def find() -> None:
        with RunDirectory(tmp_path, "discover", CONFIG) as run:
            if what == "journal":
                run.journal.append({"unit": 0})
            if what == "folder":
                (tmp_path / "search").mkdir()
            raise error("too late")

    with pytest.raises(error):
        find()
    with (
        pytest.raises(InvalidInput, match="seed=3, now 4"),
        RunDirectory(tmp_path, "discover", {**CONFIG, "seed": 4}),
    ):
        pass


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        ({"seed": 3}, "limit=5, now None"),
        ({"limit": 5}, "seed=3, now None"),
        ({"limit": 5, "seed": 3, "data": {"teacher": None}}, "data.teacher='t', now None"),
    ],
)
def test_an_option_that_is_left_out_is_named(
    tmp_path: Path, left_out: dict[str, Any], words: str
) -> None:
    with RunDirectory(tmp_path, "discover", {"seed": 3, "limit": 5, "data": {"teacher": "t"}}):
        pass
    changed = {"data": {"teacher": "t"}, **left_out}
    with pytest.raises(InvalidInput, match=words), RunDirectory(tmp_path, "discover", changed):
        pass


def test_what_names_stand_for_decides_as_well(tmp_path: Path) -> None:
    meant: dict[str, Any] = {"formulas": {"mine": "log(x)", "macs": None}, "recipe": {"epochs": 3}}
    with RunDirectory(tmp_path, "benchmark", CONFIG, resolved=meant):
        pass
    with RunDirectory(tmp_path, "benchmark", CONFIG, resolved=meant):
        pass
    meant["formulas"] = {"mine": "neg(x)"}
    said = r"resolved.formulas.mine='log\(x\)', now 'neg\(x\)'"
    with (
        pytest.raises(InvalidInput, match=said),
        RunDirectory(tmp_path, "benchmark", CONFIG, resolved=meant),
    ):
        pass
    with pytest.raises(InvalidInput, match="resolved"), RunDirectory(tmp_path, "benchmark", CONFIG):
        pass


def test_another_command_is_refused(tmp_path: Path) -> None:
    with RunDirectory(tmp_path, "discover", CONFIG):
        pass
    with (
        pytest.raises(InvalidInput, match="command='discover', now 'search'"),
        RunDirectory(tmp_path, "search", CONFIG),
    ):
        pass


HOLDER = """
import sys
from pathlib import Path
from autodas.core.runs import RunDirectory
with RunDirectory(Path(sys.argv[1]), "discover", {}):
    print("open", flush=True)
    sys.stdin.readline()
"""


def test_a_second_process_is_refused_and_told_the_first(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "open\n"
        with (
            pytest.raises(InvalidInput, match=f"in use by process {holder.pid}; wait"),
            RunDirectory(tmp_path, "discover", {}),
        ):
            pass
        holder.kill()
        holder.wait()
    # The lock of a killed process is gone with it.
    with RunDirectory(tmp_path, "discover", {}):
        pass


def test_the_lock_names_one_process_however_often_it_was_taken(tmp_path: Path) -> None:
    for _ in range(3):
        with RunDirectory(tmp_path, "discover", {}):
            assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("damage", [b"seed = ", b"\xff\xfe", b"seed = 3"])
def test_a_damaged_configuration_is_reported(tmp_path: Path, damage: bytes) -> None:
    with RunDirectory(tmp_path, "discover", CONFIG):
        pass
    (tmp_path / "config.toml").write_bytes(damage)
    with (
        pytest.raises((FileProblem, InvalidInput)) as caught,
        RunDirectory(tmp_path, "discover", CONFIG),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_path_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(FileProblem, match=r"file: cannot be made: File exists$"),
        RunDirectory(tmp_path / "file", "discover", {}),
    ):
        pass


# Surrogates are not text: no file can hold them as UTF-8.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.booleans()
    # TOML promises 64 bits.
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(config=st.dictionaries(TEXT, VALUES, max_size=5))
def test_toml_comes_back(config: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(config)) == config


def test_toml_keeps_the_type_of_numbers() -> None:
    back = tomllib.loads(to_toml({"a": 1.0, "b": 1, "c": True, "d": 1e300, "e": 1e-7}))
    assert [type(value) for value in back.values()] == [float, int, bool, float, float]


def test_toml_leaves_none_out_at_every_level() -> None:
    assert tomllib.loads(to_toml({"a": None, "b": {"c": None, "d": {"e": None, "f": 1}}})) == {
        "b": {"d": {"f": 1}}
    }


def test_toml_refuses_what_it_cannot_say() -> None:
    with pytest.raises(TypeError, match="complex"):
        to_toml({"a": 1j})
