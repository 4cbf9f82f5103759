"""Every statistic against a second derivation, on toys whose passes are written out by hand.

Both are in double precision, so that no processor's way of adding up tells them apart.

A statistic of the package without an entry in ``DERIVED`` fails: add one beside it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats
import torch
from statistics_formulas import (
    aligned,
    angles,
    attention_map,
    averaged,
    congruence,
    cosine,
    discrepancy,
    divergence,
    factors,
    hint_distance,
    huber,
    neighbourhoods,
    projected_gram,
    relations,
    relative_distances,
    row_distance,
    rows,
    sample_gram,
    second_moments,
    singular_values,
    unit_rows,
)
from statistics_toys import BATCH, ByHand, ToyCNN, ToyViT, by_hand, images, labels, signals

from autodas.core.results import Failed
from autodas.networks import StagedNetwork
from autodas.statistics import STATISTICS, measure
from autodas.statistics.passes import views

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
    network: StagedNetwork

    def again(self, **changes):
        """The pass with other images, labels or parameters."""
        return by_hand(self.network, **changes)

    def pairs(self, view):
        """``view`` of every student stage and of the teacher stage it corresponds to."""
        student, teacher = self.student.stages, self.teacher.stages
        match = MATCHES[len(student), len(teacher)]
        return [(view(number(s)), view(number(teacher[j]))) for s, j in zip(student, match)]  # noqa: B905

    def per_pair(self, view, compare):
        return [compare(s, t) for s, t in self.pairs(view)]


def number(tensor) -> np.ndarray:
    return tensor.detach().numpy()


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


# --- gradients of the loss and further passes ---------------------------------------------------


def loss_gradients(passed: ByHand):
    return passed.gradients(passed.loss, passed.weights)


def per_weight(c: Case, gradients, value):
    return [value(number(w), g) for w, g in zip(c.student.weights, gradients, strict=True)]


def hessian_saliency(c: Case):
    weights = c.student.weights
    gradients = torch.autograd.grad(c.student.loss, weights, create_graph=True)
    along = sum((g * g.detach()).sum() for g in gradients)
    return per_weight(c, c.student.gradients(along, weights), lambda w, h: (w * h).sum())


def output_gradient(c: Case):
    """Of R = the summed outputs of the data-free pass, and the absolute weights."""
    gradients = c.virtual.gradients(c.virtual.logits.sum(), c.virtual.weights)
    return [(number(w), g) for w, g in zip(c.virtual.weights, gradients, strict=True)]


def log_gradient(c: Case):
    total = float(c.virtual.logits.sum())
    return [(w, g / total) for w, g in output_gradient(c)]


def diversity_saliency(c: Case):
    if not c.student.attention:
        return Failed("the network has no attention layers")
    names = [n for n, p in c.student.parameters.items() if p.ndim > 1 and n != "token"]
    weights = [number(w) for w in c.student.weights]
    return [
        singular_values(w).sum() * singular_values(g).sum()
        if name.endswith(("qkv.weight", "proj.weight"))
        else np.abs(w * g).sum()
        for name, w, (_, g) in zip(names, weights, log_gradient(c), strict=True)
    ]


def by_channel(value):
    """``(samples, positions, channels)`` of a layer's output."""
    samples = value.shape[0]
    value = value.transpose(0, 2, 3, 1) if value.ndim == 4 else value
    return value.reshape(samples, -1, value.shape[-1])


def fisher_information(c: Case):
    outputs = c.student.layer_outputs
    gradients = c.student.gradients(c.student.loss, outputs)
    found = []
    for weight, output, gradient in zip(c.student.weights, outputs, gradients, strict=True):
        met = np.einsum("bpk,bpk->bk", by_channel(number(output)), by_channel(gradient))
        found.append(
            sum((met[:, k] ** 2).mean() / 2 * weight[k].numel() for k in range(len(weight)))
        )
    return found


