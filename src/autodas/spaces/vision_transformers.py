"""Vision transformers as searched by Auto-Prox (AAAI 2024): AutoFormer and PiT sub-networks.

Those for 8×8 digits are so small that a whole search takes minutes on a laptop.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from autodas.core.digest import canonical_json
from autodas.core.errors import InvalidInput
from autodas.networks import VisionTransformer
from autodas.networks.pit import PoolingTransformer
from autodas.spaces.base import Shape, Space, other, pick
from autodas.spaces.choices import ChoiceSpace, Each, Selection
from autodas.spaces.text import Option, match, parse_object

__all__ = ["AUTOFORMER", "DIGITS_VIT", "PIT", "AutoFormer", "AutoFormerSpace"]

T = TypeVar("T")


@dataclass(frozen=True)
class AutoFormer:
    """One sub-network.

    Attributes:
        hidden_dim: Token width.
        mlp_ratio: MLP width of each block as a multiple of ``hidden_dim``.
        num_heads: Heads of each block.
    """

    hidden_dim: int
    mlp_ratio: tuple[float, ...]
    num_heads: tuple[int, ...]

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return len(self.mlp_ratio)


class AutoFormerSpace(Space):
    """Vision transformers whose blocks differ (Chen et al., *AutoFormer*, ICCV 2021).

    Width, depth, and MLP ratio and heads of every block are free. Heads divide a query, key and
    value width of ``hidden_dim``, so they change neither parameters nor MACs.
    """

    HIDDEN = (192, 216, 240)
    DEPTH = (12, 13, 14)
    RATIO = (3.5, 4.0)
    HEADS = (3, 4)
    kind = AutoFormer

    def __init__(self) -> None:
        self.name = "autoformer"
        self.description = "vision transformers: width, depth, and MLP ratio and heads per block"
        self.input_shape = (3, 224, 224)
        self.num_classes = 100

    @property
    def size(self) -> int:
        """Sum over the depths of all combinations of blocks."""
        per_block = len(self.RATIO) * len(self.HEADS)
        return len(self.HIDDEN) * sum(int(per_block**depth) for depth in self.DEPTH)

    def enumerate(self) -> Iterator[AutoFormer]:
        """All sub-networks, shallow ones first."""
        for depth, hidden in itertools.product(self.DEPTH, self.HIDDEN):
            for ratio in itertools.product(self.RATIO, repeat=depth):
                for heads in itertools.product(self.HEADS, repeat=depth):
                    yield AutoFormer(hidden, ratio, heads)

    def sample(self, rng: np.random.Generator) -> AutoFormer:
        """Draw width, depth and every block's options, each uniformly."""
        hidden: int = pick(self.HIDDEN, rng)
        depth: int = pick(self.DEPTH, rng)
        ratio = tuple(pick(self.RATIO, rng) for _ in range(depth))
        return AutoFormer(hidden, ratio, tuple(pick(self.HEADS, rng) for _ in range(depth)))

    def mutate(self, arch: AutoFormer, rng: np.random.Generator) -> AutoFormer:
        """Change width, depth, one block's MLP ratio or one block's heads, equally likely."""
        hidden, ratio, heads = arch.hidden_dim, arch.mlp_ratio, arch.num_heads
        kind = int(rng.integers(4))
        if kind == 0:
            hidden = other(hidden, self.HIDDEN, rng)
        elif kind == 1:
            depth = other(arch.depth, self.DEPTH, rng)
            added = range(depth - arch.depth)
            ratio = (*ratio[:depth], *(pick(self.RATIO, rng) for _ in added))
            heads = (*heads[:depth], *(pick(self.HEADS, rng) for _ in added))
        elif kind == 2:
            ratio = _replaced(ratio, self.RATIO, rng)
        else:
            heads = _replaced(heads, self.HEADS, rng)
        return AutoFormer(hidden, ratio, heads)

    def crossover(self, a: AutoFormer, b: AutoFormer, rng: np.random.Generator) -> AutoFormer:
        """Width and depth from either parent, and each block from either that has it."""
        hidden = (a if rng.random() < 0.5 else b).hidden_dim
        depth = (a if rng.random() < 0.5 else b).depth
        ratio = _mixed(a.mlp_ratio, b.mlp_ratio, depth, rng)
        return AutoFormer(hidden, ratio, _mixed(a.num_heads, b.num_heads, depth, rng))

    def encode(self, arch: AutoFormer) -> str:
        """Compact JSON with sorted keys."""
        self._check(arch)
        return canonical_json(
            {
                "depth": arch.depth,
                "hidden_dim": arch.hidden_dim,
                "mlp_ratio": arch.mlp_ratio,
                "num_heads": arch.num_heads,
            }
        )

    def decode(self, text: str) -> AutoFormer:
        """Read JSON with these four keys in any order and spacing; 4 and 4.0 are the same."""
        given = parse_object(text, self.name, ("depth", "hidden_dim", "mlp_ratio", "num_heads"))
        hidden = int(match(given["hidden_dim"], self.HIDDEN, "space 'autoformer': 'hidden_dim'"))
        depth = int(match(given["depth"], self.DEPTH, "space 'autoformer': 'depth'"))
        ratio = _per_block(given, "mlp_ratio", depth, self.RATIO)
        heads = _per_block(given, "num_heads", depth, self.HEADS)
        return AutoFormer(hidden, tuple(float(r) for r in ratio), tuple(int(h) for h in heads))

    def make(self, arch: AutoFormer, num_classes: int, input_shape: Shape) -> VisionTransformer:
        """16×16 patches, a class token that is left out of the pooled mean, a linear classifier."""
        return VisionTransformer(
            arch.hidden_dim,
            arch.num_heads,
            arch.mlp_ratio,
            patch=16,
            class_token=True,
            pool="mean",
            input_shape=input_shape,
            num_classes=num_classes,
        )

    def cost_class(self, arch: AutoFormer) -> AutoFormer:
        """Heads do not change the cost, nor does the order of the MLP ratios."""
        heads = (self.HEADS[0],) * arch.depth
        return AutoFormer(arch.hidden_dim, tuple(sorted(arch.mlp_ratio)), heads)

    def depth(self, arch: AutoFormer) -> int:
        """Number of blocks."""
        return arch.depth

    def features(self, arch: AutoFormer) -> npt.NDArray[np.float64]:
        """Width, depth, sums, and ratio and heads of 14 blocks, 0 for those that are not there."""
        absent = (0.0,) * (max(self.DEPTH) - arch.depth)
        return np.asarray(
            [
                arch.hidden_dim,
                arch.depth,
                sum(arch.mlp_ratio),
                sum(arch.num_heads),
                *arch.mlp_ratio,
                *absent,
                *arch.num_heads,
                *absent,
            ],
            dtype=np.float64,
        )


