"""What the statistics of one architecture cost in every space, in seconds and in bytes.

Each space with the images, teacher and resolution that it brings by default; public spaces need
``AUTODAS_DATA`` and are left out without it. *shared* are the statistics that share a few passes
through the network, *most* all but second derivatives, *all* everything.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from autodas.core.errors import MissingData
from autodas.spaces import SPACES
from autodas.steps.discover.inputs import statistics_of
from autodas.workbench.measuring import measure_space, space_sample
from autodas.workbench.protocol import Protocol, resolved, signals
from benchmarks.workload import ready_for_networks

NAMES = {
    "shared": statistics_of("shared"),
    "most": statistics_of("most"),
    "all": statistics_of("all"),
}


def main(count: int = 2) -> dict[str, Any]:
    """Processor seconds per architecture, and kilobytes of its cache files."""
    ready_for_networks()
    return {name: _of_space(name, count) for name in SPACES.names()}


def _of_space(name: str, count: int) -> dict[str, Any]:
    space = SPACES.get(name)
    protocol = resolved(Protocol(), space)
    try:
        batch, _ = signals(protocol, space.precision)
    except MissingData as error:
        return {"left out": str(error)}
    architectures = space_sample(space, count + 1, seed=0)
    found: dict[str, Any] = {
        "images": f"{len(batch.images)} of {protocol.data} at {batch.images.shape[-1]} pixels",
        "teacher": protocol.teacher,
    }
    for which, names in NAMES.items():
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            # The first network warms caches of PyTorch and of the teacher.
            measure_space(space, architectures[:1], names, protocol, cache=place, jobs=1)
            start = time.process_time()
            measure_space(space, architectures[1:], names, protocol, cache=place, jobs=1)
            found[f"{which}, seconds"] = (time.process_time() - start) / count
            sizes = [path.stat().st_size for path in place.rglob("*.safetensors")]
            found[f"{which}, kB"] = sum(sizes) / len(sizes) / 1000
    return found