def least_correlation(c: Case):
    found = []
    for output in c.student.layer_outputs:
        channels = by_channel(number(output))[0].T
        enough = channels.shape[1] > channels.shape[0]
        found.append(scipy.linalg.eigvalsh(np.corrcoef(channels))[0] if enough else 0.0)
    return found


def gradient_stability(c: Case):
    halves = [(images()[:3], labels()[:3]), (images()[3:], labels()[3:])]
    gradients = [loss_gradients(c.again(pixels=x, known=y)) for x, y in halves]
    found = []
    for pair in zip(*gradients, strict=True):
        both = np.stack(pair)
        means, deviations = np.abs(both).mean(0), both.std(0)
        moves = deviations > 0
        found.append(np.log((means[moves] / deviations[moves]).sum()))
    return found


def gradient_steadiness(c: Case):
    halves = [(images()[:3], labels()[:3]), (images()[3:], labels()[3:])]
    gradients = [loss_gradients(c.again(pixels=x, known=y)) for x, y in halves]
    found = []
    for one, other in zip(*gradients, strict=True):
        deviations = np.std([np.abs(one), np.abs(other)], axis=0)
        found.append(np.log(sum(1 / d for d in deviations.ravel() if d > 1e-12)))
    return found


def faced_with_noise(c: Case):
    """Noise, the same for all, with classes that nothing decides about."""
    drawn = torch.randint(3, (BATCH,), generator=torch.Generator().manual_seed(2))
    noise = normal(images().shape, torch.Generator().manual_seed(1))
    return c.again(pixels=noise, known=drawn)


def log_participation(c: Case):
    found = []
    for output in faced_with_noise(c).layer_outputs:
        spread = scipy.linalg.eigvalsh(np.cov(np.concatenate(by_channel(number(output))).T))
        found.append(np.log(spread.sum() ** 2 / (spread**2).sum()))
    return found


def gradient_health(c: Case):
    seen = faced_with_noise(c)
    found = []
    for name, parameter in sorted(seen.parameters.items()):
        (gradient,) = seen.gradients(seen.loss, [parameter])
        # A batch normalisation takes away what the bias before it adds.
        moves = name != "conv2.bias"
        found.append(min(1, gradient.std() / np.abs(gradient).max()) if moves else 0.0)
    return found


def sign_agreement(c: Case):
    gradients = [
        loss_gradients(c.again(pixels=images()[i : i + 1], known=labels()[i : i + 1]))
        for i in range(BATCH)
    ]
    return [np.abs(sum(map(np.sign, layer))).sum() for layer in zip(*gradients, strict=True)]


def tangent_kernel(c: Case):
    rows = []
    for logits in c.student.logits:
        gradients = c.student.gradients(logits.sum(), c.student.weights)
        rows.append(np.concatenate([g.ravel() for g in gradients]))
    return [np.array([[a @ b for b in rows] for a in rows])]


def tangent_condition(c: Case):
    values = np.linalg.eigvalsh(tangent_kernel(c)[0])
    return [min(np.log(values.max() / max(values.min(), 1e-30)), np.log(1e5))]


def gradient_agreement(c: Case):
    """Of the divergence from the teacher's softened outputs, whose own entropy is no matter."""
    taught = torch.tensor(softmax(c.teacher.logits / 4))
    shares = (c.student.logits / 4).exp()
    shares = shares / shares.sum(1, keepdim=True)
    gradients = c.student.gradients(-(taught * shares.log()).sum() / BATCH, c.student.weights)
    found = (loss_gradients(c.student), gradients)
    return [cosine(*(np.concatenate([g.ravel() for g in each]) for each in found))]


def tangent_alignment(c: Case):
    other = Case(c.name, c.teacher, c.teacher, c.virtual, c.network)
    return [aligned(tangent_kernel(c)[0], tangent_kernel(other)[0])]


class OneOf(tuple):
    """Values that are equally right, because rounding alone decides between them."""

    __slots__ = ()