def _per_block(
    given: dict[str, Any], key: str, depth: int, options: tuple[Option, ...]
) -> list[Option]:
    values = given[key]
    if not isinstance(values, list) or len(values) != depth:
        raise InvalidInput(
            f"space 'autoformer': {key!r} must be a list of depth = {depth} entries, got {values!r}"
        )
    return [match(value, options, f"space 'autoformer': {key!r}") for value in values]


def _replaced(
    values: tuple[T, ...], options: Sequence[T], rng: np.random.Generator
) -> tuple[T, ...]:
    """``values`` with one entry, at a random place, changed to another option."""
    i = int(rng.integers(len(values)))
    return (*values[:i], other(values[i], options, rng), *values[i + 1 :])


def _mixed(a: Sequence[T], b: Sequence[T], length: int, rng: np.random.Generator) -> tuple[T, ...]:
    """``length`` entries, each from ``a`` or ``b``, or from the one that reaches so far."""
    choices = [[s[i] for s in (a, b) if i < len(s)] for i in range(length)]
    return tuple(pick(both, rng) for both in choices)


AUTOFORMER = AutoFormerSpace()


def _pit(arch: Selection, num_classes: int, input_shape: Shape) -> PoolingTransformer:
    return PoolingTransformer(
        arch["base_dim"],
        arch["depth"],
        arch["num_heads"],
        arch["mlp_ratio"],
        input_shape=input_shape,
        num_classes=num_classes,
    )


def _non_decreasing(arch: Selection) -> bool:
    heads = arch["num_heads"]
    return all(a <= b for a, b in itertools.pairwise(heads))


PIT = ChoiceSpace(
    "pit",
    "pooling-based vision transformers: base width, MLP ratio, depth and heads of three stages",
    {
        "base_dim": (16, 24, 32, 40),
        "mlp_ratio": (2, 4, 6, 8),
        "depth": Each(((1, 2, 3), (4, 6, 8), (2, 4, 6))),
        "num_heads": Each.of((2, 4, 8), 3),
    },
    _pit,
    valid=_non_decreasing,
    input_shape=(3, 224, 224),
    num_classes=100,
)


def _digits_vit(arch: Selection, num_classes: int, input_shape: Shape) -> VisionTransformer:
    depth = arch["depth"]
    return VisionTransformer(
        arch["width"],
        (arch["heads"],) * depth,
        (arch["mlp_ratio"],) * depth,
        patch=2,
        init="fan-in",
        input_shape=input_shape,
        num_classes=num_classes,
    )


DIGITS_VIT = ChoiceSpace(
    "digits-vit",
    "small vision transformers for 8×8 digits: width, depth, heads, MLP ratio",
    {
        "width": (12, 24, 36, 48),
        "depth": (1, 2, 3, 4),
        "heads": (1, 2, 3, 4),
        "mlp_ratio": (0.5, 1.0, 2.0, 4.0),
    },
    _digits_vit,
    input_shape=(1, 8, 8),
    num_classes=10,
    precision="double",
)
