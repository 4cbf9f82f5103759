"""Published scores of an untrained student beside its teacher, as formulas of statistics.

*DisWOT's two metrics and their sum* (Dong, Li and Wei, "DisWOT: Student Architecture Search for
Distillation WithOut Training", CVPR 2023). Relation: minus the squared distance of the
row-normalised B × B Grams of the last features. Semantic: minus the squared distance of the
row-normalised K × K Grams of the gradient of the cross-entropy at the last layer's weight. The
squared distances are means over matrix entries, which makes the sum well defined for any batch
size and number of classes.

*Losses of knowledge distillation*, minus the loss of the untrained student. Losses on features are
means over stages, or of the last stage where the paper compares embeddings. What stands in for
shapes that do not fit is said at the statistics.

*The four proxies published with Auto-DAS* (Sun et al., ECCV 2024), one per space. Each is a sum of
a student's part ("instinct": a chain of operations on gradients of convolutions, averaged per
layer, summed over layers) and a part of student and teacher ("interaction"), unscaled as published.
The chains are written out at the statistics. Two of them draw random numbers, which leaves their
value undefined: dropout on the outputs (NAS-Bench-101) is read as in evaluation, the identity; the
random mask (AutoFormer, PiT) applies to feature maps only, so on the outputs it is the identity as
published. Linear layers have no part in the instincts. Where the published code fails on last
features of different widths, the wider are averaged to the narrower.
"""

from __future__ import annotations

from autodas.scores.score import SCORES, of_expression

__all__: list[str] = []

RELATION = "neg(layers_last(gram_distance))"
SEMANTIC = "neg(class_gradient_distance)"

for _name, _formula, _what in (
    ("diswot_relation", RELATION, "similarity of the samples' relations at the last stage"),
    ("diswot_semantic", SEMANTIC, "similarity of the classes' relations in the last gradient"),
    ("diswot", f"add({RELATION}, {SEMANTIC})", "sum of relation and semantic similarity"),
):
    SCORES.add(_name, of_expression(_name, _formula, _what, "Dong et al., CVPR 2023"))

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

AUTO_DAS = "Sun et al., ECCV 2024, discovered proxies"

for _name, _formula, _space in (
    ("autodas_s0", "add(layers_sum(log_softmax_norm), pooled_kl)", "S0"),
    ("autodas_nb201", "add(layers_sum(log_softmax_tanh), pooled_product)", "NAS-Bench-201"),
    (
        "autodas_nb101",
        "add(layers_sum(constant_gradient_inverse), square_logit_distance)",
        "NAS-Bench-101",
    ),
    ("autodas_vit", "add(layers_sum(log_log_softmax), sample_softmax_kl)", "AutoFormer and PiT"),
):
    SCORES.add(
        _name,
        of_expression(_name, _formula, f"the proxy published for {_space}", AUTO_DAS),
    )
