"""What every command has in common: options, errors, exit status, clean standard output."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from autodas import __version__
from autodas.cli.commands import COMMANDS, Command
from autodas.cli.main import main
from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.progress import Progress


@dataclass(frozen=True)
class Inner:
    """A nested part.

    Attributes:
        teacher: Whom to learn from.
        batch_size: Images.
    """

    teacher: str = "t"
    batch_size: int = 60


@dataclass(frozen=True)
class FakeConfig:
    """A configuration with every sort of field."""

    space: str
    """Where to look."""
    out: Path = Path("runs/fake")
    """The run directory."""
    limit: int | None = None
    rate: float = 0.5
    kind: Literal["real", "noise"] = "real"
    names: tuple[str, ...] = ("a",)
    kinds: tuple[Literal["x", "y"], ...] = ()
    flag: bool = False
    shuffle: bool = True
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise InvalidInput(f"rate must be ≥ 0, got {self.rate}")


Run = Callable[[FakeConfig, Progress], dict[str, Any]]


@dataclass
class Fake:
    """A command whose work the test chooses; it notes the configuration it was given."""

    run: Run
    config: FakeConfig | None = None

    def __call__(self, config: FakeConfig, progress: Progress) -> dict[str, Any]:
        self.config = config
        return self.run(config, progress)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    command = Fake(lambda config, progress: {"space": config.space, "summary": ["it is done"]})
    module = types.ModuleType("autodas.steps.fake")
    module.Config, module.run = FakeConfig, command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(COMMANDS, "fake", Command("fake", module.__name__, "a test", ("space",)))
    return command


def config_of(fake: Fake, *arguments: str) -> FakeConfig:
    assert main(["fake", *arguments]) == 0
    assert fake.config is not None
    return fake.config


@pytest.mark.parametrize("status", [None, 0, 3, "good\nbye"])
def test_code_that_leaves_is_told_and_no_success(
    fake: Fake, status: object, capfd: pytest.CaptureFixture[str]
) -> None:
    def leave(config: FakeConfig, progress: Progress) -> dict[str, Any]:
        raise SystemExit(status)

    fake.run = leave
    assert main(["fake", "s"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("autodas: error: code that autodas ran has left it (SystemExit")


# ---- options ----------------------------------------------------------------------------------


def test_defaults(fake: Fake) -> None:
    assert config_of(fake, "--space", "s") == FakeConfig("s")


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["--limit", "3"], {"limit": 3}),
        (["--limit=3"], {"limit": 3}),
        (["--limit", "3", "--limit", "4"], {"limit": 4}),
        (["--rate", "1e-3"], {"rate": 1e-3}),
        (["--kind", "noise"], {"kind": "noise"}),
        (["--names", "b", "c"], {"names": ("b", "c")}),
        (["--names", "b", "--names", "c"], {"names": ("b", "c")}),
        (["--names=b"], {"names": ("b",)}),
        (["--names=b", "--names=c"], {"names": ("b", "c")}),
        (["--names"], {"names": ()}),
        (["--kinds", "x", "y"], {"kinds": ("x", "y")}),
        (["--flag", "--no-shuffle"], {"flag": True, "shuffle": False}),
        (["--flag", "--no-flag"], {"flag": False}),
        (["--out", "a/b"], {"out": Path("a/b")}),
        (["--batch-size", "7"], {"inner": Inner(batch_size=7)}),
        (["--batch_size", "7"], {"inner": Inner(batch_size=7)}),
        (["--teacher=-x"], {"inner": Inner(teacher="-x")}),
    ],
)
def test_options(fake: Fake, arguments: list[str], changes: dict[str, Any]) -> None:
    assert config_of(fake, "--space", "s", *arguments) == FakeConfig("s", **changes)


def test_a_plugin_is_imported_before_the_command_runs(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "cli_plugin.py").write_text("")
    seen: list[bool] = []

    def look(config: FakeConfig, progress: Progress) -> dict[str, Any]:
        seen.append("cli_plugin" in sys.modules)
        return {}

    fake.run = look
    assert main(["fake", "s", "--plugin", "cli_plugin"]) == 0
    assert seen == [True]
    assert main(["fake", "s", "--plugin", "absent_plugin"]) == 2
    del sys.modules["cli_plugin"]


def test_the_first_option_may_stand_without_its_name(fake: Fake) -> None:
    assert config_of(fake, "s", "--limit", "3") == FakeConfig("s", limit=3)
    assert config_of(fake, "--limit", "3", "s") == FakeConfig("s", limit=3)


WRONG = [
    (["--spcae", "s"], "unknown option '--spcae'; did you mean '--space'?"),
    (["s", "-x"], "unknown option '-x'"),
    (["s", "--no-limit"], "unknown option '--no-limit'; did you mean '--limit'?"),
    (["s", "--inner.teacher", "t"], "unknown option '--inner.teacher'"),
    ([], "fake needs --space (text)"),
    (["--space"], "--space needs a value: text"),
    (["s", "t"], "unexpected argument 't'"),
    (["s", "--limit", "3", "4"], "unexpected argument '4' after --limit"),
    (["s", "--flag", "yes"], "unexpected argument 'yes' after --flag"),
    (["s", "--flag=yes"], "--flag takes no value, got 'yes'"),
    (["s", "--limit", "three"], "--limit takes a whole number or None, got 'three'"),
    (["s", "--limit", "3.5"], "--limit takes a whole number or None, got '3.5'"),
    (["s", "--rate", "x"], "--rate takes a number, got 'x'"),
    (["s", "--batch-size", "x"], "--batch-size takes a whole number, got 'x'"),
    (["s", "--kind", "nois"], "--kind: unknown value 'nois'; did you mean 'noise'?"),
    (["s", "--kinds", "x", "z"], "--kinds: unknown value 'z'; choose from x, y"),
    (["s", "--rate", "-1"], "rate must be ≥ 0, got -1.0"),
    (["s", "--out", ""], "--out takes a path, got ''"),
    (["s", "--out="], "--out takes a path, got ''"),
    (["--space", ""], "--space takes text, got ''"),
    (["s", "--names", "a", ""], "--names takes "),
    (["s", "--teacher="], "--teacher takes text, got ''"),
    (["s", "--config", "absent.toml"], "absent.toml: no such file"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_use_is_told_in_one_line(
    fake: Fake, capfd: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["fake", *arguments]) == 2
    out, err = capfd.readouterr()
    assert err.startswith(f"autodas: error: {message}")
    assert err.count("\n") == 1
    assert out == ""
    assert fake.config is None


@pytest.mark.parametrize(
    ("name", "advice"),
    [("serch", "did you mean 'search'?"), ("--jsn", "choose from"), ("zzz", "choose from")],
)
def test_an_unknown_command(capfd: pytest.CaptureFixture[str], name: str, advice: str) -> None:
    assert main([name]) == 2
    out, err = capfd.readouterr()
    assert err.startswith(f"autodas: error: unknown command {name!r}; {advice}")
    assert err.count("\n") == 1
    assert out == ""


# ---- TOML -------------------------------------------------------------------------------------


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], list[str]]:
    def write(text: str) -> list[str]:
        (tmp_path / "run.toml").write_text(text)
        return ["--config", str(tmp_path / "run.toml")]

    return write


def test_a_file_fills_defaults_and_arguments_win(
    fake: Fake, toml: Callable[[str], list[str]]
) -> None:
    arguments = toml(
        'space = "file"\nlimit = -3\nrate = 1e-3\nnames = ["b", "c d"]\nkinds = []\n'
        'flag = true\nshuffle = false\nout = "x"\n[inner]\nbatch_size = 7\n'
    )
    expected = FakeConfig(
        "file",
        out=Path("x"),
        limit=-3,
        rate=1e-3,
        names=("b", "c d"),
        flag=True,
        shuffle=False,
        inner=Inner(batch_size=7),
    )
    assert config_of(fake, *arguments) == expected
    changed = config_of(fake, *arguments, "typed", "--limit", "4", "--no-flag", "--names", "z")
    assert (changed.space, changed.limit, changed.flag, changed.names) == (
        "typed",
        4,
        False,
        ("z",),
    )
    assert changed.shuffle is False


def test_a_nested_key_may_stand_at_the_top(fake: Fake, toml: Callable[[str], list[str]]) -> None:
    assert config_of(fake, *toml('space = "s"\nteacher = "u"')).inner.teacher == "u"


def test_the_configuration_of_a_run_can_be_used_again(
    fake: Fake, toml: Callable[[str], list[str]]
) -> None:
    assert config_of(fake, *toml('command = "fake"\nspace = "s"')) == FakeConfig("s")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limt = 3", "unknown key 'limt'; did you mean 'limit'?"),
        ("[inner]\nlimit = 3", "unknown key 'inner.limit'"),
        ("json = true", "unknown key 'json'"),
        ("[outer]\nteacher = 't'", "unknown key 'outer.teacher'; did you mean 'inner.teacher'?"),
        ("limit = [3]", "limit must be a whole number or None, got [3]"),
        ("limit = true", "limit must be a whole number or None, got True"),
        ("flag = 1", "flag must be true or false, got 1"),
        ("names = 'a'", "names must be a list, got 'a'"),
        ("limit = ", "is not valid TOML"),
        ("command = 'search'", "is the configuration of 'search', not of 'fake'"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(
    fake: Fake,
    toml: Callable[[str], list[str]],
    capfd: pytest.CaptureFixture[str],
    text: str,
    message: str,
) -> None:
    assert main(["fake", "s", *toml(text)]) == 2
    _, err = capfd.readouterr()
    assert f"run.toml: {message}" in err
    assert err.count("\n") == 1


def test_a_wrong_value_in_a_file_names_its_option(
    fake: Fake, toml: Callable[[str], list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["fake", "s", *toml("limit = 3.5")]) == 2
    assert "--limit takes a whole number or None, got '3.5'" in capfd.readouterr().err


# ---- output and exit status -------------------------------------------------------------------


def test_people_see_the_summary(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fake", "s"]) == 0
    assert capfd.readouterr().out == "it is done\n"


def test_without_a_summary_people_see_the_results(
    fake: Fake, capfd: pytest.CaptureFixture[str]
) -> None:
    fake.run = lambda config, progress: {"τ": 0.5}
    assert main(["fake", "s"]) == 0
    assert json.loads(capfd.readouterr().out) == {"τ": 0.5}


def test_json_is_alone_on_standard_output(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    """Not even a child process or a C library can write beside it."""

    def noisy(config: FakeConfig, progress: Progress) -> dict[str, Any]:
        print("from Python")
        os.write(1, b"from C\n")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        progress.start("working", 2)
        progress.advance(2)
        progress.note("a note")
        return {"space": config.space, "value": 0.1, "summary": ["for people"]}

    fake.run = noisy
    assert main(["fake", "s", "--json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out) == {"space": "s", "value": 0.1}
    assert out.count("\n") == 1
    for text in ("from Python", "from C", "from a child", "working", "a note"):
        assert text in err


@pytest.mark.parametrize("arguments", [["--json", "fake", "s"], ["fake", "--json", "s"]])
def test_json_may_stand_anywhere(
    fake: Fake, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == 0
    assert json.loads(capfd.readouterr().out) == {"space": "s"}


def test_an_error_of_the_user(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    def fail(config: FakeConfig, progress: Progress) -> dict[str, Any]:
        raise UnknownName("space", config.space, ["resnet", "pit"])

    fake.run = fail
    assert main(["fake", "resnt"]) == 2
    out, err = capfd.readouterr()
    assert err == "autodas: error: unknown space 'resnt'; did you mean 'resnet'?\n"
    assert out == ""
    assert main(["fake", "resnt", "--json"]) == 2
    assert json.loads(capfd.readouterr().out) == {
        "error": "unknown space 'resnt'; did you mean 'resnet'?",
        "exit_status": 2,
    }


def test_a_long_message_is_still_one_line(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    def fail(config: FakeConfig, progress: Progress) -> dict[str, Any]:
        raise InvalidInput("first\nsecond")

    fake.run = fail
    assert main(["fake", "s"]) == 2
    assert capfd.readouterr().err == "autodas: error: first second\n"


def test_a_defect_shows_its_traceback(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    def fail(config: FakeConfig, progress: Progress) -> dict[str, Any]:
        raise KeyError("lost")

    fake.run = fail
    assert main(["fake", "s"]) == 1
    err = capfd.readouterr().err
    assert "Traceback" in err
    assert "KeyError: 'lost'" in err


def test_a_number_that_is_none_is_a_defect(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    fake.run = lambda config, progress: {"tau": float("nan")}
    assert main(["fake", "s", "--json"]) == 1
    out, err = capfd.readouterr()
    assert "NaN" not in out
    assert "ValueError" in err


def test_stopping_says_where_to_go_on(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    def stop(config: FakeConfig, progress: Progress) -> dict[str, Any]:
        raise KeyboardInterrupt

    fake.run = stop
    assert main(["fake", "s", "--out", "runs/here"]) == 130
    assert capfd.readouterr().err == (
        "autodas: stopped; what is done is kept in runs/here; the same command goes on from there\n"
    )


@pytest.mark.parametrize("arguments", [["--help"], ["doctor"], ["doctor", "--json"]])
def test_a_reader_who_leaves_early_is_no_error(arguments: list[str]) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [sys.executable, "-m", "autodas", *arguments],
        stdout=theirs,
        stderr=subprocess.PIPE,
        # Written when Python ends, as for most people.
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        check=False,
    )
    os.close(theirs)
    assert done.stderr == b""
    assert done.returncode == 0


def test_a_run_leaves_its_report(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "fake", dataclasses.replace(COMMANDS["fake"], reported=True))
    built: list[Path] = []

    def build(path: Path) -> Path:
        built.append(path)
        return path / "report.html"

    monkeypatch.setattr("autodas.reports.build", build)
    assert main(["fake", "--space", "s", "--out", str(tmp_path), "--json"]) == 0
    page = str(tmp_path / "report.html")
    assert json.loads(capfd.readouterr().out) == {"space": "s", "report": page}
    assert main(["fake", "--space", "s", "--out", str(tmp_path)]) == 0
    assert capfd.readouterr().out == f"it is done\nreport: {page}\n"
    assert built == [tmp_path, tmp_path]


# ---- help -------------------------------------------------------------------------------------


def test_help_names_every_command_and_every_exit_status(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["--help"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    for name in COMMANDS:
        assert f"\n  {name} " in out
    for status in ("0 ", "1 ", "2 ", "130 "):
        assert f"\n  {status}" in out
    assert max(map(len, out.splitlines())) <= 100


def test_nothing_asked_for_is_wrong_use(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "usage: autodas COMMAND" in err


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capfd.readouterr().out == f"autodas {__version__}\n"


def test_help_of_a_command(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fake", "--help"]) == 0
    out, _ = capfd.readouterr()
    for text in ("Where to look.", "--batch-size", "Whom to learn from.", "--config", "--json"):
        assert text in out
    assert fake.config is None


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom autodas.cli.main import main\nmain(['--help'])\n"
        "heavy = {'torch', 'numpy', 'scipy', 'tyro', 'rich', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or None)"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    assert done.stderr == ""
    assert done.returncode == 0
    # 0.07 s on an idle machine; the promise is half a second.
    assert seconds < 0.5


@pytest.mark.parametrize(
    "starter", [["-m", "autodas"], [str(Path(sys.executable).with_name("autodas"))]]
)
def test_both_ways_to_start(starter: list[str]) -> None:
    command = [sys.executable, *starter] if starter[0] == "-m" else starter
    done = subprocess.run([*command, "zzz"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("autodas: error: unknown command 'zzz'")


SLEEPER = """
import signal, sys, time, types
# What runs these tests in the background has told them to ignore the signal.
signal.signal(signal.SIGINT, signal.default_int_handler)
from dataclasses import dataclass
from pathlib import Path
from autodas.cli.commands import COMMANDS, Command
from autodas.cli.main import main

@dataclass(frozen=True)
class Config:
    out: Path = Path("runs/sleep")

def run(config, progress):
    progress.start("sleeping", 1)
    time.sleep(60)
    return {}

module = types.ModuleType("sleeper")
module.Config, module.run = Config, run
sys.modules["sleeper"] = module
COMMANDS["sleep"] = Command("sleep", "sleeper", "a test")
sys.exit(main(["sleep"]))
"""


def test_ctrl_c_stops_with_one_line_and_130() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        assert process.stderr.readline() == "sleeping: 1 to do\n"
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(timeout=20) == 130
    assert "Traceback" not in rest
    assert rest.splitlines()[-1].startswith("autodas: stopped; what is done is kept in runs/sleep")
