"""Every loss against the formula of its paper, in plain loops over numbers."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from autodas.core.errors import UnknownName
from autodas.distill import LOSSES
from autodas.distill.losses.stages import (
    Adapters,
    as_map,
    same_size,
    stage_pairs,
    without_prefix,
)

T = 3.0


def logits(seed=0, batch=6, classes=5):
    rng = np.random.default_rng(seed)
    return (
        2 * rng.normal(size=(batch, classes)),
        2 * rng.normal(size=(batch, classes)),
        rng.integers(0, classes, batch),
    )


def features(shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def softmax(values):
    exps = [math.exp(v - max(values)) for v in values]
    return [e / sum(exps) for e in exps]


def kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def correlation(a, b):
    return float(np.corrcoef(a, b)[0, 1])


def kd(student, teacher, labels):
    rows = [kl(softmax(t / T), softmax(s / T)) for s, t in zip(student, teacher, strict=True)]
    return T**2 * sum(rows) / len(rows)


def dkd(student, teacher, labels):
    total = 0.0
    for s, t, label in zip(student, teacher, labels, strict=True):
        p_s, p_t = softmax(s / T), softmax(t / T)
        binary = kl((p_t[label], 1 - p_t[label]), (p_s[label], 1 - p_s[label]))
        rest = [k for k in range(len(s)) if k != label]
        hat_s = [p_s[k] / (1 - p_s[label]) for k in rest]
        hat_t = [p_t[k] / (1 - p_t[label]) for k in rest]
        total += 1.0 * binary + 8.0 * kl(hat_t, hat_s)
    return T**2 * total / len(student)


def dist(student, teacher, labels):
    y_s, y_t = (np.array([softmax(z / T) for z in x]) for x in (student, teacher))
    inter = [1 - correlation(a, b) for a, b in zip(y_s, y_t, strict=True)]
    intra = [1 - correlation(a, b) for a, b in zip(y_s.T, y_t.T, strict=True)]
    return T**2 * (np.mean(inter) + np.mean(intra))


@pytest.mark.parametrize("reference", [kd, dkd, dist])
def test_losses_on_logits(reference):
    student, teacher, labels = logits()
    loss = LOSSES.get(reference.__name__)
    tensors = [torch.from_numpy(x) for x in (student, teacher, labels)]
    found = loss.of_logits(*tensors, T)
    assert found.item() == pytest.approx(reference(student, teacher, labels), rel=1e-6)
    same = loss.of_logits(tensors[1], tensors[1], tensors[2], T)
    assert same.item() == pytest.approx(0, abs=1e-8)


def test_dkd_is_stable_for_a_confident_teacher():
    teacher = torch.tensor([[200.0, 0.0, 0.0]])
    student = torch.tensor([[0.0, 1.0, 0.0]], requires_grad=True)
    loss = LOSSES.get("dkd")(student, teacher, torch.tensor([0]), 1.0)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(student.grad).all()


def at(student, teacher):
    total = 0.0
    for s, t in zip(student, teacher, strict=True):
        q_s, q_t = (
            [sum(x[c, i, j] ** 2 for c in range(len(x))) for i in range(3) for j in range(3)]
            for x in (s, t)
        )
        n_s, n_t = (math.sqrt(sum(v * v for v in q)) for q in (q_s, q_t))
        total += sum((a / n_s - b / n_t) ** 2 for a, b in zip(q_s, q_t, strict=True)) / 9
    return total / len(student)


def sp(student, teacher):
    grams = []
    for x in (student, teacher):
        gram = [[float((a * b).sum()) for b in x] for a in x]
        grams.append([[v / math.sqrt(sum(w * w for w in row)) for v in row] for row in gram])
    b = len(student)
    return sum((grams[0][i][j] - grams[1][i][j]) ** 2 for i in range(b) for j in range(b)) / b**2


def huber(x):
    return 0.5 * x * x if abs(x) < 1 else abs(x) - 0.5


def rkd(student, teacher):
    distances, angles = [], []
    for x in (student, teacher):
        points = x.mean(axis=(2, 3))
        b = len(points)
        d = [[math.dist(p, q) for q in points] for p in points]
        mu = sum(map(sum, d)) / (b * (b - 1))
        distances.append([v / mu if mu else 0.0 for row in d for v in row])
        angles.append([])
        for j in range(b):
            for i in range(b):
                for k in range(b):
                    u, v = points[i] - points[j], points[k] - points[j]
                    size = np.linalg.norm(u) * np.linalg.norm(v)
                    angles[-1].append(float(u @ v) / size if size else 0.0)
    l_d = np.mean([huber(a - b) for a, b in zip(*distances, strict=True)])
    l_a = np.mean([huber(a - b) for a, b in zip(*angles, strict=True)])
    return l_d + 2 * l_a


def fitnet(student, teacher):
    return 0.5 * np.mean([(a - b) ** 2 for a, b in zip(student.flat, teacher.flat, strict=True)])


def ickd(student, teacher):
    total = 0.0
    channels = teacher.shape[1]
    for s, t in zip(student, teacher, strict=True):
        for m in range(channels):
            for n in range(channels):
                inner = []
                for x in (s, t):
                    u, v = x[m].ravel(), x[n].ravel()
                    inner.append(float(u @ v) / (np.linalg.norm(u) * np.linalg.norm(v)))
                total += (inner[0] - inner[1]) ** 2
    return total / (channels**2 * len(student))


@pytest.mark.parametrize(
    ("reference", "channels"), [(at, 7), (sp, 7), (rkd, 7), (fitnet, 4), (ickd, 4)]
)
def test_losses_on_features(reference, channels):
    student, teacher = features([(5, 4, 3, 3), (5, channels, 3, 3)])
    loss = LOSSES.get(reference.__name__)
    tensors = [torch.from_numpy(x) for x in (student, teacher)]
    found = loss.of_features(*tensors)
    assert found.item() == pytest.approx(reference(student, teacher), rel=1e-6)
    assert loss.of_features(tensors[1], tensors[1]).item() == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("name", ["at", "sp", "rkd"])
@pytest.mark.parametrize("shape", [(4, 5, 6, 6), (4, 9, 5)])
def test_maps_and_tokens_of_any_size_can_be_compared(name, shape):
    student, teacher = (torch.from_numpy(x) for x in features([shape, (4, 8, 3, 3)]))
    student.requires_grad_()
    loss = LOSSES.get(name).of_features(student, teacher)
    loss.backward()
    assert loss.item() > 0
    assert torch.isfinite(student.grad).all()
    assert student.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["fitnet", "ickd"])
def test_adapters_bring_any_student_to_any_teacher(name):
    shapes = ([(4, 5, 6, 6), (4, 16, 7)], [(4, 3, 8, 8), (4, 9, 10), (4, 11, 2, 2)])
    mine, theirs = ([torch.from_numpy(x).float() for x in features(s)] for s in shapes)
    adapters = Adapters(*shapes, seed=3)
    for adapted, (_, t) in zip(adapters(mine), adapters.pairs, strict=True):
        assert adapted.shape[1] == as_map(theirs[t]).shape[1]
        loss = LOSSES.get(name).of_features(adapted, theirs[t])
        loss.backward()
    assert all(p.grad.abs().sum() > 0 for p in adapters.parameters())
    again = Adapters(*shapes, seed=3)
    assert all(
        torch.equal(a, b) for a, b in zip(adapters.parameters(), again.parameters(), strict=True)
    )


def test_equal_images_have_a_gradient():
    student = torch.ones(3, 4, 2, 2, requires_grad=True)
    LOSSES.get("rkd").of_features(student, torch.randn(3, 4, 2, 2)).backward()
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("batch", [2, 4])
def test_equal_images_are_at_no_distance_from_each_other(batch):
    student, teacher = np.ones((batch, 3, 2, 2)), features([(batch, 3, 2, 2)])[0]
    found = LOSSES.get("rkd").of_features(torch.from_numpy(student), torch.from_numpy(teacher))
    assert found.item() == pytest.approx(rkd(student, teacher), rel=1e-6)


def test_a_single_image_has_no_relations():
    both = (torch.from_numpy(x) for x in features([(1, 3, 2, 2), (1, 3, 2, 2)]))
    assert LOSSES.get("rkd").of_features(*both).item() == 0


def test_adapters_are_one_matrix_at_every_position():
    adapters = Adapters([(2, 3, 4, 5)], [(2, 2, 4, 5)], seed=0)
    weight = next(adapters.parameters()).detach()
    mine = torch.from_numpy(features([(2, 3, 4, 5)])[0]).float()
    (found,) = adapters([mine])
    expected = np.zeros((2, 2, 4, 5))
    for b, c, i, j in np.ndindex(2, 2, 4, 5):
        expected[b, c, i, j] = sum(float(weight[c, k]) * float(mine[b, k, i, j]) for k in range(3))
    assert found.detach().numpy() == pytest.approx(expected, abs=1e-5)


def test_tokens_are_rows_of_the_image():
    tokens = torch.arange(8.0).reshape(1, 4, 2)  # token n has channels 2n and 2n + 1
    assert as_map(tokens)[0, 0].tolist() == [[0, 2], [4, 6]]
    assert as_map(torch.zeros(1, 6, 2)).shape == (1, 2, 1, 6)


def test_the_larger_map_is_averaged_down():
    large = torch.arange(16.0).reshape(1, 1, 4, 4)
    small, same = same_size(large, torch.zeros(1, 1, 2, 2))
    assert small[0, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert same.shape == (1, 1, 2, 2)


def test_height_and_width_are_averaged_down_by_themselves():
    wide = torch.arange(12.0).reshape(1, 1, 2, 6)
    narrow, low = same_size(wide, torch.arange(12.0).reshape(1, 1, 4, 3))
    assert narrow[0, 0].tolist() == [[0.5, 2.5, 4.5], [6.5, 8.5, 10.5]]
    assert low[0, 0].tolist() == [[1.5, 2.5, 3.5], [7.5, 8.5, 9.5]]
    # As high as the other one, and still as wide as it was.
    narrow, kept = same_size(wide, torch.arange(6.0).reshape(1, 1, 2, 3))
    assert narrow[0, 0].tolist() == [[0.5, 2.5, 4.5], [6.5, 8.5, 10.5]]
    assert kept[0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    # The same width, another height.
    low, _ = same_size(torch.arange(12.0).reshape(1, 1, 4, 3), torch.zeros(1, 1, 2, 3))
    assert low[0, 0].tolist() == [[1.5, 2.5, 3.5], [7.5, 8.5, 9.5]]


def test_tokens_that_are_no_patches_are_left_out_and_maps_are_whole():
    tokens = torch.arange(10.0).reshape(1, 5, 2)
    assert without_prefix(tokens, 1)[0].tolist() == [[2, 3], [4, 5], [6, 7], [8, 9]]
    assert without_prefix(tokens, 0).shape == (1, 5, 2)
    assert without_prefix(torch.zeros(1, 5, 2, 2), 1).shape == (1, 5, 2, 2)


def test_the_last_stage_is_matched_with_the_last():
    assert stage_pairs(3, 3) == [(0, 0), (1, 1), (2, 2)]
    assert stage_pairs(2, 4) == [(0, 1), (1, 3)]
    assert stage_pairs(4, 3) == [(0, 0), (1, 1), (3, 2)]


def test_losses_that_compare_channel_with_channel_are_adapted_and_no_others():
    # FitNet and ICKD need as many channels as the teacher has; the others do without.
    assert [loss.name for loss in LOSSES if loss.adapted] == ["fitnet", "ickd"]
    # Triplets take the cube of the batch, and so see the last stage alone.
    assert [loss.name for loss in LOSSES if loss.stages == "last"] == ["rkd"]


def test_a_loss_that_all_recipes_share_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        LOSSES.get("kd").adapted = True


def test_every_loss_says_what_it_is():
    assert LOSSES.names() == ("kd", "dkd", "dist", "at", "sp", "rkd", "fitnet", "ickd")
    for loss in LOSSES:
        assert loss.definition.__doc__
        assert (loss.of_logits is None) != (loss.of_features is None)
    with pytest.raises(UnknownName, match="did you mean 'fitnet'"):
        LOSSES.get("fitnets")
