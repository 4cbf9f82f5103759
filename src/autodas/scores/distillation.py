"""Losses of knowledge distillation as scores: minus the loss of the untrained student.

Losses on features are means over stages, or of the last stage where the paper compares
embeddings. What stands in for shapes that do not fit is said at the statistics.
"""

from __future__ import annotations

from autodas.scores.score import SCORES, of_expression

__all__: list[str] = []

# name, formula, description, reference
LOSSES = (
    ("kd", "neg(logit_kl_t4)", "divergence of outputs at temperature 4", "Hinton et al., 2015"),
    (
        "fitnet",
        "neg(layers_mean(hint_distance))",
        "squared difference of features",
        "Romero et al., ICLR 2015",
    ),
    (
        "at",
        "neg(layers_mean(attention_distance))",
        "difference of spatial attention",
        "Zagoruyko & Komodakis, ICLR 2017",
    ),
    (
        "sp",
        "neg(layers_mean(gram_distance))",
        "difference of the samples' similarities",
        "Tung & Mori, ICCV 2019",
    ),
    (
        "cc",
        "neg(layers_last(congruence_distance))",
        "difference of the samples' correlation congruence",
        "Peng et al., ICCV 2019",
    ),
    (
        "rkd",
        "neg(layers_last(add(pair_distance, add(triplet_distance, triplet_distance))))",
        "difference of distances, and twice that of angles",
        "Park et al., CVPR 2019",
    ),
    (
        "pkt",
        "neg(layers_last(probability_distance))",
        "divergence of neighbourhood probabilities",
        "Passalis & Tefas, ECCV 2018",
    ),
    (
        "nst",
        "neg(layers_mean(selectivity_distance))",
        "discrepancy of where channels respond",
        "Huang & Wang, arXiv:1707.01219",
    ),
    (
        "ickd",
        "neg(layers_last(channel_gram_distance))",
        "difference of the channels' correlations",
        "Liu et al., ICCV 2021",
    ),
    (
        "kd_svd",
        "neg(factor_distance)",
        "difference of relations between stages' singular vectors",
        "Lee et al., ECCV 2018",
    ),
)

for _name, _formula, _what, _reference in LOSSES:
    SCORES.add(_name, of_expression(_name, _formula, f"minus the {_what}", _reference, sign=-1))
