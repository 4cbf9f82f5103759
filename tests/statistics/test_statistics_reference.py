"""Every statistic against a second derivation, on toys whose passes are written out by hand.

A statistic of the package without an entry in ``DERIVED`` fails: add one beside it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial.distance
import scipy.special
import scipy.stats
from statistics_toys import BATCH, ByHand, ToyCNN, ToyViT, by_hand, images, labels, signals

from autodas.core.results import Failed
from autodas.statistics import STATISTICS, measure, views

# By hand: student stages, teacher stages -> teacher stage of each student stage.
MATCHES = {(2, 3): (1, 2), (3, 2): (0, 0, 1), (2, 2): (0, 1)}
TOYS = {"cnn": ToyCNN, "vit": ToyViT}
# (student, teacher, whether the teacher's BN uses its running statistics)
PAIRS = [("cnn", "vit", False), ("vit", "cnn", False), ("cnn", "cnn", True)]
# 6×6 images: weights, positions. A block: qkv, proj, fc1, fc2 on four patches and a class token.
SIZES = {
    "cnn": {
        "numel": [54, 60, 60],
        "out_channels": [3, 20, 3],
        "layer_macs": [54 * 36, 60 * 9, 60],
        "stage_channels": [3, 20],
        "params": [54 + (3 + 3) + (60 + 20) + (20 + 20) + (60 + 3)],
        "macs": [54 * 36 + 60 * 9 + 60],
    },
    "vit": {
        "numel": [108, *[108, 36, 48, 48] * 3, 18],
        "out_channels": [6, *[18, 6, 8, 6] * 3, 3],
        "layer_macs": [108 * 4, *[108 * 5, 36 * 5, 48 * 5, 48 * 5] * 3, 18],
        "stage_channels": [6, 6, 6],
        "params": [(108 + 6) + 6 + 3 * (4 * 6 + (108 + 18) + (36 + 6) + (48 + 8) + (48 + 6)) + 21],
        # queries times keys and weights times values: 2 heads of 5 × 5 products of width 3
        "macs": [108 * 4 + 3 * (240 * 5 + 2 * (2 * 5 * 5 * 3)) + 18],
    },
}


@dataclass
class Case:
    """A student and a teacher by hand, and the student's data-free pass."""

    name: str
    student: ByHand
    teacher: ByHand
    virtual: ByHand

    def pairs(self, view):
        """``view`` of every student stage and of the teacher stage it corresponds to."""
        student, teacher = self.student.stages, self.teacher.stages
        match = MATCHES[len(student), len(teacher)]
        return [(view(number(s)), view(number(teacher[j]))) for s, j in zip(student, match)]  # noqa: B905

    def per_pair(self, view, compare):
        return [compare(s, t) for s, t in self.pairs(view)]


def number(tensor) -> np.ndarray:
    return tensor.detach().numpy()


# --- views, entry by entry ----------------------------------------------------------------------


def sample_gram(feature):
    n = len(feature)
    gram = np.empty((n, n))
    for i, j in itertools.product(range(n), repeat=2):
        gram[i, j] = (feature[i] * feature[j]).sum() / feature[i].size
    return gram


def rows(feature):
    """One row per sample and position."""
    if feature.ndim == 3:
        return np.concatenate(list(feature))
    return np.array([f[:, r, c] for f in feature for r, c in np.ndindex(f.shape[1:])])


def second_moments(values):
    return sum(np.outer(row, row) for row in values) / len(values)


def projected_gram(feature):
    values = rows(feature)
    if values.shape[1] > 16:
        return second_moments(values @ views._projection(values.shape[1], 16).double().numpy())
    gram = np.zeros((16, 16))
    gram[: values.shape[1], : values.shape[1]] = second_moments(values)
    return gram


def attention_map(feature):
    if feature.ndim == 3:  # four patches after the class token
        feature = feature[:, 1:].transpose(0, 2, 1).reshape(len(feature), -1, 2, 2)
    energy = (feature**2).mean(1)
    side = energy.shape[1]
    edges = [(i * side // 4, -(-(i + 1) * side // 4)) for i in range(4)]
    maps = np.array(
        [[e[r0:r1, c0:c1].mean() for r0, r1 in edges for c0, c1 in edges] for e in energy]
    )
    return maps / maps.sum(1, keepdims=True)


def singular_values(matrix):
    return scipy.linalg.svdvals(matrix)


# --- comparisons --------------------------------------------------------------------------------


def cosine(a, b):
    return 1 - scipy.spatial.distance.cosine(a.ravel(), b.ravel())


def aligned(s, t):
    """Centred kernel alignment with the centring matrix written out."""
    h = np.eye(len(s)) - 1 / len(s)
    k, m = h @ s @ h, h @ t @ h
    return np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))


