"""Networks that are measured beside a plain twin."""

import numpy as np
from statistics_toys import ToyViT, images, labels, signals

from autodas.core.results import Failed, Ok
from autodas.statistics import STATISTICS, measure

OWN = [s.name for s in STATISTICS if s.measure.__module__.startswith("autodas.")]

ROUNDED = {"signed_saliency", "constant_gradient_inverse"}
"""Sums of what cancels, and counts of what is exactly zero."""


def measured(network, names=OWN):
    return measure(network, images(), labels(), names, teacher=signals(ToyViT()))


def assert_alike(found, expected, but=()):
    for name, value in expected.items():
        if name in but or name in ROUNDED:
            continue
        assert type(found[name]) is type(value), (name, found[name], value)
        if isinstance(value, Ok):
            for a, b in zip(found[name].value.segments, value.value.segments, strict=True):
                atol = 1e-6 * np.abs(b).max()
                np.testing.assert_allclose(a, b, rtol=2e-4, atol=atol, err_msg=name)


def reasons(found):
    return {name: value.reason for name, value in found.items() if isinstance(value, Failed)}
