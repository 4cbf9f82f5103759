"""Sizes of layers: what a proxy must beat, offered as leaves that can be switched off."""

from __future__ import annotations

from autodas.core.values import SCALAR, Kind, Type
from autodas.statistics.catalog import statistic
from autodas.statistics.need import Need
from autodas.statistics.passes.probe import Probe

LAYER_VECTOR = Type(Kind.VECTOR, "layer")


@statistic(LAYER_VECTOR, size=True, version=2)
def numel(probe: Probe) -> list[float]:
    """Number of entries of every layer's weight."""
    return [float(layer.weight.numel()) for layer in probe.layers]


@statistic(LAYER_VECTOR, size=True, version=3)
def out_channels(probe: Probe) -> list[float]:
    """Output channels of every layer."""
    return [float(layer.channels) for layer in probe.layers]


@statistic(LAYER_VECTOR, needs={Need.FORWARD, Need.SIZES}, size=True, version=4)
def layer_macs(probe: Probe) -> list[float]:
    """Multiply-accumulate operations of every layer for one sample, in all its uses."""
    return [
        float(layer.weight.numel() * positions)
        for layer, positions in zip(probe.layers, probe.output_positions, strict=True)
    ]


@statistic(Type(Kind.VECTOR, "stage"), needs={Need.FORWARD}, size=True)
def stage_channels(probe: Probe) -> list[float]:
    """Channels (CNN) or token width (transformer) of every stage."""
    return [float(s.shape[1] if s.ndim == 4 else s.shape[-1]) for s in probe.stages]


@statistic(SCALAR, size=True)
def params(probe: Probe) -> list[float]:
    """Number of trainable parameters."""
    return [float(probe.params)]


@statistic(SCALAR, size=True, version=2)
def macs(probe: Probe) -> list[float]:
    """Multiply-accumulate operations for one image, attention included."""
    return [float(probe.extra.macs)]
