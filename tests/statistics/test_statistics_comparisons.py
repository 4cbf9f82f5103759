"""Comparisons of student and teacher on features made by hand, those with nothing to see in them.

The formulas are those of the reference; here they meet samples that are zero, alike or opposed,
one sample alone, and more samples than are compared at once.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.special
import statistics_formulas as formulas
import torch

from autodas.statistics import Unmeasurable
from autodas.statistics.definitions import distillation_losses, interaction


class Seen(SimpleNamespace):
    """What comparisons ask of a probe, and of its teacher."""

    def viewed(self, *views):
        seen = self.stages
        for view in views:
            seen = [view(each) for each in seen]
        return seen


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def side_by_side(student, teacher):
    seen = Seen(stages=student, images=student[0])
    seen.teacher = Seen(stages=teacher)
    return seen


def with_samples(feature, **changes):
    """The feature with ``zero``, ``twin`` of the first, or ``opposed`` to the first, at a place."""
    factors = {"zero": 0.0, "twin": 1.0, "opposed": -1.0, "far": 300.0}
    feature = feature.clone()
    for what, place in changes.items():
        feature[place] = factors[what] * feature[0]
    return feature


MAPS, TOKENS = noise(5, 3, 6, 5), noise(5, 10, 4, seed=1)
PAIRS = {
    "maps and tokens": (MAPS, TOKENS),
    "tokens and maps": (TOKENS, MAPS),
    "a zero sample and twins": (with_samples(MAPS, zero=2, twin=3), with_samples(TOKENS, zero=4)),
    "twins in the teacher": (MAPS, with_samples(MAPS + 0.1 * noise(5, 3, 6, 5, seed=2), twin=1)),
    "opposed samples": (with_samples(MAPS, opposed=1), with_samples(TOKENS, opposed=1)),
    "an outlier": (MAPS, with_samples(TOKENS, far=3)),
    "samples alike": (MAPS, MAPS[:1].expand(5, -1, -1, -1)),
    "a student of nothing": (0 * MAPS, TOKENS),
    "one sample": (MAPS[:1], TOKENS[:1]),
    "many samples": (noise(67, 2, 2, 2), noise(67, 3, 2, 2, seed=1)),
}


def or_zero(value):
    """What is 0 / 0 counts as nothing."""
    return np.nan_to_num(value, nan=0.0)


def mean_square(s, t):
    return ((s - t) ** 2).mean()


def relation_correlation(s, t):
    cosines = [formulas.cosines(each)[np.triu_indices(len(each), 1)] for each in (s, t)]
    s, t = (each - each.mean() for each in cosines)
    return s @ t / np.sqrt((s @ s) * (t @ t))


def unit(matrix):
    return matrix / (np.sqrt((matrix**2).sum()) or 1)


def attention_distance(s, t):
    s, t = (formulas.unit_rows(formulas.attention_map(each)) for each in (s, t))
    return np.linalg.norm(s - t, axis=1).mean()


def of(view, compare):
    return lambda s, t: compare(view(s), view(t))


FORMULAS = {
    distillation_losses.hint_distance: formulas.hint_distance,
    distillation_losses.congruence_distance: of(formulas.congruence, mean_square),
    distillation_losses.pair_distance: of(formulas.relative_distances, formulas.huber),
    distillation_losses.triplet_distance: of(formulas.angles, formulas.huber),
    distillation_losses.probability_distance: of(formulas.neighbourhoods, formulas.divergence),
    distillation_losses.selectivity_distance: formulas.discrepancy,
    interaction.cka: of(formulas.sample_gram, formulas.aligned),
    interaction.gram_cosine: of(formulas.sample_gram, formulas.cosine),
    interaction.gram_distance: of(formulas.sample_gram, formulas.row_distance),
    interaction.relation_correlation: relation_correlation,
    interaction.channel_gram_distance: of(
        formulas.projected_gram, lambda s, t: mean_square(unit(s), unit(t))
    ),
    interaction.attention_cosine: of(
        formulas.attention_map, lambda s, t: np.mean(list(map(formulas.cosine, s, t)))
    ),
    interaction.attention_kl: of(formulas.attention_map, formulas.divergence),
    interaction.attention_distance: attention_distance,
}
UNDEFINED = {  # the mean of no pair; a share of what rounding leaves of nothing
    interaction.relation_correlation: {"one sample"},
    distillation_losses.probability_distance: {"opposed samples"},
}
PARAMETERS = [(f, pair) for f in FORMULAS for pair in PAIRS if pair not in UNDEFINED.get(f, ())]


@pytest.mark.parametrize("statistic", [interaction.cka, interaction.relation_correlation])
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [5, 60, 64])
@pytest.mark.parametrize("scale", [1e-2, 0.3, 1e3])
def test_samples_alike_resemble_nothing_not_even_others_alike(statistic, precision, batch, scale):
    varied = noise(batch, 3, 6, 5).to(precision)
    some, others = ((scale * noise(1, 7, 6, 5, seed=s)).to(precision) for s in (2, 3))
    alike, too = (each.expand(batch, -1, -1, -1) for each in (some, others))
    assert statistic(side_by_side([varied, alike, alike], [alike, varied, too])) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("statistic", [interaction.cka, interaction.relation_correlation])
def test_samples_that_differ_by_a_hundredth_are_compared(statistic):
    varied = noise(64, 3, 6, 5)
    close = (noise(1, 3, 6, 5, seed=2) + 0.01 * varied).float()
    assert statistic(side_by_side([varied.float()], [close]))[0] > 0.3


@pytest.mark.parametrize(
    ("statistic", "pair"), PARAMETERS, ids=[f"{f.__name__} of {pair}" for f, pair in PARAMETERS]
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:Mean of empty")
def test_features_of_every_sort_are_compared_by_the_formula(statistic, pair):
    student, teacher = PAIRS[pair]
    found = statistic(side_by_side([student, teacher], [teacher, student]))
    formula = FORMULAS[statistic]
    s, t = student.numpy(), teacher.numpy()
    assert found == pytest.approx([or_zero(formula(s, t)), or_zero(formula(t, s))], abs=1e-7)


def test_opposed_samples_are_no_neighbours():
    student, teacher = torch.tensor([[[1.0, 0], [-1, 0], [0, 1]], [[2, 0], [-2, 0], [2, 2]]])
    near = (1 + 0.5**0.5) / 2
    s = np.array([[1, 0, 0.5], [0, 1, 0.5], [0.5, 0.5, 1]]) / [[1.5], [1.5], [2]]
    t = np.array([[1, 0, near], [0, 1, 1 - near], [near, 1 - near, 1]])
    seen = side_by_side([student[..., None]], [teacher[..., None]])
    found = distillation_losses.probability_distance(seen)
    expected = formulas.divergence(s, t / t.sum(1, keepdims=True))
    assert found == pytest.approx([expected], rel=1e-5)


def test_a_neighbour_of_the_teacher_alone_is_far_but_not_infinitely():
    student, teacher = with_samples(MAPS, opposed=1), MAPS
    (found,) = distillation_losses.probability_distance(side_by_side([student], [teacher]))
    (other,) = distillation_losses.probability_distance(side_by_side([teacher], [student]))
    assert other < found < 10


def test_attention_of_the_teacher_alone_is_far_but_not_infinitely():
    corner = torch.zeros(2, 1, 4, 4)
    corner[:, :, 0, 0] = 1
    (found,) = interaction.attention_kl(side_by_side([corner], [torch.ones(2, 1, 4, 4)]))
    assert 15 / 16 * np.log(1e6) < found < 100
    (other,) = interaction.attention_kl(side_by_side([torch.ones(2, 1, 4, 4)], [corner]))
    assert other == pytest.approx(np.log(16))


def test_factors_need_stages_to_stand_between():
    with pytest.raises(Unmeasurable, match="no two stages"):
        distillation_losses.factor_distance(side_by_side([MAPS], [MAPS, TOKENS]))
    assert distillation_losses.factor_distance(side_by_side([MAPS] * 2, [MAPS] * 2)) == [0]


# --- what classifiers see and say -----------------------------------------------------------------


def divergence(student, teacher, temperature=1.0):
    s, t = (scipy.special.softmax(each / temperature, axis=1) for each in (student, teacher))
    return formulas.divergence(s, t)


def columns(s, t):
    return np.mean([formulas.cosine(a, b) for a, b in zip(s.T, t.T, strict=True)])


def both(function):
    return lambda s, t: (function(s), function(t))


@both
def energies(v):
    return scipy.special.softmax((v * np.tanh(np.logaddexp(0, v))) ** 2, axis=0)


@both
def opened(v):
    return scipy.special.expit(np.maximum(v, 0))


@both
def shares(v):
    return scipy.special.softmax(scipy.special.expit(v), axis=0)


@both
def squares(v):
    return v**2


@both
def centred(v):
    return v - v.mean(1, keepdims=True)


OF_PAIRS = {
    distillation_losses.pooled_kl: lambda *v: (
        100 * columns(*opened(*v)) * 64 * divergence(*opened(*v), 8)
    ),
    distillation_losses.pooled_product: lambda *v: (
        100 * columns(*energies(*v)) * np.multiply(*energies(*v)).mean()
    ),
    distillation_losses.square_logit_distance: lambda *v: (
        100 * columns(*squares(*v)) * np.abs(np.subtract(*squares(*v))).mean()
    ),
    distillation_losses.sample_softmax_kl: lambda *v: divergence(*shares(*v)),
    interaction.logit_kl: divergence,
    interaction.logit_kl_t4: lambda *v: 16 * divergence(*v, 4),
    interaction.logit_cosine: lambda *v: columns(*(each.T for each in centred(*v))),
}


@pytest.mark.parametrize("statistic", OF_PAIRS, ids=lambda each: each.__name__)
def test_outputs_and_what_classifiers_see_are_compared_by_the_formula(statistic):
    student, teacher = 3 * noise(5, 4), 2 * noise(5, 4, seed=1)
    seen = Seen(logits=student, classifier_input=student)
    seen.teacher = Seen(logits=teacher, classifier_input=teacher)
    expected = OF_PAIRS[statistic](student.numpy(), teacher.numpy())
    assert statistic(seen) == pytest.approx([expected], rel=1e-9)


def test_the_wider_classifier_input_is_averaged_down():
    wide, narrow = noise(5, 7), noise(5, 3, seed=1)
    averaged = torch.from_numpy(formulas.averaged(wide.numpy(), 1, 3))
    for statistic in (distillation_losses.pooled_kl, distillation_losses.pooled_product):
        found = [
            statistic(Seen(classifier_input=student, teacher=Seen(classifier_input=narrow)))
            for student in (wide, averaged)
        ]
        assert found[0] == pytest.approx(found[1])


def test_classes_pull_alike_in_student_and_teacher():
    gradient, feature, teacher = noise(5, 4), noise(5, 3, seed=1), noise(4, 6, seed=2)
    seen = Seen(logits=gradient, labels=torch.arange(5) % 4, classifier_input=feature)
    seen.logit_gradients = gradient
    seen.teacher = Seen(logits=gradient, class_gradient=teacher)
    pulls = (gradient.T @ feature).numpy(), teacher.numpy()
    expected = formulas.row_distance(*(each @ each.T for each in pulls))
    assert interaction.class_gradient_distance(seen) == pytest.approx([expected])
    (found,) = interaction.teacher_class_gradient_gram(seen)
    np.testing.assert_allclose(found, pulls[1] @ pulls[1].T)
    seen.labels[0] = 4
    with pytest.raises(Unmeasurable, match="labels go up to 4, but the teacher has 4 classes"):
        interaction.class_gradient_distance(seen)


@pytest.mark.parametrize("stages", [2, 3])
def test_factors_are_compared_between_neighbouring_stages(stages):
    """By the kernel of all pairs of vectors, the student's in the teacher's order."""
    student = [noise(4, 9, 4, 4, seed=seed) for seed in range(stages)]
    teacher = [noise(4, 6, 4, 4, seed=seed) for seed in range(5, 5 + stages)]
    factors = [[formulas.factors(f.numpy()) for f in each] for each in (student, teacher)]
    aligned, others = [], factors[1]
    for s, t in zip(*factors, strict=True):
        lengths = [np.linalg.norm(each, axis=1)[:, None] for each in (s, t)]
        cosines = (s / lengths[0]).transpose(0, 2, 1) @ (t / lengths[1])
        chosen = np.abs(cosines).argmax(1)
        signs = np.sign(np.take_along_axis(cosines, chosen[:, None], 1))
        aligned.append(np.take_along_axis(s, chosen[:, None], 2) * signs)
    kernels = [
        np.exp(-((np.array(each)[1:, ..., None] - np.array(each)[:-1, :, :, None]) ** 2) / 8)
        for each in (aligned, others)
    ]
    found = distillation_losses.factor_distance(side_by_side(student, teacher))
    assert found == pytest.approx([mean_square(*kernels)])
