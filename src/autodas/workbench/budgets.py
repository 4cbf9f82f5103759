"""What a student may cost at most, as people write it: ``0.5M``, ``60MMACs``, ``8MiB``, ``3ms``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

from autodas.core.errors import InvalidInput
from autodas.workbench.latency import Device, Program

__all__ = [
    "Amount",
    "BudgetOptions",
    "Budgets",
    "Counted",
    "Quantity",
    "parse_bytes",
    "parse_count",
    "parse_seconds",
    "spelt",
]

Amount: TypeAlias = str | float
"""A number, or a number with a unit."""

Quantity: TypeAlias = Literal["params", "macs", "memory", "latency"]

Counted: TypeAlias = Literal["params", "macs", "memory"]
"""What is known of a network without running it."""

_COUNT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:e([+-]?\d{1,3}))?\s*([kmgb]?)\s*([a-z]*)", re.ASCII)
_PREFIXES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}
_WORDS = {
    "params": ("", "params", "param", "parameters"),
    "macs": ("", "macs", "mac"),
}
LONGEST = 60
_EXAMPLES = {"params": "0.5M", "macs": "60MMACs"}
_TIME = re.compile(
    r"((?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,3})?)\s*(ns|us|µs|ms|s)", re.ASCII | re.IGNORECASE
)
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


def parse_bytes(text: str) -> int:
    """The number of bytes of ``512MB``, ``1.5 GiB``, ``0`` or the like; case does not matter.

    Raises:
        InvalidInput: the text is no amount of memory.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]i?)?b?\s*", text.lower(), flags=re.ASCII)
    # More digits than these are no memory, and no float either.
    if found is None or len(found[1]) > 30:
        raise InvalidInput(f"an amount of memory is written like 512MB or 2GiB, got {text!r}")
    return int(float(found[1]) * _BYTES[found[2] or ""])


def _text(amount: Amount) -> str:
    text = str(amount).strip()
    if len(text) > LONGEST:
        raise InvalidInput(
            f"a budget is a number and a unit, at most {LONGEST} characters, got {text[:40]!r}…"
        )
    return text


def parse_count(amount: Amount, quantity: Literal["params", "macs"]) -> float:
    """The number of ``500000``, ``0.5M``, ``60MMACs`` or the like; case does not matter.

    Raises:
        InvalidInput: it is no positive number of ``quantity``.
    """
    text = _text(amount).lower()
    found = _COUNT.fullmatch(text)
    if found is not None and "flop" in found[4]:
        raise InvalidInput(
            f"budgets are in MACs, and one MAC is two FLOPs; write {amount!r} as MACs, "
            f"e.g. {_EXAMPLES['macs']}"
        )
    value = math.nan
    # "60MACs" has no prefix: the unit is tried before the letter that could be one.
    if found is not None:
        number = float(f"{found[1]}e{found[2] or 0}")
        for prefix, word in ((found[3], found[4]), ("", found[3] + found[4])):
            if word in _WORDS[quantity]:
                value = number * _PREFIXES[prefix]
    if not (math.isfinite(value) and value > 0):
        raise InvalidInput(
            f"a budget of {quantity} is a positive number such as {_EXAMPLES[quantity]}, "
            f"got {amount!r}"
        )
    return value


def parse_seconds(amount: Amount) -> float:
    """The seconds of ``3ms``, ``250us``, ``0.5s`` or the like.

    Raises:
        InvalidInput: it is no positive duration with its unit.
    """
    found = _TIME.fullmatch(_text(amount).replace("μ", "µ"))
    value = float(found[1]) * _SECONDS[found[2].lower()] if found is not None else 0.0
    if not 0 < value < math.inf:
        raise InvalidInput(
            f"a budget of latency is a positive time with its unit such as 3ms, got {amount!r}"
        )
    return value


def _parse_memory(amount: Amount) -> float:
    plain = isinstance(amount, float) and math.isfinite(amount)
    value = float(parse_bytes(str(int(amount)) if plain else _text(amount)))
    if value <= 0:
        raise InvalidInput(f"a budget of memory is positive, such as 8MiB, got {amount!r}")
    return value


