"""A teacher that somebody names has to be there, whether anything is compared with it or not."""

from __future__ import annotations

import pytest

from autodas.cli.main import main

COMMANDS = {
    "search": "search --score params --max-params 10000",
    "benchmark": "benchmark --table digits-cnn --sample 16 --scores params",
    "explain": "explain params --table digits-cnn",
    "discover": "discover --tables digits-cnn --generations 1 --population 4",
    "measure": "measure --space digits-cnn --students 2 --statistics macs",
}


@pytest.mark.parametrize("option", ["--teacher", "--more-teachers"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_named_teacher_that_is_missing_is_refused(command, option, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*COMMANDS[command].split(), option, "gone.safetensors"]) == 2
    told = capsys.readouterr().err
    assert "gone" in told
    assert "no such file" in told
    assert not list(tmp_path.rglob("config.toml"))
