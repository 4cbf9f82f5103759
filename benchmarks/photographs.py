"""From a folder of photographs to students: a teacher is fine-tuned, then ``autodas run``.

288 photographs of twelve flowers to learn from and 144 to test on (``flowers12_jpeg.npz`` of the
optional data), EfficientNet-Lite0 with ImageNet's weights as teacher, students of timm or of the
space ``mobile``, from scratch, four trainings. Three times from different seeds. What is finished
in ``runs/photographs`` is taken.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autodas.core.places import data_file
from autodas.core.seals import read_checked_json
from autodas.steps import convert, train_teacher
from autodas.steps import run as run_step
from autodas.teachers import load_teacher
from autodas.workbench.protocol import Protocol

# At 64 pixels networks of mobile would train for a night on a CPU.
SIDES = {"timm": 64, "mobile": 32}
MOST_MACS = {"timm": None, "mobile": "14M"}
FOLDER = Path("runs") / "photographs"
SPACES = {
    "timm": "timm:mobilenetv3_small_050,mobilenetv3_small_075,mobilenetv3_small_100,lcnet_035,"
    "lcnet_050,lcnet_075,lcnet_100,tinynet_d,tinynet_e,mnasnet_small,mobilenetv2_035,"
    "mobilenetv2_050,mobilenetv2_075,semnasnet_050,ghostnet_050",
    "mobile": "mobile",
}
TEACHER = "teacher{}.safetensors"
HALF = (0.5, 0.5, 0.5)


def main(spaces: Sequence[str] = tuple(SPACES)) -> dict[str, object]:
    """Test accuracies of teacher, chosen students, largest that fit and random ones, percent."""
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(FOLDER):
        _unpack()
        _convert()
        return {
            space: {"teacher": _teacher(SIDES[space]), **_three_times(space)} for space in spaces
        }


def _three_times(space: str) -> dict[str, Any]:
    runs = {f"seed {seed}": _run(space, seed) for seed in range(3)}
    means = {
        name: float(np.mean([run[name] for run in runs.values()]))
        for name in ("chosen", "the other way", "largest", "random")
    }
    return {**runs, "means": means}


def _run(space: str, seed: int) -> dict[str, Any]:
    side = SIDES[space]
    config = run_step.RunConfig(
        out=Path(f"{space}-{seed}"),
        space=SPACES[space],
        recipe="image-cnn",
        epochs=40,
        max_params="1.5M",
        max_macs=MOST_MACS[space],
        trainings=4,
        compare=True,
        seed=seed,
        backend="serial",
        protocol=Protocol(data=f"folder:flowers@{side}", teacher=TEACHER.format(side)),
    )
    found = run_step.run(config)
    trained = read_checked_json(config.out / "distill" / "results.json")["students"][0]
    other = trained["vanilla" if trained["taught"] else "with_teacher"]
    return {
        "student": found["student"]["arch"],
        "taught": trained["taught"],
        "chosen": found["accuracy"],
        "the other way": float(np.mean(other)),
        "largest": found["largest"]["accuracy"],
        "random": found["random"]["accuracy"],
    }


def _convert() -> None:
    if not Path("lite0.safetensors").exists():
        convert.run(
            convert.ConvertConfig(
                file=data_file("teachers/efficientnet_lite0.safetensors"),
                out=Path("lite0.safetensors"),
                network="timm:efficientnet_lite0",
                mean=HALF,
                std=HALF,
            )
        )


def _teacher(side: int) -> float:
    """Fine-tuned at 96 pixels, then at the 64 and the 32 of students: its accuracy."""
    for network, pixels, epochs, out in (
        ("lite0.safetensors", 96, 40, "teacher.safetensors"),
        ("teacher.safetensors", 64, 15, TEACHER.format(64)),
        (TEACHER.format(64), 32, 15, TEACHER.format(32)),
    ):
        if not Path(out).exists() and pixels >= side:
            train_teacher.run(
                train_teacher.TrainTeacherConfig(
                    network=network,
                    data=f"folder:flowers@{pixels}",
                    recipe="image-finetune",
                    epochs=epochs,
                    out=Path(out),
                )
            )
    return float(load_teacher(TEACHER.format(side)).accuracy or np.nan)


def _unpack() -> None:
    """One file for every photograph, one folder for every flower."""
    archive = np.load(data_file("flowers12_jpeg.npz"), allow_pickle=False)
    names = [str(name) for name in archive["class_names"]]
    for part in ("train", "test"):
        content, ends = archive[f"{part}_jpeg"], archive[f"{part}_offsets"]
        for i, label in enumerate(archive[f"{part}_labels"]):
            file = Path("flowers") / part / names[label] / f"{i}.jpg"
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content[ends[i] : ends[i + 1]].tobytes())
