"""TransNAS-Bench-101 (Duan et al., CVPR 2021): its macro and its micro space."""

from __future__ import annotations

import re
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.tasks import CLASSIFICATION, OUTPUTS, Task
from autodas.networks.cell_graphs import edge_graph
from autodas.networks.nasbench201 import EDGES
from autodas.networks.transnas import MICRO_MODULES, MODULES, OPERATIONS, TransNasNetwork
from autodas.spaces.base import Shape
from autodas.spaces.choices import ChoiceSpace, Each, Selection
from autodas.spaces.nasbench201 import convolutions_in_a_row
from autodas.spaces.text import check_text, shown

__all__ = ["TRANSNAS_MACRO", "TRANSNAS_MICRO", "TransNasMacro", "TransNasMicro"]

NO_MODULE = "none"
LEAST, MOST = 4, 6  # modules
_NUMBERS = re.compile(r"\(([0-4])" + r", *([0-4])" * 5 + r"\)")
_MACRO = re.compile(r"64-([1-4]{4,6})-basic")
_MICRO = re.compile(r"64-41414-([0-3])_([0-3]{2})_([0-3]{3})")


class TransNasMacro(ChoiceSpace):
    """3,256 ResNets of four to six modules, one to four of which halve the resolution and one to
    three of which double the channels.

    Architectures are written as in NASLib, ``(1, 2, 4, 2, 0, 0)``: 1 a plain module, 2 channels
    doubled, 3 resolution halved, 4 both, 0 none. ``64-1242-basic``, as the benchmark has it, is
    read as well.
    """

    tasks = tuple(OUTPUTS)

    def __init__(self) -> None:
        always = (MODULES,) * LEAST
        perhaps = ((NO_MODULE, *MODULES),) * (MOST - LEAST)
        super().__init__(
            "transnas-macro",
            "TransNAS-Bench-101, macro: ResNets that grow wider and smaller in different places",
            {"modules": Each((*always, *perhaps))},
            _macro_network,
            valid=_is_valid,
            depth=_blocks,
            input_shape=(3, 256, 256),
            num_classes=63,
        )

    def make_for(
        self, task: Task, arch: Selection, outputs: int, input_shape: Shape
    ) -> TransNasNetwork:
        """The network with the head of one of the benchmark's tasks."""
        return _macro_network(arch, outputs, input_shape, task)

    def encode(self, arch: Selection) -> str:
        """NASLib's notation."""
        self._check(arch)
        return _numbers([_KINDS.index(kind) for kind in arch["modules"]])

    def decode(self, text: str) -> Selection:
        """Read either notation."""
        check_text(text, self.name)
        text = text.strip()
        if found := _MACRO.fullmatch(text):
            digits = found[1].ljust(MOST, "0")
        else:
            digits = "".join(numbers.groups()) if (numbers := _NUMBERS.fullmatch(text)) else ""
        if digits and "0" not in digits[:LEAST]:
            arch = self._select([_KINDS[int(digit)] for digit in digits])
            if _is_valid(arch):
                return arch
        raise InvalidInput(
            "space 'transnas-macro': architectures are written (1, 2, 4, 2, 0, 0), four to six "
            "modules of 1 to 4 and then 0; 1 to 4 of them halve (3, 4), 1 to 3 double (2, 4); "
            f"got {shown(text)}"
        )

    def graph_features(self, arch: Selection) -> npt.NDArray[np.float64]:
        """Kinds and their numbers; how wide and how small features are after each module."""
        kinds = _modules(arch)
        rest = [NO_MODULE] * (MOST - len(kinds))
        wider = list(accumulate(kind.endswith("wider") for kind in kinds + rest))
        halved = list(accumulate(kind.startswith("halved") for kind in kinds + rest))
        found = [len(kinds), *wider, *halved]
        return np.array([*super().graph_features(arch), *map(float, found)])


class TransNasMicro(ChoiceSpace):
    """All 4,096 cells of four nodes and four operations, in five modules of two cells.

    Architectures are written as in NASLib, ``(1, 1, 0, 3, 1, 2)``: the numbers of the operations
    none, skip, 1 × 1 and 3 × 3 convolution on the edges 0→1, 0→2, 1→2, 0→3, 1→3, 2→3.
    ``64-41414-1_10_312``, as the benchmark has it, is read as well.
    """

    tasks = tuple(OUTPUTS)

    def __init__(self) -> None:
        super().__init__(
            "transnas-micro",
            "TransNAS-Bench-101, micro: one of four operations on each of six edges of a cell",
            {"ops": Each.of(OPERATIONS, len(EDGES))},
            _micro_network,
            depth=convolutions_in_a_row,
            input_shape=(3, 256, 256),
            num_classes=63,
        )

    def make_for(
        self, task: Task, arch: Selection, outputs: int, input_shape: Shape
    ) -> TransNasNetwork:
        """The network with the head of one of the benchmark's tasks."""
        return _micro_network(arch, outputs, input_shape, task)

    def encode(self, arch: Selection) -> str:
        """NASLib's notation."""
        self._check(arch)
        return _numbers([OPERATIONS.index(name) for name in arch["ops"]])

    def decode(self, text: str) -> Selection:
        """Read either notation."""
        check_text(text, self.name)
        found = _MICRO.fullmatch(text.strip()) or _NUMBERS.fullmatch(text.strip())
        digits = "".join(found.groups()) if found else ""
        if not digits or "4" in digits:
            raise InvalidInput(
                "space 'transnas-micro': architectures are written (1, 1, 0, 3, 1, 2), six "
                f"operations of 0 to 3, got {shown(text)}"
            )
        return self._select([OPERATIONS[int(digit)] for digit in digits])

    def graph_features(self, arch: Selection) -> npt.NDArray[np.float64]:
        """Counts, paths and degrees of the cell without its dead edges."""
        return np.array(edge_graph(EDGES, arch["ops"], OPERATIONS).numbers)


_KINDS = (NO_MODULE, *MODULES)


def _numbers(numbers: list[int]) -> str:
    return f"({', '.join(map(str, numbers))})"


def _modules(arch: Selection) -> list[str]:
    return [kind for kind in arch["modules"] if kind != NO_MODULE]


def _blocks(arch: Selection) -> int:
    return 2 * len(_modules(arch))


def _is_valid(arch: Selection) -> bool:
    """Modules without a gap, halved one to four times and doubled one to three times."""
    kinds = arch["modules"]
    gap = kinds[LEAST] == NO_MODULE and kinds[LEAST + 1] != NO_MODULE
    halved = sum(kind.startswith("halved") for kind in kinds)
    wider = sum(kind.endswith("wider") for kind in kinds)
    return not gap and 1 <= halved <= 4 and 1 <= wider <= 3


def _macro_network(
    arch: Selection, num_classes: int, input_shape: Shape, task: Task = CLASSIFICATION
) -> TransNasNetwork:
    return TransNasNetwork(
        _modules(arch), channels=input_shape[0], num_classes=num_classes, task=task
    )


def _micro_network(
    arch: Selection, num_classes: int, input_shape: Shape, task: Task = CLASSIFICATION
) -> TransNasNetwork:
    return TransNasNetwork(
        MICRO_MODULES, arch["ops"], channels=input_shape[0], num_classes=num_classes, task=task
    )


TRANSNAS_MACRO = TransNasMacro()
TRANSNAS_MICRO = TransNasMicro()