def constant_gradient_inverse(c: Case):
    passed = c.again(pixels=torch.ones_like(images()))
    found = []
    for w, v in zip(
        passed.weights, passed.gradients(passed.logits.sum(), passed.weights), strict=True
    ):
        if w.ndim < 4:
            found.append(0.0)
            continue
        # The centre of a padded kernel sees 1 everywhere, and BatchNorm takes away the sum of all
        # gradients: nothing is left in exact arithmetic. Rounding may leave something, which
        # counts 0, or nothing, which counts 1/2.
        vanishing = np.abs(v) < 1e-12
        assert vanishing.sum() == (6 if v.shape == (3, 2, 3, 3) else 0)
        total = scipy.special.expit(np.log(np.abs(v[~vanishing]))).sum()
        halves = range(vanishing.sum() + 1)
        found.append(OneOf(1 / ((total + zeros / 2) / v.size + 1e-9) for zeros in halves))
    return found


def normal(shape, generator):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def perturbation_growth(c: Case):
    generator = torch.Generator().manual_seed(0)
    values = {}
    for name, p in c.network.named_parameters():
        if name.endswith("bias"):
            values[name] = torch.zeros_like(p)
        elif name != "token":
            drawn = p.ndim > 1
            values[name] = normal(p.shape, generator) if drawn else torch.ones_like(p)
        else:
            values[name] = p
    x, change = (normal(images().shape, generator) for _ in range(2))
    before, after = (c.again(pixels=pixels, values=values) for pixels in (x, x + 0.01 * change))
    moved = (number(before.stages[-1]) - number(after.stages[-1])).reshape(BATCH, -1)
    norms = before.norm_inputs if c.name == "cnn" else []  # LayerNorm takes nothing away
    removed = [np.sqrt(number(v).var((0, 2, 3)).mean()) for v in norms]
    return [np.log(np.linalg.norm(moved, axis=1).mean()) + np.log(removed).sum()]


def information_rank(c: Case):
    """Image by image, with a covariance that is factored by LAPACK but for its last row."""
    generator = torch.Generator().manual_seed(0)
    values = {}
    for name, p in c.network.named_parameters():
        if name.endswith("bias"):
            values[name] = torch.zeros_like(p)
        elif name != "token" and p.ndim > 1:
            values[name] = normal(p.shape, generator) * np.sqrt(2 / p[0].numel())
        else:
            values[name] = p if name == "token" else torch.ones_like(p)
    total = 0
    for image in normal(images().shape, torch.Generator().manual_seed(1)):
        seen = c.again(pixels=image[None], running=True, values=values)
        owned = [p for name, p in seen.parameters.items() if name != "token"]
        jacobian = np.array(
            [[g.flatten()[0] for g in seen.gradients(z, owned)] for z in seen.logits[0]]
        )
        p = 0.95 * softmax(seen.logits)[0] + 0.05 / 3
        factor = np.zeros((3, 3))
        factor[:2, :2] = np.linalg.cholesky((np.diag(p) - np.outer(p, p))[:2, :2])
        factor[2] = -factor[0] - factor[1]  # outputs of all classes together do not vary
        total = total + (factor @ jacobian).T @ (factor @ jacobian) / BATCH
    deciles = np.quantile(np.linalg.svd(total, compute_uv=False), np.arange(1, 10) / 10)
    shares = deciles / (np.abs(deciles).sum() + 1e-10)
    tensors = {"cnn": 1 + 2 + 2 + 2 + 2, "vit": 2 + 1 + 3 * (2 + 2 + 4 * 2) + 2}[c.name]
    return [tensors - (shares * np.log(shares + 1e-10)).sum() / np.log(9)]


def no_cell(_: Case):
    return Failed("the network is no repeated cell")


def log_softmaxes(c: Case, before=lambda g: g):
    return [
        scipy.special.log_softmax(before(g), axis=0) if g.ndim == 4 else None
        for g in loss_gradients(c.student)
    ]


def of_convolutions(values, function):
    return [0.0 if value is None else function(value) for value in values]


# --- blocks, activations and input gradients ----------------------------------------------------