def unit_rows(matrix):
    return np.array([row / np.sqrt((row**2).sum()) for row in matrix])


def row_distance(s, t):
    return ((unit_rows(s) - unit_rows(t)) ** 2).mean()


def relations(feature):
    return 1 - scipy.spatial.distance.pdist(feature.reshape(len(feature), -1), "cosine")


def divergence(student, teacher):
    """Mean of KL(teacher ‖ student) over rows."""
    return scipy.special.rel_entr(teacher, student).sum(1).mean()


def softmax(logits):
    return scipy.special.softmax(number(logits), axis=1)


# --- the statistics -----------------------------------------------------------------------------


def class_gradient(passed: ByHand):
    return passed.gradients(passed.loss, [passed.parameters["classifier.weight"]])[0]


def class_gradient_gram(passed: ByHand):
    gradient = class_gradient(passed)
    return np.array([[(a * b).sum() for b in gradient] for a in gradient])


def activation_kernel(c: Case):
    signs = np.concatenate(
        [number(x).reshape(BATCH, -1) > 0 for x in c.student.activation_inputs], axis=1
    )
    return [np.array([[(a == b).mean() for b in signs] for a in signs])]


def jacobian_gram(c: Case):
    (jacobian,) = c.student.gradients(c.student.logits.sum(), [c.student.images])
    return [np.corrcoef(jacobian.reshape(BATCH, -1))]


def channel_axes(value):
    return tuple(i for i in range(value.ndim) if i != (1 if value.ndim == 4 else value.ndim - 1))


def attention_entropy(c: Case):
    return [
        scipy.stats.entropy(number(p), axis=-1).mean() / np.log(p.shape[-1])
        for p in c.student.attention
    ] or Failed("the network has no attention layers")


def attention_rank(c: Case):
    return [
        np.exp(scipy.stats.entropy(singular_values(number(p).mean((0, 1)))))
        for p in c.student.attention
    ] or Failed("the network has no attention layers")


def log_output(c: Case):
    return c.virtual.logits.sum().abs().log()


def centred(logits):
    return number(logits) - number(logits).mean(1, keepdims=True)


DERIVED = {
    "weight": lambda c: [number(w).ravel() for w in c.student.weights],
    "weight_grad": lambda c: [
        g.ravel() for g in c.student.gradients(c.student.loss, c.student.weights)
    ],
    "virtual_grad": lambda c: [
        g.ravel() for g in c.virtual.gradients(log_output(c), c.virtual.weights)
    ],
    "virtual_output": lambda c: [number(log_output(c))],
    "weight_spectrum": lambda c: [
        singular_values(number(w).reshape(len(w), -1)) for w in c.student.weights
    ],
    "feature": lambda c: [number(s).ravel() for s in c.student.stages],
    "feature_grad": lambda c: [
        g.ravel() for g in c.student.gradients(c.student.loss, c.student.stages)
    ],
    "sample_gram": lambda c: [sample_gram(number(s)) for s in c.student.stages],
    "grad_gram": lambda c: [
        sample_gram(g) for g in c.student.gradients(c.student.loss, c.student.stages)
    ],
    "channel_gram": lambda c: [second_moments(rows(number(s))) for s in c.student.stages],
    "projected_gram": lambda c: [projected_gram(number(s)) for s in c.student.stages],
    "covariance_spectrum": lambda c: [
        scipy.linalg.eigvalsh(np.cov(rows(number(s)).T, bias=True))[::-1] for s in c.student.stages
    ],
    "spatial_attention": lambda c: [attention_map(number(s)).ravel() for s in c.student.stages],
    "norm_mean": lambda c: [number(x).mean(channel_axes(x)) for x in c.student.norm_inputs],
    "norm_var": lambda c: [number(x).var(channel_axes(x)) for x in c.student.norm_inputs],
    "activation_kernel": activation_kernel,
    "jacobian_gram": jacobian_gram,
    "logits": lambda c: [number(c.student.logits)],
    "logit_grad": lambda c: c.student.gradients(c.student.loss, [c.student.logits]),
    "loss": lambda c: [
        -np.mean([np.log(p[y]) for p, y in zip(softmax(c.student.logits), labels(), strict=True)])
    ],
    "class_gradient_gram": lambda c: [class_gradient_gram(c.student)],
    "attention_entropy": attention_entropy,
    "attention_rank": attention_rank,
    "teacher_sample_gram": lambda c: [t for _, t in c.pairs(sample_gram)],
    "teacher_projected_gram": lambda c: [t for _, t in c.pairs(projected_gram)],
    "teacher_attention": lambda c: [t.ravel() for _, t in c.pairs(attention_map)],
    "teacher_logits": lambda c: [number(c.teacher.logits)],
    "teacher_class_gradient_gram": lambda c: [class_gradient_gram(c.teacher)],
    "cka": lambda c: c.per_pair(sample_gram, aligned),
    "gram_cosine": lambda c: c.per_pair(sample_gram, cosine),
    "gram_distance": lambda c: c.per_pair(sample_gram, row_distance),
    "relation_correlation": lambda c: c.per_pair(
        relations, lambda s, t: scipy.stats.pearsonr(s, t).statistic
    ),
    "channel_gram_distance": lambda c: c.per_pair(
        projected_gram,
        lambda s, t: ((s / np.sqrt((s**2).sum()) - t / np.sqrt((t**2).sum())) ** 2).mean(),
    ),
    "attention_cosine": lambda c: c.per_pair(
        attention_map, lambda s, t: np.mean([cosine(a, b) for a, b in zip(s, t, strict=True)])
    ),
    "attention_kl": lambda c: c.per_pair(attention_map, divergence),
    "attention_distance": lambda c: c.per_pair(
        attention_map,
        lambda s, t: np.mean(
            [np.linalg.norm(a - b) for a, b in zip(unit_rows(s), unit_rows(t), strict=True)]
        ),
    ),
    "logit_kl": lambda c: [divergence(softmax(c.student.logits), softmax(c.teacher.logits))],
    "logit_kl_t4": lambda c: [
        16 * divergence(softmax(c.student.logits / 4), softmax(c.teacher.logits / 4))
    ],
    "logit_cosine": lambda c: [
        np.mean(
            [
                cosine(a, b)
                for a, b in zip(centred(c.student.logits), centred(c.teacher.logits), strict=True)
            ]
        )
    ],
    "class_gradient_distance": lambda c: [
        row_distance(class_gradient_gram(c.student), class_gradient_gram(c.teacher))
    ],
    **{name: lambda c, name=name: SIZES[c.name][name] for name in SIZES["cnn"]},
}
OWN = [s.name for s in STATISTICS if s.measure.__module__.startswith("autodas.")]


