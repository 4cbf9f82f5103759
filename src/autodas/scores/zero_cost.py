"""Published scores of an untrained network alone, as formulas of statistics.

All of them come out of one set of passes, because statistics share passes, and are cached like
any statistic. To add one, declare the statistic that it needs and append a line to ``SCORES_``.
"""

from __future__ import annotations

from autodas.scores.score import SCORES, of_expression

__all__: list[str] = []

_ABDELFATTAH = "Abdelfattah et al., ICLR 2021"
_AZ_NAS = "Lee & Ham, CVPR 2024"
_VKDNW = "Tybl & Neumann, CVPR 2025"
_ONE = "div(params, params)"
_LAYERS = "layers_sum(div(numel, numel))"
_CAPACITY, _RESILIENCE = "layers_sum(log_participation)", "layers_sum(gradient_health)"

# name, formula, sign of the published quantity, description, reference
SCORES_ = (
    (
        "grad_norm",
        "layers_sum(gradient_norm)",
        1,
        "norms of the gradients, summed over layers",
        _ABDELFATTAH,
    ),
    ("snip", "layers_sum(saliency)", 1, "magnitudes of weight times gradient", "Lee et al., 2019"),
    (
        "grasp",
        "neg(layers_sum(hessian_saliency))",
        1,
        "minus weight times Hessian times gradient",
        "Wang et al., ICLR 2020; sign of Abdelfattah et al., 2021",
    ),
    (
        "synflow",
        "add(virtual_output, log(layers_sum(virtual_saliency)))",
        1,
        "log of the data-free flow through all weights",
        "Tanaka et al., NeurIPS 2020",
    ),
    (
        "logsynflow",
        "layers_sum(log_virtual_saliency)",
        1,
        "weights times the log of their data-free gradient",
        "Cavagnero et al., WACV 2023",
    ),
    (
        "fisher",
        "layers_sum(fisher_information)",
        1,
        "squares of activation times gradient",
        "Turner et al., ICLR 2020; summed as by Abdelfattah et al., 2021",
    ),
    (
        "jacov",
        "jacobian_spread",
        1,
        "independence of the samples' input gradients",
        "Mellor et al., arXiv:2006.04647v1",
    ),
    (
        "naswot",
        "activation_log_det",
        1,
        "log-determinant of the agreement of activation patterns",
        "Mellor et al., ICML 2021",
    ),
    (
        "zen",
        "perturbation_growth",
        1,
        "sensitivity of standard normal weights to noise, BatchNorm undone",
        "Lin et al., ICCV 2021",
    ),
    (
        "zico",
        "layers_sum(gradient_stability)",
        1,
        "mean over deviation of gradients, of two halves of the batch",
        "Li et al., ICLR 2023",
    ),
    (
        "epe_nas",
        "class_jacobian_spread",
        1,
        "input gradients' correlations within classes",
        "Lopes et al., ICANN 2021",
    ),
    ("plain", "layers_sum(signed_saliency)", 1, "weight times gradient", "Mozer & Smolensky, 1988"),
    ("l2_norm", "layers_sum(weight_norm)", 1, "norms of the weights", _ABDELFATTAH),
    (
        "ntk",
        "neg(tangent_condition)",
        -1,
        "minus the log of the tangent kernel's condition number",
        "Chen et al., ICLR 2021 (TE-NAS)",
    ),
    (
        "linear_regions",
        "linear_regions",
        1,
        "images with different activation patterns",
        "Chen et al., ICLR 2021 (TE-NAS)",
    ),
    (
        "gradsign",
        "layers_sum(sign_agreement)",
        1,
        "agreement of single images on the signs of gradients",
        "Zhang & Jia, ICLR 2022",
    ),
    (
        "meco",
        "layers_sum(least_correlation)",
        1,
        "smallest eigenvalues of the channels' correlations",
        "Jiang et al., NeurIPS 2023",
    ),
    (
        "swap",
        "distinct_units",
        1,
        "activation units with different patterns over the samples",
        "Peng et al., ICLR 2024",
    ),
    (
        "expressivity",
        "layers_sum(block_entropy)",
        1,
        "entropy of the features' principal components, summed over blocks",
        _AZ_NAS,
    ),
    ("progressivity", "entropy_step", 1, "smallest growth of that entropy by a block", _AZ_NAS),
    ("trainability", "gradient_balance", 1, "how well blocks keep the size of gradients", _AZ_NAS),
    ("complexity", "macs", 1, "multiply-accumulate operations per image", _AZ_NAS),
    ("layers", _LAYERS, 1, "number of layers with weights", _VKDNW),
    (
        "vkdnw",
        "information_rank",
        1,
        "number of parameter tensors, then the entropy of the weights' Fisher information",
        _VKDNW,
    ),
    (
        "l_swag",
        "mul(layers_sum(gradient_steadiness), distinct_units)",
        1,
        "how little gradients vary, times activation units with different patterns",
        "Casarin et al., CVPR 2025",
    ),
    (
        "intrain",
        f"div(mul({_CAPACITY}, add({_ONE}, {_RESILIENCE})), log(add({_ONE}, {_LAYERS})))",
        1,
        "directions that outputs of layers spread over, times evenness of gradients",
        "Zhou et al., CVPR 2026",
    ),
    (
        "dss",
        "add(virtual_output, log(layers_sum(diversity_saliency)))",
        1,
        "log of synaptic diversity in attention plus saliency in MLPs",
        "Zhou et al., CVPR 2022 (TF-TAS)",
    ),
)

for _name, _formula, _sign, _what, _reference in SCORES_:
    SCORES.add(_name, of_expression(_name, _formula, _what, _reference, sign=_sign))
