"""What measuring students beside ten teachers costs, beside measuring them with one.

A table of pairs of 10 × 64 must take at most twice as long as 64 students with one teacher. The
students are the smallest there are, of 8 × 8 pixels: the larger a student, the less its comparisons
weigh. Teachers are untrained, since time is all that is looked at; they are read and run before.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autodas.spaces import get_space
from autodas.statistics import STATISTICS
from autodas.teachers import BLUEPRINTS, Blueprint
from autodas.workbench.measuring import measure_beside, space_sample
from autodas.workbench.protocol import Protocol, resolved, teacher_of
from benchmarks.workload import ready_for_networks

SPACES = ("digits-cnn", "digits-vit")
STUDENTS, TEACHERS = 64, 10


def main(
    spaces: Sequence[str] = SPACES, students: int = STUDENTS, teachers: int = TEACHERS
) -> dict[str, Any]:
    """Seconds with one teacher and with all, and their ratio: of all statistics, as ``autodas
    measure`` takes them, and of those that share a few passes, as a discovery does.
    """
    ready_for_networks()
    chosen = {
        "all statistics": list(STATISTICS.names()),
        "of shared passes": [s.name for s in STATISTICS if all(n.shared for n in s.needs)],
    }
    named = _teachers(teachers)
    return {
        space: {what: _ratio(space, names, students, named) for what, names in chosen.items()}
        for space in spaces
    }


def _teachers(count: int) -> list[str]:
    """Names of untrained networks, made known here."""
    found = []
    for width in range(8, 8 + count):
        name = f"pairs-{width}"
        if name not in BLUEPRINTS:
            shape = {"depths": [1, 1, 1], "widths": [width, 2 * width, 4 * width]}
            BLUEPRINTS.add(name, Blueprint("resnet", shape, input_shape=(1, 8, 8)))
        found.append(f"untrained:{name}")
    return found


def _ratio(
    name: str, names: Sequence[str], students: int, teachers: Sequence[str]
) -> dict[str, float]:
    space = get_space(name)
    architectures = space_sample(space, students, seed=0)
    protocol = resolved(Protocol(teacher=teachers[0]), space)
    for teacher in teachers:  # read and run once in a process, whatever is measured
        _ = teacher_of(replace(protocol, teacher=teacher), space.precision).logits
    seconds: dict[int, list[float]] = {1: [], len(teachers): []}
    for count in (*seconds, *seconds):  # twice, since others may use the machine
        with tempfile.TemporaryDirectory() as folder:
            start = time.process_time()
            measured = measure_beside(
                space, architectures, names, protocol, teachers[:count], cache=Path(folder)
            )
            seconds[count].append(time.process_time() - start)
        if measured.networks != len(architectures):
            raise RuntimeError(f"{measured.networks} networks of {name} were run")
    one, many = min(seconds[1]), min(seconds[len(teachers)])
    return {
        "students": len(architectures),
        "teachers": len(teachers),
        "one teacher, seconds": one,
        "all teachers, seconds": many,
        "ratio": many / one,
    }
