"""What every score is, written a second time: of the numbers its statistics give, in NumPy.

What the statistics themselves are is written a second time in ``tests/statistics``.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from autodas.core.results import Ok
from autodas.core.values import SCALAR, Column, Kind, Layout, Type
from autodas.networks import seeded
from autodas.scores import SCORES, Subjects
from autodas.spaces import get_space
from autodas.statistics import STATISTICS, TeacherSignals, columns, measure


def total(name):
    """The sum over layers, stages or blocks."""
    return lambda s: sum(s[name])


def only(name):
    return lambda s: s[name][0]


def minus(of):
    return lambda s: -of(s)


def mean(name):
    return lambda s: sum(s[name]) / len(s[name])


def last(name):
    return lambda s: s[name][-1]


def plus(*terms):
    return lambda s: sum(term(s) for term in terms)


def log_product(log_factor, name):
    """log(R Σ x) of log R and x."""
    return lambda s: s[log_factor][0] + np.log(sum(s[name]))


RELATION, SEMANTIC = minus(last("gram_distance")), minus(only("class_gradient_distance"))
DEFINITIONS = {
    "params": only("params"),
    "macs": only("macs"),
    "complexity": only("macs"),
    # gradients
    "grad_norm": total("gradient_norm"),
    "snip": total("saliency"),
    "plain": total("signed_saliency"),
    "grasp": minus(total("hessian_saliency")),
    "fisher": total("fisher_information"),
    "zico": total("gradient_stability"),
    "l_swag": lambda s: sum(s["gradient_steadiness"]) * s["distinct_units"][0],
    "intrain": lambda s: (
        sum(s["log_participation"])
        * (1 + sum(s["gradient_health"]))
        / np.log(len(s["log_participation"]) + 1)
    ),
    "gradsign": total("sign_agreement"),
    "synflow": log_product("virtual_output", "virtual_saliency"),
    "logsynflow": total("log_virtual_saliency"),
    "dss": log_product("virtual_output", "diversity_saliency"),
    "jacov": only("jacobian_spread"),
    "epe_nas": only("class_jacobian_spread"),
    "ntk": minus(only("tangent_condition")),
    # features and weights
    "naswot": only("activation_log_det"),
    "linear_regions": only("linear_regions"),
    "swap": only("distinct_units"),
    "meco": total("least_correlation"),
    "zen": only("perturbation_growth"),
    "l2_norm": total("weight_norm"),
    "expressivity": total("block_entropy"),
    "progressivity": only("entropy_step"),
    "trainability": only("gradient_balance"),
    "layers": lambda s: len(s["numel"]),
    "vkdnw": only("information_rank"),
    # distances to the teacher, of which less is better
    "kd": minus(only("logit_kl_t4")),
    "fitnet": minus(mean("hint_distance")),
    "at": minus(mean("attention_distance")),
    "sp": minus(mean("gram_distance")),
    "cc": minus(last("congruence_distance")),
    "rkd": lambda s: -s["pair_distance"][-1] - 2 * s["triplet_distance"][-1],
    "pkt": minus(last("probability_distance")),
    "nst": minus(mean("selectivity_distance")),
    "ickd": minus(last("channel_gram_distance")),
    "kd_svd": minus(only("factor_distance")),
    "diswot_relation": RELATION,
    "diswot_semantic": SEMANTIC,
    "diswot": plus(RELATION, SEMANTIC),
    # Auto-DAS
    "autodas_s0": plus(total("log_softmax_norm"), only("pooled_kl")),
    "autodas_nb201": plus(total("log_softmax_tanh"), only("pooled_product")),
    "autodas_nb101": plus(total("constant_gradient_inverse"), only("square_logit_distance")),
    "autodas_vit": plus(total("log_log_softmax"), only("sample_softmax_kl")),
}
RANK_SUMS = {  # terms, and what is added of each rank over the number of architectures
    "az_nas": (("expressivity", "progressivity", "trainability", "complexity"), np.log),
    "vkdnw_agg": (("vkdnw", "jacov", "expressivity", "trainability", "complexity"), np.log),
    "te_nas": (("ntk", "linear_regions"), float),
    "tvt": (("at", "l2_norm"), float),
}
CODES = (
    '{"depth":2,"heads":2,"mlp_ratio":2.0,"width":24}',
    '{"depth":4,"heads":4,"mlp_ratio":4.0,"width":48}',
    '{"depth":3,"heads":1,"mlp_ratio":1.0,"width":36}',
    '{"depth":2,"heads":3,"mlp_ratio":0.5,"width":12}',
)


@pytest.fixture(scope="module")
def students():
    """Transformers, which have everything that a statistic looks at, and what was measured."""
    space = get_space("digits-vit")
    images = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(12) % 10

    def network(code, seed):
        return seeded(lambda: space.build(space.decode(code)), seed)

    teacher = TeacherSignals(network(CODES[1], 5), images, labels, trained=False, digest="t")
    names = sorted(frozenset().union(*(score.leaves for score in SCORES)))
    found = [measure(network(code, 0), images, labels, names, teacher=teacher) for code in CODES]
    store = columns(CODES, found, names)
    values = [
        {name: [float(v) for v in result.value.segments] for name, result in each.items()}
        for each in found
    ]
    return Subjects(CODES, np.ones(len(CODES)), store.columns, store.missing), values


def test_every_score_is_defined_here():
    assert {*DEFINITIONS, *RANK_SUMS, "depth"} == set(SCORES.names())


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_score_is_what_its_definition_says(name, students):
    subjects, values = students
    found = SCORES.get(name).compute(subjects)
    assert isinstance(found, Ok), found
    expected = [DEFINITIONS[name](each) for each in values]
    assert len(set(expected)) > 1 or name in {"linear_regions"}
    np.testing.assert_allclose(found.value, expected, rtol=1e-6)


def ranks(values):
    """1 for the least; equal ones share the mean of theirs."""
    return [1 + sum(o < v for o in values) + (sum(o == v for o in values) - 1) / 2 for v in values]


def rank_sum_by_hand(name, terms):
    chosen, added = RANK_SUMS[name]
    count = len(terms[chosen[0]])
    summed = [[added(rank / count) for rank in ranks(terms[term])] for term in chosen]
    return np.sum(summed, axis=0)


@pytest.mark.parametrize("name", RANK_SUMS)
def test_a_sum_of_ranks_is_what_its_definition_says(name, students):
    subjects, values = students
    terms = {term: [DEFINITIONS[term](each) for each in values] for term in RANK_SUMS[name][0]}
    expected = rank_sum_by_hand(name, terms)
    found = SCORES.get(name).compute(subjects).value
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert len({round(v, 9) for v in expected}) > 1


def test_az_nas_adds_logarithms_so_that_one_bad_rank_counts_most():
    """Ranks 1, 4, 4, 4 of 4 are worse than 3, 3, 3, 3, though their sum is larger."""
    terms = {
        "block_entropy": [1.0, 3.0, 2.0, 4.0],
        "entropy_step": [4.0, 3.0, 2.0, 1.0],
        "gradient_balance": [4.0, 3.0, 2.0, 1.0],
        "macs": [4.0, 3.0, 2.0, 1.0],
    }
    scalar = Layout.of_segments([[()]] * 4, [[1]] * 4)
    found = {name: Column(SCALAR, np.array(values), scalar) for name, values in terms.items()}
    found["block_entropy"] = Column(
        Type(Kind.VECTOR, "block"), np.array(terms["block_entropy"]), scalar
    )
    values = SCORES.get("az_nas").compute(Subjects(tuple("abcd"), np.ones(4), found, {})).value
    expected = [np.log([1, 4, 4, 4]), np.log([3, 3, 3, 3]), np.log([2, 2, 2, 2])]
    np.testing.assert_allclose(values[:3], [e.sum() - 4 * np.log(4) for e in expected])
    assert values[1] > values[0]


def test_depth_is_that_of_the_architecture(students):
    subjects, _ = students
    assert SCORES.get("depth").compute(subjects).value.tolist() == [1.0] * len(CODES)


def test_statistics_of_scores_have_one_number_for_each_of_their_parts(students):
    """Else the definitions above would be of samples of entries."""
    subjects, _ = students
    for name in subjects.columns:
        assert STATISTICS.get(name).type.kind in (Kind.VECTOR, Kind.SCALAR), name
