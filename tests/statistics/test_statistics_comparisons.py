"""Comparisons of student and teacher on features made by hand, those with nothing to see in them.

The formulas are those of the reference; here they meet samples that are zero, alike or opposed,
one sample alone, and more samples than are compared at once.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
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
UNDEFINED = {  # means of no pair; direction and share of what rounding leaves of nothing
    interaction.relation_correlation: {"one sample"},
    interaction.cka: {"samples alike"},
    distillation_losses.probability_distance: {"opposed samples"},
}
PARAMETERS = [(f, pair) for f in FORMULAS for pair in PAIRS if pair not in UNDEFINED.get(f, ())]


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