def shares_entropy(feature):
    variances = scipy.linalg.eigvalsh(np.cov(rows(feature).T, bias=True))
    shares = variances / variances.sum()
    return -(shares * np.log(shares + 1e-8)).sum()


def blocks(c: Case):
    """Of a student that sees noise, the same for all."""
    noise = normal(images().shape, torch.Generator().manual_seed(1))
    seen = c.again(pixels=noise)
    return [*seen.stem, *seen.stages]


def gradient_balance(c: Case):
    found = []
    for seed, (inner, outer) in enumerate(itertools.pairwise(blocks(c))):
        generator = torch.Generator().manual_seed(seed)
        entering = 2.0 * torch.randint(2, outer.shape, generator=generator) - 1
        (leaving,) = torch.autograd.grad(outer, inner, entering.double(), retain_graph=True)
        leaving = number(leaving)
        if leaving.ndim == 4:  # 6 × 6 to 3 × 3: four pixels become channels
            corners = [leaving[:, :, r::2, q::2] for r in (0, 1) for q in (0, 1)]
            leaving = np.concatenate(corners, axis=1)
        matrix = rows(leaving).T @ rows(number(entering)) / len(rows(leaving))
        largest = singular_values(matrix)[0]
        found.append(2 - largest - 1 / (largest + 1e-6))
    return [np.mean(found)]


def signs(c: Case):
    """``(B, units)``."""
    inputs = [number(x).reshape(BATCH, -1) > 0 for x in c.student.activation_inputs]
    return np.concatenate(inputs, axis=1)


def activation_log_det(c: Case):
    agreeing = np.array([[(a == b).sum() for b in signs(c)] for a in signs(c)])
    return [np.linalg.slogdet(agreeing)[1]]


def input_correlation(c: Case):
    (jacobian,) = c.student.gradients(c.student.logits.sum(), [c.student.images])
    return np.corrcoef(jacobian.reshape(BATCH, -1))


def jacobian_spread(c: Case):
    values = scipy.linalg.eigvalsh(input_correlation(c))
    return [-sum(np.log(v + 1e-5) + 1 / (v + 1e-5) for v in values)]


def class_jacobian_spread(c: Case):
    total = 0.0
    for label in range(3):
        mine = [i for i in range(BATCH) if labels()[i] == label]
        correlations = [input_correlation(c)[i, j] for i in mine for j in mine]
        total += abs(sum(np.log(abs(r) + 1e-5) for r in correlations))
    return [total]


# --- losses of distillation ---------------------------------------------------------------------


def factor_distance(c: Case):
    pairs = []
    for s, t in c.pairs(factors):
        aligned = np.zeros_like(s)
        for b, j in itertools.product(range(BATCH), range(4)):
            lengths = np.linalg.norm(s[b], axis=0) * np.linalg.norm(t[b, :, j]) + 1e-12
            similar = t[b, :, j] @ s[b] / lengths
            chosen = np.abs(similar).argmax()
            aligned[b, :, j] = s[b, :, chosen] * np.sign(similar[chosen])
        pairs.append((aligned, t))
    differences = []
    for (s0, t0), (s1, t1) in itertools.pairwise(pairs):
        for i, j in itertools.product(range(4), repeat=2):
            one = np.exp(-((s1[..., i] - s0[..., j]) ** 2) / 8)
            differences.append(one - np.exp(-((t1[..., i] - t0[..., j]) ** 2) / 8))
    return [(np.array(differences) ** 2).mean()]


def pooled(c: Case):
    s, t = (number(p.classifier_input) for p in (c.student, c.teacher))
    width = min(s.shape[1], t.shape[1])
    return averaged(s, 1, width), averaged(t, 1, width)


def column_cosine(s, t):
    return np.mean([cosine(a, b) for a, b in zip(s.T, t.T, strict=True)])


def pooled_kl(c: Case):
    s, t = (scipy.special.expit(np.maximum(v, 0)) for v in pooled(c))
    one, other = (scipy.special.softmax(v / 8, axis=1) for v in (s, t))
    return [100 * column_cosine(s, t) * 64 * divergence(one, other)]


