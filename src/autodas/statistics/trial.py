"""A new statistic is tried on two small networks when it is declared.

A function that returns the wrong shapes, forgets to announce what it needs, draws random numbers
or writes into what it is shown would spoil a long search silently; here it fails at once, in one
line that says what is wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from autodas.core.errors import InvalidInput
from autodas.core.values import Kind, Type
from autodas.networks import CellNetwork201, ResNet, StagedNetwork, VisionTransformer, seeded
from autodas.statistics.catalog import STATISTICS, Statistic
from autodas.statistics.need import Need, Unmeasurable
from autodas.statistics.passes.probe import Probe
from autodas.statistics.teacher_signals import TeacherSignals

__all__ = ["check"]

_CLASSES, _BATCH, _SHAPE = 3, 4, (1, 8, 8)


@dataclass(frozen=True)
class _Trial:
    """A student, named for messages, and a teacher of the other family."""

    what: str
    student: StagedNetwork
    teacher: TeacherSignals

    def probe(self, needs: frozenset[Need]) -> Probe:
        teacher = self.teacher if Need.TEACHER in needs else None
        return Probe(self.student, self.teacher.images, self.teacher.labels, needs, teacher)


def check(statistic: Statistic) -> None:
    """Measure ``statistic`` on a small CNN, a small transformer and a small network of cells.

    A network that has nothing to measure it on is fine, as long as another one has.

    Raises:
        InvalidInput: it fails; it does not fit its type; it is not finite; it differs between
            two runs; or it changes the network or what the probe holds.
    """
    try:
        reasons = [_try(statistic, trial) for trial in _trials()]
    except InvalidInput:
        _trials.cache_clear()  # the statistic may have damaged them
        raise
    if all(reasons):
        raise InvalidInput(f"statistic {statistic.name!r} can never be measured: {reasons[0]}")


@lru_cache(maxsize=1)
def _trials() -> tuple[_Trial, ...]:
    cnn = seeded(lambda: ResNet((1, 1), (4, 20), channels=1, num_classes=_CLASSES), 0)
    transformer = seeded(
        lambda: VisionTransformer(
            8,
            (2, 2, 2),
            (1.0, 1.0, 1.0),
            patch=4,
            class_token=True,
            input_shape=_SHAPE,
            num_classes=_CLASSES,
        ),
        0,
    )
    operations = ["nor_conv_3x3", "skip_connect", *["nor_conv_1x1"] * 3, "none"]
    cells = seeded(
        lambda: CellNetwork201(operations, width=4, cells=1, channels=1, num_classes=_CLASSES), 0
    )
    images = torch.randn(_BATCH, *_SHAPE, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(_BATCH) % _CLASSES

    def signals(network: StagedNetwork) -> TeacherSignals:
        return TeacherSignals(network, images, labels, trained=False, digest="trial")

    return (
        _Trial("a small CNN", cnn, signals(transformer)),
        _Trial("a small transformer", transformer, signals(cnn)),
        _Trial("a small network of cells", cells, signals(cnn)),
    )


def _try(statistic: Statistic, trial: _Trial) -> str:
    """Why it cannot be measured on this network; empty if it can.

    Raises:
        InvalidInput: it can, and something is wrong with it.
    """
    try:
        values = _measured(statistic, trial)
        again = _measured(statistic, trial)
    except Unmeasurable as error:
        return str(error)
    fault = _fault(statistic, trial, values)
    if not fault and not all(map(_same, values, again)):
        fault = "gives other values when measured again"
    if fault:
        raise InvalidInput(f"statistic {statistic.name!r}, tried on {trial.what}, {fault}")
    return ""


def _measured(statistic: Statistic, trial: _Trial) -> Sequence[Tensor | float]:
    with trial.probe(statistic.needs) as probe:
        before = [tensor.detach().clone() for tensor in _visible(probe)]
        random_state = torch.random.get_rng_state()
        try:
            values = statistic.measure(probe)
        except Unmeasurable:
            raise
        except Exception as error:
            why = " ".join(str(error).split())
            raise InvalidInput(
                f"statistic {statistic.name!r}, tried on {trial.what}, "
                f"fails: {type(error).__name__}: {why}"
            ) from error
        faults = {
            "draws from PyTorch's global random generator": not torch.equal(
                random_state, torch.random.get_rng_state()
            ),
            "writes into the network or into what the probe holds": not all(
                map(_same, before, _visible(probe))
            ),
        }
    for fault, found in faults.items():
        if found:
            raise InvalidInput(f"statistic {statistic.name!r}, tried on {trial.what}, {fault}")
    return values


def _visible(probe: Probe) -> list[Tensor]:
    """All tensors that the announced needs let a statistic see."""
    signals: dict[Need, Callable[[], list[Tensor]]] = {
        Need.FORWARD: lambda: [*probe.stages, probe.logits],
        Need.BACKWARD: lambda: [*probe.weight_gradients, *probe.stage_gradients],
        Need.CLASSIFIER: lambda: [probe.classifier_input],
        Need.NORMS: lambda: [t for moments in probe.norm_moments for t in moments],
        Need.ACTIVATIONS: lambda: probe.activation_signs,
        Need.ATTENTION: lambda: [t for a in probe.attentions for t in (a.queries, a.keys)],
        Need.JACOBIAN: lambda: [probe.jacobian],
        Need.VIRTUAL: lambda: probe.extra.virtual.gradients,
        Need.HESSIAN: lambda: probe.extra.hessian_products(probe.weight_gradients),
        Need.HALVES: lambda: [g for half in probe.extra.half_gradients for g in half],
        Need.SINGLES: lambda: probe.extra.sign_sums,
        Need.TANGENT: lambda: [probe.extra.tangent_kernel],
        Need.CONSTANT: lambda: probe.extra.constant_gradients,
        Need.TEACHER: lambda: [*probe.teacher.stages, probe.teacher.logits],
    }
    seen = [probe.images, probe.labels, *probe.network.state_dict().values()]
    for need, read in signals.items():
        seen += read() if need in probe.needs else []
    return seen


def _fault(statistic: Statistic, trial: _Trial, values: Sequence[Tensor | float]) -> str:
    """How the values break the promise of the statistic's type; empty if they keep it."""
    type_ = statistic.type
    if not isinstance(values, list | tuple):
        return f"must return a list, got {type(values).__name__}"
    for value in values:
        if fault := _misfit(type_.kind, value):
            return f"must return {_WANTED[type_.kind]}, got {fault}"
        if not torch.isfinite(torch.as_tensor(value)).all():
            return "is not finite"
    return _mismatch(statistic, trial, values)


