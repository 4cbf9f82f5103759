"""Losses, several teachers, intervals, exports; and runs that are killed at any moment."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from autodas.core.errors import AutodasError, InvalidInput, UnknownName
from autodas.distill import get_recipe
from autodas.steps.distill import run as distill
from autodas.steps.distill.run import DistillConfig, gain_of
from autodas.workbench.load_student import load_student
from autodas.workbench.recipes import parse_losses
from autodas.workbench.shared_folder import Home
from autodas.workbench.training import Kept, Setup, Unit, Where

ARCH = '{"depth":1,"heads":1,"mlp_ratio":0.5,"width":12}'
SMALL = DistillConfig(space="digits-vit", arch=ARCH, data="digits/50", epochs=1, jobs=1, seeds=2)


def test_every_option_at_once(tmp_path):
    config = replace(
        SMALL,
        out=tmp_path / "run",
        losses=("kd=0.5", "fitnet=1"),
        more_teachers=("untrained:digits-cnn-teacher",),
        formats=("torch",),
    )
    results = distill.run(config)
    chosen = results["students"][0]
    assert results["recipe"]["losses"] == {"kd": 0.5, "fitnet": 1.0}
    assert results["recipe"]["epochs"] == len(chosen["history"]) == 1
    assert set(chosen["quality"]) == {"top1", "top5", "ece", "cross_entropy"}
    assert chosen["quality"]["top1"] == chosen["accuracies"][0]
    assert chosen["gain"]["seeds"] == 2
    student = load_student(config.out)
    program = torch.export.load(config.out / "student.pt2").module()
    images = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(student(images), program(images), atol=1e-4)
    assert list((config.out / "checkpoints").iterdir()) == []
    other = distill.run(replace(config, out=tmp_path / "b", losses=None, formats=(), vanilla=False))
    assert other["students"][0]["accuracies"] != chosen["accuracies"]


TWIN = "untrained:digits-cnn-teacher"


@pytest.mark.parametrize(
    ("teacher", "more", "message"),
    [
        (TWIN, (f"{TWIN}/10",), "are one network with the same weights"),
        (TWIN, (TWIN,), "several different ones"),
        (f"{TWIN}+{TWIN}", (), "several different ones"),
        (TWIN, ("none",), "several different ones"),
        ("none", (TWIN,), "several different ones"),
    ],
)
def test_a_teacher_that_would_count_twice_or_not_at_all_is_refused(
    tmp_path, teacher, more, message
):
    with pytest.raises(InvalidInput, match=message):
        distill.run(replace(SMALL, out=tmp_path / "a", teacher=teacher, more_teachers=more))
    assert not (tmp_path / "a").exists()


def test_several_teachers_may_be_told_in_one_text(tmp_path):
    few = replace(SMALL, seeds=1, vanilla=False, epochs=1)
    apart = replace(few, out=tmp_path / "a", more_teachers=(TWIN,))
    joined = replace(few, out=tmp_path / "b", teacher=f"{few.teacher}+{TWIN}")
    found = [distill.run(each)["students"][0]["accuracies"] for each in (apart, joined)]
    assert found[0] == found[1]
    alone = distill.run(replace(few, out=tmp_path / "c"))
    assert alone["students"][0]["accuracies"] != found[0]


def test_the_gain_has_an_interval():
    found = gain_of([81.0, 83.0, 85.0], [80.0, 80.0, 83.0])
    # Differences 1, 3, 2: mean 2, deviation 1, t(0.975, 2) = 4.3027.
    assert found["mean"] == pytest.approx(2)
    assert found["high"] - 2 == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)
    assert found["low"] + found["high"] == pytest.approx(4)
    assert gain_of([81.0], [80.0]) == {"mean": 1.0, "seeds": 1}
    assert gain_of([81.0], None) is None


def test_wrong_losses_are_refused_before_anything_is_written(tmp_path):
    for losses, error, message in (
        (("kd",), InvalidInput, "NAME=WEIGHT, once each, got 'kd'"),
        (("kd=1", "kd=2"), InvalidInput, "once each, got 'kd=2'"),
        (("kd=nan",), InvalidInput, "got 'kd=nan'"),
        (("kdd=1",), UnknownName, "did you mean 'kd'"),
        (("at=-1",), InvalidInput, "must be ≥ 0"),
    ):
        with pytest.raises(error, match=message):
            distill.run(replace(SMALL, out=tmp_path / "run", losses=losses))
    assert not (tmp_path / "run").exists()
    assert parse_losses(["at=1e3"]) == {"at": 1000.0}


def test_the_key_of_a_unit_speaks_of_numbers_alone(tmp_path):
    recipe = get_recipe("digits-vit-short")
    unit = Unit(Setup("s", "a", ("t",), "d", recipe, 0))
    kept = Kept(Home(tmp_path), export=True, formats=("onnx",), tracking="here")
    for same in (replace(unit, kept=kept), replace(unit, where=Where(deadline=1e12))):
        assert same.key == unit.key
    longer = recipe.changed(epochs=3)
    changes = {"teachers": (), "data": "e", "recipe": longer, "seed": 1, "arch": "b", "space": "r"}
    others = [replace(unit, setup=replace(unit.setup, **{k: v})) for k, v in changes.items()]
    others += [replace(unit, where=w) for w in (Where("cuda"), Where(amp=True), Where(devices=2))]
    assert len({each.key for each in (unit, *others)}) == 1 + len(others)


def test_divergence_names_the_student_and_what_is_kept(tmp_path):
    with pytest.raises(AutodasError, match=r"diverged in epoch 1 .*finished trainings"):
        distill.run(replace(SMALL, out=tmp_path, losses=("kd=1e38",), vanilla=False))


SCRIPT = """
import sys
from pathlib import Path
from autodas.steps.distill.run import DistillConfig, run
if __name__ == "__main__":
    run(DistillConfig(
        out=Path(sys.argv[1]), space="digits-vit", arch=sys.argv[2], data="digits/50",
        epochs=12, seeds=2, jobs=1, losses=("kd=1", "fitnet=1"),
    ))
"""


@pytest.mark.slow
def test_kill_9_at_any_moment_ends_with_the_same_files(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    rng = np.random.default_rng(0)
    folders = [tmp_path / "whole", tmp_path / "killed"]
    commands = [[sys.executable, str(script), str(folder), ARCH] for folder in folders]
    subprocess.run(commands[0], check=True, timeout=300)
    checkpoints = folders[1] / "checkpoints"
    deaths = 0
    for _ in range(2):
        running = subprocess.Popen(commands[1], start_new_session=True)
        # Killed somewhere in the epochs of a training, not while Python starts.
        before = sorted(checkpoints.glob("*.safetensors"))
        while running.poll() is None and sorted(checkpoints.glob("*.safetensors")) == before:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.2))
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            deaths += 1
        running.wait()
    assert deaths > 0
    subprocess.run(commands[1], check=True, timeout=300)
    for name in ("student.safetensors", "student.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    whole, killed = (json.loads((f / "results.json").read_text()) for f in folders)
    del whole["seconds"], killed["seconds"]
    assert whole == killed