def pooled_product(c: Case):
    s, t = ((v * np.tanh(np.log1p(np.exp(v)))) ** 2 for v in pooled(c))
    s, t = (scipy.special.softmax(v, axis=0) for v in (s, t))
    return [100 * column_cosine(s, t) * (s * t).mean()]


def square_logit_distance(c: Case):
    s, t = (number(p.logits) ** 2 for p in (c.student, c.teacher))
    return [100 * column_cosine(s, t) * np.abs(s - t).mean()]


def sample_softmax_kl(c: Case):
    logits = (scipy.special.expit(number(p.logits)) for p in (c.student, c.teacher))
    s, t = (scipy.special.softmax(scipy.special.softmax(v, axis=0), axis=1) for v in logits)
    return [divergence(s, t)]


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
    "weight_norm": lambda c: [np.sqrt((number(w) ** 2).sum()) for w in c.student.weights],
    "gradient_norm": lambda c: [np.sqrt((g**2).sum()) for g in loss_gradients(c.student)],
    "saliency": lambda c: per_weight(
        c, loss_gradients(c.student), lambda w, g: np.abs(w * g).sum()
    ),
    "signed_saliency": lambda c: per_weight(
        c, loss_gradients(c.student), lambda w, g: (w * g).sum()
    ),
    "hessian_saliency": hessian_saliency,
    "virtual_saliency": lambda c: [np.abs(w * g).sum() for w, g in log_gradient(c)],
    "log_virtual_saliency": lambda c: [
        (w * np.log1p(np.abs(g))).sum() for w, g in output_gradient(c)
    ],
    "diversity_saliency": diversity_saliency,
    "fisher_information": fisher_information,
    "gradient_stability": gradient_stability,
    "gradient_steadiness": gradient_steadiness,
    "log_participation": log_participation,
    "gradient_health": gradient_health,
    "sign_agreement": sign_agreement,
    "least_correlation": least_correlation,
    "constant_gradient_inverse": constant_gradient_inverse,
    "log_softmax_norm": lambda c: of_convolutions(log_softmaxes(c), np.linalg.norm),
    "log_softmax_tanh": lambda c: of_convolutions(
        log_softmaxes(c), lambda v: np.abs(np.tanh(v)).mean()
    ),
    "log_log_softmax": lambda c: of_convolutions(
        log_softmaxes(c, scipy.special.expit), lambda v: np.log(np.abs(v)).mean()
    ),
    "block_entropy": lambda c: [shares_entropy(number(s)) for s in blocks(c)],
    "entropy_step": lambda c: [min(np.diff([shares_entropy(number(s)) for s in blocks(c)]))],
    "gradient_balance": gradient_balance,
    "activation_log_det": activation_log_det,
    "linear_regions": lambda c: [len({tuple(row) for row in signs(c)})],
    "distinct_units": lambda c: [len({tuple(column) for column in signs(c).T})],
    "jacobian_spread": jacobian_spread,
    "class_jacobian_spread": class_jacobian_spread,
    "perturbation_growth": perturbation_growth,
    "information_rank": information_rank,
    **dict.fromkeys([s.name for s in STATISTICS if s.name.startswith("graph_")], no_cell),
    "tangent_kernel": tangent_kernel,
    "tangent_condition": tangent_condition,
    "gradient_agreement": gradient_agreement,
    "tangent_alignment": tangent_alignment,
    "hint_distance": lambda c: c.per_pair(lambda f: f, hint_distance),
    "congruence_distance": lambda c: c.per_pair(congruence, lambda s, t: ((s - t) ** 2).mean()),
    "pair_distance": lambda c: c.per_pair(relative_distances, huber),
    "triplet_distance": lambda c: c.per_pair(angles, huber),
    "probability_distance": lambda c: c.per_pair(neighbourhoods, divergence),
    "selectivity_distance": lambda c: c.per_pair(lambda f: f, discrepancy),
    "factor_distance": factor_distance,
    "pooled_kl": pooled_kl,
    "pooled_product": pooled_product,
    "square_logit_distance": square_logit_distance,
    "sample_softmax_kl": sample_softmax_kl,
    **{name: lambda c, name=name: SIZES[c.name][name] for name in SIZES["cnn"]},
}
# Singular values are roots of eigenvalues of a Gram, which are off by about the precision times the
# largest one: where one of the six of an attention projection is zero, the root of that is left.
RTOL = {"diversity_saliency": 6 * np.sqrt(np.finfo(np.float64).eps)}
OWN = [s.name for s in STATISTICS if s.measure.__module__.startswith("autodas.")]


