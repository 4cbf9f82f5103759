"""What measuring costs, beside one plain forward and backward of the same network and batch.

``cheap`` are all statistics of entries, matrices and outputs, of student and teacher: everything
that the passes of the network yield without a further pass or a decomposition. Those that need
one are timed one by one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from autodas.networks import StagedNetwork, seeded
from autodas.spaces import get_space
from autodas.statistics import STATISTICS, Need, TeacherSignals, measure
from benchmarks.timing import interleaved

CASES = {  # space -> student, teacher
    "digits-cnn": (
        '{"depth":[2,2,2],"width":[8,8,8]}',
        '{"depth":[3,3,3],"width":[16,16,16]}',
    ),
    "digits-vit": (
        '{"depth":3,"heads":2,"mlp_ratio":2.0,"width":24}',
        '{"depth":4,"heads":4,"mlp_ratio":4.0,"width":48}',
    ),
    "resnet": ("3-3-3", "7-7-7"),
}
BATCH = 64
EXPENSIVE = (
    "weight_spectrum",
    "covariance_spectrum",
    "virtual_grad",
    "virtual_output",
    "jacobian_gram",
    "activation_kernel",
    "attention_entropy",
    "attention_rank",
    "macs",
)
PASSES = frozenset(Need) - {
    *(Need.FORWARD, Need.BACKWARD, Need.CLASSIFIER, Need.NORMS, Need.SIZES, Need.TEACHER)
}
"""What costs time beside one forward and backward."""
REPEATS = {"resnet": 15}
MORE_REPEATS = 60  # for networks that take milliseconds


def main() -> dict[str, object]:
    """Milliseconds of the plain passes, and ratios to them, for each network."""
    torch.set_num_threads(1)
    return {space: measuring(space, *pair) for space, pair in CASES.items()}


def measuring(space: str, student: str, teacher: str) -> dict[str, float]:
    """Ratios of one student and one teacher of a space."""
    network, images, labels = _network(space, student), _images(space), torch.arange(BATCH) % 10
    signals = TeacherSignals(_network(space, teacher), images, labels, trained=False, digest="")
    cheap = [s.name for s in STATISTICS if s.name not in EXPENSIVE and not s.needs & PASSES]
    forward_only = [n for n in cheap if not STATISTICS.get(n).needs & {Need.BACKWARD, Need.VIRTUAL}]

    def forward() -> None:
        with torch.no_grad():
            network(images)

    def forward_backward() -> None:
        network.zero_grad()
        F.cross_entropy(network(images), labels).backward()

    def measured(names: list[str]) -> object:
        return lambda: measure(network, images, labels, names, teacher=signals)

    network.train()
    tasks = {
        "forward": forward,
        "both": forward_backward,
        "cheap": measured(cheap),
        "forward only": measured(forward_only),
        "every": measured(list(STATISTICS.names())),
        **{name: measured([name]) for name in EXPENSIVE},
    }
    seconds = interleaved(tasks, REPEATS.get(space, MORE_REPEATS))
    both = seconds["both"]
    return {
        "forward and backward, ms": 1e3 * both,
        "forward, ms": 1e3 * seconds["forward"],
        f"{len(cheap)} cheap statistics / both": seconds["cheap"] / both,
        f"{len(forward_only)} of forward / forward": seconds["forward only"] / seconds["forward"],
        "all statistics / both": seconds["every"] / both,
        **{f"{name} alone / both": seconds[name] / both for name in EXPENSIVE},
    }


def _network(space: str, architecture: str) -> StagedNetwork:
    chosen = get_space(space)
    return seeded(lambda: chosen.build(chosen.decode(architecture)), 0)


def _images(space: str) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(BATCH, *get_space(space).input_shape, generator=generator)