def _mismatch(statistic: Statistic, trial: _Trial, values: Sequence[Tensor | float]) -> str:
    """Where the values do not correspond to those of other statistics; empty if they do."""
    type_ = statistic.type
    if not type_.over and len(values) != 1:
        return f"must return one value per network, got {len(values)}"
    _, peers = _peer(statistic, trial, lambda other: other.over == type_.over)
    if type_.over and len(values) != len(peers or values):
        return f"must return {len(peers)} values, one per {type_.over}, got {len(values)}"
    name, peers = _peer(statistic, trial, lambda other: other == type_)
    shapes, wanted = _shapes(type_.kind, values), _shapes(type_.kind, peers or values)
    if shapes != wanted:
        return f"must correspond to {name!r}, whose entries are {wanted}, got {shapes}"
    return ""


def _peer(
    statistic: Statistic, trial: _Trial, accepts: Callable[[Type], bool]
) -> tuple[str, Sequence[Tensor | float]]:
    """Name and values of the first other statistic of an accepted type, if there is any."""
    for other in STATISTICS:
        if accepts(other.type) and other.name != statistic.name:
            with contextlib.suppress(Unmeasurable), trial.probe(other.needs) as probe:
                return other.name, other.measure(probe)
    return "", ()


_WANTED = {
    Kind.ELEMENTS: "tensors with entries",
    Kind.SPECTRUM: "vectors, largest entry first",
    Kind.GRAM: "symmetric matrices",
    Kind.LOGITS: f"a matrix of {_BATCH} rows, one per sample",
    Kind.VECTOR: "numbers",
    Kind.SCALAR: "a number",
}


def _misfit(kind: Kind, value: Tensor | float) -> str:
    """What a value is, if it is not what its kind wants."""
    if kind in (Kind.VECTOR, Kind.SCALAR):
        fits = isinstance(value, float | int) or (isinstance(value, Tensor) and value.ndim == 0)
        return "" if fits else _described(value)
    if not isinstance(value, Tensor) or value.numel() == 0:
        return _described(value)
    return "" if _FITS[kind](value) else _described(value)


_FITS: dict[Kind, Callable[[Tensor], bool]] = {
    Kind.ELEMENTS: lambda _: True,
    Kind.SPECTRUM: lambda v: v.ndim == 1 and bool((v.diff() <= 0).all()),
    Kind.GRAM: lambda v: (
        v.ndim == 2 and v.shape[0] == v.shape[1] and v.allclose(v.T, rtol=1e-4, atol=1e-6)
    ),
    Kind.LOGITS: lambda v: v.ndim == 2 and len(v) == _BATCH,
}


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"{value!r:.40} of type {type(value).__name__}"


def _shapes(kind: Kind, values: Sequence[Tensor | float]) -> list[object]:
    """What decides whether two statistics of one type correspond entry by entry."""
    tensors = [torch.as_tensor(value) for value in values]
    return [t.numel() if kind is Kind.ELEMENTS else tuple(t.shape) for t in tensors]


def _same(a: Tensor | float, b: Tensor | float) -> bool:
    return torch.equal(torch.as_tensor(a), torch.as_tensor(b))
