"""Statistics of small random multilayer perceptrons, computed in NumPy: realistic, and fast.

Two families differ in depth and width; entries are sketched; a fixed teacher is compared with.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autodas.core.values import Column, Kind, Layout, Type

BATCH, CLASSES, INPUTS, STAGES, SKETCH = 12, 6, 20, 3, 40

TYPES = {
    "weight": Type(Kind.ELEMENTS, "layer", "weight"),
    "weight_grad": Type(Kind.ELEMENTS, "layer", "weight"),
    "feature": Type(Kind.ELEMENTS, "stage", "feature"),
    "feature_grad": Type(Kind.ELEMENTS, "stage", "feature"),
    "norm_mean": Type(Kind.ELEMENTS, "norm", "channel"),
    "sample_gram": Type(Kind.GRAM, "stage", "sample"),
    "teacher_sample_gram": Type(Kind.GRAM, "stage", "sample"),
    "channel_gram": Type(Kind.GRAM, "stage", "channel"),
    "weight_spectrum": Type(Kind.SPECTRUM, "layer", "weight"),
    "logits": Type(Kind.LOGITS),
    "teacher_logits": Type(Kind.LOGITS),
    "cka": Type(Kind.VECTOR, "stage"),
    "numel": Type(Kind.VECTOR, "layer"),
}
FIXED = frozenset({"teacher_logits", "teacher_sample_gram"})


@dataclass
class Measured:
    weights: list[np.ndarray]
    gradients: list[np.ndarray]
    features: list[np.ndarray]
    feature_gradients: list[np.ndarray]
    means: list[np.ndarray]
    logits: np.ndarray


def measure(widths: list[int], per_stage: int, seed: int) -> Measured:
    """One forward and backward pass of a ReLU network with cross-entropy."""
    rng = np.random.default_rng(seed)
    images = np.random.default_rng(0).standard_normal((BATCH, INPUTS))
    labels = np.arange(BATCH) % CLASSES
    sizes = [INPUTS] + [width for width in widths for _ in range(per_stage)]
    weights = [rng.standard_normal((b, a)) * np.sqrt(2 / a) for a, b in itertools.pairwise(sizes)]
    head = rng.standard_normal((CLASSES, sizes[-1])) * np.sqrt(1 / sizes[-1])
    activations, means = [images], []
    for weight in weights:
        before = activations[-1] @ weight.T
        means.append(before.mean(axis=0))
        activations.append(np.maximum(before, 0))
    logits = activations[-1] @ head.T
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    delta = (shifted / shifted.sum(axis=1, keepdims=True) - np.eye(CLASSES)[labels]) / BATCH
    gradients, flows = [delta.T @ activations[-1]], [delta @ head]
    for weight, below, above in zip(
        reversed(weights), reversed(activations[:-1]), reversed(activations[1:]), strict=True
    ):
        local = flows[-1] * (above > 0)
        gradients.append(local.T @ below)
        flows.append(local @ weight)
    ends = range(per_stage, len(activations), per_stage)
    flows.reverse()
    return Measured(
        [*weights, head],
        gradients[::-1],
        [activations[end] for end in ends],
        [flows[end] for end in ends],
        means,
        logits,
    )


def sketched(tensor: np.ndarray) -> np.ndarray:
    flat = tensor.reshape(-1)
    if flat.size <= SKETCH:
        return flat
    return flat[np.random.default_rng(flat.size).choice(flat.size, SKETCH, replace=False)]


def cka(x: np.ndarray, y: np.ndarray) -> float:
    h = np.eye(len(x)) - 1 / len(x)
    x, y = h @ x @ h, h @ y @ h
    return float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))


def build_columns(architectures: int, seed: int = 0) -> dict[str, Column]:
    rng = np.random.default_rng(seed)
    networks = []
    for number in range(architectures):
        if number % 2:  # deep and narrow
            widths, per_stage = [int(w) for w in rng.choice([8, 12, 16], STAGES)], 3
        else:  # shallow and wide
            widths, per_stage = [int(w) for w in rng.choice([12, 24, 32], STAGES)], 1
        networks.append(measure(widths, per_stage, seed=100 + number))
    teacher = measure([40, 40, 40], 2, seed=7)
    return _columns(networks, teacher)


def _columns(networks: list[Measured], teacher: Measured) -> dict[str, Column]:
    def column(
        name: str,
        of: Callable[[Measured], list[np.ndarray]],
        true: Callable[[Measured], list[np.ndarray]] | None = None,
    ) -> Column:
        arrays = [of(network) for network in networks]
        whole = [(true or of)(network) for network in networks]
        layout = Layout.of_segments(
            [[array.shape for array in mine] for mine in arrays],
            [[float(array.size) for array in mine] for mine in whole],
        )
        flat = [array.astype(np.float32) for mine in arrays for array in mine]
        return Column.of_arrays(TYPES[name], layout, flat)

    def sketch(name: str, of: Callable[[Measured], list[np.ndarray]]) -> Column:
        return column(name, lambda n: [sketched(a) for a in of(n)], of)

    def vector(name: str, of: Callable[[Measured], list[float]]) -> Column:
        values = [of(network) for network in networks]
        layout = Layout.of_segments(
            [[()] * len(v) for v in values], [[1.0] * len(v) for v in values]
        )
        return Column(TYPES[name], np.array([x for v in values for x in v]), layout)

    def grams(network: Measured) -> list[np.ndarray]:
        return [feature @ feature.T for feature in network.features]

    return {
        "weight": sketch("weight", lambda n: n.weights),
        "weight_grad": sketch("weight_grad", lambda n: n.gradients),
        "feature": sketch("feature", lambda n: n.features),
        "feature_grad": sketch("feature_grad", lambda n: n.feature_gradients),
        "norm_mean": column("norm_mean", lambda n: n.means),
        "sample_gram": column("sample_gram", grams),
        "teacher_sample_gram": column("teacher_sample_gram", lambda _: grams(teacher)),
        "channel_gram": column("channel_gram", lambda n: [f.T @ f for f in n.features]),
        "weight_spectrum": column(
            "weight_spectrum", lambda n: [np.linalg.svd(w, compute_uv=False) for w in n.weights]
        ),
        "logits": column("logits", lambda n: [n.logits]),
        "teacher_logits": column("teacher_logits", lambda _: [teacher.logits]),
        "cka": vector(
            "cka", lambda n: [cka(a, b) for a, b in zip(grams(n), grams(teacher), strict=True)]
        ),
        "numel": vector("numel", lambda n: [float(w.size) for w in n.weights]),
    }
