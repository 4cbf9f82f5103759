"""Labelling within limits: time, disk, losses by name."""

import json
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.core.runs import Journal
from autodas.steps.label import run as label
from autodas.steps.label.run import LabelConfig, run
from autodas.tables import read_table
from autodas.workbench.training import train_unit

SMALL = LabelConfig(
    space="digits-vit", data="digits/50", students=3, seeds=1, epochs=1, backend="serial"
)


def test_a_time_limit_leaves_a_table_and_the_command_goes_on(tmp_path, monkeypatch):
    config = replace(SMALL, out=tmp_path / "run", time_limit=60.0)
    whole = run(replace(SMALL, out=tmp_path / "whole"))
    # Three units begin in time, the others when it is long up.
    clock = iter([time.time()] * 3 + [1e12] * 3)
    monkeypatch.setattr(
        "autodas.workbench.training.time", SimpleNamespace(time=lambda: next(clock))
    )
    found = run(config)
    monkeypatch.undo()
    assert (found["trained"], found["left"], found["failed"]) == (3, 3, 0)
    assert "3 trainings are left" in found["summary"][1]
    assert json.loads((tmp_path / "run/table.json").read_text())["unfinished"] == 3
    assert len(read_table(tmp_path / "run/table.csv")) == 2
    again = run(replace(config, time_limit=None))
    assert (again["trained"], again["left"], whole["left"]) == (3, 0, 0)
    for name in ("table.csv", "table.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_too_little_time_for_anything_is_said(tmp_path):
    with pytest.raises(AutodasError, match="before the first training was finished"):
        run(replace(SMALL, out=tmp_path, time_limit=1e-9))
    with pytest.raises(InvalidInput, match="time limit must be positive"):
        run(replace(SMALL, out=tmp_path / "b", time_limit=0.0))


def test_a_full_disk_says_what_is_kept(tmp_path, monkeypatch):
    usual = Journal.append

    def full(self, record):
        if len(self.records()) == 2:
            raise FileProblem(self.path, "cannot be written: No space left on device")
        usual(self, record)

    monkeypatch.setattr(Journal, "append", full)
    with pytest.raises(FileProblem, match="No space left on device; 2 of 6 trainings are kept"):
        run(replace(SMALL, out=tmp_path))


def test_the_table_grows_while_it_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(label, "TABLE_SECONDS", 0.0)
    seen = []
    monkeypatch.setattr(label, "write_labels", lambda path, rows, header: seen.append(len(rows)))
    run(replace(SMALL, out=tmp_path))
    assert seen == [1, 2, 3, 4, 5, 6, 6]


def test_losses_reach_header_and_command(tmp_path):
    run(replace(SMALL, out=tmp_path, students=1, losses=("sp=2", "kd=1"), kd_weight=0.25))
    header = json.loads((tmp_path / "table.json").read_text())
    assert header["recipe"]["losses"] == {"sp": 2.0, "kd": 0.25}
    assert header["command"].endswith("--losses sp=2 kd=1 --epochs 1")
    assert "device" not in header


def test_a_long_training_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(label, "CHECKPOINT_SECONDS", 0.0)
    unit = next(iter(label._units(replace(SMALL, out=tmp_path, epochs=4)).values()))
    bare = replace(unit, kept=None)
    expected = train_unit(bare)["accuracy"]
    assert bare.checkpoint is None
    path = unit.checkpoint
    assert train_unit(unit)["accuracy"] == expected
    stamp = path.stat().st_mtime_ns
    assert train_unit(unit)["accuracy"] == expected
    assert path.stat().st_mtime_ns == stamp  # no epoch was left to train


def test_no_gpu_is_said(tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InvalidInput, match="sees no CUDA"):
        run(replace(SMALL, out=tmp_path, device="cuda"))