@dataclass(frozen=True)
class Budgets:
    """Upper limits, inclusive; None for no limit.

    Attributes:
        params: Trainable parameters.
        macs: Multiply-accumulates per image.
        memory: Bytes, see :mod:`autodas.workbench.memory`.
        latency: Seconds of one forward pass, see :mod:`autodas.workbench.latency`.
    """

    params: float | None = None
    macs: float | None = None
    memory: float | None = None
    latency: float | None = None

    @classmethod
    def of(
        cls,
        params: Amount | None,
        macs: Amount | None,
        memory: Amount | None,
        latency: Amount | None,
    ) -> Budgets:
        """Read the limits as they were written.

        Raises:
            InvalidInput: one of them cannot be read; the message shows how it is written.
        """
        return cls(
            None if params is None else parse_count(params, "params"),
            None if macs is None else parse_count(macs, "macs"),
            None if memory is None else _parse_memory(memory),
            None if latency is None else parse_seconds(latency),
        )

    @property
    def counted(self) -> Iterator[tuple[Counted, float]]:
        """The limits that can be checked without running a network, the cheapest first."""
        limits: tuple[tuple[Counted, float | None], ...] = (
            ("params", self.params),
            ("macs", self.macs),
            ("memory", self.memory),
        )
        for quantity, limit in limits:
            if limit is not None:
                yield quantity, limit

    def to_json(self) -> dict[str, float]:
        """For results: ``max_params``, ``max_macs``, ``max_memory`` (bytes), ``max_latency_ms``."""
        found = {f"max_{quantity}": limit for quantity, limit in self.counted}
        return found | ({"max_latency_ms": self.latency * 1e3} if self.latency is not None else {})

    def to_options(self) -> dict[str, float | str]:
        """For a configuration file, equal for equal limits however they were written."""
        found: dict[str, float | str] = {f"max_{name}": limit for name, limit in self.counted}
        return found | ({"max_latency": f"{self.latency!r}s"} if self.latency is not None else {})

    def in_words(self) -> str:
        """``at most 500,000 parameters and 3 ms latency``; empty without limits."""
        bare = {"params": "", "macs": "", "memory": " memory"}
        parts = [spelt(quantity, limit) + bare[quantity] for quantity, limit in self.counted]
        if self.latency is not None:
            parts.append(f"{spelt('latency', self.latency)} latency")
        return f"at most {' and '.join(parts)}" if parts else ""


@dataclass(frozen=True, kw_only=True)
class BudgetOptions:
    """The options of a step that say what a student may cost; steps inherit them.

    Limits are kept as numbers, so that equal ones make the same run however they are written.

    Raises:
        InvalidInput: a limit cannot be read, or ``images_at_once`` is less than 1.
    """

    max_params: Amount | None = None
    """Largest number of trainable parameters, such as 0.5M."""
    max_macs: Amount | None = None
    """Largest number of multiply-accumulates per image, such as 60MMACs."""
    max_memory: Amount | None = None
    """Most bytes for weights and activations of one pass, such as 8MiB."""
    max_latency: str | None = None
    """Longest median time of one pass on --latency-device, such as 3ms."""
    latency_device: Device = "cpu"
    """Where latency is measured."""
    latency_of: Program = "pytorch"
    """What is timed: the network in PyTorch, or exported to onnx and run by ONNX Runtime, on the
    CPU; that takes seconds more for each."""
    images_at_once: int = 1
    """Images in the pass that latency and memory are of."""

    def __post_init__(self) -> None:
        """Refuse what cannot be read before anything is done."""
        for name, limit in self.budgets.to_options().items():
            object.__setattr__(self, name, limit)  # nobody has seen it yet
        if self.images_at_once < 1:
            raise InvalidInput(f"images_at_once must be at least 1, got {self.images_at_once}")

    @property
    def budgets(self) -> Budgets:
        """The limits as numbers."""
        return Budgets.of(self.max_params, self.max_macs, self.max_memory, self.max_latency)

    @property
    def limits(self) -> dict[str, Any]:
        """These options by name, to pass them on to another step."""
        return {each.name: getattr(self, each.name) for each in fields(BudgetOptions)}


def spelt(quantity: Quantity, value: float) -> str:
    """An amount with its unit, for people."""
    if quantity == "params":
        return f"{value:,.0f} parameters"
    if quantity == "macs":
        return f"{value:,.0f} MACs"
    if quantity == "memory":
        return f"{value / 2**20:,.4g} MiB" if value >= 2**20 else f"{value / 2**10:.4g} KiB"
    return f"{value * 1e3:.4g} ms"
