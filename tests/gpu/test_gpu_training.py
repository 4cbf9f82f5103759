"""Students learn on a GPU as they do on the CPU, also when it is full."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from autodas.cli.main import main
from autodas.data import load_data
from autodas.distill import get_recipe, train
from autodas.networks import ResNet, seeded
from autodas.steps import run as run_step
from autodas.teachers import load_teacher
from autodas.workbench.load_student import load_student
from autodas.workbench.training import Notes

pytestmark = pytest.mark.gpu

RECIPE = replace(get_recipe("digits-cnn-short"), epochs=10)


def student(width: int = 8):
    return seeded(lambda: ResNet((1, 1), (width, 2 * width), channels=1), 0)


@pytest.mark.parametrize("amp", [False, True], ids=["single", "half"])
def test_it_learns_as_much(amp):
    data, teacher = load_data("digits"), load_teacher("digits-cnn-teacher")
    here = train(student(), data, RECIPE, seed=0, teacher=teacher)
    there = train(student(), data, RECIPE, seed=0, teacher=teacher, device="cuda", amp=amp)
    # Four standard errors of a difference of two shares of 1,597 test images.
    assert abs(here.accuracy - there.accuracy) < 4 * 100 * (2 * 0.9 * 0.1 / 1597) ** 0.5


def test_a_compiled_teacher_teaches_the_same():
    data, teacher = load_data("digits"), load_teacher("digits-cnn-teacher")
    plain = train(student(), data, RECIPE, seed=0, teacher=teacher, device="cuda")
    teacher.network.compile()
    try:
        compiled = train(student(), data, RECIPE, seed=0, teacher=teacher, device="cuda")
    finally:
        teacher.network._compiled_call_impl = None
    assert abs(plain.accuracy - compiled.accuracy) < 3


def test_a_gpu_that_is_full_halves_the_batch_and_says_so():
    data, notes = load_data("digits"), Notes()
    recipe = replace(RECIPE, epochs=1, batch_size=512)
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info()
    held = torch.empty(1 << 20, device="cuda")
    try:
        torch.cuda.set_per_process_memory_fraction(96 * 2**20 / total)
        result = train(student(64), data, recipe, seed=0, device="cuda", progress=notes)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        del held, free
    assert any("half" in line or "parts" in line for line in notes.lines), notes.lines
    assert result.accuracy > 0


def test_eight_students_at_once(tmp_path):
    words = ["--students", "8", "--seeds", "1", "--epochs", "2", "--no-vanilla"]
    options = [*words, "--device", "cuda", "--jobs", "8", "--out", str(tmp_path / "labels")]
    assert main(["label", *options]) == 0
    rows = (tmp_path / "labels" / "table.csv").read_text().splitlines()
    assert len(rows) == 1 + 8


def test_a_run_measures_and_trains_there(tmp_path):
    found = run_step.run(
        run_step.RunConfig(
            out=tmp_path / "run",
            max_params="10k",
            evaluations=20,
            epochs=2,
            trainings=2,
            backend="serial",
            cache=tmp_path / "cache",
            protocol=run_step.Protocol(device="cuda"),
        )
    )
    assert found["accuracy"] > 10
    logits = load_student(tmp_path / "run" / "distill")(torch.zeros(1, 1, 8, 8))
    assert logits.device.type == "cpu"
