"""On the embedded spaces, processors and their libraries do not decide what is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autodas.core.results import Ok
from autodas.statistics import STATISTICS
from autodas.steps.discover import dispatch as discover
from autodas.steps.discover.dispatch import DiscoverConfig
from autodas.steps.search import run as search
from autodas.workbench import measuring

# Feature names of NumPy, by the oldest of which the newer ones are left out.
NEW = "X86_V4 AVX512_ICL AVX512_SPR"
KERNELS = {
    "as it comes": {},
    "nothing but SSE": {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Prescott",
        "NPY_DISABLE_CPU_FEATURES": f"X86_V3 {NEW}",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
    },
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_CBWR": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": NEW,
    },
    "AVX-512 and an old BLAS": {
        "ATEN_CPU_CAPABILITY": "avx512",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
    "two threads": {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
    "two threads of AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OMP_NUM_THREADS": "2",
    },
}

SCRIPT = """
import sys
from pathlib import Path
import torch
from autodas.steps.discover import dispatch as discover
torch.set_num_threads(int(sys.argv[2]))
found = discover.run(
    discover.Config(
        out=Path(sys.argv[1]) / "run",
        cache=Path(sys.argv[1]) / "cache",
        backend="serial",
        tables=("digits-cnn", "digits-vit"),
        limit=int(sys.argv[3]),
        population=int(sys.argv[4]),
        generations=int(sys.argv[5]),
        size_leaves=False,
        collapse=0,
    )
)
"""


def found_with(kernels: str, folder: Path, sizes: tuple[int, int, int]) -> tuple[str, float, list]:
    """Formula, fitness and the fitness of every generation, in a process with these kernels."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    environment |= {"OMP_NUM_THREADS": "1"} | KERNELS[kernels]
    arguments = [str(folder), environment["OMP_NUM_THREADS"], *map(str, sizes)]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((folder / "run" / "results.json").read_text())
    proxy = results["proxy"]
    return proxy["text"], proxy["search_tau"], [each["best"] for each in results["history"]]


SETTINGS = frozenset().union(*KERNELS.values())


@pytest.mark.slow
def test_the_same_formula_with_all_kernels(tmp_path):
    found = {each: found_with(each, tmp_path / each, (40, 30, 25)) for each in KERNELS}
    assert found == dict.fromkeys(KERNELS, found["as it comes"])


def test_the_same_formula_with_the_oldest_kernels(tmp_path):
    some = ("as it comes", "nothing but SSE")
    found = {each: found_with(each, tmp_path / each, (12, 12, 20)) for each in some}
    assert found[some[0]] == found[some[1]]


class Noisy:
    """Measures once, and from then on gives what was measured with noise in the last digits."""

    def __init__(self, monkeypatch) -> None:
        self.known: dict[tuple[str, str, str], object] = {}
        self.draw, self.architecture = 0, ("", "")
        measure, measure_one = measuring.measure_pairs, measuring._measure_one

        def noted(shelf, architecture):
            self.architecture = shelf.space.name, architecture
            measure_one(shelf, architecture)

        def noisy(network, images, labels, names, teachers, **options):
            teachers = list(teachers)  # they come one after the other
            todo = [name for name in names if (*self.architecture, name) not in self.known]
            if todo:
                alone, pairs = measure(network, images, labels, todo, teachers, **options)
                for name, value in [each for some in (alone, *pairs) for each in some.items()]:
                    self.known[*self.architecture, name] = value
            rng = np.random.default_rng([self.draw, len(names), len(self.architecture[1])])
            given = {n: self._shaken(self.known[*self.architecture, n], rng) for n in names}
            alone = {name: given[name] for name in names if STATISTICS.get(name).alone}
            beside = {name: given[name] for name in names if name not in alone}
            return alone, [beside] * len(teachers)

        monkeypatch.setattr(measuring, "_measure_one", noted)
        monkeypatch.setattr(measuring, "measure_pairs", noisy)

    def _shaken(self, value, rng):
        if not self.draw or not isinstance(value, Ok):
            return value
        segments = tuple(
            np.asarray(each * (1 + 1e-11 * rng.standard_normal(each.shape)))
            for each in value.value.segments
        )
        return Ok(replace(value.value, segments=segments))


def chosen_of(folder: Path, limit: int, generations: int) -> tuple:
    """The formula, its fitness, and the students it chooses."""
    shared = {"cache": folder / "cache", "backend": "serial"}
    found = discover.run(
        DiscoverConfig(
            out=folder / "run",
            limit=limit,
            population=30,
            generations=generations,
            size_leaves=False,
            collapse=0,
            **shared,
        )
    )
    students = []
    for space in ("digits-cnn", "digits-vit"):
        results = search.run(
            search.Config(
                out=folder / space,
                space=space,
                score=f"proxy:{folder / 'run' / 'proxy.json'}",
                candidates=20,
                **shared,
            )
        )
        students.append([each["arch"] for each in results["students"]])
    return found["proxy"]["text"], found["proxy"]["search_tau"], students


def test_the_same_choice_whatever_the_last_digits(tmp_path, monkeypatch):
    noisy = Noisy(monkeypatch)
    found = []
    for noisy.draw in range(3):
        found.append(chosen_of(tmp_path / str(noisy.draw), 12, 20))
    assert found == [found[0]] * 3


@pytest.mark.slow
def test_the_same_choice_whatever_the_last_digits_of_many(tmp_path, monkeypatch):
    noisy = Noisy(monkeypatch)
    found = []
    for noisy.draw in range(11):
        found.append(chosen_of(tmp_path / str(noisy.draw), 40, 25))
    assert found == [found[0]] * 11
