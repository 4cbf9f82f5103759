"""Networks that are measured per second on a GPU, beside one core of the same machine.

All statistics of the shipped proxies, a batch and a resolution as the spaces are measured by
default. The first networks warm up and are not counted.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch

from autodas.core.errors import MissingData
from autodas.scores import get_score, needed
from autodas.scores.resolve import shipped_proxies
from autodas.spaces import get_space
from autodas.workbench.measuring import measure_space, space_sample
from autodas.workbench.protocol import Protocol

CASES = {  # space -> networks on the GPU and on a core
    "digits-cnn": (48, 48),
    "digits-vit": (48, 48),
    "resnet": (48, 12),
    "nasbench201": (48, 12),
    "autoformer": (24, 2),
}
WARM_UP = 4


def main() -> dict[str, object]:
    """For each space: networks per second on either, and their ratio."""
    if not torch.cuda.is_available():
        return {"skipped": "PyTorch sees no CUDA"}
    torch.set_num_threads(1)
    found: dict[str, object] = {"device": torch.cuda.get_device_name()}
    for space, (many, few) in CASES.items():
        try:
            gpu, core = rate(space, "cuda", many), rate(space, "cpu", few)
        except MissingData as missing:
            found[space] = f"skipped: {missing}"
            continue
        found[space] = {"gpu": gpu, "core": core, "ratio": gpu / core}
    return found


def rate(name: str, device: str, count: int) -> float:
    """Networks per second."""
    space, protocol = get_space(name), Protocol(device=device)
    proxies = [get_score(f"proxy:{each}") for each in shipped_proxies()]
    names = sorted(frozenset().union(*(needed(proxy) for proxy in proxies)))
    architectures = space_sample(space, count + WARM_UP, 0)
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        measure_space(space, architectures[:WARM_UP], names, protocol, cache=cache, jobs=1)
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        measure_space(space, architectures[WARM_UP:], names, protocol, cache=cache, jobs=1)
        return count / (time.perf_counter() - start)