@pytest.fixture(scope="module")
def cases():
    found = {}
    for student, teacher, running in PAIRS:
        network, other = TOYS[student]().double(), TOYS[teacher]().double()
        measured = measure(
            network,
            images().double(),
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
            network,
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
    for segment, count, values in zip(segments, counts, expected, strict=True):
        one_of = values if isinstance(values, OneOf) else (values,)
        value = min(one_of, key=lambda each: np.abs(segment - each).max())
        assert segment.dtype == np.float64
        assert count == np.size(value)
        scale = np.abs(value).max() if name != "signed_saliency" else 1  # sums that cancel
        np.testing.assert_allclose(segment, value, rtol=RTOL.get(name, 1e-9), atol=1e-12 * scale)
        assert segment.shape == np.shape(value)


@pytest.mark.parametrize(("student", "teacher", "trained"), PAIRS)
def test_single_precision_means_the_same(cases, student, teacher, trained, monkeypatch):
    """What is measured of a network in single precision, as on all large spaces, and kept so.

    The derivations above are not repeated: this only sees to it that no digits are thrown away.
    Some values of the toys are a ten thousandth of the terms they are the difference of, and terms
    are off by 6e-8 times the root of some hundred roundings: 1 % of the smallest values. Where
    numbers are drawn, both precisions draw the same here.
    """
    monkeypatch.setattr(views, "_projection", views._projection.__wrapped__)
    monkeypatch.setattr(
        torch,
        "randn",
        lambda *shape, generator, dtype, device, randn=torch.randn: randn(
            *shape, generator=generator, dtype=torch.float64
        ).to(dtype),
    )
    network, other = TOYS[student](), signals(TOYS[teacher](), trained=trained)
    single = measure(network, images(), labels(), OWN, teacher=other, entries=10**6)
    for name, double in cases[student, teacher][0].items():
        if isinstance(double, Failed):
            assert single[name] == double
            continue
        assert single[name].value.counts == double.value.counts
        for a, b in zip(single[name].value.segments, double.value.segments, strict=True):
            assert a.dtype == np.float32
            assert a.shape == b.shape
            # Where gradients vanish, rounding decides by how much: see the derivation.
            if name != "constant_gradient_inverse":
                scale = np.abs(b).max() if name != "signed_saliency" else 1
                np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-4 * scale, err_msg=name)


def test_gradients_that_are_exactly_zero_count_a_half():
    network = ToyCNN().double()
    network.classifier.weight.data.zero_()
    found = measure(network, images().double(), labels(), ["constant_gradient_inverse"])
    expected = [1 / (0.5 + 1e-9), 1 / (0.5 + 1e-9), 0]
    assert found["constant_gradient_inverse"].value.segments == pytest.approx(expected, rel=1e-12)


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
        before, step = weight.flatten()[entry].item(), 1e-5
        losses = []
        for sign in (1, -1):
            weight.data.view(-1)[entry] = before + sign * step
            losses.append(loss())
        weight.data.view(-1)[entry] = before
        # Of third derivatives step² is left, of rounding 1e-16 / step.
        assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(gradient[entry], abs=1e-9)


def test_descriptions_are_one_sentence():
    for name in OWN:
        assert STATISTICS.get(name).description.endswith(".")
        assert "\n" not in STATISTICS.get(name).description
