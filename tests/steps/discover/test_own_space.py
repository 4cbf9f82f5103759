"""Labels of one's own, of a space of one's own: in every command that takes a table."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from autodas.cli.main import main

MODULE = """
from autodas.networks import ResNet
from autodas.spaces import ChoiceSpace, Each


def build(arch, num_classes, input_shape):
    widths = (arch["width"],) * 2
    return ResNet(arch["depth"], widths, channels=input_shape[0], num_classes=num_classes)


SPACE = ChoiceSpace(
    "mine", "two stages", {"depth": Each.of((1, 2, 3), 2), "width": (4, 6, 8)}, build,
    input_shape=(1, 8, 8), num_classes=10,
)
"""
SMALL = ["--population", "6", "--generations", "2", "--finalists", "2"]
NAME = "space_of_the_user"
REFERENCE = f"{NAME}:SPACE"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / f"{NAME}.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    from autodas.spaces import get_space

    lines = ["arch,kd_acc"]
    for i, arch in enumerate(get_space(REFERENCE).enumerate()):
        # As somebody else's program might write it.
        text = json.dumps(json.loads(get_space(REFERENCE).encode(arch)), sort_keys=False)
        lines.append('"' + text.replace('"', '""') + f'",{60 + i % 9 + i / 10}')
    Path("mine.csv").write_text("\n".join(lines) + "\n")
    rows = {"few": ["1-1-1,60", "1-1-3,61", "1-1-5,62"]}
    stages = [f"{a}-{b}-{c}" for a in (1, 3, 5, 7) for b in (1, 3, 5, 7) for c in (1, 3, 5, 7)]
    rows["none"] = [f"{stage}," for stage in stages]
    rows["even"] = [f"{stage},60" for stage in stages]
    for name, lines in rows.items():
        Path(f"{name}.csv").write_text("\n".join(["arch,kd_acc", *lines]) + "\n")
    return tmp_path


def results(out):
    return json.loads((Path(out) / "results.json").read_text())


def test_every_command_that_takes_a_table_takes_its_space(capsys):
    own = ["--space", REFERENCE]
    assert main(["discover", "--tables", "mine.csv", *own, "--out", "found", *SMALL]) == 0
    (pair,) = results("found")["pairs"]
    assert (pair["space"], pair["table"], pair["target"]) == ("mine", "mine", "distilled")
    assert sum(pair[f"n_{part}"] for part in ("search", "validation", "report")) == 27
    proxy = "proxy:found/proxy.json"
    assert main(["benchmark", "--table", "mine.csv", *own, "--scores", proxy]) == 0
    assert {row["n"] for row in results("runs/benchmark")["rows"]} == {27, pair["n_report"]}
    assert main(["explain", proxy, "--table", "mine.csv", *own, "--no-collapse"]) == 0
    assert main(["search", "--table", "mine.csv:kd_acc", *own, "--score", "params"]) == 0
    assert results("runs/search")["regret"]["n"] == 27
    capsys.readouterr()


def test_beside_a_table_that_says_its_space(capsys):
    both = ["--tables", "digits-cnn", "mine.csv", "--space", REFERENCE, "--sample", "12"]
    assert main(["discover", *both, "--out", "found", *SMALL]) == 0
    assert [pair["space"] for pair in results("found")["pairs"]] == ["digits-cnn", "mine"]
    capsys.readouterr()


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("discover --tables mine.csv", "does not show its space"),
        ("discover --tables digits-cnn --space pit", "of the space 'digits-cnn', not 'pit'"),
        ("discover --tables mine.csv --space nowhere:SPACE", "cannot import nowhere"),
        ("discover --tables mine.csv:vanilla --space SPACE", "target of table mine 'vanilla'"),
        ("discover --tables digits-cnn --held-out mine.csv", "does not show its space"),
        ("discover --tables nowhere.csv", "no such file"),
        ("discover --tables mine.csv --ablate terms", "does not show its space"),
        ("discover --tables few.csv", "table few.csv: no formula can be judged on its"),
        ("discover --tables none.csv", "its search part of 32 architectures (fewer than 3"),
        ("discover --tables even.csv", "its search part of 32 architectures (constant"),
        ("discover --tables digits-cnn --limit 8", "no formula can be judged"),
        ("discover --tables even.csv --ablate terms", "no formula can be judged"),
        ("benchmark --table mine.csv", "does not show its space"),
        ("benchmark --table mine.csv --space pit", "space 'pit'"),
        ("explain params --table mine.csv", "does not show its space"),
        ("search --table mine.csv", "does not show its space"),
        ("search --table mine.csv:other --space SPACE", "target of table mine 'other'"),
        ("search --table mine.csv --space SPACE --score none", "score 'none'"),
    ],
)
def test_what_cannot_be_used_claims_no_run_directory(command, complaint, capsys):
    words = [REFERENCE if word == "SPACE" else word for word in command.split()]
    assert main([*words, "--out", "found"]) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1
    assert not Path("found").exists()
