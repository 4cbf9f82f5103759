"""The ``config.toml`` that a run leaves is a file of options that make the same run."""

import sys
import tomllib

import pytest

from autodas.cli.commands import COMMANDS
from autodas.cli.main import main
from autodas.cli.options import options_of, parse
from autodas.core.runs import RunDirectory, deciding
from autodas.steps import MODULES

VIT = '{"depth":1,"heads":1,"mlp_ratio":0.5,"width":12}'
BRIEF = "--data digits/50 --seeds 1 --epochs 1"
RUNS = {
    "benchmark": "--scores params layers_mean(cka) --table digits-vit --limit=8",
    "discover": "--tables digits-vit --limit 12 --population 4 --generations 1 --name mine "
    "--no-size-leaves --init-seed 1",
    "search": "--space digits-vit --score params --max-params 5k --top 2",
    "explain": "params --space digits-vit --architectures 4 --no-collapse",
    "label": f"--space digits-vit {BRIEF} --students 1 --losses kd=0.5 at=2 --no-vanilla "
    "--time-limit 60",
    "distill": f"--space digits-vit --arch {VIT} {BRIEF} --losses kd=1",
    "run": f"--space digits-vit {BRIEF} --score params --max-params 3k --max-latency 30s "
    "--evaluations 4 --strategy=random",
    "teachers": "--space digits-vit --epochs 6 --trainings 2 --candidates digits-cnn-teacher none",
}
"""Every command that leaves a configuration, with what it does quickly."""


def test_no_command_is_forgotten():
    # A demonstration consists of others; the rest leaves no run directory.
    assert {*MODULES} - {*RUNS} == {
        "demo", "measure", "train-teacher", "convert", "export", "check",
    }  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_it_makes_the_same_run(name, tmp_path, capfd):
    first, second = tmp_path / "p1", tmp_path / "p2"
    words = [*RUNS[name].split(), "--backend", "serial", "--jobs", "1"]
    assert main([name, *words, "--out", str(first)]) == 0, capfd.readouterr().err
    file = first / "config.toml"
    again = ["--config", str(file), "--out", str(second), "--jobs", "1"]
    assert main([name, *again]) == 0, capfd.readouterr().err
    assert (second / "config.toml").read_bytes() == file.read_bytes()
    # Also in its own folder, where another run would be refused.
    assert main([name, "--config", str(file), "--out", str(first)]) == 0


@pytest.mark.parametrize("name", [name for name, each in COMMANDS.items() if each.reported])
def test_every_option_comes_back(name, tmp_path):
    kind = COMMANDS[name].load().config
    words = {int: "7", float: "0.25", str: "a b", bool: None}
    typed = []
    for option in options_of(kind).values():
        value = (option.choices or (words.get(option.type, "3"),))[-1]
        if option.key in {"max_params", "max_macs", "max_memory"}:
            value = "12.5k" if option.key != "max_memory" else "1MiB"
        if option.key == "max_latency":
            value = "3ms"
        typed += [option.name] if option.is_flag else [option.name, value]
    given, _ = parse(COMMANDS[name], kind, typed)
    with RunDirectory(tmp_path, name, deciding(given), resolved={"recipe": {"a": None, "b": 1}}):
        pass
    words = ["--config", str(tmp_path / "config.toml")]
    assert deciding(parse(COMMANDS[name], kind, words)[0]) == deciding(given)


def test_plugins_are_named(tmp_path, monkeypatch, capfd):
    (tmp_path / "given_back_plugin.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    search = ["search", "--space", "digits-vit", "--score", "params", "--candidates", "4"]
    assert main([*search, "--plugin", "given_back_plugin", "--out", "p1", "--jobs", "1"]) == 0
    assert tomllib.loads((tmp_path / "p1" / "config.toml").read_text())["plugin"] == [
        "given_back_plugin"
    ]
    monkeypatch.setattr("autodas.core.plugins._asked", set())
    del sys.modules["given_back_plugin"]
    # Left out, it is another run.
    assert main([*search, "--out", "p1", "--jobs", "1"]) == 2
    assert "p1 holds a run with plugin=['given_back_plugin'], now None" in capfd.readouterr().err
    assert main(["search", "--config", "p1/config.toml", "--out", "p2", "--jobs", "1"]) == 0
    assert "given_back_plugin" in sys.modules
    assert (tmp_path / "p2" / "config.toml").read_bytes() == (
        tmp_path / "p1" / "config.toml"
    ).read_bytes()