@pytest.fixture(scope="module")
def cases():
    found = {}
    for student, teacher, running in PAIRS:
        network, other = TOYS[student](), TOYS[teacher]()
        measured = measure(
            network,
            images(),
            labels(),
            OWN,
            teacher=signals(other, trained=running),
            entries=10**6,
        )
        by_hands = Case(
            student,
            by_hand(network),
            by_hand(other, running=running),
            by_hand(network, running=True, virtual=True),
        )
        found[student, teacher] = measured, by_hands
    return found


@pytest.mark.parametrize(("student", "teacher"), [pair[:2] for pair in PAIRS])
@pytest.mark.parametrize("name", OWN)
def test_statistic_is_what_its_definition_says(cases, name, student, teacher):
    assert name in DERIVED, f"derive {name!r} a second time in {__name__}"
    measured, case = cases[student, teacher]
    expected = DERIVED[name](case)
    if isinstance(expected, Failed):
        assert measured[name] == expected
        return
    segments, counts = measured[name].value.segments, measured[name].value.counts
    assert len(segments) == len(expected)
    for segment, count, value in zip(segments, counts, expected, strict=True):
        assert segment.dtype == np.float32
        assert count == np.size(value)
        scale = np.abs(value).max()
        np.testing.assert_allclose(segment, value, rtol=1e-4, atol=1e-5 * scale)
        assert segment.shape == np.shape(value)


def test_nothing_is_derived_that_does_not_exist():
    assert set(DERIVED) == set(OWN)


@pytest.mark.parametrize("name", [n for n in OWN if STATISTICS.get(n).origin == "teacher"])
def test_teacher_statistics_differ_between_teachers(cases, name):
    """The references above would not notice a statistic that looked at the student instead."""
    one = cases["cnn", "vit"][0][name].value.segments[0]
    other = cases["cnn", "cnn"][0][name].value.segments[0]
    assert one.shape == other.shape
    assert not np.allclose(one, other, rtol=1e-2)


def test_gradients_are_those_of_finite_differences():
    """The derivation above shares autograd with the library; this shares nothing with it."""
    network = ToyCNN().double()
    weight = network.conv2.weight
    pixels = images().double()

    def loss():
        value = measure(network, pixels, labels(), ["loss"])["loss"].value.segments[0]
        return float(value)

    found = measure(network, pixels, labels(), ["weight_grad"], entries=10**6)
    gradient = found["weight_grad"].value.segments[1]
    for entry in (0, 17, 59):
        before, step = weight.flatten()[entry].item(), 1e-2
        losses = []
        for sign in (1, -1):
            weight.data.view(-1)[entry] = before + sign * step
            losses.append(loss())
        weight.data.view(-1)[entry] = before
        assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(gradient[entry], abs=2e-4)


def test_descriptions_are_one_sentence():
    for name in OWN:
        assert STATISTICS.get(name).description.endswith(".")
        assert "\n" not in STATISTICS.get(name).description
